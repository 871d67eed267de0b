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

from driftguard.organizations.tables import ApiKeys
from driftguard.platform.ids import new_id
from driftguard.platform.paging import encode_cursor
from sandbox.calls import Call, intercepted
from sandbox.gateway import Answer, routes
from tests.functional import faults
from tests.functional.conftest import Stack, add_organization
from tests.functional.models import drain_joins, log, make_model, rows

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
    "PUT /models/{model_id}/baseline/performance": {
        "from_predictions": {"start": "2026-11-01T00:00:00Z", "end": "2026-11-08T00:00:00Z"}
    },
    "POST /models/{model_id}/baseline/uploads": {"format": "csv"},
    "POST /predictions": {"model_id": "{model_id}", "features": {"age": 1}},
    "POST /predictions/batch": {"model_id": "{model_id}", "predictions": [{"features": {"age": 1}}]},
    "POST /labels": {"model_id": "{model_id}", "labels": [{"prediction_id": "a", "label": 1}]},
    "POST /models/{model_id}/labels": {"labels": [{"prediction_id": "a", "label": 1}]},
    "POST /models/{model_id}/labels/uploads": {"format": "csv"},
    "POST /drift/models/{model_id}/simulate": {"days": 1},
    "POST /drift/alerts/{alert_id}/acknowledge": {"note": "mine now"},
    "POST /drift/alerts/{alert_id}/snooze": {"until": "2999-01-01T00:00:00Z"},
    "POST /drift/alerts/{alert_id}/resolve": {"note": "mine now"},
    "POST /alert-channels": {"type": "email", "to": ["a@example.com"]},
    "PATCH /alert-channels/{channel_id}": {"name": "taken over"},
}
"""A body that each route with one accepts."""

QUERIES = {"GET /drift/models/{model_id}/compare": "?reference=previous_period"}
"""The query that a route needs."""

INGEST = (
    *("POST /predictions", "POST /predictions/batch", "POST /labels", "POST /models/{model_id}/labels"),
    *("POST /models/{model_id}/labels/uploads", "GET /me"),
)

