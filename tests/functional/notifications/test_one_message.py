"""What one check finds for one model is one message to each channel, and each of its events is delivered once."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from driftguard.alerts.events import AlertEvent, AlertNews, news_of
from driftguard.alerts.publishing import publish_pending
from driftguard.alerts.schemas import AlertType, Severity
from driftguard.alerts.tables import Outbox
from driftguard.notifications import delivery
from driftguard.notifications.deliveries import Deliveries
from driftguard.notifications.delivery import LEASE
from driftguard.notifications.outgoing import Answer
from driftguard.platform.dynamodb import transaction
from sandbox.gateway import function
from sandbox.roles import under_role
from tests.functional.conftest import Stack
from tests.functional.notifying import Provider, add, by_sqs, happened, invoke, provider_of, queued, told

DOWN = Answer(503, {}, "down")


@pytest.fixture
def hook(deployed: Stack, monkeypatch: pytest.MonkeyPatch) -> Provider:
    """notify_webhook with a provider in place of the real client."""
    return provider_of("webhook", deployed, monkeypatch)


def found(*kinds: tuple[AlertType, Severity]) -> list[AlertEvent]:
    """The events of one check, one for each alert type."""
    at = datetime.now(UTC)
    events = []
    for alert_type, severity in kinds:
        event = happened(severity, at=at)
        alert = event.alert.model_copy(update={"alert_type": alert_type, "severity": severity})
        events.append(event.model_copy(update={"alert": alert}))
    return events


def by_topic(news: AlertNews) -> dict[str, Any]:
    """The invocation by SNS."""
    return {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": news.model_dump_json(), "MessageId": "m"}}]}


def bodies(hook: Provider) -> list[dict[str, Any]]:
    """The requests to the webhook."""
    return [json.loads(call.body) for call in hook.calls]


def ids(alerts: Sequence[Any]) -> list[str]:
    """The event ids of a message's alerts."""
    return [alert["event_id"] for alert in alerts]


def test_a_check_that_finds_several_things_sends_one_message(hook: Provider) -> None:
    """A webhook gets one request with all alerts, the most severe first, and each alert has its own delivery."""
    add(type="webhook")
    drift, quality, prediction = found(("data_drift", "MEDIUM"), ("data_quality", "HIGH"), ("prediction_drift", "LOW"))
    with under_role("notify_webhook"):
        invoke("notify_webhook", by_topic(news_of([drift, quality, prediction])))
    (body,) = bodies(hook)
    assert ids(body["alerts"]) == [quality.event_id, drift.event_id]
    assert (body["event_id"], body["alert"]["id"]) == (quality.event_id, quality.alert.id)
    assert [alert["alert_type"] for alert in body["alerts"]] == ["data_quality", "data_drift"]
    assert told(quality) == told(drift) == [("C1", 1, "delivered")]
    assert told(prediction) == []


def test_filters_apply_to_each_alert(hook: Provider) -> None:
    """Each channel's message has the alerts that its severity and types allow, and a channel without any gets none."""
    add("C1", type="webhook", url="https://a.example/", min_severity="HIGH")
    add("C2", type="webhook", url="https://b.example/", alert_types=["data_drift"])
    add("C3", type="webhook", url="https://c.example/", alert_types=["no_data"])
    add("C4", type="webhook", url="https://d.example/", min_severity="LOW")
    drift, quality = found(("data_drift", "MEDIUM"), ("data_quality", "HIGH"))
    invoke("notify_webhook", by_topic(news_of([drift, quality])))
    sent = {call.url: ids(json.loads(call.body)["alerts"]) for call in hook.calls}
    assert sent == {
        "https://a.example/": [quality.event_id],
        "https://b.example/": [drift.event_id],
        "https://d.example/": [quality.event_id, drift.event_id],
    }


def test_pagerduty_has_an_incident_for_each_alert(hook: Provider) -> None:
    """Each alert of a message is an incident of its own."""
    add(type="pagerduty")
    events = found(("data_drift", "MEDIUM"), ("data_quality", "HIGH"))
    invoke("notify_webhook", by_topic(news_of(events)))
    assert {body["dedup_key"] for body in bodies(hook)} == {f"driftguard-{event.alert.id}" for event in events}
    assert len(hook.calls) == 2


def test_a_message_that_comes_again_is_not_sent_again(hook: Provider, deployed: Stack) -> None:
    """Neither the whole message nor a part of it, nor an older message of one event, repeats an alert."""
    add(type="webhook")
    first, second = found(("data_drift", "MEDIUM"), ("data_quality", "HIGH"))
    invoke("notify_webhook", by_topic(first))
    for news in (news_of([first, second]), news_of([first, second]), first, second):
        invoke("notify_webhook", by_topic(news))
    assert [ids(body["alerts"]) for body in bodies(hook)] == [[first.event_id], [second.event_id]]
    assert queued(deployed, "WEBHOOK") == []


