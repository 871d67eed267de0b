"""Deliver alert events to their channels. Each delivery is claimed before it is sent, and its result is recorded.

What one check found for one model is one message. Deliveries are recorded per event and channel. An event that SNS or
SQS delivers twice is sent once. A failed delivery goes to its notifier's retry queue with the
delay that the provider asks for. It neither blocks nor repeats the deliveries to other channels. The last of
MAX_ATTEMPTS attempts raises, so that SQS moves the message to the dead-letter queue. After a permanent failure the next
attempt is the last. Any message in the dead-letter queue can be moved back to the retry queue.
"""

import json
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from driftguard.alerts.events import ALERT_NEWS, AlertEvent, AlertNews, changes_in
from driftguard.notifications.deliveries import Claim, Deliveries, Held
from driftguard.notifications.example import example
from driftguard.notifications.messages import ChannelNotice, Message, Retry, TestRequest, events_in, message_of
from driftguard.notifications.outgoing import DeliveryFailed
from driftguard.notifications.providers.base import NotifierName, StoredChannel
from driftguard.notifications.schemas import TestResult
from driftguard.notifications.tables import Channels
from driftguard.platform.observability import count, logger

MAX_ATTEMPTS = 6

FIRST_DELAY = 30
"""Seconds before the second attempt. Each later attempt waits twice as long."""

MAX_DELAY = 900
"""SQS's longest delay, in seconds. A longer Retry-After is split over several attempts."""

LEASE = timedelta(seconds=90)
"""How long a claim holds. It is longer than a notifier may run, so the holder has ended when the claim expires."""

ENOUGH_SECONDS = 20
"""The longest time for one message, in seconds. With less time left, the retry queue takes over."""

type Send = Callable[[Message, StoredChannel, str], str]
"""Sends a message to one target of a channel. Returns the provider's message id or answer, raises DeliveryFailed."""

type Enqueue = Callable[[Retry, int], None]
"""Puts a retry into a queue, with a delay in seconds."""