ALLOWED: dict[str, Callable[[str], bool]] = {
    "ingest": lambda route: route in INGEST,
    "viewer": lambda route: route.startswith("GET ") and route != "GET /activity",
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
        return self.method, path + QUERIES.get(self.name, ""), json.loads(text)


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
    labels_upload: str
    """The id of an upload of labels. Uploads of baselines have ids of their own."""

    def call(self, route: Route, ids: dict[str, str], key_id: str | None) -> Answer:
        if "labels/uploads" in route.path and ids["upload_id"] == self.ids["upload_id"]:
            ids = {**ids, "upload_id": self.labels_upload}
        return self.stack.gateway.call(*route.request(ids), key_id=key_id)


@pytest.fixture
def world(deployed: Stack) -> World:
    """Acme has everything that has an id; Other has a model and nothing else."""
    model_id = make_model(deployed, task={"type": "binary", "positive": 1})
    log(deployed, model_id, rows(2, 0.6, count=300))
    assert deployed.call("POST", f"/drift/models/{model_id}/check").status == 200
    assert drain_joins(deployed) == [{"batchItemFailures": []}]
    alert_id = deployed.call("GET", "/drift/alerts").body[0]["id"]
    channel = {"type": "email", "to": ["secret@acme.example"], "name": "acme's"}
    channel_id = deployed.call("POST", "/alert-channels", channel).body["id"]
    upload = deployed.call("POST", f"/models/{model_id}/baseline/uploads", {"format": "csv"})
    ids = {
        "model_id": model_id,
        "alert_id": alert_id,
        "channel_id": channel_id,
        "upload_id": upload.body["upload_id"],
        "version": "1",
    }
    add_organization("other")
    other = deployed.gateway.call("POST", "/models", {"name": "other's"}, key_id="other-admin").body["id"]
    assert ids.keys() == UNKNOWN.keys()
    of_labels = deployed.call("POST", f"/models/{model_id}/labels/uploads", {"format": "csv"}).body["upload_id"]
    return World(deployed, ids, {**UNKNOWN, "model_id": other}, of_labels)


def everything(deployed: Stack) -> dict[str, list[str]]:
    """Every item of every table."""
    tables = [name for variable, name in deployed.variables.items() if variable.endswith("_TABLE")]
    pages = {name: boto3.client("dynamodb").get_paginator("scan").paginate(TableName=name) for name in tables}
    return {
        name: sorted(repr(sorted(item.items())) for page in found for item in page["Items"])
        for name, found in pages.items()
    }


@contextmanager
def calls_to_aws() -> Iterator[list[str]]:
    """The calls to AWS made in the block, in order: operation, table, index, consistency and number of keys."""
    made: list[str] = []

    def noted(call: Call) -> Any:
        parameters = call.parameters
        parts = [
            call.operation,
            parameters.get("TableName"),
            parameters.get("IndexName"),
            parameters.get("ConsistentRead"),
        ]
        for table, request in parameters.get("RequestItems", {}).items():
            parts += [table, len(request["Keys"]), request.get("ConsistentRead")]
        made.append(" ".join(map(str, parts)))
        return call.make()

    with intercepted(noted):
        yield made


def test_only_health_asks_for_no_key() -> None:
    """Of what the document tells, one route answers without a key; the template's own tests hold the document full."""
    assert {route.name for route in ROUTES if route.public} == {"GET /health"}


def test_every_route_is_in_the_document() -> None:
    """What the template routes to a function that knows tenants is walked here: a new route cannot be forgotten."""
    routed = {(method, path) for method, path, _pattern, function in routes() if function != "dashboard"}
    untold = {("GET", "/openapi.json"), ("GET", "/docs")}
    assert {(route.method, route.path) for route in ROUTES} == routed - untold
    assert {route.name for route in ROUTES if route.body is not None} == set(BODIES)


def same(foreign: Answer, unknown: Answer) -> bool:
    """Whether nothing but the request's own id tells two answers apart."""
    headers = [{**answer.headers, "x-request-id": ""} for answer in (foreign, unknown)]
    return (foreign.status, foreign.text, headers[0]) == (unknown.status, unknown.text, headers[1])


def test_a_foreign_id_is_answered_like_one_that_nothing_has(world: World) -> None:
    """Wherever a route takes an id, another tenant's and an unknown one give the same status, headers and text by the
    same calls to AWS, so that neither words nor time tell them apart; and nothing anywhere is changed."""
    before = everything(world.stack)
    tried = set()
    for route in ROUTES:
        for name in route.ids:
            with calls_to_aws() as foreign_calls:
                foreign = world.call(route, {**world.others, name: world.ids[name]}, "other-admin")
            with calls_to_aws() as unknown_calls:
                unknown = world.call(route, {**world.others, name: UNKNOWN[name]}, "other-admin")
            assert foreign.status == 404, (route.name, foreign.text)
            assert same(foreign, unknown), route.name
            assert foreign_calls == unknown_calls, route.name
            tried.add((route.name, name))
    assert len(tried) >= 25
    assert {name for _route, name in tried} == set(UNKNOWN)
    assert everything(world.stack) == before


WRONG: tuple[dict[str, Any], ...] = (
    {},
    {"nonsense": 1},
    {"name": ""},
    {"name": "churn"},
    {"settings": {"alpha": 7}},
    {"settings": {"features": {"age": {"alpha": None}}}},
    {"until": "2020-01-01T00:00:00Z"},
    {"type": "slack", "webhook_url": "https://127.0.0.1/x"},
    {"rows": []},
    {"features": {"age": []}},
    {"predictions": []},
    {"days": 99},
)
"""Bodies with which something is wrong, on one route or the other."""


def test_a_wrong_body_tells_nothing_of_a_foreign_id(world: World) -> None:
    """Whatever the body, a foreign id and an unknown one get the same answer by the same calls, so that no check of the
    body looks at what is another's first."""
    before = everything(world.stack)
    seen = set()
    for route in ROUTES:
        if not route.ids or "requestBody" not in route.operation:
            continue
        for wrong in WRONG:
            answers, calls = [], []
            for value in (world.ids, UNKNOWN):
                method, path, body = route.request(value)
                body = {**({"model_id": value["model_id"]} if "model_id" in body else {}), **wrong}
                with calls_to_aws() as made:
                    answers.append(world.stack.gateway.call(method, path, body, key_id="other-admin"))
                calls.append(made)
            assert same(*answers), (route.name, wrong)
            assert calls[0] == calls[1], (route.name, wrong)
            assert answers[0].status in (404, 422), (route.name, wrong, answers[0].text)
            seen.add(answers[0].status)
    assert seen == {404, 422}
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
    assert len(mine) == 4
    acme = [*mine, "acme", "churn"]
    for route in ROUTES:
        if route.ids or route.method != "GET":
            continue
        for role in ("admin", "viewer"):
            if not ALLOWED[role](route.name):
                continue
            answer = world.call(route, {}, f"other-{role}")
            assert answer.status == 200, (route.name, answer.text)
            assert [word for word in acme if word in answer.text] == [], route.name


def paged(route: Route) -> bool:
    """Whether a route's answer has pages."""
    return "cursor" in [entry["name"] for entry in route.operation.get("parameters", [])]


def test_a_cursor_goes_on_in_its_own_list_only(world: World) -> None:
    """Every list of pages refuses the cursor of another tenant's and that of any other list, in the words for one that
    is none."""
    for number in range(2):
        world.stack.call("POST", "/models", {"name": f"m{number}"})
        world.stack.call("POST", "/alert-channels", {"type": "email", "to": ["a@b.example"]})
    sample = [{"features": row["features"]} for row in rows(3, 0.0, count=100)]
    second = world.stack.call("PUT", f"/models/{world.ids['model_id']}/baseline", {"rows": sample})
    assert second.status == 200
    assert world.stack.call("POST", f"/drift/models/{world.ids['model_id']}/check").status == 200
    cursors: dict[str, str] = {}
    lists = [route for route in ROUTES if paged(route)]
    for route in lists:
        _method, path, _body = route.request(world.ids)
        following = world.stack.call("GET", f"{path}?limit=1").next_path
        if following:
            assert world.stack.call("GET", following).status == 200
            cursors[route.name] = following.partition("cursor=")[2]
    assert len(lists) == 8
    assert len(cursors) >= 7, cursors
    for route in lists:
        own, others = (route.request(ids)[1] for ids in (world.ids, world.others))
        for name, cursor in cursors.items():
            foreign = world.stack.gateway.call("GET", f"{others}?cursor={cursor}", key_id="other-admin")
            nonsense = world.stack.gateway.call("GET", f"{others}?cursor=nonsense", key_id="other-admin")
            assert (foreign.status, foreign.text) == (422, nonsense.text), (route.name, name)
            if name != route.name:
                assert world.stack.call("GET", f"{own}?cursor={cursor}").status == 422, (route.name, name)


POSITIONS: list[Any] = [
    None, True, 0, -1, 7, 1.5, 10**30, "", "~", "!", " ", "0", "x" * 1500, "\u0000", "\ud800", "h#", "h#~", "report#",
    "acme", "model#", [], {}, [None], ["", 0], ["~", -1], [0, 0], [["~", 0]], {"a": 1},
]  # fmt: skip
"""What somebody may write into a cursor of their own list, none of which we did."""


def test_a_forged_cursor_is_no_fault_and_no_way_in(world: World) -> None:
    """Cursors are opaque, not signed: whatever position one's own holds, the answer is of one's own or 422."""
    kinds = {
        "GET /models": ("models", "other"),
        "GET /alert-channels": ("channels", "other"),
        "GET /drift/alerts": ("alerts", "other"),
        "GET /activity": ("activity", "other"),
        "GET /models/{model_id}/baselines": ("baselines", world.others["model_id"]),
        "GET /models/{model_id}/predictions": ("predictions", world.others["model_id"]),
        "GET /drift/models/{model_id}/history": ("history", world.others["model_id"]),
        "GET /drift/models/{model_id}/alerts": ("alerts", world.others["model_id"]),
    }
    assert {route.name for route in ROUTES if paged(route)} == set(kinds)
    known = [world.ids["model_id"], world.ids["alert_id"], world.ids["channel_id"]]
    for route in ROUTES:
        for position in [*POSITIONS, *known] if paged(route) else []:
            cursor = encode_cursor(*kinds[route.name], position)
            path = f"{route.request(world.others)[1]}?cursor={cursor}&limit=2"
            with faults.calls_to_aws(faults.as_strict_as_aws):
                answer = world.stack.gateway.call("GET", path, key_id="other-admin")
            assert answer.status in (200, 422), (route.name, position, answer.text)
            assert not [value for value in known if value in answer.text], (route.name, position)


def test_ids_of_batches_and_predictions_are_a_models_own(world: World) -> None:
    """The same ids and Idempotency-Key at another tenant's model are neither a conflict nor a repetition."""
    answers = []
    for organization, ids in (("acme", world.ids), ("other", world.others)):
        one = {"model_id": ids["model_id"], "features": {"owner": organization}, "prediction_id": "p1"}
        many = {"model_id": ids["model_id"], "predictions": [{"features": {"owner": organization}}], "batch_id": "b1"}
        for path, body in (("/predictions", one), ("/predictions/batch", many)):
            for headers in ({}, {"Idempotency-Key": "k"}):
                answer = world.stack.gateway.call(
                    "POST", path, body, key_id=f"{organization}-ingest", headers=dict(headers)
                )
                answers.append((organization, answer.status))
    expected = [202, 202, 202, 409]  # the same Idempotency-Key with another body, one's own
    assert answers == [(organization, status) for organization in ("acme", "other") for status in expected]
    logged = world.stack.gateway.call("GET", f"/models/{world.others['model_id']}/predictions", key_id="other-viewer")
    assert {row["features"]["owner"] for row in logged.body} == {"other"}


def test_a_channel_cannot_watch_anothers_models(world: World) -> None:
    """A foreign model among a channel's is refused in the words and by the calls for one that nothing has, when it is
    made and when it is changed."""
    own = {"type": "email", "to": ["a@example.com"]}
    made = world.stack.gateway.call("POST", "/alert-channels", own, key_id="other-admin").body["id"]
    for method, path, body in (("POST", "/alert-channels", own), ("PATCH", f"/alert-channels/{made}", {})):
        answers, calls = [], []
        for model_id in (world.ids["model_id"], UNKNOWN["model_id"]):
            models = [world.others["model_id"], model_id]
            with calls_to_aws() as seen:
                answers.append(
                    world.stack.gateway.call(method, path, {**body, "model_ids": models}, key_id="other-admin")
                )
            calls.append(seen)
        assert [answer.status for answer in answers] == [422, 422]
        assert same(*answers)
        assert calls[0] == calls[1]


@pytest.mark.parametrize("role", sorted(ALLOWED))
def test_a_role_opens_what_the_contract_gives_it(world: World, role: str) -> None:
    """403 exactly where the contract says so, in the same words whether the id is one's own, foreign or unknown."""
    for route in ROUTES:
        if route.public:
            continue
        answer = world.call(route, UNKNOWN, f"acme-{role}")
        if ALLOWED[role](route.name):
            assert answer.status != 403, (route.name, answer.text)
            if route.method == "GET":
                assert world.call(route, world.ids, f"acme-{role}").status == 200, route.name
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


def test_a_revoked_key_opens_nothing_from_that_moment(world: World) -> None:
    """The function sees it at the very next request, however far DynamoDB's replicas lag; another key of the same
    organization goes on."""
    replicas = faults.Stale(1000)
    with faults.calls_to_aws(replicas):
        assert world.stack.call("GET", "/me").status == 200
        assert ApiKeys.revoke("acme", "acme-admin", datetime.now(UTC))
        assert world.stack.call("GET", "/me").status == 403
        assert world.stack.call("GET", "/me", role="viewer").status == 200


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
