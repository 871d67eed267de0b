"""Delivery of alert events by the notify functions, on the template's own tables, queues and topic."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.ses.models import ses_backends

from driftguard.alerts.publishing import to_topic
from driftguard.notifications import delivery
from driftguard.notifications.deliveries import Deliveries
from driftguard.notifications.delivery import LEASE, MAX_ATTEMPTS
from driftguard.notifications.outgoing import Answer, DeliveryFailed
from driftguard.notifications.providers.base import StoredChannel
from driftguard.notifications.schemas import NEW_CHANNEL
from driftguard.notifications.tables import Channels
from driftguard.platform import aws
from sandbox.gateway import LambdaContext, function
from tests.functional.conftest import Stack
from tests.functional.notifying import (
    HOOK,
    Provider,
    add,
    by_sns,
    by_sqs,
    happened,
    invoke,
    provider_of,
    queued,
    record_of,
    told,
)


@pytest.fixture
def slack(deployed: Stack, monkeypatch: pytest.MonkeyPatch) -> Provider:
    """notify_slack with a provider in place of Slack."""
    return provider_of("slack", deployed, monkeypatch)


@pytest.fixture
def mailbox(deployed: Stack, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The messages that notify_email sent through moto's SES."""
    monkeypatch.setenv("RETRY_QUEUE_URL", deployed.variables["EMAIL_RETRY_QUEUE_URL"])
    monkeypatch.setenv("EMAIL_FROM", "drift@example.com")
    boto3.client("ses").verify_email_identity(EmailAddress="drift@example.com")
    return ses_backends[DEFAULT_ACCOUNT_ID]["eu-west-1"].sent_messages


def test_an_event_reaches_each_channel_that_wants_it_and_no_other(slack: Provider) -> None:
    """Type, severity, model and switch select the channels, and only the organization's own are read."""
    add("C1")
    add("C2", min_severity="HIGH")
    add("C3", model_ids=["m2"])
    add("C4", enabled=False)
    add("C5", type="email", to=["ops@example.com"])
    now = datetime.now(UTC)
    Channels.add(
        StoredChannel("C6", "other", NEW_CHANNEL.validate_python({"type": "slack", "webhook_url": HOOK}), now, now)
    )
    event = happened()
    invoke("notify_slack", by_sns(event))
    assert slack.hosts == [f"{HOOK}-C1"]
    assert told(event) == [("C1", 1, "delivered")]
    record = record_of(event)
    assert (record.type, record.event, record.detail) == ("slack", "opened", "ok")


def test_an_event_that_comes_twice_is_sent_once(slack: Provider, deployed: Stack) -> None:
    """A redelivery by SNS and a late retry send nothing."""
    add()
    event = happened()
    invoke("notify_slack", by_sns(event))
    invoke("notify_slack", by_sns(event))
    late = {"event": event.model_dump(mode="json"), "channel_id": "C1", "attempt": 3}
    assert invoke("notify_slack", by_sqs(late)) == {"batchItemFailures": []}
    assert len(slack.calls) == 1
    assert queued(deployed) == []


def test_different_events_of_one_alert_are_each_sent(slack: Provider) -> None:
    """Each event of one alert has its own delivery."""
    add()
    event = happened()
    invoke("notify_slack", by_sns(event))
    invoke("notify_slack", by_sns(event.model_copy(update={"event_id": f"{event.alert.id}-0002", "kind": "repeated"})))
    assert len(slack.calls) == 2


def test_throttling_is_honoured_and_neither_blocks_nor_repeats_another_channel(
    slack: Provider, deployed: Stack
) -> None:
    """Retry-After becomes the queue's delay for that channel only, and the retry is delivered."""
    add("C1")
    add("C2")
    slack.answers = [Answer(429, {"retry-after": "77"}, "rate_limited")]
    event = happened()
    invoke("notify_slack", by_sns(event))
    assert slack.hosts == [f"{HOOK}-C1", f"{HOOK}-C2"]
    ((body, delay),) = queued(deployed)
    assert (body["channel_id"], body["attempt"], delay) == ("C1", 2, 77)
    assert record_of(event).channel_id == "C2" or record_of(event).outcome == "retrying"
    assert invoke("notify_slack", by_sqs(body)) == {"batchItemFailures": []}
    assert sorted(told(event)) == [("C1", 1, "retrying"), ("C1", 2, "delivered"), ("C2", 1, "delivered")]
    assert slack.hosts.count(f"{HOOK}-C2") == 1


