"""Every route of the OpenAPI document, tried with what is not the caller's: ids, roles, keys, cursors."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import boto3
import pytest
from botocore.client import BaseClient

from driftguard.ids import new_id
from driftguard.tables.organizations import ApiKeys
from tests.functional.conftest import Stack, add_organization
from tests.functional.gateway import Answer
from tests.functional.test_checks import log, make_model, rows

DOCUMENT = json.loads((Path(__file__).parents[2] / "layers/driftguard/driftguard/openapi.json").read_text())

UNKNOWN = {
    "model_id": "01K0000000000000000000000A",
    "alert_id": "01K0000000000000000000000B",
    "channel_id": "01K0000000000000000000000C",
    "upload_id": "01K0000000000000000000000D",
    "version": "7",
}
"""An id of each kind of the document's paths, in the shape of a real one, that nothing has."""

BODIES: dict[str, dict[str, Any]] = {
    "POST /models": {"name": "made by the test"},
    "PATCH /models/{model_id}": {"name": "taken over"},
    "PUT /models/{model_id}/baseline": {"rows": [{"features": {"age": number}} for number in range(20)]},
    "POST /models/{model_id}/baseline/uploads": {"format": "csv"},
    "POST /predictions": {"model_id": "{model_id}", "features": {"age": 1}},
    "POST /predictions/batch": {"model_id": "{model_id}", "predictions": [{"features": {"age": 1}}]},
    "POST /drift/models/{model_id}/simulate": {"days": 1},
    "POST /drift/alerts/{alert_id}/acknowledge": {"note": "mine now"},
    "POST /drift/alerts/{alert_id}/snooze": {"until": "2999-01-01T00:00:00Z"},
    "POST /drift/alerts/{alert_id}/resolve": {"note": "mine now"},
    "POST /alert-channels": {"type": "email", "to": ["a@example.com"]},
    "PATCH /alert-channels/{channel_id}": {"name": "taken over"},
}
"""A body that each route with one accepts."""

ALLOWED: dict[str, Callable[[str], bool]] = {
    "ingest": lambda route: route in ("POST /predictions", "POST /predictions/batch", "GET /me"),
    "viewer": lambda route: route.startswith("GET "),
    "admin": lambda route: True,
}


@dataclass(frozen=True)
class Route:
    """One operation of the document."""

    method: str
    path: str
    operation: dict[str, Any]

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def public(self) -> bool:
        return self.operation.get("security") == []

    @property
    def ids(self) -> list[str]:
        """The ids that the request carries, in its path or in its body."""
        in_path = [entry["name"] for entry in self.operation.get("parameters", []) if entry["in"] == "path"]
        return in_path or [name for name in UNKNOWN if f"{{{name}}}" in json.dumps(self.body)]

    @property
    def body(self) -> Any:
        return BODIES[self.name] if "requestBody" in self.operation else None

    def request(self, ids: dict[str, str]) -> tuple[str, str, Any]:
        """Method, path and body with these ids."""
        path, text = self.path, json.dumps(self.body)
        for name, value in ids.items():
            path = path.replace(f"{{{name}}}", quote(value))
            text = text.replace(f"{{{name}}}", value)
        assert "{" not in path, f"{self.name} has an id of a kind that UNKNOWN lacks"
        return self.method, path, json.loads(text)


ROUTES = [
    Route(method.upper(), path, operation)
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
]


@dataclass
class World:
    """Two organizations with a model each, and what the first one has."""

    stack: Stack
    ids: dict[str, str]
    others: dict[str, str]

    def call(self, route: Route, ids: dict[str, str], key_id: str | None) -> Answer:
        return self.stack.gateway.call(*route.request(ids), key_id=key_id)


@pytest.fixture
def world(deployed: Stack) -> World:
    """Acme has everything that has an id; Other has a model and nothing else."""
    model_id = make_model(deployed)
    log(deployed, model_id, rows(2, 0.6, count=300))
    assert deployed.call("POST", f"/drift/models/{model_id}/check").status == 200
    alert_id = deployed.call("GET", "/drift/alerts").body[0]["id"]
    channel = {"type": "email", "to": ["secret@acme.example"], "name": "acme's"}
    channel_id = deployed.call("POST", "/alert-channels", channel).body["id"]
    ids = {"model_id": model_id, "alert_id": alert_id, "channel_id": channel_id, "version": "1"}
    add_organization("other")
    other = deployed.gateway.call("POST", "/models", {"name": "other's"}, key_id="other-admin").body["id"]
    return World(deployed, {**UNKNOWN, **ids}, {**UNKNOWN, "model_id": other})


