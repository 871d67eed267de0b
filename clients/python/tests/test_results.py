"""Results as text: short where a result is large, and rows with the same error in one line."""

import pandas as pd
import pytest

from driftguard_client import DriftGuard
from driftguard_client.results import Alert, BaselineInfo, HistoryRow, ModelInfo, Performance, Report, Results
from testing.service import Service

FEATURES = [{"name": f"feature {number}", "role": "feature", "type": "numeric"} for number in range(500)]
ALERT = {
    "id": "01JC",
    "model_name": "churn",
    "alert_type": "data_drift",
    "severity": "HIGH",
    "status": "firing",
    "drift_score": 0.3684,
    "detected_at": "2026-11-06T07:26:10Z",
    "onset": "2026-11-05T22:00:00Z",
    "features": FEATURES,
}


@pytest.mark.parametrize(
    ("days", "text"),
    [
        ([], "0 days have predictions"),
        ([{"day": "2026-11-05", "predictions": 0}, {"day": "2026-11-06", "predictions": 20}], "1 day has predictions"),
        ([{"day": f"2026-11-0{number}", "predictions": 20 * (number > 2)} for number in range(1, 8)], "5 days have"),
    ],
)
def test_only_days_with_predictions_are_counted(days: list[dict[str, object]], text: str) -> None:
    """The service lists every day of the range, also those without predictions."""
    assert str(Performance.from_answer({"days": days, "window": {}})).startswith(f"No mature day yet. {text}")


def test_large_results_are_one_line() -> None:
    """As text and in a Python console, however many features they have."""
    made = BaselineInfo.from_answer(
        {"version": 3, "rows": 2000, "features": FEATURES, "warnings": ["a column is empty"]}
    )
    assert str(made) == "baseline 3: 2,000 rows, 500 columns, 1 warning in .warnings"
    alert = Alert.from_answer(ALERT)
    assert str(alert) == (
        "HIGH data_drift of churn, firing: score 0.368, opened 2026-11-06T07:26:10Z, "
        "changed since 2026-11-05T22:00:00Z (01JC)"
    )
    model = ModelInfo.from_answer({"id": "m1", "name": "churn", "state": "ok", "open_alerts": 1})
    assert str(model) == "churn: ok, score –, 1 open alert (m1)"
    row = HistoryRow.from_answer(
        {"checked_at": "2026", "status": "drift", "drift_score": 0.5, "drifted_features": "ab"}
    )
    assert str(row) == "2026 drift: score 0.500, 2 drifted"
    report = Report.from_answer({"status": "ok", "drift_score": 0.01, "features": []})
    for one in (made, alert, model, row):
        assert repr(one) == f"<{type(one).__name__}: {one}>"
    assert repr(report) == "<Report: ok: score 0.010, no rows against no of the baseline>"


def test_an_alert_has_its_onset() -> None:
    """None for an alert of an older service."""
    assert Alert.from_answer(ALERT).onset == "2026-11-05T22:00:00Z"
    assert Alert.from_answer({"id": "01JC"}).onset is None


def test_a_list_of_results_is_a_line_for_each() -> None:
    """At most 20 lines."""
    alerts = Results([Alert.from_answer(ALERT)] * 30, ["id"])
    assert str(alerts).count("HIGH data_drift of churn") == 20
    assert str(alerts).endswith("\n… and 10 more")
    assert str(Results([], ["id"])) == "none"
    assert str(Results(list(alerts[:2]), ["id"])) == f"{alerts[0]}\n{alerts[1]}"


def test_rows_with_the_same_error_are_one_line_with_the_next_step(service: Service) -> None:
    """With their number and the first of them. Other errors have lines of their own."""
    old = "is more than 21 days old; send them as a baseline with PUT /models/{model_id}/baseline"
    service.reject = lambda row: old if row["features"]["age"] else None
    frame = pd.DataFrame({"age": [0, *[1] * 1500], "pred": [0.5, float("inf"), *[0.5] * 1499]})
    result = DriftGuard(service.url, service.key).model("churn").log_frame(frame, prediction="pred", chunk_rows=400)
    assert len(result.errors) == 1500
    assert str(result).splitlines()[1:] == [
        "  row 1, prediction: is infinite. Log None for a missing value, or leave the row out.",
        "  1,499 rows (2, 3, 4, …), age: is more than 21 days old; send them as a baseline with set_baseline()",
    ]