def test_attempts_end_in_a_failure_that_sqs_sees(slack: Provider, deployed: Stack) -> None:
    """Delays double, then the delivery is failed and SQS keeps the message for the dead-letter queue."""
    add()
    slack.answers = [Answer(503, {}, "down")] * MAX_ATTEMPTS
    event = happened()
    invoke("notify_slack", by_sns(event))
    delays, answer = [], None
    for _ in range(MAX_ATTEMPTS - 1):
        ((body, delay),) = queued(deployed)
        delays.append(delay)
        answer = invoke("notify_slack", by_sqs(body))
    assert delays == [30, 60, 120, 240, 480]
    assert answer == {"batchItemFailures": [{"itemIdentifier": "q0"}]}
    assert queued(deployed) == []
    assert told(event) == [("C1", place, "retrying") for place in range(1, MAX_ATTEMPTS)] + [
        ("C1", MAX_ATTEMPTS, "failed")
    ]
    assert record_of(event).detail == "503: down"
    # Brought back from the dead letters, the same message is tried again and arrives.
    assert invoke("notify_slack", by_sqs(body)) == {"batchItemFailures": []}
    assert told(event)[-1] == ("C1", MAX_ATTEMPTS, "delivered")


def test_what_cannot_help_is_not_tried_for_an_hour(slack: Provider, deployed: Stack) -> None:
    """After a permanent refusal there is one more attempt, then the delivery is failed."""
    add()
    slack.answers = [Answer(404, {}, "no_service")] * 2
    event = happened()
    invoke("notify_slack", by_sns(event))
    ((body, _delay),) = queued(deployed)
    assert body["attempt"] == MAX_ATTEMPTS
    assert invoke("notify_slack", by_sqs(body))["batchItemFailures"] == [{"itemIdentifier": "q0"}]
    assert record_of(event).outcome == "failed"
    assert record_of(event).detail == "404: no_service"


