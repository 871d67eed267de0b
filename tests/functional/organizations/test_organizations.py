"""Organizations and keys by direct invocation, with API Gateway's own keys in moto."""

import bz2
import json
import re
import zlib
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from driftguard.alerts.tables import Outbox
from driftguard.api import resolver
from driftguard.baselines.references import References
from driftguard.checks.messages import JoinMessage
from driftguard.counting import folding
from driftguard.models.tables import Models
from driftguard.models.task import Task
from driftguard.notifications.deliveries import Deliveries
from driftguard.notifications.messages import ChannelNotice, Event
from driftguard.notifications.tables import Channels
from driftguard.organizations import administration
from driftguard.performance import joining
from driftguard.performance import tables as performance_tables
from driftguard.performance.counts import Counts
from driftguard.performance.label_rows import UNDATED
from driftguard.platform import dynamodb
from driftguard.platform.sizes import chunks
from driftguard.predictions import storing
from sandbox import stack
from sandbox.gateway import Answer, LambdaContext, function
from sandbox.kinds import KINDS, kinds
from sandbox.roles import granted, under_role
from tests.functional.conftest import Stack
from tests.functional.models import log, make_model, records, rows, tick
from tests.functional.notifying import happened


@pytest.fixture
def plan(deployed: Stack, monkeypatch: pytest.MonkeyPatch) -> str:
    """A usage plan that keys are put into."""
    tags = {"driftguard:stack": "mine", "team": "ml", "aws:cloudformation:stack-name": "mine"}
    made = boto3.client("apigateway").create_usage_plan(name="plan", tags=tags)
    monkeypatch.setenv("USAGE_PLAN_ID", made["id"])
    plan_id: str = made["id"]
    return plan_id


def invoke(**command: Any) -> dict[str, Any]:
    """What the function answers, under its own role."""
    with under_role("manage_organizations"):
        answer: dict[str, Any] = function("manage_organizations").handler(command, LambdaContext())
    return answer


def test_an_organization_and_its_keys_live_and_end(deployed: Stack, plan: str) -> None:
    """A key made here opens what its role allows; revoked, it opens nothing, here and at the gateway."""
    organization = invoke(action="create_organization", name="Acme")["organization_id"]
    keys = {
        role: invoke(action="issue_key", organization_id=organization, role=role, name=f"{role} key")
        for role in ("admin", "viewer", "ingest")
    }
    gateway = boto3.client("apigateway")
    in_plan = {key["id"] for key in gateway.get_usage_plan_keys(usagePlanId=plan)["items"]}
    assert in_plan == {key["api_key_id"] for key in keys.values()}
    assert all(len(key["api_key"]) >= 20 for key in keys.values())
    for key in keys.values():
        tags = gateway.get_api_key(apiKey=key["api_key_id"])["tags"]
        assert tags == {"driftguard:stack": "mine", "team": "ml"}
    viewer = keys["viewer"]["api_key_id"]
    me = deployed.gateway.call("GET", "/me", key_id=viewer)
    assert me.body == {"organization": {"id": organization, "name": "Acme"}, "role": "viewer", "expires_at": None}
    assert deployed.gateway.call("POST", "/models", {"name": "x"}, key_id=viewer).status == 403
    listed = invoke(action="list_keys", organization_id=organization)["keys"]
    assert {(key["api_key_id"], key["role"], key["revoked_at"]) for key in listed} == {
        (key["api_key_id"], role, None) for role, key in keys.items()
    }
    assert all("api_key" not in key for key in listed)
    revoke = {"action": "revoke_key", "organization_id": organization, "api_key_id": viewer}
    assert invoke(**revoke) == {"revoked": True}
    assert invoke(**revoke) == {"revoked": True}
    assert gateway.get_api_key(apiKey=viewer)["enabled"] is False
    assert deployed.gateway.call("GET", "/me", key_id=viewer).status == 403
    revoked = [key for key in invoke(action="list_keys", organization_id=organization)["keys"] if key["revoked_at"]]
    assert [key["api_key_id"] for key in revoked] == [viewer]


