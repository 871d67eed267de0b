"""Every file in events/ is a real envelope, and its function does what the file's name says with it."""

import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from aws_lambda_powertools.utilities.parser.models import (
    APIGatewayProxyEventModel,
    EventBridgeModel,
    SnsModel,
    SqsModel,
)
from pydantic import BaseModel

from driftguard.alerts.events import AlertEvent
from driftguard.alerts.schemas import Alert
from driftguard.alerts.tables import Alerts
from driftguard.checks.messages import CheckMessage, JoinMessage
from driftguard.models.schemas import EraseMessage
from driftguard.models.settings import ModelSettings
from driftguard.models.tables import Models
from driftguard.notifications.messages import Retry
from driftguard.notifications.outgoing import Answer
from driftguard.notifications.providers.base import StoredChannel
from driftguard.notifications.schemas import NEW_CHANNEL
from driftguard.notifications.tables import Channels
from driftguard.organizations.commands import COMMAND
from driftguard.organizations.tables import ApiKeys
from driftguard.platform.dynamodb import transaction
from driftguard.platform.s3 import Bucket, ObjectReader
from driftguard.platform.times import iso
from driftguard.uploads.keys import LABELS, place_of
from driftguard.uploads.schemas import ObjectCreated
from driftguard.uploads.tables import Kind, Uploads
from rules.stack import target
from sandbox import stack
from sandbox.gateway import LambdaContext, function
from sandbox.roles import under_role
from tests.functional.conftest import Stack

EVENTS = Path(__file__).parents[2] / "events"

STATUSES = {
    "log_predictions.single": 202,
    "log_predictions.batch": 202,
    "log_predictions.columns": 202,
    "log_predictions.labels": 202,
    "manage_baselines.create_upload": 201,
    "manage_models.create": 201,
    "manage_models.delete": 204,
    "manage_channels.create_email": 201,
    "manage_channels.create_slack": 201,
    "manage_channels.create_webhook": 201,
    "manage_channels.delete": 204,
}
"""What the routes answer that do not answer 200."""

ENDINGS = [
    "manage_channels.delete",
    "manage_models.delete",
    "erase_model.queue",
    "manage_organizations.revoke_key",
    "manage_organizations.erase_organization",
]
"""What takes away what other events need, and so comes last, in this order."""

NO_FAILURES: dict[str, Any] = {"batchItemFailures": []}

ANSWERS: dict[str, Callable[[Any], bool]] = {
    "build_baseline.file": lambda answer: answer == {"outcome": "done"},
    "load_labels.file": lambda answer: answer == {"outcome": "done"},
    "check_drift.queue": lambda answer: answer == NO_FAILURES,
    "join_labels.queue": lambda answer: answer == NO_FAILURES,
    "erase_model.queue": lambda answer: answer == NO_FAILURES,
    "schedule_checks.tick": lambda answer: answer["messages"] >= 1,
    "notify_email.topic": lambda answer: answer == NO_FAILURES,
    "notify_email.retry": lambda answer: answer == NO_FAILURES,
    "notify_email.test": lambda answer: answer["delivered"],
    "notify_slack.topic": lambda answer: answer == NO_FAILURES,
    "notify_slack.retry": lambda answer: answer == NO_FAILURES,
    "notify_slack.test": lambda answer: answer == {"delivered": True, "detail": "ok"},
    "notify_webhook.topic": lambda answer: answer == NO_FAILURES,
    "notify_webhook.retry": lambda answer: answer == NO_FAILURES,
    "notify_webhook.test": lambda answer: answer["delivered"],
    "manage_organizations.create": lambda answer: answer["name"] == "Acme",
    "manage_organizations.issue_key": lambda answer: answer["role"] == "ingest",
    "manage_organizations.list_keys": lambda answer: bool(answer["keys"]),
    "manage_organizations.spread_model": lambda answer: answer == {"partitions": 8},
    "manage_organizations.revoke_key": lambda answer: answer == {"revoked": True},
    "manage_organizations.erase_organization": lambda answer: not answer["erased"],
}
"""What the functions answer that are not behind the API."""

