"""From an alert event to its channels: each delivery claimed before it is sent and recorded before it is done.

An event that SNS or SQS brings twice goes out once. A channel that fails goes to its notifier's own retry queue, with
the delay its provider asks for, and neither blocks nor repeats another. Once MAX_ATTEMPTS have failed, or when trying
again cannot help, the last one raises, so that SQS moves the message to the dead-letter queue. What lies there can be
put into the retry queue again, whoever put it there.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from driftguard.alerts.events import AlertEvent
from driftguard.notifications.example import example
from driftguard.notifications.messages import ChannelNotice, Event, Retry
from driftguard.notifications.outgoing import DeliveryFailed
from driftguard.notifications.schemas import ChannelType, StoredChannel
from driftguard.notifications.tables import Channels, Deliveries, Held
from driftguard.platform.observability import count, logger

MAX_ATTEMPTS = 6

FIRST_DELAY = 30
"""Seconds before the second attempt; each later one waits twice as long."""

MAX_DELAY = 900
"""SQS's longest delay, in seconds; a longer Retry-After is asked for anew when it has passed."""

LEASE = timedelta(seconds=90)
"""How long a claim holds: longer than a notifier may run, so that nobody sends while it still might."""

ENOUGH_SECONDS = 20
"""A sending may take so long; with less time left the retry queue takes over."""

type Send = Callable[[Event, StoredChannel, str], str]
"""Sends an event to one target of a channel; returns the provider's message id or answer, raises DeliveryFailed."""

type Enqueue = Callable[[Retry, int], None]
"""Puts a retry into the queue, with a delay in seconds."""


@dataclass(frozen=True)
class Notifier:
    """What delivering needs: the types of channels it serves, its sender, its queue, the clock, and the queue of
    notify_email, through which people hear of a channel that does not work."""

    channel_types: tuple[ChannelType, ...]
    send: Send
    enqueue: Enqueue
    enqueue_email: Enqueue
    now: Callable[[], datetime]
    keep_days: int

    def handle(self, event: Mapping[str, Any], seconds_left: Callable[[], float]) -> dict[str, Any]:
        """Everything a notify function is invoked with: SNS's records, its retry queue's, or a test.

        Returns SQS's partial batch answer, a test's result, or nothing.
        """
        if "test" in event:
            return self.test(event["test"]["organization_id"], event["test"]["channel_id"])
        failed = []
        for record in event["Records"]:
            if "Sns" in record:
                self.notify(AlertEvent.model_validate_json(record["Sns"]["Message"]), seconds_left)
                continue
            try:
                self._queued(record["body"], seconds_left)
            except Exception:  # noqa: BLE001  the queue brings it again, and in the end to the dead letters
                logger.exception("not delivered", extra={"message_id": record["messageId"]})
                failed.append({"itemIdentifier": record["messageId"]})
        return {"batchItemFailures": failed}

    def _queued(self, body: str, seconds_left: Callable[[], float]) -> None:
        redriven = undelivered(body)
        if not redriven:
            self.retry(Retry.model_validate_json(body), seconds_left)
        for event in redriven:
            self.notify(event, seconds_left)

    def notify(self, event: AlertEvent, seconds_left: Callable[[], float]) -> None:
        """Deliver an event to every channel of these types that wants it; those there is no time for are queued.

        Whatever one channel runs into, the others are tried before it is raised.
        """
        faults: list[Exception] = []
        for channel in Channels.of(event.organization_id):
            wanted = channel.settings.wants(event.kind, event.model_id, event.severity)
            if channel.settings.type not in self.channel_types or not wanted:
                continue
            try:
                if seconds_left() < ENOUGH_SECONDS:
                    self.enqueue(Retry(event=event, channel_id=channel.id, attempt=1), 0)
                else:
                    self.deliver(event, channel, 1, seconds_left)
            except Exception as fault:  # noqa: BLE001  raised below
                faults.append(fault)
        if faults:
            raise ExceptionGroup("not delivered to every channel", faults)

    def retry(self, message: Retry, seconds_left: Callable[[], float]) -> None:
        """Deliver what waited in the queue. Raises DeliveryFailed when it was the last attempt."""
        channel = Channels.one(message.event.organization_id, message.channel_id)
        if channel is None or not channel.settings.enabled:
            logger.info("channel gone", extra={"channel_id": message.channel_id, "event_id": message.event.event_id})
            return
        self.deliver(message.event, channel, message.attempt, seconds_left)

    def deliver(self, event: Event, channel: StoredChannel, attempt: int, seconds_left: Callable[[], float]) -> None:
        """One attempt to bring one event to one channel, unless it is there already.

        Raises DeliveryFailed when it failed and MAX_ATTEMPTS are spent; otherwise a failure is queued.
        """
        try:
            delivery = Deliveries.claim(event, channel, attempt, now=self.now(), lease=LEASE, keep_days=self.keep_days)
        except Held as held:
            # Whoever has it may have died: what it did is seen once its claim has run out.
            self.enqueue(
                Retry(event=event, channel_id=channel.id, attempt=attempt), min(int(held.seconds) + 1, MAX_DELAY)
            )
            return
        if delivery is None:
            count("DeliveriesRepeated")
            return
        try:
            detail = self._send_all(event, channel, delivery, seconds_left)
        except DeliveryFailed as error:
            self._failed(event, channel, delivery, attempt, error)
            return
        delivery.finish("delivered", detail, self.now())
        self._works(channel)
        count("DeliveriesMade")
        logger.info("delivered", extra=_about(event, channel, attempt) | {"detail": detail})

    def test(self, organization_id: str, channel_id: str) -> dict[str, Any]:
        """Send a test message to every target of a channel; the provider's own word comes back."""
        channel = Channels.one(organization_id, channel_id)
        if channel is None:
            return {"delivered": False, "detail": "the channel is gone"}
        event = example(organization_id, self.now())
        try:
            details = [self.send(event, channel, target) for target in channel.targets]
        except DeliveryFailed as error:
            logger.warning("test message failed", extra={"channel_id": channel.id, "detail": error.detail})
            return {"delivered": False, "detail": error.detail}
        self._works(channel)
        return {"delivered": True, "detail": ", ".join(details)}

    def _send_all(
        self, event: Event, channel: StoredChannel, delivery: Deliveries, seconds_left: Callable[[], float]
    ) -> str:
        """To each target that does not have it yet; the first failure is raised once the others were tried."""
        failures: list[DeliveryFailed] = []
        for target in channel.targets:
            if target in delivery.have_it:
                continue
            if seconds_left() < ENOUGH_SECONDS:
                failures.append(DeliveryFailed("out of time: the remaining addresses follow", retry_after=1))
                break
            try:
                detail = self.send(event, channel, target)
            except DeliveryFailed as error:
                failures.append(error)
            else:
                delivery.reached(target, detail)
        if failures:
            raise DeliveryFailed(
                "; ".join(dict.fromkeys(failure.detail for failure in failures)),
                permanent=all(failure.permanent for failure in failures),
                retry_after=max((failure.retry_after or 0 for failure in failures), default=0) or None,
            )
        return ", ".join(delivery.have_it.values())

    def _failed(
        self, event: Event, channel: StoredChannel, delivery: Deliveries, attempt: int, error: DeliveryFailed
    ) -> None:
        about = _about(event, channel, attempt) | {"detail": error.detail}
        if attempt >= MAX_ATTEMPTS:
            self._does_not_work(channel, error.detail)
            delivery.finish("failed", error.detail, self.now())
            count("DeliveriesFailed")
            logger.error("delivery failed for good", extra=about)
            raise error
        following = MAX_ATTEMPTS if error.permanent else attempt + 1
        # Queued before it is recorded: a crash in between repeats the attempt instead of losing it.
        self.enqueue(Retry(event=event, channel_id=channel.id, attempt=following), delay(attempt, error.retry_after))
        delivery.finish("retrying", error.detail, self.now())
        count("DeliveriesRetried")
        logger.warning("delivery failed, will be tried again", extra=about)
        if error.permanent:
            self._does_not_work(channel, error.detail)

    def _does_not_work(self, channel: StoredChannel, reason: str) -> None:
        """Mark the channel, and have everybody told who gets e-mail: once, however often it fails and whatever dies
        in between, since the notices have the same id until the channel works again."""
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
        Channels.mark_told(channel, since)
        count("ChannelsUnhealthy")
        logger.error("channel does not work", extra={"channel_id": channel.id, "detail": reason})

    def _works(self, channel: StoredChannel) -> None:
        if channel.health.status != "ok":
            Channels.mark_healthy(channel)


