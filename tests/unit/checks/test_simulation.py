"""The replay keeps an alert's life across checks that change nothing."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from driftguard.alerts.findings import Finding, Occasion
from driftguard.alerts.schemas import AlertFeature
from driftguard.checks import simulation
from driftguard.counting.batches import count
from driftguard.counting.layout import layout_of
from driftguard.counting.series import Series
from driftguard.distributions.baseline import build
from driftguard.models.settings import ModelSettings
from driftguard.models.tables import Models
from driftguard.platform.times import hour_of
from driftguard.rows.columns import Row
from driftguard.rows.packing import pack
from driftguard.rows.unpacking import columns
from driftguard.verdicts import moments
from driftguard.verdicts.judging import Verdict
from driftguard.verdicts.replayed_past import ReplayedPast
from driftguard.verdicts.report import report_of

START = datetime(2026, 11, 1, tzinfo=UTC)
FIRING = Finding("data_drift", True, True, True, 0.3, 1e-9, "HIGH", [AlertFeature(name="age")])
TOO_LITTLE = Finding("data_drift", False, False, False, None, None, "LOW", [])
BELOW = Finding("data_drift", True, False, False, 0.01, 0.5, "LOW", [])


@pytest.mark.parametrize(
    ("findings", "alerts", "still_open"),
    [
        ([FIRING] * 3, 1, True),
        ([FIRING, TOO_LITTLE, TOO_LITTLE, FIRING], 1, True),
        ([FIRING, BELOW, FIRING], 1, True),
        ([FIRING, *[BELOW] * 26, FIRING], 2, True),
        ([FIRING, *[BELOW] * 26], 1, False),
        ([BELOW, TOO_LITTLE], 0, False),
    ],
)
def test_an_alert_lives_on_through_checks_that_change_nothing(
    monkeypatch: pytest.MonkeyPatch, findings: list[Finding], alerts: int, still_open: bool
) -> None:
    """One alert stays one while data are too few or it is below for less than a day; after a day below it ends."""
    baseline = build({"age": [float(value) for value in range(50)]}, None, days=1)
    row = Row(START.timestamp(), {"age": 1.0}, None, None)
    hours = count(baseline, [columns(pack([row]))])
    model = Models("acme", "model#m", organization_id="acme", model_id="m", name="churn")
    settings = ModelSettings()
    days = {hour // 24: counts for hour, counts in hours.items()}
    series = Series("m", 1, 1, baseline)
    past = ReplayedPast(layout_of(baseline), {}, None, hour_of(START) // 24)
    replay = simulation.Replay(model, series, settings, hour_of(START), hours, days, lambda _day: hours, past)
    given = iter(findings)

    def judging(_baseline: Any, _window: Any, _past: Any, occasion: Occasion, _episodes: Any) -> Verdict:
        return Verdict(report_of(occasion, "ok", None), [next(given)], occasion)

    monkeypatch.setattr(moments, "judge", judging)
    for number in range(len(findings)):
        replay.check(START + timedelta(days=8, hours=number))
    assert len(replay.alerts.seen) == alerts
    assert bool(replay.alerts.open) is still_open
