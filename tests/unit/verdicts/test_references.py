"""The window compared with earlier days: its numbers, its limits and what it says about missing rows."""

import bz2
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from driftguard.alerts.findings import Occasion
from driftguard.alerts.schemas import Window
from driftguard.checks import references, reports
from driftguard.checks.onsets import Stored
from driftguard.counting.batches import count
from driftguard.counting.counts import Counts
from driftguard.counting.series import Fresh, Series
from driftguard.distributions.baseline import Baseline, build
from driftguard.models.settings import EarlierDays, ModelSettings
from driftguard.rows.columns import Row
from driftguard.rows.packing import pack
from driftguard.rows.unpacking import columns
from driftguard.verdicts.judging import Verdict, judge
from driftguard.verdicts.references import compared, days_of
from driftguard.verdicts.shapes import Compared
from driftguard.verdicts.week import Week

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
START = NOW - timedelta(days=7)
LAST_DAY = datetime(2026, 11, 15, tzinfo=UTC)
"""The last whole day before the window."""


NO_ROWS = (
    "The 7 days before the window have no counted rows, so there is nothing to compare with. "
    "The comparison starts when the model has data from before the window."
)
TOO_FEW = "There are too few rows: {}. A test needs a feature with 100 values in both."


def table(seed: int, rows: int, *, moved: float = 0.0, plan: str = "aab") -> pd.DataFrame:
    """Rows with a fine number, a whole number, a class of 0 and 1, and a category. Some numbers are missing."""
    random = np.random.default_rng(seed)
    income = random.normal(50 + 10 * moved, 10, rows)
    income[random.random(rows) < 0.1] = np.nan
    return pd.DataFrame(
        {
            "income": income,
            "age": random.integers(20, 60, rows).astype(float) + 4 * (moved > 0),
            "flag": (random.random(rows) < 0.3 + 0.2 * moved).astype(float),
            "plan": random.choice(list(plan), rows),
        }
    )


def baseline_of(rows: pd.DataFrame) -> Baseline:
    """A baseline of some rows."""
    return build({str(name): _values(rows[name]) for name in rows}, None, days=14)


def counts_of(baseline: Baseline, rows: pd.DataFrame, at: datetime) -> Counts:
    """The counts of rows that all have one time."""
    values = {str(name): _values(rows[name]) for name in rows}
    packed = [
        Row(at.timestamp(), dict(zip(values, row, strict=True)), None, None)
        for row in zip(*values.values(), strict=True)
    ]
    return sum(count(baseline, [columns(pack(packed))]).values(), Counts.empty(baseline))


def _values(column: "pd.Series[Any]") -> list[Any]:
    return [None if value != value else value for value in column.tolist()]  # noqa: PLR0124  only NaN differs from itself


def occasion(**settings: Any) -> Occasion:
    """A check at NOW."""
    return Occasion(
        now=NOW,
        organization_id="o",
        model_id="m",
        model_name="churn",
        settings=ModelSettings(**settings),
        baseline_version=1,
        n_baseline=1,
        n_window=1,
        window=Window(start=START, end=NOW),
        preliminary=False,
        warming_up=False,
        silent=False,
        silence="",
    )


def shown(
    source: EarlierDays, days: Mapping[int, pd.DataFrame], now: pd.DataFrame, training: pd.DataFrame, **settings: Any
) -> Compared:
    """Compare rows with those of some days before the window, by their distance from LAST_DAY."""
    baseline = baseline_of(training)
    last = int(LAST_DAY.timestamp()) // 86400
    counts = {last - ago: counts_of(baseline, rows, LAST_DAY - timedelta(days=ago)) for ago, rows in days.items()}
    week = Week.whole(len(baseline.features), 7)
    return compared(baseline, source, counts, counts_of(baseline, now, NOW), week, occasion(**settings))


