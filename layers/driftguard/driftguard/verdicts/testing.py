"""Runs all parts of a check on one window: the week, the first week, broken features, the sudden part and quality."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from driftguard.alerts.episodes import Episodes
from driftguard.alerts.findings import Occasion
from driftguard.counting.counts import Counts
from driftguard.counting.layout import Layout
from driftguard.counting.profiles import HOURS
from driftguard.distributions.baseline import Baseline
from driftguard.platform.times import hour_of
from driftguard.statistics.arrays import Flags
from driftguard.verdicts.broken import broken_tests
from driftguard.verdicts.comparison import Comparison
from driftguard.verdicts.drift import DriftTests, drift_tests
from driftguard.verdicts.first_week import first_week_tests
from driftguard.verdicts.own_past import drift_part, joined, past_tests, quality_part
from driftguard.verdicts.parts import Combined, PartTests
from driftguard.verdicts.quality import QualityTest, quality_tests
from driftguard.verdicts.rules import Rules
from driftguard.verdicts.standing import Standing
from driftguard.verdicts.sudden import SuddenTests
from driftguard.verdicts.week import Week


@dataclass(frozen=True)
class Tests:
    """The results of all parts.

    week: the window against the baseline. week_part: the same as a part, tested where the window is covered.
    varying: how much the values of a week vary. budget: bool (F,), the features with the rule `budget`.
    sudden: the last hours against the model's own past, None if nothing is known of it. combined: all parts together.
    quality: the shares of flaws that grew. now_hour: the running hour since 1970. first_hour: that of the window.
    with_past: bool (F,), whether the sudden part is on. model_hours: the hours since the first counts of a new model.
    """

    week: DriftTests
    week_part: PartTests
    varying: Week
    sudden: SuddenTests | None
    combined: Combined
    quality_testable: bool
    quality: Sequence[QualityTest]
    standing: Standing
    budget: Flags
    with_past: Flags
    now_hour: int
    first_hour: int
    model_hours: int | None


def run_tests(
    layout: Layout,
    baseline: Baseline,
    window: Counts,
    comparison: Comparison | None,
    rules: Rules,
    occasion: Occasion,
    episodes: Episodes,
) -> Tests:
    """Run all parts. comparison: None if nothing is known of the model's past."""
    standing = Standing.of(episodes, len(layout.features))
    knowledge = comparison.knowledge if comparison is not None else None
    limits = Week.of(knowledge, standing, occasion)
    week = drift_tests(layout, window, limits, rules, baseline_days=baseline.days)
    week_part = PartTests(
        tested=week.testable & (limits.covered | ~rules.budget),
        fired=week.fired,
        holding=week.holding,
        score=week.score,
        graded=np.where(week.testable, week.graded, 0.0),
        limit=np.nan_to_num(week.threshold),
        hours=np.rint(limits.days * HOURS).astype(np.int64),
    )
    quality_testable, quality = quality_tests(layout, window, rules, occasion.settings.min_share_change)
    sudden = past_tests(layout, comparison, rules, standing)
    begun = comparison.first_hour if comparison is not None else None
    now_hour = comparison.now_hour if comparison is not None else hour_of(occasion.now)
    sudden_part = PartTests.nothing(len(layout.features))
    if sudden is not None and comparison is not None:
        sudden_part = drift_part(sudden, rules, standing.held_by_past(now_hour))
        past = quality_part(comparison, sudden, rules, standing.quality_held_by_past(now_hour))
        quality = joined(quality, list(past))
        quality_testable = quality_testable or bool(sudden.flaws.tested.any())
    first_week, broken = _of_first_week(layout, window, comparison, rules, week, occasion, standing)
    return Tests(
        week=week,
        week_part=week_part,
        varying=limits,
        sudden=sudden,
        combined=Combined.of((week_part, first_week, broken, sudden_part)),
        quality_testable=quality_testable,
        quality=quality,
        standing=standing,
        budget=rules.budget,
        with_past=rules.sudden,
        now_hour=now_hour,
        first_hour=hour_of(occasion.window.start),
        model_hours=None if begun is None else now_hour + 1 - begun,
    )


def _of_first_week(
    layout: Layout,
    window: Counts,
    comparison: Comparison | None,
    rules: Rules,
    week: DriftTests,
    occasion: Occasion,
    standing: Standing,
) -> tuple[PartTests, PartTests]:
    """Return the tests of a model whose data does not cover a window yet and whose baseline has no timestamps."""
    nothing = PartTests.nothing(len(layout.features))
    if comparison is None or comparison.timed or not occasion.preliminary:
        return nothing, nothing
    first_hour = comparison.first_hour
    if first_hour is None:
        return nothing, nothing
    hours = comparison.now_hour + 1 - np.maximum(first_hour, standing.starts)
    return (
        first_week_tests(layout, comparison, rules, week.c, occasion.settings.window_days, standing.starts),
        broken_tests(layout, window, rules, np.maximum(hours, 1)),
    )