def test_wrong_commands_say_what_is_wrong(deployed: Stack, plan: str) -> None:
    """An unknown action, a missing field, a foreign key and an unknown organization are answered, not raised."""
    assert invoke(action="nonsense")["error"]["status"] == 422
    assert invoke(action="issue_key", organization_id="acme")["error"]["errors"][0]["loc"][-1] == "role"
    assert invoke(action="issue_key", organization_id="none", role="admin")["error"]["status"] == 404
    assert invoke(action="list_keys", organization_id="none")["error"]["status"] == 404
    key = invoke(action="issue_key", organization_id="acme", role="admin")["api_key_id"]
    other = invoke(action="create_organization", name="Other")["organization_id"]
    stolen = invoke(action="revoke_key", organization_id=other, api_key_id=key)
    assert stolen["error"]["status"] == 404
    assert deployed.gateway.call("GET", "/me", key_id=key).status == 200


def test_a_model_can_be_spread_over_more_partitions_but_not_fewer(deployed: Stack, plan: str) -> None:
    """Growing keeps what was stored and its ids; shrinking is refused."""
    model_id = deployed.call("POST", "/models", {"name": "busy"}).body["id"]
    rows = [{"features": {"a": number}, "prediction_id": f"p{number}"} for number in range(40)]
    first = [deployed.call("POST", "/predictions", {"model_id": model_id, **row}) for row in rows]
    spread = {"action": "spread_model", "organization_id": "acme", "model_id": model_id}
    assert invoke(**spread, partitions=16) == {"partitions": 16}
    assert invoke(**spread, partitions=8)["error"]["status"] == 409
    assert (
        invoke(action="spread_model", organization_id="other", model_id=model_id, partitions=32)["error"]["status"]
        == 404
    )
    again = [deployed.call("POST", "/predictions", {"model_id": model_id, **row}) for row in rows]
    assert [answer.status for answer in first + again] == [202] * 80
    assert len(deployed.call("GET", f"/models/{model_id}/predictions?limit=500").body) == 40


def test_keys_are_rotated_with_an_overlap(deployed: Stack, plan: str) -> None:
    """A second admin key opens all that the first does; the first revoked, the second goes on and nothing is lost."""
    old, new = (invoke(action="issue_key", organization_id="acme", role="admin")["api_key_id"] for _ in range(2))
    made = deployed.gateway.call("POST", "/models", {"name": "churn"}, key_id=old).body["id"]
    paths = ("/me", "/models", f"/models/{made}")
    before = [deployed.gateway.call("GET", path, key_id=old).text for path in paths]
    assert [deployed.gateway.call("GET", path, key_id=new).text for path in paths] == before
    assert invoke(action="revoke_key", organization_id="acme", api_key_id=old) == {"revoked": True}
    assert {deployed.gateway.call("GET", path, key_id=old).status for path in paths} == {403}
    assert [deployed.gateway.call("GET", path, key_id=new).text for path in paths] == before