@pytest.fixture(scope="module")
def week_of_rows() -> tuple[dict[int, pd.DataFrame], pd.DataFrame, pd.DataFrame]:
    """The rows of 28 days before the window, of the window, and of the training data, which differ from both."""
    days = {ago: table(100 + ago, 300, moved=0.4) for ago in range(28)}
    return days, table(7, 2500, moved=0.8), table(1, 4000, plan="abc")


@pytest.mark.parametrize(("source", "length"), [("previous_period", 7), ("rolling_28d", 28)])
def test_the_numbers_are_those_of_scipy_and_pandas_on_the_rows(
    week_of_rows: tuple[dict[int, pd.DataFrame], pd.DataFrame, pd.DataFrame], source: EarlierDays, length: int
) -> None:
    """Scores, p-values, counts, means and missing shares equal those computed from the rows of both sides."""
    days, now, training = week_of_rows
    before = pd.concat([days[ago] for ago in range(length)])
    found = shown(source, days, now, training)
    assert (found["days"], found["n_reference"], found["n_window"]) == (length, len(before), len(now))
    assert (found["start"], found["end"]) == (
        (LAST_DAY - timedelta(days=length - 1)).isoformat(timespec="microseconds").replace("+00:00", "Z"),
        (LAST_DAY + timedelta(days=1)).isoformat(timespec="microseconds").replace("+00:00", "Z"),
    )
    assert found["reason"] is None
    by_name = {one["name"]: one for one in found["features"]}
    for name in ("income", "age"):
        one, first, second = by_name[name], before[name].dropna(), now[name].dropna()
        exact = scipy.stats.ks_2samp(first, second, method="asymp")
        score, bound = one["drift_score"], one["score_error_bound"]
        assert score is not None
        assert bound is not None
        assert score - 1e-12 <= exact.statistic <= score + bound + 1e-12
        assert one["mean"] is not None
        assert dict(one["mean"]) == {"reference": pytest.approx(first.mean()), "window": pytest.approx(second.mean())}
        assert dict(one["missing"]) == {
            "reference": pytest.approx(before[name].isna().mean()),
            "window": pytest.approx(now[name].isna().mean()),
        }
        assert (one["n_reference"], one["n_window"]) == (len(first), len(second))
    # A whole number has a bin for each value, so D and p are exact.
    exact = scipy.stats.ks_2samp(before["age"], now["age"], method="asymp")
    assert by_name["age"]["drift_score"] == pytest.approx(exact.statistic, abs=1e-12)
    assert by_name["age"]["p_value"] == pytest.approx(exact.pvalue, rel=1e-6)
    crossed = pd.crosstab(
        np.repeat(["before", "now"], [len(before), len(now)]), pd.concat([before["plan"], now["plan"]]).to_numpy()
    )
    assert by_name["plan"]["p_value"] == pytest.approx(scipy.stats.chi2_contingency(crossed, correction=False).pvalue)
    table_of_flags = pd.crosstab(
        np.repeat(["before", "now"], [len(before), len(now)]), pd.concat([before["flag"], now["flag"]]).to_numpy()
    )
    assert by_name["flag"]["p_value"] == pytest.approx(scipy.stats.fisher_exact(table_of_flags).pvalue, rel=1e-6)
    assert found["drift_score"] == max(one["drift_score"] or 0.0 for one in found["features"])


def test_the_limit_counts_the_days_and_rows_of_both_sides(
    week_of_rows: tuple[dict[int, pd.DataFrame], pd.DataFrame, pd.DataFrame],
) -> None:
    """T = c·√(φ(1/n + 1/m) + ρ(1/W + 1/B)), where B is the number of earlier days with rows."""
    days, now, training = week_of_rows
    baseline = baseline_of(training)
    last = int(LAST_DAY.timestamp()) // 86400
    counts = {last - ago: counts_of(baseline, days[ago], LAST_DAY) for ago in range(20)}
    features = len(baseline.features)
    week = Week(np.full(features, 2.0), np.full(features, 0.01), np.full(features, 7.0), np.zeros(features, np.bool_))
    found = compared(
        baseline, "rolling_28d", counts, counts_of(baseline, now, NOW), week, occasion(min_drift_score=0.0)
    )
    one = next(one for one in found["features"] if one["name"] == "age")
    c = np.sqrt(np.log(2 * features * 2880 / 0.05) / 2)
    expected = c * np.sqrt(2.0 * (1 / one["n_window"] + 1 / one["n_reference"]) + 0.01 * (1 / 7 + 1 / 20))
    assert one["threshold"] == pytest.approx(expected)
    assert found["days"] == 20
    assert found["reason"] == "Only 20 of the 28 days before the window have rows."


