"""Turns the counts of a window into a verdict: a report and one finding per alert type.

Values may be missing, huge, equal, new or of the wrong type. Every enabled feature still gets a verdict, and a report
never contains NaN or infinity.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from driftguard.alerts.episodes import Episodes, Sight
from driftguard.alerts.findings import Finding, Occasion
from driftguard.alerts.schemas import AlertType
from driftguard.counting.counts import Counts
from driftguard.counting.layout import layout_of
from driftguard.distributions.baseline import FORMAT, Baseline
from driftguard.distributions.categories import Categories
from driftguard.models.schemas import State
from driftguard.verdicts.bounds import bounded
from driftguard.verdicts.comparison import Comparison
from driftguard.verdicts.drift import DriftTests
from driftguard.verdicts.features import feature_rows
from driftguard.verdicts.findings import (
    drift_finding,
    drift_sights,
    no_data_finding,
    quality_finding,
    quality_sights,
    strongest,
)
from driftguard.verdicts.report import NAMED, drift_reason, early_reason, quality_reason, report_of
from driftguard.verdicts.rules import Rules
from driftguard.verdicts.shapes import Report, ReportFeature
from driftguard.verdicts.testing import Tests, run_tests
from driftguard.verdicts.unwatched import unexpected, unexpected_reason, unwatched
from driftguard.verdicts.week import Week

NO_EPISODES = Episodes()


@dataclass(frozen=True)
class Verdict:
    """The result of a check.

    findings: one per alert type. occasion: the context of the check. sights: what the next checks must know of features
    in alerts, by alert type. now_hour: the running hour since 1970. week: how much the values of a week vary.
    window: the counts of the window.
    """

    report: Report
    findings: list[Finding]
    occasion: Occasion
    sights: Mapping[AlertType, Sequence[Sight]] = field(default_factory=dict)
    now_hour: int = 0
    week: Week | None = None
    window: Counts | None = None


def judge(
    baseline: Baseline,
    window: Counts,
    comparison: Comparison | None,
    occasion: Occasion,
    episodes: Episodes = NO_EPISODES,
) -> Verdict:
    """Compare the window's counts with the baseline, and the last hours with the model's own past.

    Args:
        baseline: what the model is compared with.
        window: the counts of the window. Those of a feature begin after its last episode.
        comparison: the last hours and the past, None if nothing is known of them.
        occasion: the context of the check.
        episodes: what earlier checks found.
    """
    settings = occasion.settings
    layout = layout_of(baseline)
    rules = Rules.of(layout, settings, occasion.looks)
    tests = run_tests(layout, baseline, window, comparison, rules, occasion, episodes)
    rows = feature_rows(layout, window, rules, tests, settings.min_share_change)
    lacking = unwatched(layout, window)
    news = unexpected(lacking, window, settings)
    by_role = {role: {k: row for k, row in rows.items() if row["role"] == role} for role in ("feature", "prediction")}
    sights: dict[AlertType, list[Sight]] = {
        "data_drift": list(drift_sights("data_drift", tests, by_role["feature"], episodes)),
        "prediction_drift": list(drift_sights("prediction_drift", tests, by_role["prediction"], episodes)),
        "data_quality": list(quality_sights(tests, rows, episodes)),
    }
    findings = [
        drift_finding("data_drift", tests, by_role["feature"], sights["data_drift"]),
        drift_finding("prediction_drift", tests, by_role["prediction"], sights["prediction_drift"]),
        quality_finding(tests, rows, news, settings.min_share_change, sights["data_quality"]),
        no_data_finding(occasion.silent),
    ]
    fired = [test for test in tests.quality if test.fired]
    status: State
    reason: str | None
    if occasion.silent:
        status, reason = "no_data", occasion.silence
    elif tests.combined.fired.any():
        drifted = [feature for finding in findings[:2] for feature in finding.features if feature.drifted]
        status, reason = "drift", drift_reason(drifted, len(rows))
    elif fired:
        status, reason = "data_quality", quality_reason(rows, fired)
    elif not tests.week.testable.any():
        status, reason = "insufficient_data", _too_few(window, rules, rows, tests.week)
    else:
        early = _early(rows, tests, occasion)
        known = unexpected_reason(news, NAMED) if news else None
        status, reason = "ok", " ".join(part for part in (early, known) if part) or None
    score, p_value = strongest(tests.week, tests.week.testable)
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
    return Verdict(bounded(report), findings, occasion, sights, tests.now_hour, tests.varying, window)


def _early(rows: Mapping[int, ReportFeature], tests: Tests, occasion: Occasion) -> str | None:
    """Return why features above their limits are not judged in the first days; None if that is not so."""
    if not occasion.preliminary:
        return None
    above = [rows[index] for index in np.flatnonzero(tests.week.above).tolist() if index in rows]
    return early_reason(above, tests.model_hours, occasion.settings.window_days)


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