def test_a_crash_while_sending_is_made_good_once_the_claim_has_run_out(
    slack: Provider, deployed: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An event whose delivery is claimed waits in the queue until the claim expires and is then delivered."""
    add()
    event = happened()
    slack.answers = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        invoke("notify_slack", by_sns(event))
    assert told(event) == [("C1", 1, "sending")]
    invoke("notify_slack", by_sns(event))
    ((body, delay),) = queued(deployed)
    assert body["attempt"] == 1
    assert LEASE.total_seconds() - 5 <= delay <= LEASE.total_seconds() + 1
    assert len(slack.calls) == 1
    real = delivery.Notifier.deliver

    def later(self: delivery.Notifier, *arguments: Any) -> None:
        now = self.now
        object.__setattr__(self, "now", lambda: now() + LEASE + timedelta(seconds=1))
        real(self, *arguments)

    monkeypatch.setattr(delivery.Notifier, "deliver", later)
    invoke("notify_slack", by_sqs(body))
    assert told(event)[-1] == ("C1", 1, "delivered")
    assert len(slack.calls) == 2


def test_a_crash_after_queueing_the_retry_loses_nothing(
    slack: Provider, deployed: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The retry is queued before the result is recorded, so a crash in between loses nothing."""
    add()
    slack.answers = [Answer(500, {}, "")]
    event = happened()
    with monkeypatch.context() as broken:

        def crash(*_arguments: Any) -> None:
            raise KeyboardInterrupt

        broken.setattr(Deliveries, "finish", crash)
        with pytest.raises(KeyboardInterrupt):
            invoke("notify_slack", by_sns(event))
    ((body, _delay),) = queued(deployed)
    assert body["attempt"] == 2


def test_one_channels_fault_of_ours_is_its_own_failure(slack: Provider, deployed: Stack) -> None:
    """An unexpected exception is retried for its channel like any failure. It keeps no claim and no other message."""
    for channel_id in ("C1", "C2", "C3"):
        add(channel_id)
    slack.answers = [RuntimeError("a bug")]
    event = happened()
    invoke("notify_slack", by_sns(event))
    assert sorted(told(event)) == [("C1", 1, "retrying"), ("C2", 1, "delivered"), ("C3", 1, "delivered")]
    ((body, _delay),) = queued(deployed)
    assert (body["channel_id"], body["attempt"]) == ("C1", 2)
    failed = [record.detail or "" for record in Deliveries.of(event.alert.id) if record.outcome == "retrying"]
    assert "RuntimeError" in failed[0]


def test_several_channels_do_not_wait_for_each_other(slack: Provider, deployed: Stack) -> None:
    """Each of several channels has a message of its own in the queue, so a slow provider holds only its own channel."""
    add("C1")
    add("C2")
    event = happened()
    assert function("notify_slack").handler(by_sns(event), LambdaContext()) == {"batchItemFailures": []}
    assert slack.calls == []
    waiting = queued(deployed)
    assert [(body["channel_id"], body["attempt"], delay) for body, delay in waiting] == [("C1", 1, 0), ("C2", 1, 0)]
    for body, _delay in waiting:
        invoke("notify_slack", by_sqs(body))
    assert sorted(told(event)) == [("C1", 1, "delivered"), ("C2", 1, "delivered")]


def test_channels_there_is_no_time_for_go_to_the_queue(slack: Provider, deployed: Stack) -> None:
    """Channels that there is no time for go to the retry queue and nothing is sent."""
    add("C1")
    add("C2")
    invoke("notify_slack", by_sns(happened()), seconds_left=10)
    assert slack.calls == []
    assert [(body["channel_id"], body["attempt"], delay) for body, delay in queued(deployed)] == [
        ("C1", 1, 0),
        ("C2", 1, 0),
    ]


@pytest.mark.parametrize("gone", ["deleted", "disabled"])
def test_a_retry_for_a_channel_that_is_gone_ends_quietly(slack: Provider, gone: str) -> None:
    """A retry for a deleted or disabled channel sends nothing and does not fail."""
    channel = add(enabled=gone != "disabled")
    if gone == "deleted":
        Channels.remove("acme", channel.id)
    body = {"event": happened().model_dump(mode="json"), "channel_id": channel.id, "attempt": 2}
    assert invoke("notify_slack", by_sqs(body)) == {"batchItemFailures": []}
    assert slack.calls == []


def test_a_poisoned_message_fails_alone(slack: Provider) -> None:
    """An invalid message goes back to the queue, and the message beside it is delivered."""
    add()
    good = {"event": happened().model_dump(mode="json"), "channel_id": "C1", "attempt": 2}
    assert invoke("notify_slack", by_sqs({"nonsense": 1}, good)) == {"batchItemFailures": [{"itemIdentifier": "q0"}]}
    assert len(slack.calls) == 1


def test_no_secret_reaches_the_log(slack: Provider, caplog: pytest.LogCaptureFixture) -> None:
    """The log never contains the webhook's URL."""
    add()
    slack.answers = [Answer(500, {}, "down"), DeliveryFailed("The connection failed."), RuntimeError("a bug")]
    for _ in range(4):
        invoke("notify_slack", by_sns(happened()))
    said = [str(vars(record)) for record in caplog.records]
    assert sum("'delivered'" in line for line in said) == 1
    assert not [line for line in said if "secret" in line]


def test_an_email_goes_to_each_address_by_itself(mailbox: list[Any]) -> None:
    """Each address receives its own message with both parts, and the record has the message ids."""
    add(type="email", to=["a@example.com", "b@example.com"])
    event = happened("HIGH")
    invoke("notify_email", by_sns(event))
    # A set, since moto adds the addresses of the header to those of the call.
    assert [set(message.destinations) for message in mailbox] == [{"a@example.com"}, {"b@example.com"}]
    raw = mailbox[0].raw_data
    assert "Subject: Data drift in example model" in raw
    assert "text/plain" in raw
    assert "text/html" in raw
    assert f"https://drift.example.com/dashboard#/alerts/{event.alert.id}" in raw.replace("=\r\n", "").replace(
        "=\n", ""
    )
    assert len((record_of(event).detail or "").split(", ")) == 2


def test_one_bad_address_neither_blocks_nor_repeats_the_others(
    mailbox: list[Any], deployed: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A retry goes only to the address that does not have the message."""
    add(type="email", to=["bad@example.com", "good@example.com"])
    app, sent = function("notify_email"), []

    def by_ses(_client: Any) -> Any:
        def send(_message: Any, recipient: str) -> str:
            sent.append(recipient)
            if recipient == "bad@example.com" and len(sent) < 3:
                raise DeliveryFailed("MessageRejected: not verified")
            return f"id-{recipient}"

        return send

    monkeypatch.setattr(app, "by_ses", by_ses)
    event = happened()
    invoke("notify_email", by_sns(event))
    ((body, _delay),) = queued(deployed, "EMAIL")
    invoke("notify_email", by_sqs(body))
    assert sent == ["bad@example.com", "good@example.com", "bad@example.com"]
    assert told(event) == [("C1", 1, "retrying"), ("C1", 2, "delivered")]


def test_an_address_that_cannot_become_a_header_fails_alone(mailbox: list[Any], deployed: Stack) -> None:
    """An address of an older version that no header can name fails by itself, and the others get the message once."""
    odd = "=?utf-8?q?a?=@b.de"
    channel = add(type="email", to=["ops@example.com"])
    settings = channel.settings.model_copy(update={"to": [odd, "ops@example.com"]})
    Channels.replace(replace(channel, settings=settings), channel)
    event = happened()
    invoke("notify_email", by_sns(event))
    assert [set(message.destinations) for message in mailbox] == [{"ops@example.com"}]
    assert told(event) == [("C1", 1, "retrying")]
    ((body, _delay),) = queued(deployed, "EMAIL")
    while told(event)[-1][2] == "retrying":
        invoke("notify_email", by_sqs(body))
        body = next((body for body, _delay in queued(deployed, "EMAIL")), body)
    assert len(mailbox) == 1
    assert told(event)[-1][2] == "failed"
    found = Channels.one("acme", "C1")
    assert found is not None
    assert (
        found.health.reason
        == f"{odd}: this address cannot be written into the header of an e-mail; use another address"
    )


def test_addresses_there_is_no_time_for_follow_later(
    mailbox: list[Any], deployed: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Addresses that there is no time for get the message on the next attempt, and the others do not get it twice."""
    add(type="email", to=[f"a{number}@example.com" for number in range(4)])
    left = iter([60, 60, 50, 15])
    monkeypatch.setattr(LambdaContext, "get_remaining_time_in_millis", lambda self: 1000 * next(left, 60))
    event = happened()
    invoke("notify_email", by_sns(event))
    assert [sorted(set(message.destinations)) for message in mailbox] == [["a0@example.com"], ["a1@example.com"]]
    ((body, delay),) = queued(deployed, "EMAIL")
    assert (body["attempt"], delay) == (2, 1)
    invoke("notify_email", by_sqs(body))
    assert [sorted(set(message.destinations))[0] for message in mailbox] == [f"a{n}@example.com" for n in range(4)]
    assert told(event) == [("C1", 1, "retrying"), ("C1", 2, "delivered")]


def test_a_development_stack_writes_mail_to_the_log(
    mailbox: list[Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """EmailTransport=log sends nothing and needs no sender address."""
    monkeypatch.setenv("EMAIL_TRANSPORT", "log")
    monkeypatch.delenv("EMAIL_FROM")
    add(type="email", to=["a@example.com"])
    event = happened()
    invoke("notify_email", by_sns(event))
    assert mailbox == []
    assert [vars(record)["subject"] for record in caplog.records if record.message == "e-mail"] == [
        "Data drift in example model"
    ]
    assert told(event) == [("C1", 1, "delivered")]


@pytest.mark.parametrize(
    ("answers", "result"),
    [
        ([], {"delivered": True, "detail": "ok"}),
        ([Answer(404, {}, "no_service")], {"delivered": False, "detail": "404: no_service"}),
        ([DeliveryFailed("no answer in time")], {"delivered": False, "detail": "no answer in time"}),
    ],
)
def test_a_test_goes_the_real_way_and_tells_what_the_provider_says(
    slack: Provider, deployed: Stack, answers: list[Any], result: dict[str, Any]
) -> None:
    """A test returns the provider's answer, works for disabled channels, and queues nothing."""
    add(enabled=False)
    slack.answers = answers
    assert invoke("notify_slack", {"test": {"organization_id": "acme", "channel_id": "C1"}}) == result
    assert "Test message" in json.loads(slack.calls[0].body)["text"]
    assert queued(deployed) == []


def test_a_test_of_another_organizations_channel_sends_nothing(slack: Provider) -> None:
    """A test of another organization's channel sends nothing."""
    add()
    assert not invoke("notify_slack", {"test": {"organization_id": "other", "channel_id": "C1"}})["delivered"]
    assert slack.calls == []


def test_what_is_published_is_what_the_notifiers_accept(slack: Provider, deployed: Stack) -> None:
    """An event published to the template's topic is accepted in SNS's own envelope and delivered."""
    add()
    sqs, sns = boto3.client("sqs"), boto3.client("sns")
    inbox = sqs.create_queue(QueueName="inbox")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=inbox, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topic = deployed.variables["ALERTS_TOPIC_ARN"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    event = happened()
    to_topic(aws.client("sns"), topic)(event)
    (message,) = sqs.receive_message(QueueUrl=inbox)["Messages"]
    invoke("notify_slack", {"Records": [{"EventSource": "aws:sns", "Sns": json.loads(message["Body"])}]})
    assert told(event) == [("C1", 1, "delivered")]


def test_deliveries_are_shown_newest_first_and_forgotten_in_time(slack: Provider) -> None:
    """The item of a delivery expires after the retention period."""
    add()
    slack.answers = [Answer(500, {}, "down")]
    event = happened()
    invoke("notify_slack", by_sns(event))
    item = Deliveries.find(event.alert.id, f"{event.event_id}#C1")
    assert item is not None
    kept = datetime.fromtimestamp(item.expires_at, UTC) - datetime.now(UTC)
    assert timedelta(days=399) < kept < timedelta(days=401)
    assert Deliveries.of("another alert") == []