@dataclass(frozen=True)
class Notifier:
    """One of the functions that send.

    name: serves the channels whose settings name this notifier. enqueue: to its own retry queue. enqueue_email: to the
    retry queue of notify_email, for notices that a channel does not work. keep_days: how long deliveries are kept.
    """

    name: NotifierName
    send: Send
    enqueue: Enqueue
    enqueue_email: Enqueue
    now: Callable[[], datetime]
    keep_days: int

    def handle(self, event: Mapping[str, Any], seconds_left: Callable[[], float]) -> dict[str, Any]:
        """Handle an invocation by SNS, by the retry queue, or by a test.

        Returns the partial batch response for SQS, or the result of the test.
        """
        if "test" in event:
            return self.test(TestRequest.model_validate(event["test"])).model_dump()
        failed = []
        for record in event["Records"]:
            if "Sns" in record:
                self.notify(ALERT_NEWS.validate_json(record["Sns"]["Message"]), seconds_left)
                continue
            try:
                self._queued(record["body"], seconds_left)
            except Exception:  # noqa: BLE001  SQS retries it, then moves it to the dead-letter queue
                logger.exception("not delivered", extra={"message_id": record["messageId"]})
                failed.append({"itemIdentifier": record["messageId"]})
        return {"batchItemFailures": failed}

    def _queued(self, body: str, seconds_left: Callable[[], float]) -> None:
        redriven = undelivered(body)
        if not redriven:
            self.retry(Retry.model_validate_json(body), seconds_left)
        for news in redriven:
            self.notify(news, seconds_left)

    def notify(self, news: AlertNews, seconds_left: Callable[[], float]) -> None:
        """Deliver the events of a check to every channel of this notifier that wants any of them.

        A single message is sent now. Several messages each get an invocation of their own through the retry queue, so
        that no channel waits for another channel's provider. An error at one message is raised after all others were
        tried.
        """
        faults: list[Exception] = []
        events = changes_in(news)
        messages = [
            (channel, message)
            for channel in Channels.of(events[0].organization_id)
            if channel.settings.notifier == self.name
            for message in channel.settings.messages(events)
        ]
        for channel, message in messages:
            try:
                if len(messages) > 1 or seconds_left() < ENOUGH_SECONDS:
                    self.enqueue(Retry(event=message, channel_id=channel.id, attempt=1), 0)
                else:
                    self.deliver(message, channel, 1, seconds_left)
            except Exception as fault:  # noqa: BLE001  raised below
                faults.append(fault)
        if faults:
            raise ExceptionGroup("not delivered to every channel", faults)

    def retry(self, retry: Retry, seconds_left: Callable[[], float]) -> None:
        """Deliver a message from the retry queue. Raises DeliveryFailed when its last attempt fails."""
        channel = Channels.one(retry.event.organization_id, retry.channel_id)
        if channel is None or not channel.settings.enabled:
            ids = [event.event_id for event in events_in(retry.event)]
            logger.info("channel gone", extra={"channel_id": retry.channel_id, "event_ids": ids})
            return
        self.deliver(retry.event, channel, retry.attempt, seconds_left)

    def deliver(
        self, message: Message, channel: StoredChannel, attempt: int, seconds_left: Callable[[], float]
    ) -> None:
        """Make one attempt to deliver a message to a channel, without the events that are delivered.

        A failure goes to the retry queue. Raises DeliveryFailed when the last attempt fails.
        """
        try:
            claim = Deliveries.claim(message, channel, attempt, now=self.now(), lease=LEASE, keep_days=self.keep_days)
        except Held as held:
            # The holder may have died. Its result is known when its claim has expired.
            self.enqueue(
                Retry(event=message, channel_id=channel.id, attempt=attempt), min(int(held.seconds) + 1, MAX_DELAY)
            )
            return
        if claim is None:
            return
        try:
            self._send_all(channel, claim, seconds_left)
        except DeliveryFailed as error:
            self._failed(message, channel, claim, attempt, error)
            return
        claim.finish("delivered", claim.answers, self.now())
        self._works(channel)
        logger.info("delivered", extra=_about(message, channel, attempt) | {"detail": claim.answers})

    def test(self, request: TestRequest) -> TestResult:
        """Send a test message to every target of a channel. The result has the provider's own answer."""
        channel = Channels.one(request.organization_id, request.channel_id)
        if channel is None:
            return TestResult(delivered=False, detail="the channel was deleted")
        event = example(request.organization_id, self.now())
        try:
            details = [self._send(event, channel, target) for target in channel.settings.targets]
        except DeliveryFailed as error:
            logger.warning("test message failed", extra={"channel_id": channel.id, "detail": error.detail})
            return TestResult(delivered=False, detail=error.detail)
        self._works(channel)
        return TestResult(delivered=True, detail=", ".join(details))

    def _send_all(self, channel: StoredChannel, claim: Claim, seconds_left: Callable[[], float]) -> None:
        """Send to each target what it does not have. Failures are raised after all targets were tried."""
        failures: list[DeliveryFailed] = []
        for target in channel.settings.targets:
            missing = claim.missing(target)
            if not missing:
                continue
            if seconds_left() < ENOUGH_SECONDS:
                failures.append(
                    DeliveryFailed("out of time: the remaining addresses are sent on the next attempt", retry_after=1)
                )
                break
            try:
                detail = self._send(message_of(missing), channel, target)
            except DeliveryFailed as error:
                failures.append(error)
            else:
                claim.reached(target, detail)
        if failures:
            raise DeliveryFailed(
                "; ".join(dict.fromkeys(failure.detail for failure in failures)),
                permanent=all(failure.permanent for failure in failures),
                retry_after=max((failure.retry_after or 0 for failure in failures), default=0) or None,
            )

    def _send(self, message: Message, channel: StoredChannel, target: str) -> str:
        """Send to one target. Raises DeliveryFailed for every error, so that no error reaches another target."""
        try:
            return self.send(message, channel, target)
        except DeliveryFailed:
            raise
        except Exception as error:  # noqa: BLE001  any error of a target is that target's failure
            # The words of an unexpected error may contain a secret of the channel, so only its place is logged.
            place = "".join(traceback.format_tb(error.__traceback__))
            logger.error(
                "message not sent",
                extra={"channel_id": channel.id, "error": type(error).__name__, "place": place},
            )
            raise DeliveryFailed(
                f"DriftGuard could not make or send this message: {type(error).__name__}. "
                "The log of the notify function has the place."
            ) from None

    def _failed(
        self, message: Message, channel: StoredChannel, claim: Claim, attempt: int, error: DeliveryFailed
    ) -> None:
        about = _about(message, channel, attempt) | {"detail": error.detail}
        if attempt >= MAX_ATTEMPTS:
            self._does_not_work(channel, error.detail)
            claim.finish("failed", error.detail, self.now())
            count("DeliveriesFailed")
            logger.error("delivery failed for good", extra=about)
            raise error
        following = MAX_ATTEMPTS if error.permanent else attempt + 1
        # The retry is queued before the result is recorded. A crash in between repeats the attempt and loses nothing.
        self.enqueue(Retry(event=message, channel_id=channel.id, attempt=following), delay(attempt, error.retry_after))
        claim.finish("retrying", error.detail, self.now())
        logger.warning("delivery failed, will be retried", extra=about)
        if error.permanent:
            self._does_not_work(channel, error.detail)

    def _does_not_work(self, channel: StoredChannel, reason: str) -> None:
        """Mark the channel as unhealthy and send a notice through every e-mail channel that works.

        The notices keep the same id until the channel works again. Each e-mail channel therefore sends one notice, even
        after a crash or further failures.
        """
        since = Channels.mark_unhealthy(channel, reason, self.now())
        if since is None:
            return
        notice = ChannelNotice(
            organization_id=channel.organization_id,
            channel_id=channel.id,
            channel_name=channel.name,
            channel_type=channel.settings.type,
            reason=reason,
            since=since,
        )
        for other in Channels.of(channel.organization_id):
            if other.settings.type == "email" and other.settings.enabled and other.health.status == "ok":
                self.enqueue_email(Retry(event=notice, channel_id=other.id, attempt=1), 0)
        Channels.mark_notified(channel, since)
        logger.error("channel does not work", extra={"channel_id": channel.id, "detail": reason})

    def _works(self, channel: StoredChannel) -> None:
        if channel.health.status != "ok":
            Channels.mark_healthy(channel)


