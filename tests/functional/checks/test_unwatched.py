"""Names that the baseline lacks, from the response to a batch to the alert."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.functional.conftest import Stack

AGES = [20 + number % 40 for number in range(400)]


def new_model(deployed: Stack, name: str) -> str:
    """The id of a new model without a baseline."""
    return str(deployed.call("POST", "/models", {"name": name}).body["id"])


def set_baseline(deployed: Stack, model_id: str, **body: Any) -> None:
    """Make a baseline the current one."""
    answer = deployed.call("PUT", f"/models/{model_id}/baseline", {"days": 30, **body})
    assert answer.status == 200, answer.text


def warnings(deployed: Stack, model_id: str, features: dict[str, Any], **row: Any) -> list[str]:
    """The warnings of the response to 400 rows, one a minute, that are at least 50 hours old."""
    start = datetime.now(UTC) - timedelta(hours=60)
    rows = [
        {"features": features, "timestamp": (start + timedelta(minutes=number)).isoformat(), **row}
        for number in range(400)
    ]
    answer = deployed.call("POST", "/predictions/batch", {"model_id": model_id, "predictions": rows})
    assert answer.status == 202, answer.text
    found: list[str] = answer.body["warnings"]
    return found


def test_what_the_baseline_lacks_is_said_at_once_and_in_the_report(deployed: Stack, published: Any) -> None:
    """The batch is warned of, the report lists the names, and one LOW alert opens and stays one."""
    model_id = new_model(deployed, "unwatched")
    assert warnings(deployed, model_id, {"age": 30, "income": 1.5}) == []
    set_baseline(deployed, model_id, columns={"age": AGES})
    assert warnings(deployed, model_id, {"age": 30}) == []
    (said,) = warnings(deployed, model_id, {"age": 30, "income": 1.5, "empty": None}, prediction=0.5)
    assert "not watched: prediction, income. Create" in said
    for _check in range(2):
        report = deployed.call("POST", f"/drift/models/{model_id}/check").body
        assert [(one["name"], one["role"], one["renamed_from"]) for one in report["unwatched"]] == [
            ("prediction", "prediction", None),
            ("income", "feature", None),
        ]
        shares = {one["name"]: one["share"] for one in report["unwatched"]}
        assert shares == {"income": 800 / 1200, "prediction": 400 / 1200}
    alerts = deployed.call("GET", f"/drift/models/{model_id}/alerts").body
    found = [alert for alert in alerts if alert["alert_type"] == "data_quality"]
    assert [(alert["severity"], alert["status"], alert["occurrences"]) for alert in found] == [("LOW", "firing", 2)]
    assert {(one["name"], one["kind"]) for one in found[0]["features"]} == {
        ("prediction", "unexpected_feature"),
        ("income", "unexpected_feature"),
    }
    events = [event for message in published.refresh() for event in message.get("events", [message])]
    kinds = [event["kind"] for event in events if event["alert"]["alert_type"] == "data_quality"]
    assert kinds == ["opened"]


def test_names_follow_the_current_baseline(deployed: Stack) -> None:
    """A new baseline, one from logged rows and a restored one are each what the response compares with."""
    model_id = new_model(deployed, "names")
    set_baseline(deployed, model_id, columns={"age": AGES})
    set_baseline(deployed, model_id, columns={"age": AGES, "income": AGES}, predictions=AGES)
    assert warnings(deployed, model_id, {"age": 30, "income": 2}, prediction=1) == []
    assert deployed.call("POST", f"/models/{model_id}/baselines/1/restore").status == 200
    (said,) = warnings(deployed, model_id, {"age": 30, "income": 3})
    assert "not watched: income." in said
    renamed = deployed.call("PATCH", f"/models/{model_id}", {"description": "changed"})
    assert renamed.status == 200
    assert len(warnings(deployed, model_id, {"income": 4})) == 1
