"""Webhooks, PagerDuty and Teams through notify_webhook; and channels that do not work."""

import json
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.ses.models import ses_backends

from driftguard.alerts.events import AlertEvent
from driftguard.notifications.deliveries import Deliveries
from driftguard.notifications.delivery import MAX_ATTEMPTS
from driftguard.notifications.http_client import by_urllib3
from driftguard.notifications.outgoing import Answer
from driftguard.notifications.providers.base import StoredChannel
from driftguard.notifications.providers.webhook import signature
from driftguard.notifications.tables import Channels
from local.outbox import read_request
from sandbox.gateway import function
from sandbox.roles import under_role
from tests.functional.conftest import Stack
from tests.functional.notifying import SETTINGS, Provider, add, by_sns, by_sqs, happened, invoke, queued, told

GONE = Answer(404, {}, "no_service")
DOWN = Answer(503, {}, "down")


@pytest.fixture
def provider(deployed: Stack, monkeypatch: pytest.MonkeyPatch) -> Provider:
    """A provider in place of all real ones, with e-mail in moto's SES."""
    end = Provider()
    boto3.client("ses").verify_email_identity(EmailAddress="drift@example.com")
    monkeypatch.setenv("EMAIL_FROM", "drift@example.com")
    monkeypatch.setenv("EMAIL_QUEUE_URL", deployed.variables["EMAIL_RETRY_QUEUE_URL"])
    for name in ("manage_channels", "notify_slack", "notify_webhook"):
        monkeypatch.setattr(function(name), "system_resolver", lambda host, port: ["3.3.3.3"])
    for name in ("notify_slack", "notify_webhook"):
        monkeypatch.setattr(function(name), "by_urllib3", end)
    return end


