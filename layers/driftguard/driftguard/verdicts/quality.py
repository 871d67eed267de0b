"""The data-quality tests: shares of rows that should not have grown since the baseline."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from driftguard.alerts.schemas import QualityKind
from driftguard.counting.counts import Counts
from driftguard.counting.layout import Layout
from driftguard.distributions.categories import Categories
from driftguard.statistics import budget, contingency
from driftguard.statistics.arrays import Flags, Ints
from driftguard.verdicts.drift import STAY_OPEN_P, STAY_OPEN_SCORE
from driftguard.verdicts.rules import Rules


@dataclass(frozen=True, slots=True)
class QualityTest:
    """A share of one feature (by index) that is larger in the window, with p by Fisher's exact test, one-sided."""

    index: int
    kind: QualityKind
    baseline: float
    window: float
    score: float
    p_value: float
    p_threshold: float
    fired: bool
    holding: bool


@dataclass(frozen=True)
class Shares:
    """a of n values in the window and b of m in the baseline, (F,) each; whether a feature can have such values."""

    kind: QualityKind
    a: Ints
    n: Ints
    b: Ints
    m: Ints
    possible: Flags


def quality_tests(layout: Layout, window: Counts, rules: Rules, min_change: float) -> tuple[bool, list[QualityTest]]:
    """Whether anything could be tested, and the tests whose share grew by nearly `min_change` or more."""
    kinds = list(_shares(layout, window))
    testable = [rules.enabled & one.possible & (one.m > 0) & (one.n >= rules.min_samples) for one in kinds]
    tests = int(sum(flags.sum() for flags in testable))
    limit = rules.alpha / (max(tests, 1) * budget.CHECKS)
    return tests > 0, [
        test
        for one, flags in zip(kinds, testable, strict=True)
        for test in _grown(one, flags, limit.tolist(), min_change)
    ]


def _grown(one: Shares, testable: Flags, limit: Sequence[float], min_change: float) -> Iterator[QualityTest]:
    baseline, window = one.b / np.maximum(one.m, 1), one.a / np.maximum(one.n, 1)
    score = window - baseline
    # Only these can fire or keep an alert open, and only for them an exact p-value is worth its time.
    grown = np.flatnonzero(testable & (score > 0) & (score > STAY_OPEN_SCORE * min_change))
    p_values = contingency.fisher_greater(one.a[grown], one.n[grown], one.b[grown], one.m[grown])
    for index, p_value in zip(grown.tolist(), p_values.tolist(), strict=True):
        yield QualityTest(
            index=index,
            kind=one.kind,
            baseline=float(baseline[index]),
            window=float(window[index]),
            score=float(score[index]),
            p_value=p_value,
            p_threshold=limit[index],
            fired=p_value < limit[index] and bool(score[index] >= min_change),
            holding=p_value < STAY_OPEN_P * limit[index],
        )


def _shares(layout: Layout, window: Counts) -> Iterator[Shares]:
    first, last = layout.starts, layout.starts + layout.sizes - 1
    nothing = np.zeros_like(first)
    everything = np.ones_like(layout.numeric)
    present = window.present
    invalid = window.invalid.sum(axis=1)
    filled = present + invalid
    yield Shares("missing", window.missing, filled + window.missing, layout.missing, layout.rows, everything)
    # With more rare categories than were remembered, an unknown one counts as rare.
    closed = [isinstance(one.values, Categories) and one.values.known is not None for one in layout.features]
    new = np.array(closed, np.bool_)
    yield Shares("new_categories", window.bins[last], present, nothing, layout.present, new)
    outside = window.bins[first] + window.bins[last]
    yield Shares("out_of_range", outside, present, nothing, layout.present, layout.numeric)
    # A feature without any value in the baseline has no type that another could differ from.
    typed = layout.present > 0
    yield Shares("wrong_type", invalid, filled, layout.invalid, layout.present + layout.invalid, typed)