def delay(attempt: int, retry_after: float | None) -> int:
    """Seconds to wait after a failed attempt: what the provider asks, at least; else twice as long each time."""
    if retry_after is not None:
        return int(min(MAX_DELAY, max(1, -(-retry_after // 1))))
    return int(min(MAX_DELAY, FIRST_DELAY * 2 ** (attempt - 1)))


def to_queue(client: Any, queue_url: str) -> Enqueue:
    """The retry queue behind boto3's SQS client."""

    def enqueue(retry: Retry, seconds: int) -> None:
        client.send_message(QueueUrl=queue_url, MessageBody=retry.model_dump_json(), DelaySeconds=seconds)

    return enqueue


def undelivered(body: str) -> list[AlertEvent]:
    """The events in a dead letter that SNS (its envelope) or Lambda (its record of a failed invocation) wrote; none
    for any other message. Raises ValueError for what is no JSON, or in such a
    letter no event."""
    content = json.loads(body)
    if not isinstance(content, dict):
        return []
    if content.get("Type") == "Notification":
        return [AlertEvent.model_validate_json(content["Message"])]
    records = (content.get("requestPayload") or {}).get("Records", [])
    return [AlertEvent.model_validate_json(record["Sns"]["Message"]) for record in records]


def _about(event: Event, channel: StoredChannel, attempt: int) -> dict[str, Any]:
    return {
        "event_id": event.event_id,
        "kind": event.kind,
        **({"model_id": event.model_id} if isinstance(event, AlertEvent) else {}),
        "organization_id": event.organization_id,
        "channel_id": channel.id,
        "attempt": attempt,
    }
