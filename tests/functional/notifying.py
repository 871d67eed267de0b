"""Channels, events, envelopes of SNS and SQS, and a provider, for tests of the notify functions."""

import json
import os
from datetime import UTC, datetime
from typing import Any

import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.sqs.models import sqs_backends

from driftguard.alerts.events import AlertEvent
from driftguard.alerts.schemas import DeliveryRecord, Severity
from driftguard.notifications.deliveries import Deliveries
from driftguard.notifications.example import example
from driftguard.notifications.outgoing import Answer, Call
from driftguard.notifications.providers.base import StoredChannel
from driftguard.notifications.schemas import NEW_CHANNEL
from driftguard.notifications.tables import Channels
from driftguard.platform.ids import new_id
from sandbox.gateway import LambdaContext, function
from tests.functional.conftest import Stack

HOOK = "https://hooks.slack.com/services/T1/B1/secret"


class Provider:
    """A provider that returns or raises its `answers` in order, and `ok` afterwards. `calls` lists its requests."""

    def __init__(self) -> None:
        self.answers: list[Answer | BaseException] = []
        self.calls: list[Call] = []

    def __call__(self, call: Call) -> Answer:
        self.calls.append(call)
        answer = self.answers.pop(0) if self.answers else Answer(200, {}, "ok")
        if isinstance(answer, BaseException):
            raise answer
        return answer

    @property
    def hosts(self) -> list[str]:
        return [call.url for call in self.calls]


def provider_of(notifier: str, deployed: Stack, monkeypatch: pytest.MonkeyPatch) -> Provider:
    """Put a provider in place of the real ones of notify_slack or notify_webhook, which gets its queues.

    notifier: slack or webhook.
    """
    end = Provider()
    app = function(f"notify_{notifier}")
    monkeypatch.setattr(app, "by_urllib3", end)
    monkeypatch.setattr(app, "system_resolver", lambda host, port: ["3.3.3.3"])
    monkeypatch.setenv("RETRY_QUEUE_URL", deployed.variables[f"{notifier.upper()}_RETRY_QUEUE_URL"])
    monkeypatch.setenv("EMAIL_QUEUE_URL", deployed.variables["EMAIL_RETRY_QUEUE_URL"])
    return end


SETTINGS: dict[str, dict[str, Any]] = {
    "email": {"to": ["ops@example.com"]},
    "slack": {"webhook_url": HOOK},
    "webhook": {"url": "https://hooks.example/in/secret", "secret": "webhook-secret"},
    "pagerduty": {"routing_key": "secret0123456789abcdef0123456789"},
    "teams": {"webhook_url": "https://teams.example/workflows/secret"},
}


def add(channel_id: str = "C1", organization_id: str = "acme", **body: Any) -> StoredChannel:
    """Store a channel of the organization. The type is Slack if `body` names none."""
    now = datetime.now(UTC)
    kind = body.pop("type", "slack")
    own = {"webhook_url": f"{HOOK}-{channel_id}"} if kind == "slack" else SETTINGS[kind]
    settings = NEW_CHANNEL.validate_python({"type": kind, **own, **body})
    channel = StoredChannel(channel_id, organization_id, settings, now, now)
    Channels.add(channel)
    return channel


def happened(severity: Severity = "MEDIUM", model_id: str = "m1", **changes: Any) -> AlertEvent:
    """An event that opens a new alert."""
    now = datetime.now(UTC)
    event = example("acme", now)
    alert = event.alert.model_copy(update={"id": new_id(now), "model_id": model_id, "severity": severity})
    fields = {"event_id": f"{alert.id}-0001", "kind": "opened", "severity": severity, "model_id": model_id}
    return event.model_copy(update={**fields, "alert": alert, **changes})


def by_sns(event: AlertEvent) -> dict[str, Any]:
    """The event that SNS sends to a function."""
    return {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": event.model_dump_json(), "MessageId": "m"}}]}


def invoke(name: str, event: dict[str, Any], seconds_left: float = 60) -> Any:
    """Call a function, then play SQS for first attempts that it put into its queue. Return its own answer."""
    answer = function(name).handler(event, LambdaContext(seconds_left=seconds_left))
    if seconds_left == 60 and "Records" in event:
        for body in first_attempts(os.environ["RETRY_QUEUE_URL"]):
            assert function(name).handler(by_sqs(body), LambdaContext()) == {"batchItemFailures": []}
    return answer


def first_attempts(url: str) -> list[dict[str, Any]]:
    """Take the first attempts that are due at once out of a queue, oldest first."""
    queue = sqs_backends[DEFAULT_ACCOUNT_ID]["eu-west-1"].get_queue(url.rsplit("/", 1)[-1])
    messages: list[Any] = list(queue._messages)
    found = [
        message
        for message in messages
        if message.delayed_until <= message.sent_timestamp
        and json.loads(message.body).get("attempt") == 1
        and "channel_name" not in json.loads(message.body)["event"]
    ]
    for message in found:
        queue._messages.remove(message)
    return [json.loads(message.body) for message in found]


def queued(deployed: Stack, name: str = "SLACK") -> list[tuple[dict[str, Any], int]]:
    """Take all messages of a retry queue out of moto's memory. Return them with their delays in seconds."""
    url = deployed.variables[f"{name}_RETRY_QUEUE_URL"]
    queue = sqs_backends[DEFAULT_ACCOUNT_ID]["eu-west-1"].get_queue(url.rsplit("/", 1)[-1])
    messages: list[Any] = list(queue._messages)
    found = [
        (json.loads(message.body), round(max(0, message.delayed_until - message.sent_timestamp) / 1000))
        for message in messages
    ]
    queue._messages.clear()
    return found


def by_sqs(*bodies: dict[str, Any]) -> dict[str, Any]:
    """The event that SQS sends to a function."""
    records = [
        {"messageId": f"q{place}", "eventSource": "aws:sqs", "body": json.dumps(body)}
        for place, body in enumerate(bodies)
    ]
    return {"Records": records}


def told(event: AlertEvent) -> list[tuple[str, int, str]]:
    """Channel, attempt and outcome of each delivery, oldest first."""
    return [(record.channel_id, record.attempt, record.outcome) for record in reversed(Deliveries.of(event.alert.id))]


def record_of(event: AlertEvent) -> DeliveryRecord:
    """The record of the newest delivery."""
    return Deliveries.of(event.alert.id)[0]