class Clock:
    """The time that every function sees."""

    now = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that a test moves."""
    made = Clock()
    for module in (function("manage_organizations"), resolver):
        monkeypatch.setattr(module, "datetime", SimpleNamespace(now=lambda zone: made.now))
    return made


def test_a_key_expires_at_its_time(deployed: Stack, plan: str, clock: Clock) -> None:
    """Until then it opens what its role allows. From then on each request is refused with the reason."""
    wanted = {"action": "issue_key", "organization_id": "acme", "role": "viewer", "name": "auditor"}
    made = invoke(**wanted, expires_at="2026-11-21T12:00:00Z")
    assert made["expires_at"] == "2026-11-21T12:00:00.000000Z"
    clock.now = datetime(2026, 11, 21, 11, 59, 59, tzinfo=UTC)
    me = deployed.gateway.call("GET", "/me", key_id=made["api_key_id"])
    assert (me.status, me.body["expires_at"]) == (200, "2026-11-21T12:00:00Z")
    clock.now += timedelta(seconds=1)
    refused = deployed.gateway.call("GET", "/me", key_id=made["api_key_id"])
    assert (refused.status, refused.body["title"]) == (403, "Forbidden")
    assert refused.body["detail"].startswith("This API key expired at 2026-11-21T12:00:00.000000Z.")
    keys = {key["api_key_id"]: key for key in invoke(action="list_keys", organization_id="acme")["keys"]}
    assert keys[made["api_key_id"]]["expires_at"] == made["expires_at"]


def test_a_key_that_would_be_expired_is_not_made(deployed: Stack, plan: str, clock: Clock) -> None:
    """A time that is not in the future is refused, and API Gateway gets no key."""
    wanted = {"action": "issue_key", "organization_id": "acme", "role": "viewer"}
    for at in ("2026-11-20T12:00:00Z", "2026-11-20T11:00:00Z", "tomorrow"):
        assert invoke(**wanted, expires_at=at)["error"]["errors"][0]["loc"][-1] == "expires_at"
    assert boto3.client("apigateway").get_api_keys()["items"] == []


def test_a_rotated_key_goes_on_for_the_overlap(deployed: Stack, plan: str, clock: Clock) -> None:
    """The new key has the old one's role and name. The old one ends after the overlap, and not later than it would."""
    old = invoke(action="issue_key", organization_id="acme", role="ingest", name="churn service")["api_key_id"]
    rotate = {"action": "rotate_key", "organization_id": "acme", "api_key_id": old}
    made = invoke(**rotate, overlap_hours=2)
    assert (made["role"], made["name"], made["old_key_expires_at"]) == (
        "ingest",
        "churn service",
        "2026-11-20T14:00:00.000000Z",
    )
    assert invoke(**rotate)["old_key_expires_at"] == made["old_key_expires_at"]
    clock.now += timedelta(hours=2)
    assert deployed.gateway.call("GET", "/me", key_id=old).status == 403
    assert deployed.gateway.call("GET", "/me", key_id=made["api_key_id"]).status == 200
    assert invoke(**{**rotate, "organization_id": "none"})["error"]["status"] == 404
    invoke(action="revoke_key", organization_id="acme", api_key_id=old)
    assert invoke(**rotate)["error"]["status"] == 409


def test_changes_of_keys_are_activity(deployed: Stack, plan: str, clock: Clock) -> None:
    """An admin sees which keys were issued, rotated and revoked, and never a value."""
    old = invoke(action="issue_key", organization_id="acme", role="ingest", name="churn service")
    clock.now += timedelta(minutes=1)
    new = invoke(action="rotate_key", organization_id="acme", api_key_id=old["api_key_id"])
    clock.now += timedelta(minutes=1)
    invoke(action="revoke_key", organization_id="acme", api_key_id=old["api_key_id"])
    answer = deployed.call("GET", "/activity")
    entries = [(entry["action"], entry["subject_id"], entry["actor"]) for entry in answer.body]
    assert entries[0] == ("key_revoked", old["api_key_id"], "operator")
    assert set(entries[1:]) == {
        ("key_issued", old["api_key_id"], "operator"),
        ("key_issued", new["api_key_id"], "operator"),
        ("key_rotated", old["api_key_id"], "operator"),
    }
    assert old["api_key"] not in answer.text
    assert new["api_key"] not in answer.text


def erase_what_was_asked(organization_id: str) -> None:
    """What the erase queue's messages bring about."""
    for mark in list(Models.query(organization_id, Models.sk.startswith("erase#"))):
        body = json.dumps({"organization_id": organization_id, "model_id": mark.model_id})
        with under_role("erase_model"):
            assert function("erase_model").handler(records(body), LambdaContext()) == {"batchItemFailures": []}


