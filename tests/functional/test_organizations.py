"""Organizations and keys by direct invocation, with API Gateway's own keys in moto."""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import boto3
import pytest

from driftguard import organizations
from driftguard.tables.models import Models
from tests.functional.conftest import Stack
from tests.functional.gateway import Answer, LambdaContext, function
from tests.functional.test_checks import log, make_model, records, rows, tick
from tests.roles import under_role


@pytest.fixture
def plan(deployed: Stack, monkeypatch: pytest.MonkeyPatch) -> str:
    """A usage plan that keys are put into."""
    made = boto3.client("apigateway").create_usage_plan(name="plan")
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
    viewer = keys["viewer"]["api_key_id"]
    me = deployed.gateway.call("GET", "/me", key_id=viewer)
    assert me.body == {"organization": {"id": organization, "name": "Acme"}, "role": "viewer"}
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


def erase_what_was_asked(organization_id: str) -> None:
    """What the erase queue's messages bring about."""
    for mark in list(Models.query(organization_id, Models.sk.startswith("erase#"))):
        body = json.dumps({"organization_id": organization_id, "model_id": mark.model_id})
        with under_role("erase_model"):
            assert function("erase_model").handler(records(body), LambdaContext()) == {"batchItemFailures": []}


def traces(deployed: Stack, *words: str) -> list[str]:
    """The items of all tables in which one of these words is."""
    client = boto3.client("dynamodb")
    tables = [name for variable, name in deployed.variables.items() if variable.endswith("_TABLE")]
    pages = (page for name in tables for page in client.get_paginator("scan").paginate(TableName=name))
    items = (json.dumps(item, default=repr) for page in pages for item in page["Items"])
    return [item for item in items if any(word in item for word in words)]


@dataclass
class Tenant(Stack):
    """An organization and one key of it."""

    key_id: str

    def call(self, method: str, path: str, body: Any = None, *, role: str = "admin", **options: Any) -> Answer:
        return self.gateway.call(method, path, body, key_id=self.key_id, **options)


def lived_in(deployed: Stack, name: str) -> tuple[str, list[str]]:
    """An organization with all that one can have; its id, and every id that belongs to it."""
    organization = invoke(action="create_organization", name=name)["organization_id"]
    key = invoke(action="issue_key", organization_id=organization, role="admin")["api_key_id"]
    own = Tenant(deployed.gateway, organization, deployed.variables, key)
    models = [make_model(own, f"{name} {number}") for number in range(2)]
    for model_id in models:
        log(own, model_id, rows(7, 0.6, count=300), batch_id="b1")
    tick(own, "tick-1")
    tick(own, "tick-2")
    alerts = [alert["id"] for alert in own.call("GET", "/drift/alerts").body]
    assert len(alerts) >= 2
    channel = {"type": "email", "to": ["team@example.com"], "model_ids": [models[0]]}
    channels = [own.call("POST", "/alert-channels", channel).body["id"]]
    return organization, [organization, key, *models, *alerts, *channels]


def test_an_organization_is_erased_from_every_table(
    deployed: Stack, plan: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its keys end at once, its models through the queue, itself last; a neighbour keeps every item."""
    neighbour, _ids = lived_in(deployed, "Neighbour")
    gone, ids = lived_in(deployed, "Gone")
    words = [word for word in ids if word != neighbour]
    theirs = sorted(item for item in traces(deployed, neighbour))
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
    monkeypatch.setattr(organizations, "LAST_REQUEST", timedelta(0))
    assert invoke(**command, name="Gone") == {"erased": True, "models_left": 0}
    assert traces(deployed, *words) == []
    assert sorted(traces(deployed, neighbour)) == theirs
    assert invoke(**command, name="Gone")["error"]["status"] == 404


def test_an_erased_model_leaves_no_item_whatever_it_had(deployed: Stack, plan: str) -> None:
    """Deleted by its owner, a model takes everything along, the outcomes of its scheduled checks too."""
    organization, ids = lived_in(deployed, "Owner")
    key, models, channel = ids[1], ids[2:4], ids[-1]
    alerts = deployed.gateway.call("GET", f"/drift/models/{models[0]}/alerts", key_id=key).body
    words = [models[0], *(alert["id"] for alert in alerts)]
    assert len(words) >= 2
    assert any("tick-2" in item for item in traces(deployed, models[0]))
    assert deployed.gateway.call("DELETE", f"/models/{models[0]}", key_id=key).status == 204
    erase_what_was_asked(organization)
    assert [item for item in traces(deployed, *words) if channel not in item] == [], "only its channel names it"
    assert traces(deployed, models[1]) != []