def everything(deployed: Stack) -> dict[str, list[str]]:
    """Every item of every table."""
    tables = [name for variable, name in deployed.variables.items() if variable.endswith("_TABLE")]
    pages = {name: boto3.client("dynamodb").get_paginator("scan").paginate(TableName=name) for name in tables}
    return {
        name: sorted(repr(sorted(item.items())) for page in found for item in page["Items"])
        for name, found in pages.items()
    }


@contextmanager
def calls_to_aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The names of the calls to AWS that are made in the block, in order."""
    made: list[str] = []
    original = BaseClient._make_api_call  # type: ignore[attr-defined]

    def noted(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        made.append(operation)
        return original(client, operation, parameters)

    with monkeypatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", noted)
        yield made


def test_only_health_asks_for_no_key() -> None:
    """Of what the document tells, one route answers without a key; the template's own tests hold the document full."""
    assert {route.name for route in ROUTES if route.public} == {"GET /health"}


def test_a_foreign_id_is_answered_like_one_that_nothing_has(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever a route takes an id, another tenant's and an unknown one give the same status and text by the same
    calls to AWS, so that neither words nor time tell them apart; and nothing anywhere is changed."""
    before = everything(world.stack)
    tried = 0
    for route in ROUTES:
        for name in route.ids:
            if name == "version":
                continue  # a number that each model counts for itself: there is no foreign one
            with calls_to_aws(monkeypatch) as foreign_calls:
                foreign = world.call(route, {**world.others, name: world.ids[name]}, "other-admin")
            with calls_to_aws(monkeypatch) as unknown_calls:
                unknown = world.call(route, {**world.others, name: UNKNOWN[name]}, "other-admin")
            assert foreign.status == 404, (route.name, foreign.text)
            assert (foreign.status, foreign.text) == (unknown.status, unknown.text), route.name
            assert foreign.headers.keys() == unknown.headers.keys()
            assert foreign_calls == unknown_calls, route.name
            tried += 1
    assert tried >= 22
    assert everything(world.stack) == before


def test_all_of_anothers_ids_at_once_open_nothing(world: World) -> None:
    """With every id of a request another tenant's, the answer is 404 for each role that may ask at all."""
    before = everything(world.stack)
    for route in ROUTES:
        for role in ("admin", "viewer", "ingest"):
            if route.ids and ALLOWED[role](route.name):
                answer = world.call(route, world.ids, f"other-{role}")
                assert answer.status == 404, (route.name, role, answer.text)
    assert everything(world.stack) == before


def test_lists_hold_nothing_of_another(world: World) -> None:
    """What a route without an id answers names nothing of another organization, and its cursors are refused."""
    mine = [value for name, value in world.ids.items() if value not in UNKNOWN.values() and name != "version"]
    assert len(mine) == 3
    acme = [*mine, "acme", "churn"]
    for route in ROUTES:
        if route.ids or route.method != "GET":
            continue
        for role in ("admin", "viewer"):
            answer = world.call(route, {}, f"other-{role}")
            assert answer.status == 200, (route.name, answer.text)
            assert [word for word in acme if word in answer.text] == [], route.name
    for kind in ("models", "alert-channels"):
        for number in range(2):
            body: dict[str, Any] = {"name": f"m{number}"}
            world.stack.call("POST", f"/{kind}", body if kind == "models" else {"type": "email", "to": ["a@b.example"]})
        following = world.stack.call("GET", f"/{kind}?limit=1").next_path
        assert following
        assert world.stack.call("GET", following).status == 200
        assert world.stack.gateway.call("GET", following, key_id="other-admin").status == 422


def test_a_channel_cannot_watch_anothers_models(world: World) -> None:
    """A foreign model among a channel's is refused in the words for one that nothing has."""
    answers = [
        world.stack.gateway.call(
            "POST",
            "/alert-channels",
            {"type": "email", "to": ["a@example.com"], "model_ids": [model_id]},
            key_id="other-admin",
        )
        for model_id in (world.ids["model_id"], UNKNOWN["model_id"])
    ]
    assert [answer.status for answer in answers] == [422, 422]
    assert answers[0].text == answers[1].text


@pytest.mark.parametrize("role", sorted(ALLOWED))
def test_a_role_opens_what_the_contract_gives_it(world: World, role: str) -> None:
    """403 exactly where the contract says so, in the same words whether the id is one's own, foreign or unknown."""
    for route in ROUTES:
        if route.public:
            continue
        answer = world.call(route, UNKNOWN, f"acme-{role}")
        if ALLOWED[role](route.name):
            assert answer.status != 403, (route.name, answer.text)
            continue
        own, foreign = (world.call(route, world.ids, f"{who}-{role}") for who in ("acme", "other"))
        assert (answer.status, own.status, foreign.status) == (403, 403, 403), route.name
        assert answer.text == own.text == foreign.text


def test_no_key_a_foreign_key_and_a_revoked_key_open_nothing(world: World) -> None:
    """Without a key, with one that nobody has and with a revoked one every route is 403 in the same words."""
    before = everything(world.stack)
    assert ApiKeys.revoke("acme", "acme-admin", datetime.now(UTC))
    changed = everything(world.stack)
    assert changed != before
    for route in ROUTES:
        if route.public:
            continue
        texts = set()
        for key in (None, "nobody", "org#acme", "acme-admin"):
            answer = world.call(route, world.ids, key)
            assert answer.status == 403, (route.name, key)
            texts.add(answer.text)
        assert len(texts) == 1, route.name
    assert everything(world.stack) == changed


def test_ids_in_odd_shapes_are_never_a_fault(world: World) -> None:
    """Ids with separators of the tables' own keys, without end, or empty are 404 or 422, never 500 and never a hit."""
    model = world.ids["model_id"]
    odd = [f"acme#{model}", f"model#{model}", f"{model}#0", "~", "x" * 3000, "%00", "..", "\u00e9" * 700, f" {model}"]
    for route in ROUTES:
        for value in odd if route.ids else []:
            answer = world.call(route, dict.fromkeys(UNKNOWN, value), "acme-admin")
            assert answer.status in (404, 422), (route.name, value[:20], answer.text[:200])


def test_new_ids_have_80_random_bits() -> None:
    """An id cannot be guessed: of two made in the same instant, all but the time differs."""
    now = datetime.now(UTC)
    ids = {new_id(now) for _ in range(1000)}
    assert len(ids) == len({value[10:] for value in ids}) == 1000


def test_the_log_holds_neither_data_nor_secrets(deployed: Stack, caplog: pytest.LogCaptureFixture) -> None:
    """Rows, names of features, addresses, webhooks and secrets pass through, right or wrong, and leave no word in the
    log; what a line has is who asked for what, and how it ended."""
    model_id = deployed.call("POST", "/models", {"name": "Sesame", "labels": {"team": "Sesame"}}).body["id"]
    row = {"features": {"Sesame": "Sesame", "n": 123456789.25}, "prediction": "Sesame", "prediction_id": "Sesame"}
    slack = {"type": "slack", "webhook_url": "https://hooks.slack.com/services/T0/B0/Sesame"}
    with caplog.at_level("DEBUG", logger="driftguard"):
        statuses = [
            deployed.call("POST", "/predictions", {"model_id": model_id, **row}).status,
            deployed.call(
                "POST", "/predictions", {"model_id": model_id, **row, "prediction_id": "S", "timestamp": "Sesame"}
            ).status,
            deployed.call("POST", "/predictions", raw='{"Sesame": 123456789.25').status,
            deployed.call("PUT", f"/models/{model_id}/baseline", {"rows": [row | {"prediction_id": "Sesame"}]}).status,
            deployed.call("POST", "/alert-channels", {"type": "email", "to": ["Sesame@example.com"]}).status,
            deployed.call("PATCH", "/alert-channels/none", slack).status,
            deployed.call("GET", f"/models/{model_id}/predictions").status,
        ]
    assert statuses == [202, 422, 400, 422, 201, 404, 200]
    lines = [json.dumps(vars(record), default=repr) for record in caplog.records if record.name == "driftguard"]
    assert len(lines) >= len(statuses)
    assert [line for line in lines if "Sesame" in line or "123456789" in line or "acme-admin" in line] == []
