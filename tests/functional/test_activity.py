"""Who changed what, over HTTP."""

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from driftguard.models.activity import Activities, partition
from driftguard.organizations.tables import ApiKeys
from driftguard.platform.bulk import delete
from sandbox.gateway import function
from tests.functional.conftest import Stack, add_organization
from tests.functional.faults import calls_to_aws
from tests.functional.models import log, make_model, rows


def activity(deployed: Stack, query: str = "") -> list[dict[str, Any]]:
    """What GET /activity answers."""
    answer = deployed.call("GET", f"/activity{query}")
    assert answer.status == 200, answer.text
    entries: list[dict[str, Any]] = answer.body
    return entries


def test_each_change_is_listed_once_with_its_actor(deployed: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Models, baselines, channels and alerts: one entry for each request that changed something, newest first."""
    monkeypatch.setattr(function("manage_channels"), "system_resolver", lambda host, port: ["3.3.3.3"])
    model_id = make_model(deployed)
    log(deployed, model_id, rows(2, 0.6))
    deployed.call("POST", f"/drift/models/{model_id}/check")
    alert = deployed.call("GET", "/drift/alerts").body[0]
    until = (datetime.now(UTC) + timedelta(hours=2)).isoformat()
    deployed.call("POST", f"/drift/alerts/{alert['id']}/acknowledge", {"note": "on it"})
    deployed.call("POST", f"/drift/alerts/{alert['id']}/acknowledge")  # 409
    deployed.call("POST", f"/drift/alerts/{alert['id']}/snooze", {"until": until})
    deployed.call("POST", f"/drift/alerts/{alert['id']}/resolve")
    deployed.call("PATCH", f"/models/{model_id}", {"settings": {"alpha": 0.01}})
    deployed.call("PATCH", f"/models/{model_id}", {"settings": {"alpha": 0.01}})  # changes nothing
    deployed.call("PATCH", f"/models/{model_id}", {"settings": {"alpha": 7}})  # 422
    deployed.call("PUT", f"/models/{model_id}/baseline", {"columns": {"age": list(range(100))}})
    deployed.call("POST", f"/models/{model_id}/baselines/1/restore")
    secret = "https://hooks.slack.com/services/T00000000/B00000000/abcdefghijklmnopqrstuvwx"
    made = deployed.call("POST", "/alert-channels", {"type": "slack", "webhook_url": secret, "name": "ops"})
    assert made.status == 201, made.text
    channel = f"/alert-channels/{made.body['id']}"
    assert deployed.call("PATCH", channel, {"min_severity": "HIGH"}).status == 200
    assert deployed.call("DELETE", channel).status == 204
    assert deployed.call("DELETE", channel).status == 404
    assert deployed.call("DELETE", f"/models/{model_id}").status == 204
    found = activity(deployed)
    name = ApiKeys.of("acme-admin").name  # type: ignore[union-attr]
    assert {entry["actor"] for entry in found} == {name}
    assert [(entry["action"], entry["subject_id"], entry["model_id"]) for entry in reversed(found)] == [
        ("model_created", model_id, model_id),
        ("baseline_created", "1", model_id),
        ("alert_acknowledged", alert["id"], model_id),
        ("alert_snoozed", alert["id"], model_id),
        ("alert_resolved", alert["id"], model_id),
        ("model_changed", model_id, model_id),
        ("baseline_created", "2", model_id),
        ("baseline_restored", "1", model_id),
        ("channel_created", made.body["id"], None),
        ("channel_changed", made.body["id"], None),
        ("channel_deleted", made.body["id"], None),
        ("model_deleted", model_id, model_id),
    ]
    details = {entry["action"]: entry["details"] for entry in found}
    assert details["model_changed"] == {"settings.alpha": {"from": None, "to": 0.01}}
    assert details["alert_acknowledged"] == {"alert_type": "data_drift", "note": "on it"}
    assert details["baseline_restored"] == {"from": 2}
    assert details["channel_changed"] == {"name": "ops", "fields": ["min_severity"]}
    assert "abcdefghijkl" not in json.dumps(found)
    assert [entry["at"] for entry in found] == sorted((entry["at"] for entry in found), reverse=True)


def test_a_timeline_names_who_acted(deployed: Stack) -> None:
    """A check by hand and an acknowledgement have the key's name."""
    model_id = make_model(deployed)
    log(deployed, model_id, rows(2, 0.6))
    deployed.call("POST", f"/drift/models/{model_id}/check")
    alert = deployed.call("GET", "/drift/alerts").body[0]
    detail = deployed.call("POST", f"/drift/alerts/{alert['id']}/acknowledge").body
    name = ApiKeys.of("acme-admin").name  # type: ignore[union-attr]
    assert [(entry["event"], entry["actor"]) for entry in detail["timeline"]] == [
        ("opened", name),
        ("acknowledged", name),
    ]


def test_pages_and_filters(deployed: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages join without gaps, a model's changes can be chosen, and days leave out what is older."""
    made = [deployed.call("POST", "/models", {"name": f"m{number}"}).body["id"] for number in range(5)]
    for model_id in made[:2]:
        deployed.call("PATCH", f"/models/{model_id}", {"description": "changed"})
    every = activity(deployed)
    assert len(every) == 7
    paged: list[dict[str, Any]] = []
    path: str | None = "/activity?limit=2"
    while path:
        answer = deployed.call("GET", path)
        paged += answer.body
        link = answer.headers.get("link")
        path = link and "/activity" + link.partition("/activity")[2].partition(">")[0]
    assert paged == every
    chosen = activity(deployed, f"?model_id={made[0]}")
    assert [entry["action"] for entry in chosen] == ["model_changed", "model_created"]
    assert activity(deployed, "?model_id=nothing") == []
    assert deployed.call("GET", "/activity?cursor=nonsense").status == 422
    later = datetime.now(UTC) + timedelta(days=3)
    monkeypatch.setattr(function("query_drift"), "datetime", SimpleNamespace(now=lambda zone: later))
    assert activity(deployed, "?days=2") == []
    assert activity(deployed, "?days=4") == every


def test_only_admins_read_it_and_only_their_own(deployed: Stack) -> None:
    """Viewer and ingest keys get 403, another organization sees nothing of it."""
    make_model(deployed)
    for role in ("viewer", "ingest"):
        assert deployed.gateway.call("GET", "/activity", key_id=f"acme-{role}").status == 403
    add_organization("other")
    other = deployed.gateway.call("GET", "/activity", key_id="other-admin")
    assert (other.status, other.body) == (200, [])


def test_a_change_and_its_record_are_stored_together(deployed: Stack) -> None:
    """If the transaction fails, neither is there. The record expires after 400 days and goes with its organization."""

    def failing(call: Any) -> Any:
        if call.operation == "TransactWriteItems":
            raise RuntimeError("no")
        return call.make()

    with calls_to_aws(failing):
        assert deployed.call("POST", "/models", {"name": "churn"}).status == 500
    assert (deployed.call("GET", "/models").body, activity(deployed)) == ([], [])
    deployed.call("POST", "/models", {"name": "churn"})
    (item,) = Activities.query(partition("acme"))
    assert abs(item.expires_at - (datetime.now(UTC) + timedelta(days=400)).timestamp()) < 60
    delete(Activities.of_organization("acme"))
    assert activity(deployed) == []
