"""Compares the window with earlier days of the same model, beside the comparison with the baseline.

The result is shown only. Neither the report's status nor an alert depends on it.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from driftguard.alerts.findings import Occasion
from driftguard.counting.counts import Counts
from driftguard.counting.layout import Layout, layout_of
from driftguard.distributions.baseline import Baseline, key_of
from driftguard.models.settings import EarlierDays
from driftguard.platform.times import hour_of, hour_start, iso
from driftguard.statistics.arrays import Flags
from driftguard.verdicts.drift import DriftTests, drift_tests
from driftguard.verdicts.features import direction_of, finite, mean_of, name_of_test
from driftguard.verdicts.findings import strongest
from driftguard.verdicts.rules import Rules
from driftguard.verdicts.shapes import Compared, ComparedFeature
from driftguard.verdicts.week import Week

HOURS = 24
ROLLING_DAYS = 28


def days_of(source: EarlierDays, occasion: Occasion) -> range:
    """Return the days that the window is compared with, in days since 1970: whole days that end before the window."""
    end = hour_of(occasion.window.start) // HOURS
    return range(end - (occasion.settings.window_days if source == "previous_period" else ROLLING_DAYS), end)


def compared(
    baseline: Baseline,
    source: EarlierDays,
    days: Mapping[int, Counts],
    window: Counts,
    week: Week,
    occasion: Occasion,
) -> Compared:
    """Compare the window with the sum of earlier days, by the tests and limits of the week part.

    Args:
        baseline: gives the bins. Its counts are not used.
        source: which days.
        days: the counts of these days. Days without rows may be absent.
        window: the counts of the window.
        week: how much the values of a week vary. The days of `source` vary in the same way.
        occasion: the context of the check.
    """
    asked = days_of(source, occasion)
    filled = [days[day] for day in asked if day in days and days[day].rows]
    earlier = sum(filled, Counts.empty(baseline))
    layout = layout_of(baseline).holding(earlier.bins, earlier.unseen)
    rules = Rules.of(layout, occasion.settings, occasion.looks)
    whole = replace(week, covered=np.ones_like(week.covered))
    tests = drift_tests(layout, window, whole, rules, baseline_days=max(len(filled), 1), wasserstein=False)
    testable = tests.testable & (~rules.budget | (tests.m >= rules.min_samples))
    score, p_value = strongest(tests, testable)
    rows = [
        _row(layout, earlier, window, tests, index, testable=bool(testable[index]))
        for index in np.flatnonzero(rules.enabled).tolist()
    ]
    return {
        "source": source,
        "start": iso(hour_start(asked.start * HOURS)),
        "end": iso(hour_start(asked.stop * HOURS)),
        "days": len(filled),
        "window": {"start": iso(occasion.window.start), "end": iso(occasion.window.end)},
        "n_reference": earlier.rows,
        "n_window": window.rows,
        "reason": _reason(asked, len(filled), earlier, window, rules, testable),
        "drift_score": score,
        "p_value": p_value,
        "drifted_features": [key_of(row["name"], row["role"]) for row in rows if row["status"] == "drift"],
        "features": rows,
    }


def _row(
    layout: Layout, earlier: Counts, window: Counts, tests: DriftTests, index: int, *, testable: bool
) -> ComparedFeature:
    feature = layout.features[index]
    fired = testable and bool(tests.fired[index])
    numeric = bool(layout.numeric[index])
    return {
        "name": feature.name,
        "role": feature.role,
        "type": feature.type,
        "test": name_of_test(layout, tests, index),
        "status": "drift" if fired else "ok" if testable else "insufficient_data",
        "drift_score": float(tests.score[index]) if testable else None,
        "score_error_bound": float(tests.error_bound[index]) if testable else None,
        "expected_by_chance": finite(tests.expected_by_chance[index]) if testable else None,
        "p_value": float(tests.p_value[index]) if testable else None,
        "threshold": finite(tests.threshold[index]) if testable else None,
        "p_threshold": finite(tests.p_threshold[index]) if testable else None,
        "direction": direction_of(layout, window, tests, index) if testable else None,
        "n_reference": int(tests.m[index]),
        "n_window": int(tests.n[index]),
        "mean": {"reference": mean_of(earlier, index), "window": mean_of(window, index)} if numeric else None,
        "missing": {"reference": _missing(earlier, index), "window": _missing(window, index)},
    }


def _missing(counts: Counts, index: int) -> float:
    rows = int(counts.present[index] + counts.missing[index] + counts.invalid[index].sum())
    return int(counts.missing[index]) / max(rows, 1)


def _reason(asked: range, filled: int, earlier: Counts, window: Counts, rules: Rules, testable: Flags) -> str | None:
    """Return a sentence about what is missing, or None if the comparison is complete."""
    if not filled:
        return (
            f"The {len(asked)} days before the window have no counted rows, so there is nothing to compare with. "
            "The comparison starts when the model has data from before the window."
        )
    if not rules.enabled.any():
        return "No feature is enabled. Enable a feature in the model's settings."
    if not testable.any():
        needed = int(rules.min_samples[rules.enabled].min())
        return (
            f"There are too few rows: {earlier.rows} in the days before the window, {window.rows} in the window. "
            f"A test needs a feature with {needed} values in both."
        )
    if filled < len(asked):
        return f"Only {filled} of the {len(asked)} days before the window have rows."
    return None