MESSAGES: dict[str, type[BaseModel]] = {
    "check_drift.queue": CheckMessage,
    "join_labels.queue": JoinMessage,
    "erase_model.queue": EraseMessage,
    "notify_email.retry": Retry,
    "notify_slack.retry": Retry,
    "notify_webhook.retry": Retry,
}
"""What the queues' producers write."""


def names() -> list[str]:
    """All files as `<function>.<case>`."""
    return sorted(path.name.removesuffix(".json") for path in EVENTS.iterdir())


def load(name: str) -> dict[str, Any]:
    """The event in one file."""
    event: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    return event


def kind(event: dict[str, Any]) -> str:
    """What sends an event of this form: a type of SAM's events, a rule, or whoever invokes the function directly."""
    if "httpMethod" in event:
        return "Api"
    if "detail-type" in event:
        return "Rule"
    if "Records" in event:
        return "SNS" if "Sns" in event["Records"][0] else "SQS"
    return "direct"


def replay(name: str) -> Any:
    """What the function answers, under its own role."""
    code = name.partition(".")[0]
    with under_role(code):
        return function(code).handler(load(name), LambdaContext(function_name=code, seconds_left=900.0))


@pytest.fixture
def lived_in(deployed: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stack with what the events speak of: a key, a model with baseline, data and a report, an alert, channels."""
    message = AlertEvent.model_validate_json(load("notify_email.topic")["Records"][0]["Sns"]["Message"])
    organization_id, model_id, now = message.organization_id, message.model_id, datetime.now(UTC)
    plan = boto3.client("apigateway").create_usage_plan(name="plan")["id"]
    monkeypatch.setenv("USAGE_PLAN_ID", plan)
    monkeypatch.setenv("EMAIL_FROM", "drift@example.com")
    for variable in ("RETRY_QUEUE_URL", "EMAIL_QUEUE_URL"):
        monkeypatch.setenv(variable, deployed.variables["EMAIL_RETRY_QUEUE_URL"])
    boto3.client("ses").verify_email_identity(EmailAddress="drift@example.com")
    for code in ("manage_channels", "notify_slack", "notify_webhook"):
        monkeypatch.setattr(function(code), "system_resolver", lambda host, port: ["3.3.3.3"])
    for code in ("notify_slack", "notify_webhook"):
        monkeypatch.setattr(function(code), "by_urllib3", lambda call: Answer(200, {}, "ok"))

    ApiKeys.add_organization(organization_id, "Acme", now)
    organization = ApiKeys.organization(organization_id)
    assert organization is not None
    key_id = load("manage_models.list")["requestContext"]["identity"]["apiKeyId"]
    ApiKeys.add_key(organization, key_id, "admin", "by hand", now)
    model = Models(
        organization_id,
        f"model#{model_id}",
        organization_id=organization_id,
        model_id=model_id,
        name="churn",
        partitions=[4],
        created_at=iso(now),
    )
    model.settings = ModelSettings()
    Models.add(model)
    for name in ("manage_baselines.put", "log_predictions.batch", "check_drift.by_hand"):
        assert replay(name)["statusCode"] < 300
    request = json.loads(load("manage_baselines.create_upload")["body"])
    kinds: tuple[tuple[str, Kind], ...] = (("build_baseline.file", "baseline"), ("load_labels.file", "labels"))
    for name, kind_of_file in kinds:
        place = place_of(ObjectCreated.model_validate(load(name)).detail.object.key)
        assert place is not None
        about = request if kind_of_file == "baseline" else {"format": "csv"}
        Uploads.add(*place, about, url_expires_at=now, now=now, kind=kind_of_file)
    packed = gzip.compress(b"tenure,contract,zip,churned\n" + b"12,One year,01067,false\n" * 100)
    labels = b"prediction_id,label\norder-17,1\n"

    def opened(_bucket: Bucket, key: str, _etag: str, _size: int) -> ObjectReader:
        content = labels if key.endswith(LABELS) else packed
        return ObjectReader(lambda start, end: content[start:end], len(content))

    monkeypatch.setattr(Bucket, "open", opened)
    for event, settings in (
        ("notify_email.retry", {"type": "email", "to": ["team@example.com"]}),
        ("notify_slack.retry", {"type": "slack", "webhook_url": "https://hooks.slack.com/services/T1/B1/x"}),
        ("notify_webhook.retry", {"type": "webhook", "url": "https://incidents.example.com/driftguard"}),
    ):
        channel_id = Retry.model_validate_json(load(event)["Records"][0]["body"]).channel_id
        Channels.add(StoredChannel(channel_id, organization_id, NEW_CHANNEL.validate_python(settings), now, now))
    with transaction() as write:
        Alerts.write(
            write, Alert(organization_id=organization_id, **message.alert.model_dump(exclude={"features_total"}))
        )


def test_every_event_does_what_its_name_says(lived_in: None) -> None:
    """The function behind each event takes it and answers as it should, under its own role."""
    wrong = {}
    for name in sorted(names(), key=lambda name: (ENDINGS.index(name) if name in ENDINGS else -1, name)):
        answer = replay(name)
        if not (ANSWERS[name](answer) if name in ANSWERS else answer["statusCode"] == STATUSES.get(name, 200)):
            wrong[name] = answer
    assert wrong == {}


@pytest.mark.parametrize("name", names())
def test_an_event_has_the_envelope_that_aws_sends(name: str) -> None:
    """Powertools' models of AWS's events take every envelope; a direct one is a command or a test."""
    event = load(name)
    match kind(event):
        case "Api":
            APIGatewayProxyEventModel.model_validate(event)
            assert event["resource"] == event["requestContext"]["resourcePath"]
            filled = event["resource"].format(**(event["pathParameters"] or {}))
            assert filled == event["path"]
        case "Rule":
            EventBridgeModel.model_validate(event)
        case "SNS":
            SnsModel.model_validate(event)
        case "SQS":
            SqsModel.model_validate(event)
        case "direct" if name.startswith("manage_organizations"):
            COMMAND.validate_python(event)
        case "direct":
            assert set(event) == {"test"}


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_a_message_in_an_event_is_what_its_producer_writes(name: str) -> None:
    """The body of a queue's event is, field by field, what the code that fills that queue writes today."""
    body = load(name)["Records"][0]["body"]
    assert json.loads(MESSAGES[name].model_validate_json(body).model_dump_json()) == json.loads(body)


@pytest.mark.parametrize("name", ["notify_email.topic", "notify_slack.topic", "notify_webhook.topic"])
def test_an_alert_in_an_event_is_what_the_checks_publish(name: str) -> None:
    """The message from the topic is, field by field, an alert event as it is published today."""
    message = load(name)["Records"][0]["Sns"]["Message"]
    assert json.loads(AlertEvent.model_validate_json(message).model_dump_json()) == json.loads(message)


def test_every_function_has_an_event_of_each_kind_that_reaches_it() -> None:
    """Whatever the template lets invoke a function is there to be tried: API, queue, topic, schedule, or by hand."""
    resources = stack.source()["Resources"]
    by_rule = {
        target(to["Arn"]).removesuffix(".Alias")
        for resource in resources.values()
        if resource["Type"] == "AWS::Events::Rule"
        for to in resource["Properties"]["Targets"]
    }
    wanted: dict[str, set[str]] = {}
    for logical, resource in resources.items():
        if resource["Type"] == "AWS::Serverless::Function":
            code = resource["Properties"]["CodeUri"].removeprefix("functions/")
            kinds = {event["Type"] for event in resource["Properties"].get("Events", {}).values()}
            if logical in by_rule:
                kinds.add("Rule")
            if not kinds or code.startswith("notify_"):
                kinds.add("direct")
            wanted[code] = kinds
    found: dict[str, set[str]] = {}
    for name in names():
        found.setdefault(name.partition(".")[0], set()).add(kind(load(name)))
    assert found == wanted


def test_events_are_of_routes_that_exist() -> None:
    """Each API event names a method and a resource that the template gives to that very function."""
    routes = {
        (resource["Properties"]["CodeUri"], event["Properties"]["Method"].upper(), event["Properties"]["Path"])
        for resource in stack.source()["Resources"].values()
        for event in resource.get("Properties", {}).get("Events", {}).values()
        if event["Type"] == "Api"
    }
    for name in names():
        event = load(name)
        if kind(event) == "Api":
            assert (f"functions/{name.partition('.')[0]}", event["httpMethod"], event["resource"]) in routes
