"""Turns the counts of a window into a verdict: a report and one finding per alert type.

Values may be missing, huge, equal, new or of the wrong type. Every enabled feature still gets a verdict, and a report
never contains NaN or infinity.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from driftguard.alerts.findings import Finding, Occasion
from driftguard.alerts.schemas import AlertFeature, AlertType, Limit, Severity
from driftguard.counting.counts import Counts
from driftguard.counting.layout import layout_of
from driftguard.distributions.baseline import FORMAT, Baseline
from driftguard.distributions.categories import Categories
from driftguard.models.schemas import State
from driftguard.statistics.arrays import Flags
from driftguard.verdicts.bounds import bounded
from driftguard.verdicts.drift import DriftTests, drift_tests
from driftguard.verdicts.features import alert_feature, feature_rows
from driftguard.verdicts.quality import QualityTest, quality_tests
from driftguard.verdicts.report import NAMED, drift_reason, quality_reason, report_of
from driftguard.verdicts.rules import Rules
from driftguard.verdicts.shapes import Report, ReportFeature
from driftguard.verdicts.unwatched import unexpected, unexpected_reason, unwatched

LOW_BELOW, MEDIUM_BELOW = 0.1, 0.2

QUALITY_LOW_BELOW, QUALITY_MEDIUM_BELOW = 0.05, 0.15
"""Rises of a share, of which 8 % missing values must reach the default channel."""


@dataclass(frozen=True)
class Verdict:
    """The result of a check. findings: one per alert type. occasion: the context of the check."""

    report: Report
    findings: list[Finding]
    occasion: Occasion


def judge(baseline: Baseline, window: Counts, days: Sequence[Counts], occasion: Occasion) -> Verdict:
    """Compare the window's counts with the baseline.

    days: the counts of the last 14 whole days, oldest first. With fewer days the overdispersion is taken as 0.
    """
    settings = occasion.settings
    layout = layout_of(baseline)
    rules = Rules.of(layout, settings, occasion.looks)
    tests = drift_tests(layout, window, days, rules, window_days=settings.window_days, baseline_days=baseline.days)
    quality_testable, quality = quality_tests(layout, window, rules, settings.min_share_change)
    rows = feature_rows(layout, window, rules, tests, quality, settings.min_share_change)
    lacking = unwatched(layout, window)
    news = unexpected(lacking, window, settings)
    findings = [
        _drift_finding("data_drift", tests, {k: row for k, row in rows.items() if row["role"] == "feature"}),
        _drift_finding("prediction_drift", tests, {k: row for k, row in rows.items() if row["role"] == "prediction"}),
        _quality_finding(quality_testable or not rows, quality, rows, news, settings.min_share_change),
        _no_data_finding(occasion.silent),
    ]
    fired = [test for test in quality if test.fired]
    status: State
    reason: str | None
    if occasion.silent:
        status, reason = "no_data", occasion.silence
    elif tests.fired.any():
        status, reason = "drift", drift_reason(rows.values())
    elif fired:
        status, reason = "data_quality", quality_reason(rows, fired)
    elif not tests.testable.any():
        status, reason = "insufficient_data", _too_few(window, rules, rows, tests)
    else:
        status, reason = "ok", unexpected_reason(news, NAMED) if news else None
    score, p_value = _strongest(tests, tests.testable)
    report = report_of(
        occasion,
        status,
        reason,
        list(rows.values()),
        lacking,
        unwatched_more=window.notes.more,
        notes=notes_on(baseline),
        drift_score=score,
        p_value=p_value,
    )
    return Verdict(bounded(report), findings, occasion)


def notes_on(baseline: Baseline) -> list[str]:
    """Return what a reader of the report should know about the baseline."""
    hidden = [one.name for one in baseline.features if isinstance(one.values, Categories) and one.values.rare]
    if baseline.format >= FORMAT or not hidden:
        return []
    named = ", ".join(hidden[:NAMED]) + (f" and {len(hidden) - NAMED} more" if len(hidden) > NAMED else "")
    note = (
        f"The baseline has an old format. For features with many categories ({named}) it cannot test for new "
        "categories, and their rare categories share one cell. Create a new baseline to get both."
    )
    return [note]


def severity_of(score: float | None) -> Severity:
    """Return LOW for a score below 0.1 or None, MEDIUM below 0.2, and HIGH from 0.2."""
    return _graded(score, LOW_BELOW, MEDIUM_BELOW)


def quality_severity_of(rise: float | None) -> Severity:
    """Return LOW for a share that rose by less than 0.05 or None, MEDIUM below 0.15, and HIGH from 0.15."""
    return _graded(rise, QUALITY_LOW_BELOW, QUALITY_MEDIUM_BELOW)


def _graded(value: float | None, low_below: float, medium_below: float) -> Severity:
    if value is None or value < low_below:
        return "LOW"
    return "MEDIUM" if value < medium_below else "HIGH"


def _strongest(tests: DriftTests, among: Flags) -> tuple[float | None, float | None]:
    """Return the largest score among the given features, and the p-value of the same feature."""
    if not among.any():
        return None, None
    index = int(np.argmax(np.where(among, tests.score, -1.0)))
    return float(tests.score[index]), float(tests.p_value[index])


def _drift_finding(alert_type: AlertType, tests: DriftTests, rows: dict[int, ReportFeature]) -> Finding:
    of_type = np.zeros(len(tests.testable), np.bool_)
    of_type[list(rows)] = True
    fired, holding, testable = tests.fired & of_type, tests.holding & of_type, tests.testable & of_type
    among = fired if fired.any() else holding if holding.any() else testable
    score, p_value = _strongest(tests, among)
    shown = sorted(np.flatnonzero(holding).tolist(), key=lambda index: (not fired[index], -tests.score[index]))
    return Finding(
        alert_type=alert_type,
        # If every feature is disabled, the finding counts as tested, so that an open alert can resolve.
        testable=bool(testable.any()) or not rows,
        firing=bool(fired.any()),
        holding=bool(holding.any()),
        drift_score=score,
        p_value=p_value,
        severity=severity_of(float(tests.graded[among].max()) if among.any() else None),
        features=[alert_feature(rows[index]) for index in shown],
        limit=_drift_limit(rows[shown[0]], tests, shown[0]) if shown else None,
    )


def _drift_limit(row: ReportFeature, tests: DriftTests, index: int) -> Limit:
    """Return what decides about a feature. A graded score leaves out what chance alone would add."""
    by_chance = float(tests.score[index] - tests.graded[index])
    threshold = row["threshold"]
    return Limit(score=None if threshold is None else threshold + by_chance, p_value=row["p_threshold"])


def _quality_finding(
    testable: bool,
    quality: Sequence[QualityTest],
    rows: dict[int, ReportFeature],
    news: Sequence[AlertFeature],
    min_change: float,
) -> Finding:
    """Return the finding on data quality. news: features that the baseline lacks."""
    shown = sorted((test for test in quality if test.holding), key=lambda test: (not test.fired, -test.score))
    first = shown[0] if shown else None
    score = first.score if first else None
    return Finding(
        alert_type="data_quality",
        testable=testable or bool(news),
        firing=any(test.fired for test in shown),
        holding=bool(shown),
        drift_score=score,
        p_value=first.p_value if first else None,
        severity=quality_severity_of(score),
        features=[*(alert_feature(rows[test.index], test, min_change) for test in shown), *news],
        limit=Limit(score=min_change, p_value=first.p_threshold if first else None) if shown or news else None,
        unexpected=bool(news),
    )


def _no_data_finding(silent: bool) -> Finding:
    return Finding(
        alert_type="no_data",
        testable=True,
        firing=silent,
        holding=silent,
        drift_score=None,
        p_value=None,
        severity="MEDIUM",
    )


def _too_few(window: Counts, rules: Rules, rows: dict[int, ReportFeature], tests: DriftTests) -> str:
    if not rows:
        return "No feature is enabled. Enable a feature in the model's settings."
    if not window.rows:
        return "The window contains no predictions."
    shown = list(rows)
    if (tests.n[shown] >= rules.min_samples[shown]).any():
        most = tests.m[shown].max()
        return f"The baseline is too small to detect drift: no feature has more than {most} values. Use more rows."
    needed = int(rules.min_samples[shown].min())
    return f"The window is too small: no feature has {needed} values yet, the minimum for a test."