def test_it_differs_from_the_baseline_s_verdict() -> None:
    """A lasting change is drift from the training data and none from the days before the window, and the reverse."""
    changed = {ago: table(50 + ago, 400, moved=1.0) for ago in range(7)}
    lasting = shown("previous_period", changed, table(3, 3000, moved=1.0), table(1, 4000))
    assert lasting["drifted_features"] == []
    new = shown("previous_period", changed, table(3, 3000), table(1, 4000))
    assert set(new["drifted_features"]) >= {"income", "age"}


@pytest.mark.parametrize(
    ("days", "now", "reason"),
    [
        (0, 3000, NO_ROWS),
        (2, 3000, TOO_FEW.format("40 in the days before the window, 3000 in the window")),
        (7, 30, TOO_FEW.format("140 in the days before the window, 30 in the window")),
    ],
)
def test_too_few_rows_are_told_in_a_sentence(days: int, now: int, reason: str) -> None:
    """Without enough rows on both sides no feature has a score, and the reason says what is missing."""
    found = shown("previous_period", {ago: table(ago, 20) for ago in range(days)}, table(9, now), table(1, 4000))
    assert found["reason"] == reason
    assert {one["status"] for one in found["features"]} == {"insufficient_data"}
    assert {one["drift_score"] for one in found["features"]} == {None}
    assert found["drift_score"] is None


def test_the_days_end_before_the_window() -> None:
    """Both references are whole days before the day of the window's first hour, as many as their names say."""
    first = int(START.timestamp()) // 86400
    assert days_of("previous_period", occasion(window_days=5)) == range(first - 5, first)
    assert days_of("rolling_28d", occasion(window_days=5)) == range(first - 28, first)


def _verdict(source: str) -> tuple[Verdict, Baseline]:
    baseline = baseline_of(table(1, 1000))
    return judge(baseline, counts_of(baseline, table(2, 800), NOW), None, occasion(reference=source)), baseline


def test_without_the_setting_nothing_more_is_read_or_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    """With `training`, a check reads no earlier days, and the stored report has the bytes of a report without them."""
    verdict, baseline = _verdict("training")
    monkeypatch.delattr(Stored, "days")
    stored = Stored(Series("m", 1, 1, baseline), Fresh(), lambda _spans: None)
    assert references.with_reference(verdict, stored) is verdict
    packed = reports.pack(verdict.report)
    assert reports.unpack(packed) == verdict.report
    assert b'"reference"' not in bz2.decompress(packed)


def test_a_stored_report_returns_the_comparison_unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    """A report with a comparison is the same after storing, in content and in the order of its fields."""
    verdict, baseline = _verdict("previous_period")
    days = {day: counts_of(baseline, table(day, 200), NOW) for day in days_of("previous_period", verdict.occasion)}
    monkeypatch.setattr(Stored, "days", lambda _self, first, last: {day: days[day] for day in range(first, last + 1)})
    report = references.with_reference(
        verdict, Stored(Series("m", 1, 1, baseline), Fresh(), lambda _spans: None)
    ).report
    assert report["reference"] is not None
    assert report["reference"]["source"] == "previous_period"
    again = reports.unpack(reports.pack(report))
    assert str(again) == str(report)
    assert report["status"] == verdict.report["status"]