def opened(value: Any) -> str:
    """What DynamoDB's JSON holds, compressed values opened."""
    match value:
        case bytes():
            with suppress(zlib.error):
                return zlib.decompress(value).decode()
            with suppress(OSError, ValueError):
                return bz2.decompress(value).decode()
            return value.decode("latin-1")
        case dict():
            return " ".join(f"{name} {opened(part)}" for name, part in value.items())
        case list():
            return " ".join(map(opened, value))
    return str(value)


def items(deployed: Stack) -> list[tuple[str, dict[str, Any]]]:
    """Every item of every table."""
    client = boto3.client("dynamodb")
    tables = {name: variable for variable, name in deployed.variables.items() if variable.endswith("_TABLE")}
    pages = ((name, page) for name in tables for page in client.get_paginator("scan").paginate(TableName=name))
    return [(tables[name].removesuffix("_TABLE"), item) for name, page in pages for item in page["Items"]]


def traces(deployed: Stack, *words: str) -> list[str]:
    """The items of all tables, and the keys of the bucket, in which one of these words is, compressed or not."""
    found = [opened(item) for _table, item in items(deployed)]
    stored = boto3.client("s3").list_objects_v2(Bucket=deployed.variables["UPLOADS_BUCKET"]).get("Contents", [])
    return [text for text in [*found, *(part["Key"] for part in stored)] if any(word in text for word in words)]


EXPIRING = {
    "how a check ended": 2,
    "who changed what": 400,
    "an upload": 7,
    "a batch": 21,
    "a prediction": 21,
    "a request with an Idempotency-Key": 21,
    "a request without any id": 21,
    "a chunk of a batch": 21,
    "labels": 21,
    "a join by hand": 1,
    "an hour": 35,
    "a day": 50,
    "a day by hour": 100,
    "what is known of the past": 4,
    "a check": 90,
    "an alert": 90,  # once it is resolved
    "a delivery": 90,
    "a notice of a channel": 90,
}
"""How many days each kind lives, with HistoryRetentionDays at 90. The others live as long as what they belong to."""

AFTER_THE_EVENT_DAY = {"a day of labels": 400, "a part of a day": 90 + 30, "a run of a part": 90 + 30}
"""How many days each kind lives after the end of its event day."""

WITHOUT_EVENT_DAY = 22 + 30
"""How many days a label without a known event day lives after the end of the day of its arrival."""


@dataclass
class Tenant(Stack):
    """An organization and one key of it."""

    key_id: str

    def call(self, method: str, path: str, body: Any = None, *, role: str = "admin", **options: Any) -> Answer:
        return self.gateway.call(method, path, body, key_id=self.key_id, **options)