@pytest.fixture
def run(provider: Provider, deployed: Stack, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Invokes a notify function under its role, with its own retry queue."""

    def invoked(name: str, event: dict[str, Any]) -> Any:
        monkeypatch.setenv("RETRY_QUEUE_URL", deployed.variables[f"{name.upper()}_RETRY_QUEUE_URL"])
        with under_role(f"notify_{name}"):
            return invoke(f"notify_{name}", event)

    return invoked


def mails() -> list[Any]:
    """The messages that SES received."""
    return list(ses_backends[DEFAULT_ACCOUNT_ID]["eu-west-1"].sent_messages)


def seen(channel_id: str = "C1") -> StoredChannel:
    """The channel as it is stored."""
    channel = Channels.one("acme", channel_id)
    assert channel is not None
    return channel


def test_one_event_reaches_every_type_once(run: Any, provider: Provider) -> None:
    """notify_webhook sends to its three types in their own formats, and sends a repeated event once."""
    for place, kind in enumerate(SETTINGS):
        add(f"C{place}", type=kind)
    event = happened()
    for _ in range(2):
        run("webhook", by_sns(event))
    bodies = {call.url: json.loads(call.body) for call in provider.calls}
    assert len(provider.calls) == 3
    assert bodies["https://hooks.example/in/secret"]["event_id"] == event.event_id
    assert bodies["https://events.pagerduty.com/v2/enqueue"]["event_action"] == "trigger"
    assert bodies["https://teams.example/workflows/secret"]["type"] == "message"
    assert sorted(told(event)) == [("C2", 1, "delivered"), ("C3", 1, "delivered"), ("C4", 1, "delivered")]


def test_a_webhook_can_check_who_sent_it(run: Any, provider: Provider) -> None:
    """The signature covers the received bytes and the time of sending, and is new for each attempt."""
    add(type="webhook")
    provider.answers = [DOWN]
    event = happened()
    run("webhook", by_sns(event))
    run("webhook", by_sqs({"event": event.model_dump(mode="json"), "channel_id": "C1", "attempt": 2}))
    first, second = provider.calls
    for call in (first, second):
        timestamp = call.headers["x-driftguard-timestamp"]
        assert abs(int(timestamp) - datetime.now(UTC).timestamp()) < 60
        assert call.headers["x-driftguard-signature"] == "sha256=" + signature("webhook-secret", timestamp, call.body)
    assert first.body == second.body
    assert first.headers["x-driftguard-event-id"] == second.headers["x-driftguard-event-id"] == event.event_id


def test_only_pagerduty_hears_of_an_acknowledgement(run: Any, provider: Provider) -> None:
    """Only PagerDuty receives acknowledgements."""
    for place, kind in enumerate(SETTINGS):
        add(f"C{place}", type=kind)
    for name in ("email", "slack", "webhook"):
        run(name, by_sns(happened(kind="acknowledged")))
    (call,) = provider.calls
    assert json.loads(call.body)["event_action"] == "acknowledge"
    assert mails() == []


def test_a_late_trigger_does_not_open_a_closed_incident(run: Any, provider: Provider, deployed: Stack) -> None:
    """A delayed opening that arrives after the resolution is sent to webhooks but not to PagerDuty."""
    add("C1", type="pagerduty")
    add("C2", type="webhook")
    provider.answers = [DOWN, DOWN]
    event = happened()
    run("webhook", by_sns(event))
    late = [body for body, _delay in queued(deployed, "WEBHOOK")]
    over = event.model_copy(update={"event_id": f"{event.alert.id}-0002", "kind": "resolved", "reason": "below"})
    run("webhook", by_sns(over))
    for body in late:
        run("webhook", by_sqs(body))
    sent = [(call.url.split("/")[2], json.loads(call.body)) for call in provider.calls]
    actions = [body["event_action"] for host, body in sent if host == "events.pagerduty.com"]
    assert actions == ["trigger", "resolve"]
    assert [body["event"] for host, body in sent if host == "hooks.example"] == ["opened", "resolved", "opened"]
    assert ("C1", 2, "delivered") in told(event)


@pytest.mark.parametrize("kind", ["webhook", "pagerduty", "teams"])
def test_a_test_goes_the_real_way(run: Any, provider: Provider, kind: str) -> None:
    """A test returns the provider's own answer, and PagerDuty's incident is resolved."""
    add(type=kind)
    provider.answers = [Answer(202, {}, "taken")] * 2
    test = {"test": {"organization_id": "acme", "channel_id": "C1"}}
    assert run("webhook", test) == {"delivered": True, "detail": "taken"}
    assert len(provider.calls) == (2 if kind == "pagerduty" else 1)
    provider.answers = [GONE]
    assert run("webhook", test) == {"delivered": False, "detail": "404: no_service"}


def test_locally_every_type_ends_in_the_outbox_under_its_name(
    run: Any, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The local outbox receives every request with its channel type and original URL."""
    monkeypatch.setenv("OUTGOING_ENDPOINT", "http://127.0.0.1:1/outbox")
    for place, kind in enumerate(SETTINGS):
        add(f"C{place}", type=kind)
    event = happened()
    run("slack", by_sns(event))
    run("webhook", by_sns(event))
    assert {call.url for call in provider.calls} == {"http://127.0.0.1:1/outbox"}
    kept = [read_request({**call.headers}, call.body) for call in provider.calls]
    assert [(message["channel"], message["to"].split("/")[2]) for message in kept] == [
        ("slack", "hooks.slack.com"),
        ("webhook", "hooks.example"),
        ("pagerduty", "events.pagerduty.com"),
        ("teams", "teams.example"),
    ]


@pytest.mark.parametrize(
    ("kind", "name"), [("slack", "slack"), ("webhook", "webhook"), ("pagerduty", "webhook"), ("teams", "webhook")]
)
def test_no_secret_reaches_the_log_or_a_record(
    run: Any, provider: Provider, caplog: pytest.LogCaptureFixture, deployed: Stack, kind: str, name: str
) -> None:
    """URLs, keys and signing secrets are in no log line, delivery, queue message or response."""
    channel = add(type=kind)
    echo = channel.settings.model_dump_json()  # a provider that repeats what it was sent
    provider.answers = [Answer(503, {}, echo), Answer(404, {}, echo), RuntimeError("a bug")]
    events = [happened() for _ in range(3)]
    for event in events:
        run(name, by_sns(event))
    waiting = queued(deployed, name.upper())
    assert len(waiting) == 3
    said = [str(vars(record)) for record in caplog.records]
    assert len([line for line in said if "will be retried" in line]) == 3
    shown = deployed.call("GET", f"/alert-channels/{channel.id}").text
    records = str([Deliveries.of(event.alert.id) for event in events])
    for text in [*said, json.dumps(waiting), records, shown]:
        assert "secret0123" not in text
        assert "/secret" not in text
        assert "webhook-secret" not in text


# Channels that do not work.


def fail(run: Any, provider: Provider, answer: Answer = GONE, name: str = "slack") -> AlertEvent:
    """An event that the provider refuses."""
    provider.answers = [answer]
    event = happened()
    run(name, by_sns(event))
    return event


def test_a_revoked_webhook_is_marked_told_of_once_and_healed_by_success(
    run: Any, provider: Provider, deployed: Stack
) -> None:
    """The API shows reason and time, each e-mail channel sends one notice, and a delivery makes it ok again."""
    add("C1")
    add("C2", type="email", to=["a@example.com", "b@example.com"], min_severity="HIGH")
    add("C3", type="email", to=["off@example.com"], enabled=False)
    for _ in range(3):
        fail(run, provider)
    health = deployed.call("GET", "/alert-channels/C1").body["health"]
    assert (health["status"], health["reason"]) == ("unhealthy", "404: no_service")
    assert abs((datetime.fromisoformat(health["since"]) - datetime.now(UTC)).total_seconds()) < 60
    notices = [body for body, _delay in queued(deployed, "EMAIL")]
    assert [(body["channel_id"], body["event"]["kind"]) for body in notices] == [("C2", "channel_unhealthy")]
    for _ in range(2):
        assert run("email", by_sqs(*notices)) == {"batchItemFailures": []}
    assert [sorted(set(mail.destinations)) for mail in mails()] == [["a@example.com"], ["b@example.com"]]
    assert "Subject: Alert channel does not work: Slack" in mails()[0].raw_data
    assert "404: no_service" in mails()[0].raw_data
    run("slack", by_sns(happened()))
    assert seen().health.status == "ok"
    assert deployed.call("GET", "/alert-channels/C1").body["health"] == {"status": "ok", "reason": None, "since": None}
    fail(run, provider)
    assert len(queued(deployed, "EMAIL")) == 1


def test_a_change_heals_and_a_failure_of_the_old_settings_does_not_count(
    run: Any, provider: Provider, deployed: Stack
) -> None:
    """A change makes the channel ok, and a late failure of the old settings does not mark it."""
    before = add("C1")
    fail(run, provider)
    assert seen().health.status == "unhealthy"
    assert deployed.call("PATCH", "/alert-channels/C1", {"name": "Alerts"}).body["health"]["status"] == "ok"
    assert Channels.mark_unhealthy(before, "404: late", datetime.now(UTC)) is None
    assert seen().health.status == "ok"


def test_a_deleted_channel_does_not_come_back_as_unhealthy(run: Any, provider: Provider) -> None:
    """A failure that arrives after the deletion does not create the channel again."""
    channel = add("C1")
    Channels.remove("acme", "C1")
    assert Channels.mark_unhealthy(channel, "404", datetime.now(UTC)) is None
    assert Channels.one("acme", "C1") is None


def test_a_provider_that_is_down_for_long_is_marked_when_every_attempt_is_spent(
    run: Any, provider: Provider, deployed: Stack
) -> None:
    """A temporary failure marks a channel as unhealthy only after the last attempt."""
    add("C1")
    event = fail(run, provider, DOWN)
    assert seen().health.status == "ok"
    provider.answers = [DOWN]
    run("slack", by_sqs({"event": event.model_dump(mode="json"), "channel_id": "C1", "attempt": MAX_ATTEMPTS}))
    assert (seen().health.status, seen().health.reason) == ("unhealthy", "503: down")


def test_a_crash_before_people_were_told_is_made_good(
    run: Any, provider: Provider, deployed: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a crash before the notice, the next failure sends the same notice once."""
    add("C1")
    add("C2", type="email")
    with monkeypatch.context() as broken:

        def crash(*_arguments: Any) -> None:
            raise KeyboardInterrupt

        broken.setattr(Channels, "mark_notified", crash)
        with pytest.raises(KeyboardInterrupt):
            fail(run, provider)
    fail(run, provider)
    first, second = [body for body, _delay in queued(deployed, "EMAIL")]
    assert first == second
    run("email", by_sqs(first, second))
    assert len(mails()) == 1


def test_email_channels_that_fail_do_not_tell_each_other_for_ever(
    run: Any, provider: Provider, deployed: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two failing e-mail channels send each other a limited number of notices."""
    add("C1", type="email", to=["a@example.com"])
    add("C2", type="email", to=["b@example.com"])
    boto3.client("ses").delete_identity(Identity="drift@example.com")
    run("email", by_sns(happened()))
    rounds = 0
    while waiting := queued(deployed, "EMAIL"):
        rounds += 1
        for body, _delay in waiting:
            run("email", by_sqs(body))
        assert rounds < 10
    assert [seen(channel).health.status for channel in ("C1", "C2")] == ["unhealthy", "unhealthy"]
    assert mails() == []


def test_trying_a_channel_heals_it_and_marks_nothing(run: Any, provider: Provider) -> None:
    """A failed test does not mark a channel, and a successful test makes it ok."""
    add("C1")
    test = {"test": {"organization_id": "acme", "channel_id": "C1"}}
    provider.answers = [GONE]
    run("slack", test)
    assert seen().health.status == "ok"
    fail(run, provider)
    run("slack", test)
    assert seen().health.status == "ok"


# Back from the dead letters.


def from_sns(event: AlertEvent) -> dict[str, Any]:
    """The dead letter that SNS writes when it cannot deliver to a subscription."""
    return {"Type": "Notification", "MessageId": "m", "TopicArn": "arn", "Message": event.model_dump_json()}


def from_lambda(event: AlertEvent) -> dict[str, Any]:
    """The dead letter that Lambda writes when an asynchronous invocation failed three times."""
    context = {"requestId": "r", "functionArn": "arn", "condition": "RetriesExhausted", "approximateInvokeCount": 3}
    failed = {"errorMessage": "timed out", "errorType": "Sandbox.Timedout"}
    return {"version": "1.0", "requestContext": context, "requestPayload": by_sns(event), "responsePayload": failed}


def from_queue(event: AlertEvent) -> dict[str, Any]:
    """The dead letter that SQS moves: the retry itself."""
    return {"event": event.model_dump(mode="json"), "channel_id": "C1", "attempt": MAX_ATTEMPTS}


@pytest.mark.parametrize("letter", [from_sns, from_lambda, from_queue], ids=lambda each: each.__name__)
@pytest.mark.parametrize(("name", "kind"), [("email", "email"), ("slack", "slack"), ("webhook", "webhook")], ids=str)
def test_every_dead_letter_can_be_put_into_the_retry_queue(
    run: Any, provider: Provider, deployed: Stack, letter: Any, name: str, kind: str
) -> None:
    """A dead letter of SNS, Lambda or SQS in the retry queue delivers its event once."""
    add("C1", type=kind)
    event = happened()
    queues = [deployed.variables[f"{name.upper()}_{which}_QUEUE_URL"] for which in ("DEAD_LETTER", "RETRY")]
    sqs = boto3.client("sqs")
    for _ in range(2):
        sqs.send_message(QueueUrl=queues[0], MessageBody=json.dumps(letter(event)))
    while messages := sqs.receive_message(QueueUrl=queues[0], MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            sqs.send_message(QueueUrl=queues[1], MessageBody=message["Body"])
            sqs.delete_message(QueueUrl=queues[0], ReceiptHandle=message["ReceiptHandle"])
    moved = [body for body, _delay in queued(deployed, name.upper())]
    assert len(moved) == 2
    assert run(name, by_sqs(*moved)) == {"batchItemFailures": []}
    assert len(mails()) + len(provider.calls) == 1
    assert [outcome for _channel, _attempt, outcome in told(event)] == ["delivered"]


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"Type": "Notification"}', '{"requestPayload": {"Records": [{}]}}'])
def test_what_is_no_letter_of_ours_goes_back(run: Any, provider: Provider, body: str) -> None:
    """An invalid message fails alone and goes back to the queue."""
    add("C1")
    record = {"messageId": "q0", "eventSource": "aws:sqs", "body": body}
    assert run("slack", {"Records": [record]}) == {"batchItemFailures": [{"itemIdentifier": "q0"}]}
    assert provider.calls == []


def test_the_real_client_is_what_the_functions_use() -> None:
    """The functions use the real HTTP client, which the tests above replace."""
    for name in ("slack", "webhook"):
        assert function(f"notify_{name}").by_urllib3 is by_urllib3
