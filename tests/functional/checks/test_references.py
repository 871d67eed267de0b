"""The window of a model compared with its own earlier days, through the API."""

from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest
import scipy.stats

from driftguard.counting.tables import StoredCounts
from driftguard.platform.times import hour_of, hour_start, parse
from tests.functional.conftest import Stack
from tests.functional.days import NOW, Day, day
from tests.functional.models import DAY, log, make_model, rows

__all__ = ["day"]


def with_times(sent: list[dict[str, Any]]) -> pd.DataFrame:
    """The values of `age` and the times of predictions."""
    return pd.DataFrame(
        {"age": [one["features"]["age"] for one in sent], "at": [parse(one["timestamp"]) for one in sent]}
    )


def both_sides(sent: list[dict[str, Any]], start: datetime, days: int) -> "tuple[pd.Series[float], pd.Series[float]]":
    """The values of `age` of the whole days before the window, and of the window."""
    values = with_times(sent)
    end = hour_start(hour_of(start) // 24 * 24)
    before = values[(values["at"] >= end - days * DAY) & (values["at"] < end)]
    return before["age"], values[values["at"] >= start]["age"]


def test_a_report_also_compares_with_the_setting_s_days(deployed: Stack) -> None:
    """Score, p-value and rows equal those of the rows by scipy, and both routes answer with the same report."""
    model_id = make_model(deployed, reference="previous_period")
    sent = rows(2, 0.6, count=2400, days=16.0)
    log(deployed, model_id, sent)
    report = deployed.call("POST", f"/drift/models/{model_id}/check").body
    found = report["reference"]
    before, now = both_sides(sent, parse(report["window"]["start"]), 7)
    exact = scipy.stats.ks_2samp(before, now, method="asymp")
    age = next(one for one in found["features"] if one["name"] == "age")
    assert (age["n_reference"], age["n_window"]) == (len(before), len(now))
    assert age["drift_score"] - 1e-12 <= exact.statistic <= age["drift_score"] + age["score_error_bound"] + 1e-12
    assert age["mean"]["reference"] == pytest.approx(before.mean())
    assert (found["source"], found["days"], found["reason"]) == ("previous_period", 7, None)
    assert "age" in report["drifted_features"]
    assert found["drifted_features"] == []
    assert deployed.call("GET", f"/drift/models/{model_id}/report", role="viewer").body == report
    asked = deployed.call("GET", f"/drift/models/{model_id}/report?reference=previous_period", role="viewer").body
    assert asked == report
    plain = deployed.call("GET", f"/drift/models/{model_id}/report?reference=training").body
    assert plain == {**report, "reference": None}


def test_only_the_baseline_and_the_sudden_part_open_alerts(deployed: Stack) -> None:
    """A window that differs from the days before it, and not from the baseline, is shown and opens no alert."""
    model_id = make_model(deployed, reference="previous_period", sudden=False)
    moved, usual = rows(2, 1.5, count=2400, days=16.0), rows(3, 0.0, count=2400, days=16.0)
    week_ago = datetime.now(UTC) - 7 * DAY
    log(deployed, model_id, [one for one in moved if parse(one["timestamp"]) < week_ago])
    log(deployed, model_id, [one for one in usual if parse(one["timestamp"]) >= week_ago])
    report = deployed.call("POST", f"/drift/models/{model_id}/check").body
    assert report["reference"]["drifted_features"] == ["age"]
    assert report["drifted_features"] == []
    assert report["status"] == "ok"
    assert deployed.call("GET", f"/drift/models/{model_id}/alerts").body == []


def test_a_request_compares_with_days_that_the_check_did_not(deployed: Stack) -> None:
    """Any viewer may compare now. The stored report stays as it is, and says where to ask."""
    model_id = make_model(deployed)
    sent = rows(2, 0.6, count=2400, days=16.0)
    log(deployed, model_id, sent)
    report = deployed.call("POST", f"/drift/models/{model_id}/check").body
    assert report["reference"] is None
    refused = deployed.call("GET", f"/drift/models/{model_id}/report?reference=rolling_28d")
    assert refused.status == 409
    assert "GET …/compare?reference=rolling_28d" in refused.body["detail"]
    found = deployed.call("GET", f"/drift/models/{model_id}/compare?reference=rolling_28d", role="viewer")
    assert found.status == 200, found.text
    before, now = both_sides(sent, parse(found.body["window"]["start"]), 28)
    age = next(one for one in found.body["features"] if one["name"] == "age")
    assert (age["n_reference"], age["n_window"]) == (len(before), len(now))
    assert (found.body["source"], found.body["days"]) == ("rolling_28d", 9)
    assert found.body["reason"] == "Only 9 of the 28 days before the window have rows."
    assert deployed.call("GET", f"/drift/models/{model_id}/report").body == report


def test_it_compares_before_the_first_check(deployed: Stack) -> None:
    """Predictions that no check has counted yet are compared, too."""
    model_id = make_model(deployed)
    log(deployed, model_id, rows(2, 0.0, count=1600, days=16.0))
    found = deployed.call("GET", f"/drift/models/{model_id}/compare?reference=previous_period").body
    assert found["n_reference"] == pytest.approx(700, abs=5)
    assert found["n_window"] == pytest.approx(700, abs=5)


@pytest.mark.parametrize("reference", ["training", "last_year", ""])
def test_an_unknown_reference_is_refused(deployed: Stack, reference: str) -> None:
    """Only the two kinds of earlier days can be compared with."""
    model_id = make_model(deployed)
    assert deployed.call("GET", f"/drift/models/{model_id}/compare?reference={reference}").status == 422
    assert deployed.call("GET", f"/drift/models/{model_id}/compare").status == 422


def test_a_model_without_baseline_or_rows_has_nothing_to_compare(deployed: Stack) -> None:
    """Both answers are 409 and say what to do. Another organization's model is 404."""
    path = "/drift/models/{}/compare?reference=previous_period"
    bare = deployed.call("POST", "/models", {"name": "bare"}).body["id"]
    assert deployed.call("GET", path.format(bare)).body["detail"].endswith("Create a baseline before you compare.")
    empty = make_model(deployed, "empty")
    answer = deployed.call("GET", path.format(empty))
    assert (answer.status, answer.body["detail"]) == (
        409,
        "No predictions have been counted yet. Log predictions before you compare.",
    )
    assert deployed.call("GET", path.format("nothing")).status == 404


def test_days_live_long_enough_for_28_days_before_the_longest_window(day: Day) -> None:
    """The counts of a day expire 50 days after they were stored, those of an hour after 35 days."""
    day.model_id = make_model(day.deployed)
    log(day.deployed, day.model_id, [
        {"features": {"age": 40.0, "plan": "a"}, "prediction": 0.5, "timestamp": (NOW - 3 * DAY).isoformat()}
    ])  # fmt: skip
    day.clock.now = NOW + DAY
    day.check("t1")
    (stored,) = StoredCounts.days(day.model_id, 1, 0, 9_999_999, consistent=True)
    assert datetime.fromtimestamp(int(stored.expires_at), UTC) == day.clock.now + 50 * DAY
    (hour,) = StoredCounts.hours(day.model_id, 1, 0, 9_999_999)
    assert datetime.fromtimestamp(int(hour.expires_at), UTC) == day.clock.now + 35 * DAY
