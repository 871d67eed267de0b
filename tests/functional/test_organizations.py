"""Organizations and keys by direct invocation, with API Gateway's own keys in moto."""

from typing import Any

import boto3
import pytest

from tests.functional.conftest import Stack
from tests.functional.gateway import LambdaContext, function


@pytest.fixture
def plan(deployed: Stack, monkeypatch: pytest.MonkeyPatch) -> str:
    """A usage plan that keys are put into."""
    made = boto3.client("apigateway").create_usage_plan(name="plan")
    monkeypatch.setenv("USAGE_PLAN_ID", made["id"])
    plan_id: str = made["id"]
    return plan_id


def invoke(**command: Any) -> dict[str, Any]:
    """What the function answers."""
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
