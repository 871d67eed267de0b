"""What a model is does not depend on its baseline: silence over new baselines, and the limit of silence over HTTP."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from driftguard.models.statuses import Statuses
from driftguard.models.traffic import Traffic
from driftguard.platform.times import hour_of, iso
from sandbox.gateway import function
from tests.functional.conftest import Stack
from tests.functional.models import make_model, rows, tick

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
BASELINE = {"rows": [{"features": row["features"], "prediction": row["prediction"]} for row in rows(1, 0.0, count=500)]}


class Clock:
    """The time that every function sees."""

    now = NOW


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that a test moves."""
    made = Clock()
    for name in ("log_predictions", "check_drift", "schedule_checks", "manage_baselines", "query_drift"):
        monkeypatch.setattr(function(name), "datetime", SimpleNamespace(now=lambda zone: made.now))
    return made


def log_at(deployed: Stack, model_id: str, moment: datetime, count: int = 150) -> None:
    """Log some predictions of one moment."""
    sent = [{**row, "timestamp": iso(moment)} for row in rows(2, 0.0, count=count)]
    answer = deployed.call("POST", "/predictions/batch", {"model_id": model_id, "predictions": sent})
    assert answer.status == 202, answer.text


def checked(deployed: Stack, model_id: str) -> Any:
    """The report of a check by hand."""
    answer = deployed.call("POST", f"/drift/models/{model_id}/check")
    assert answer.status == 200, answer.text
    return answer.body


def test_a_new_baseline_after_15_silent_days_leaves_a_silent_model(deployed: Stack, clock: Clock) -> None:
    """The model keeps its history, its open alert and its reminders, and is not preliminary."""
    model_id = make_model(deployed)
    log_at(deployed, model_id, clock.now - timedelta(days=10))
    log_at(deployed, model_id, clock.now)
    assert checked(deployed, model_id)["status"] == "ok"
    clock.now += timedelta(days=15)
    assert deployed.call("PUT", f"/models/{model_id}/baseline", BASELINE).status == 200
    for check in range(3):
        report = checked(deployed, model_id)
        assert (report["status"], report["preliminary"], report["baseline_version"]) == ("no_data", False, 2)
        assert report["reason"].startswith(f"No predictions have arrived for at least {15 * 24 + 24 * check} hours.")
        clock.now += timedelta(hours=24)
    (alert,) = deployed.call("GET", f"/drift/models/{model_id}/alerts").body
    assert (alert["alert_type"], alert["occurrences"], alert["preliminary"]) == ("no_data", 3, False)
    assert alert["recommended_actions"][0].startswith("No predictions have arrived for at least 408 hours.")
    assert len(deployed.call("GET", f"/drift/models/{model_id}/history").body) == 4
    log_at(deployed, model_id, clock.now)
    checked(deployed, model_id)
    assert deployed.call("GET", f"/drift/models/{model_id}/alerts").body[0]["status"] == "resolved"


def test_a_model_that_was_checked_by_an_older_version_is_known_too(deployed: Stack, clock: Clock) -> None:
    """Without the status's own record, the counts of the older baseline tell when the last prediction arrived."""
    model_id = make_model(deployed)
    log_at(deployed, model_id, clock.now)
    clock.now += timedelta(minutes=15)
    checked(deployed, model_id)
    Statuses("acme", f"status#{model_id}").update(actions=[Statuses.last_arrival.remove(), Statuses.traffic.remove()])
    clock.now += timedelta(days=40)
    assert deployed.call("PUT", f"/models/{model_id}/baseline", BASELINE).status == 200
    assert checked(deployed, model_id)["status"] == "no_data"
    assert len(deployed.call("GET", f"/drift/models/{model_id}/alerts").body) == 1


def test_predictions_from_before_the_first_baseline_are_known(deployed: Stack, clock: Clock) -> None:
    """A model that was logged to for a day, and gets its first baseline 16 days later, is silent."""
    model_id = deployed.call("POST", "/models", {"name": "late"}).body["id"]
    log_at(deployed, model_id, clock.now)
    clock.now += timedelta(days=16)
    assert deployed.call("PUT", f"/models/{model_id}/baseline", BASELINE).status == 200
    assert checked(deployed, model_id)["status"] == "no_data"
    tick(deployed, "t1")
    (alert,) = deployed.call("GET", f"/drift/models/{model_id}/alerts").body
    assert alert["occurrences"] == 2


def test_the_rhythm_outlives_a_new_baseline(deployed: Stack, clock: Clock) -> None:
    """A model with a batch every 22 hours may be silent for 33 hours, also with a new baseline."""
    model_id = make_model(deployed)
    for _night in range(3):
        log_at(deployed, model_id, clock.now)
        clock.now += timedelta(minutes=15)
        assert checked(deployed, model_id)["status"] in ("ok", "insufficient_data")
        clock.now += timedelta(hours=21, minutes=45)
    last = clock.now - timedelta(hours=22)
    assert deployed.call("PUT", f"/models/{model_id}/baseline", BASELINE).status == 200
    clock.now = last + timedelta(hours=32, minutes=45)
    assert checked(deployed, model_id)["status"] != "no_data"
    clock.now = last + timedelta(hours=33, minutes=15)
    report = checked(deployed, model_id)
    assert report["status"] == "no_data"
    limit = "The limit is 33 hours, 1.5 times the longest gap of the last 14 days."
    assert report["reason"] == f"No predictions have arrived for at least 33 hours. {limit}"
    assert hour_of(last) in Traffic.decode(Statuses.one("acme", model_id).traffic).hours


@pytest.mark.parametrize("value", ["Auto", "24", 0, 2161, 24.5, True, []])
def test_the_limit_of_silence_is_a_number_or_auto(deployed: Stack, value: Any) -> None:
    """Anything else is 422 at the setting, in one error that says what is right."""
    model_id = deployed.call("POST", "/models", {"name": "churn"}).body["id"]
    answer = deployed.call("PATCH", f"/models/{model_id}", {"settings": {"no_data_hours": value}})
    assert answer.status == 422
    (error,) = answer.body["errors"]
    assert error["loc"] == ["body", "settings", "no_data_hours"]
    assert 'must be "auto" or a whole number from 1 to 2160' in error["msg"]


def test_the_limit_of_silence_is_automatic_until_it_is_set(deployed: Stack) -> None:
    """The default is `auto`; a number overrides it and null brings it back."""
    path = f"/models/{deployed.call('POST', '/models', {'name': 'churn'}).body['id']}"
    found = [deployed.call("GET", path)]
    found += [deployed.call("PATCH", path, {"settings": {"no_data_hours": value}}) for value in (80, None, "auto")]
    assert [answer.body["settings"]["no_data_hours"] for answer in found] == ["auto", 80, "auto", "auto"]