def delay(attempt: int, retry_after: float | None) -> int:
    """Seconds to wait after a failed attempt: as long as the provider asks, otherwise twice as long each time."""
    if retry_after is not None:
        return int(min(MAX_DELAY, max(1, -(-retry_after // 1))))
    return int(min(MAX_DELAY, FIRST_DELAY * 2 ** (attempt - 1)))


def to_queue(client: Any, queue_url: str) -> Enqueue:
    """The retry queue behind boto3's SQS client."""

    def enqueue(retry: Retry, seconds: int) -> None:
        client.send_message(QueueUrl=queue_url, MessageBody=retry.model_dump_json(), DelaySeconds=seconds)

    return enqueue


def undelivered(body: str) -> list[AlertNews]:
    """The messages in a dead letter that SNS or Lambda wrote. Empty for any other message.

    SNS writes its own envelope, Lambda the record of a failed invocation. Raises ValueError for invalid JSON and for a
    dead letter without a valid message.
    """
    content = json.loads(body)
    if not isinstance(content, dict):
        return []
    if content.get("Type") == "Notification":
        return [ALERT_NEWS.validate_json(content["Message"])]
    records = (content.get("requestPayload") or {}).get("Records", [])
    return [ALERT_NEWS.validate_json(record["Sns"]["Message"]) for record in records]


def _about(message: Message, channel: StoredChannel, attempt: int) -> dict[str, Any]:
    first, *others = events_in(message)
    return {
        "event_id": first.event_id,
        **({"other_event_ids": [event.event_id for event in others]} if others else {}),
        "kind": first.kind,
        **({"model_id": first.model_id} if isinstance(first, AlertEvent) else {}),
        "organization_id": first.organization_id,
        "channel_id": channel.id,
        "attempt": attempt,
    }