def lived_in(deployed: Stack, name: str, monkeypatch: pytest.MonkeyPatch) -> tuple[str, list[str]]:
    """An organization with an item of every kind, of its first model wherever it is a model's; its id, and every id
    that belongs to it."""
    organization = invoke(action="create_organization", name=name)["organization_id"]
    key = invoke(action="issue_key", organization_id=organization, role="admin")["api_key_id"]
    own = Tenant(deployed.gateway, organization, deployed.variables, key)
    models = [make_model(own, f"{name} {number}", task={"type": "regression"}) for number in range(2)]
    invoke(action="spread_model", organization_id=organization, model_id=models[0], partitions=8)
    for model_id in models:
        begun = datetime.now(UTC) - timedelta(days=60)
        sample = [
            {
                "features": row["features"],
                "prediction": row["prediction"],
                "label": row["prediction"],
                "timestamp": (begun + timedelta(minutes=10 * number)).isoformat(),
            }
            for number, row in enumerate(rows(1, 0.0, count=2000))
        ]
        for number in range(120):  # more categories than are kept by name, and ages that are no numbers
            sample[number]["features"] = {"age": "old", "plan": f"seldom {number}"}
        assert own.call("PUT", f"/models/{model_id}/baseline", {"rows": sample, "days": 14}).status == 200
        task = Task(type="regression")
        counts = [Counts.empty(0).encode()]
        reference = References.of_days(model_id, counts, task=task, rows=1, start=begun, end=begun, now=begun)
        with dynamodb.transaction() as write:
            reference.add(write)
        log(own, model_id, rows(7, 0.6, count=300), batch_id="b1")
        for number in range(4):
            one = {"model_id": model_id, "features": {"age": 50}, "prediction": 0.5, "prediction_id": f"p{number}"}
            assert own.call("POST", "/predictions", one).status == 202
            many = {"model_id": model_id, "predictions": [{"features": {"age": 50}}]}
            for headers in ({}, {"Idempotency-Key": f"k{number}"}):
                assert own.call("POST", "/predictions/batch", many, headers=dict(headers)).status == 202
        many["batch_id"] = "b2"
        assert own.call("POST", "/predictions/batch", many, headers={"Idempotency-Key": "marker"}).status == 202
        with monkeypatch.context() as small:
            small.setattr(storing, "MAX_ITEM_BYTES", 300)
            log(own, model_id, rows(8, 0.6, count=20), batch_id="b3")
        labels = [{"prediction_id": f"p{number}", "label": 0.25} for number in range(4)]
        assert own.call("POST", "/labels", {"model_id": model_id, "labels": labels}).status == 202
    check_and_join(own, models, monkeypatch)
    alerts = [own.call("GET", f"/drift/models/{model_id}/alerts").body[0]["id"] for model_id in models]
    channels = [
        own.call("POST", "/alert-channels", {"type": "email", "to": ["team@example.com"], **limit}).body["id"]
        for limit in ({"model_ids": [models[0]]}, {})
    ]
    now = datetime.now(UTC)
    uploads = []
    for model_id, alert_id in zip(models, alerts, strict=True):
        upload = own.call("POST", f"/models/{model_id}/baseline/uploads", {"format": "csv"}).body["upload_id"]
        boto3.client("s3").put_object(
            Bucket=deployed.variables["UPLOADS_BUCKET"], Key=f"{organization}/{model_id}/{upload}", Body=b"a\n1\n"
        )
        uploads.append(upload)
        event = happened(model_id=model_id, organization_id=organization)
        event = event.model_copy(update={"alert": event.alert.model_copy(update={"id": alert_id})})
        with dynamodb.transaction() as write:
            Outbox.write(write, event)
        deliver(event, organization, channels[1], now)
    notice = ChannelNotice(
        organization_id=organization,
        channel_id=channels[0],
        channel_name="limited",
        channel_type="email",
        reason="404",
        since=now,
    )
    deliver(notice, organization, channels[1], now)
    return organization, [organization, key, *models, *alerts, *channels, *uploads]