def test_a_retry_has_all_alerts_of_the_message(hook: Provider, deployed: Stack) -> None:
    """A failed message is retried as one message, and every alert shows both attempts."""
    add(type="webhook")
    events = found(("data_drift", "MEDIUM"), ("data_quality", "HIGH"))
    hook.answers = [DOWN]
    invoke("notify_webhook", by_topic(news_of(events)))
    ((body, _delay),) = queued(deployed, "WEBHOOK")
    assert invoke("notify_webhook", by_sqs(body)) == {"batchItemFailures": []}
    first, second = bodies(hook)
    assert first == second
    for event in events:
        assert told(event) == [("C1", 1, "retrying"), ("C1", 2, "delivered")]


@pytest.mark.parametrize("moment", ["reached", "finish"])
def test_a_crash_after_sending_repeats_no_more_than_one_message(
    hook: Provider, deployed: Stack, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Before the record, the message is sent once more as a whole. After the record, nothing is sent again."""
    add(type="webhook")
    events = found(("data_drift", "MEDIUM"), ("data_quality", "HIGH"))
    news = news_of(events)
    with monkeypatch.context() as broken:

        def crash(*_arguments: Any) -> None:
            raise KeyboardInterrupt

        broken.setattr(f"driftguard.notifications.deliveries.Claim.{moment}", crash)
        with pytest.raises(KeyboardInterrupt):
            invoke("notify_webhook", by_topic(news))
    assert [told(event) for event in events] == [[("C1", 1, "sending")]] * 2
    invoke("notify_webhook", by_topic(news))
    ((body, delay),) = queued(deployed, "WEBHOOK")
    assert len(hook.calls) == 1
    assert LEASE.total_seconds() - 5 <= delay <= LEASE.total_seconds() + 1
    real = delivery.Notifier.deliver

    def later(self: delivery.Notifier, *arguments: Any) -> None:
        now = self.now
        object.__setattr__(self, "now", lambda: now() + LEASE + timedelta(seconds=1))
        real(self, *arguments)

    monkeypatch.setattr(delivery.Notifier, "deliver", later)
    invoke("notify_webhook", by_sqs(body))
    assert [told(event)[-1] for event in events] == [("C1", 1, "delivered")] * 2
    assert [ids(sent["alerts"]) for sent in bodies(hook)] == [ids(bodies(hook)[0]["alerts"])] * (
        2 if moment == "reached" else 1
    )


def test_claims_are_taken_together(hook: Provider, deployed: Stack) -> None:
    """While another invocation holds one event of a message, no event of it is claimed or sent."""
    channel = add(type="webhook")
    free, held = found(("data_drift", "MEDIUM"), ("data_quality", "HIGH"))
    Deliveries.claim(held, channel, 1, now=datetime.now(UTC), lease=LEASE, keep_days=1)
    invoke("notify_webhook", by_topic(news_of([free, held])))
    assert hook.calls == []
    assert told(free) == []
    ((body, _delay),) = queued(deployed, "WEBHOOK")
    assert len(body["event"]["events"]) == 2


def test_an_email_that_reached_one_address_goes_to_the_others_alone(
    deployed: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message of several alerts is remembered for each address."""
    monkeypatch.setenv("RETRY_QUEUE_URL", deployed.variables["EMAIL_RETRY_QUEUE_URL"])
    monkeypatch.setenv("EMAIL_FROM", "drift@example.com")
    sent: list[tuple[str, str]] = []

    def by_ses(_client: Any) -> Any:
        def send(message: Any, recipient: str) -> str:
            sent.append((recipient, str(message["Subject"])))
            if recipient == "a@example.com" and len(sent) == 1:
                raise ValueError(recipient)
            return "id"

        return send

    monkeypatch.setattr(function("notify_email"), "by_ses", by_ses)
    add(type="email", to=["a@example.com", "b@example.com"])
    events = found(("data_drift", "MEDIUM"), ("data_quality", "HIGH"))
    invoke("notify_email", by_topic(news_of(events)))
    ((body, _delay),) = queued(deployed, "EMAIL")
    invoke("notify_email", by_sqs(body))
    subject = "2 alerts in example model"
    assert sent == [("a@example.com", subject), ("b@example.com", subject), ("a@example.com", subject)]


def test_the_events_of_one_check_are_published_together(deployed: Stack) -> None:
    """Pending events of one time are one message, others are messages of their own, and all leave the outbox."""
    first = found(("data_drift", "MEDIUM"), ("data_quality", "HIGH"))
    later = [event.model_copy(update={"at": event.at + timedelta(minutes=15)}) for event in found(("no_data", "HIGH"))]
    with transaction() as write:
        for event in [*later, *first]:
            Outbox.write(write, event)
    published: list[AlertNews] = []
    assert publish_pending("m1", published.append) == 3
    assert published == [news_of(first), later[0]]
    assert Outbox.pending("m1") == []