def check_and_join(own: Tenant, models: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Check the models twice and join their labels, as if what was just logged had settled."""
    with monkeypatch.context() as settled:
        settled.setattr(folding, "SETTLED", -timedelta(minutes=1))
        settled.setattr(joining, "SETTLED", -timedelta(minutes=1))
        settled.setattr(performance_tables, "chunks", partial(chunks, size=300))
        tick(own, "tick-1")
        tick(own, "tick-2")
        for model_id in models:
            message = JoinMessage(
                organization_id=own.organization_id, model_id=model_id, by_hand=True, request="request"
            )
            with under_role("join_labels"):
                answer = function("join_labels").handler(records(message.model_dump_json()), LambdaContext())
            assert answer == {"batchItemFailures": []}


def deliver(event: Event, organization: str, channel_id: str, now: datetime) -> None:
    """An event's way to a channel, begun."""
    channel = Channels.one(organization, channel_id)
    assert channel is not None
    assert Deliveries.claim(event, channel, 1, now=now, lease=timedelta(0), keep_days=90)


def has_every_kind(deployed: Stack, words: list[str]) -> None:
    """Nothing is proven erased that was never there: of each kind there is one in which these words are."""
    found = {kind for table, item in items(deployed) if traced(item, words) for kind in kinds(table, item)}
    assert found == set(KINDS)
    for table, item in items(deployed):
        assert kinds(table, item) or item["pk"]["S"] == "schedule", f"of no kind that is known: {item}"


def traced(item: dict[str, Any], words: list[str]) -> bool:
    """Whether one of these words is in an item."""
    return any(word in opened(item) for word in words)


def test_an_organization_is_erased_from_every_table(
    deployed: Stack, plan: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its keys end at once, its models through the queue, itself last; a neighbour keeps every item."""
    _neighbour, others = lived_in(deployed, "Neighbour", monkeypatch)
    gone, ids = lived_in(deployed, "Gone", monkeypatch)
    has_every_kind(deployed, ids)
    theirs = sorted(traces(deployed, *others))
    command = {"action": "erase_organization", "organization_id": gone}
    assert invoke(**command, name="Neighbour")["error"]["status"] == 409
    assert deployed.gateway.call("GET", "/me", key_id=ids[1]).status == 200

    assert invoke(**command, name="Gone") == {"erased": False, "models_left": 2}
    assert deployed.gateway.call("GET", "/me", key_id=ids[1]).status == 403
    remaining = {key["id"] for key in boto3.client("apigateway").get_api_keys()["items"]}
    assert ids[1] not in remaining
    refused = invoke(action="issue_key", organization_id=gone, role="admin")
    assert refused["error"]["status"] == 409
    assert {key["id"] for key in boto3.client("apigateway").get_api_keys()["items"]} == remaining
    assert invoke(**command, name="Gone") == {"erased": False, "models_left": 2}

    erase_what_was_asked(gone)
    assert invoke(**command, name="Gone") == {"erased": False, "models_left": 0}, "a request may still be under way"
    monkeypatch.setattr(administration, "LAST_REQUEST", timedelta(0))
    assert invoke(**command, name="Gone") == {"erased": True, "models_left": 0}
    assert traces(deployed, *ids, "Gone") == []
    assert sorted(traces(deployed, *others)) == theirs
    assert invoke(**command, name="Gone")["error"]["status"] == 404


def test_open_alerts_are_resolved_and_told_before_an_organization_is_erased(
    deployed: Stack, plan: str, published: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each open alert is resolved, and the channels live on while its last message may be on its way."""
    organization, ids = lived_in(deployed, "Gone", monkeypatch)
    models, channels = set(ids[2:4]), ids[6:8]
    opened = {event["alert"]["id"] for event in published.refresh() if event["kind"] == "opened"}
    assert opened >= set(ids[4:6])
    published.clear()
    invoke(action="erase_organization", organization_id=organization, name="Gone")
    over = [event for event in published.refresh() if event["reason"] == "model_deleted"]
    assert {event["model_id"] for event in over} == models
    assert {event["alert"]["id"] for event in over} == opened
    assert all(Channels.one(organization, channel) for channel in channels)


def test_an_erased_model_leaves_no_item_whatever_it_had(
    deployed: Stack, plan: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deleted model takes an item of every kind along. Its channel and the record of changes still name it."""
    organization, ids = lived_in(deployed, "Owner", monkeypatch)
    key, (gone, kept), (alert, _other), (channel, _all) = ids[1], ids[2:4], ids[4:6], ids[6:8]
    has_every_kind(deployed, ids)
    words, theirs = [gone, alert, ids[8]], sorted(traces(deployed, kept))
    before = {kind for table, item in items(deployed) if traced(item, words) for kind in kinds(table, item)}
    assert before == set(KINDS) - {"an organization", "one of its keys", "whose key it is", "a notice of a channel"}
    assert deployed.gateway.call("DELETE", f"/models/{gone}", key_id=key).status == 204
    erase_what_was_asked(organization)
    assert [text for text in traces(deployed, *words) if channel not in text and "#activity" not in text] == []
    assert sorted(traces(deployed, kept)) == theirs


def test_a_deleted_channel_takes_its_notices_along(deployed: Stack, plan: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else nobody would find them when the organization is erased; only the record of who changed what is kept."""
    _organization, ids = lived_in(deployed, "Owner", monkeypatch)
    assert any(f"channel#{ids[6]}" in text for text in traces(deployed, ids[6]))
    assert deployed.gateway.call("DELETE", f"/alert-channels/{ids[6]}", key_id=ids[1]).status == 204
    assert [text for text in traces(deployed, ids[6]) if "#activity" not in text] == []


def test_each_kind_of_item_lives_as_long_as_it_should(
    deployed: Stack, plan: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What expires has its time, by HistoryRetentionDays where that says so, in a table that has a time to live; and
    nothing else has one."""
    monkeypatch.setenv("HISTORY_RETENTION_DAYS", "90")
    _organization, ids = lived_in(deployed, "Owner", monkeypatch)
    alerts = deployed.gateway.call("GET", "/drift/alerts", key_id=ids[1]).body
    days_left = defaultdict[str, set[float | None]](set)
    days_after = defaultdict[str, set[float]](set)
    for _round in range(2):
        days_left.clear()
        for table, item in items(deployed):
            expires = float(item["expires_at"]["N"]) - datetime.now(UTC).timestamp() if "expires_at" in item else None
            for kind in kinds(table, item):
                if kind in AFTER_THE_EVENT_DAY:
                    days_after[kind].add(days_after_event_day(item))
                else:
                    days_left[kind].add(None if expires is None else round(expires / 86400))
        if _round == 0:
            assert days_left["an alert"] == {None}, "it is open"
            for alert in alerts:
                assert (
                    deployed.gateway.call("POST", f"/drift/alerts/{alert['id']}/resolve", key_id=ids[1]).status == 200
                )
    for kind, days in AFTER_THE_EVENT_DAY.items():
        assert days_after[kind] - {WITHOUT_EVENT_DAY} == {days}, kind
    expected: dict[str, set[float | None]] = {kind: {EXPIRING.get(kind)} for kind in KINDS}
    expected["a batch in a partition that came later"] = {21}
    assert days_left == {kind: days for kind, days in expected.items() if kind in days_left}
    unseen = set(KINDS) - set(days_left) - set(days_after)
    assert unseen <= {"an event that SNS does not have yet"}, "those were published"
    tables = {KINDS[kind][0] for kind in (*EXPIRING, *AFTER_THE_EVENT_DAY)}
    resources = stack.resolved()["Resources"]
    for table in tables:
        wanted = {"AttributeName": "expires_at", "Enabled": True}
        assert resources[f"{table.capitalize()}Table"]["Properties"]["TimeToLiveSpecification"] == wanted


def days_after_event_day(item: dict[str, Any]) -> float:
    """How many days an item of labels lives after the end of its day."""
    day = int(re.findall(r"#(\d{7})$", f"{item['pk']['S']}\n{item['sk']['S']}", re.MULTILINE)[0])
    return float(item["expires_at"]["N"]) / 86400 - day % UNDATED - 1


def test_who_writes_what_expires_knows_the_parameter() -> None:
    """Each function that may write checks, alerts or deliveries is told HistoryRetentionDays."""
    functions = {
        name: resource["Properties"]["Environment"]["Variables"]
        for name, resource in stack.resolved(HistoryRetentionDays="77")["Resources"].items()
        if resource["Type"] == "AWS::Lambda::Function"
    }
    writes = {"dynamodb:PutItem", "dynamodb:UpdateItem"}
    told = set()
    for name, variables in functions.items():
        code = re.sub(r"(?<!^)([A-Z])", r"_\1", name.removesuffix("Function")).lower()
        written = {table for action, table in granted(code) if action in writes}
        if written & {"HistoryTable", "AlertsTable", "DeliveriesTable"}:
            assert str(variables.get("HISTORY_RETENTION_DAYS")) == "77", name
            told.add(name)
    assert len(told) >= 7
