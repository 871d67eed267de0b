"""Runs the data-quality tests: they fire if the share of missing or unexpected values grew since the baseline."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from driftguard.alerts.schemas import QualityKind
from driftguard.counting.counts import Counts
from driftguard.counting.layout import Layout
from driftguard.distributions.categories import Categories
from driftguard.distributions.numbers import Numbers
from driftguard.statistics import contingency, unseen
from driftguard.statistics.arrays import Flags, Floats, Ints
from driftguard.verdicts.drift import STAY_OPEN_P, STAY_OPEN_SCORE
from driftguard.verdicts.rules import Rules


@dataclass(frozen=True, slots=True)
class QualityTest:
    """A share of one feature's values that grew in the window, with the p-value of a one-sided test.

    baseline: the share in the baseline. Of new categories, the share that a sample like the baseline must lack.
    index: the feature's place in the layout. score: the window's share minus the baseline's.
    hours: None for the whole window against the baseline. Else the last hours against the model's own past: `baseline`
    is then the share at the same hours of the week, and there is no p-value. surprise: see `statistics.surprise`.
    """

    index: int
    kind: QualityKind
    baseline: float
    window: float
    score: float
    p_value: float | None
    p_threshold: float | None
    fired: bool
    holding: bool
    hours: int | None = None
    surprise: float | None = None


@dataclass(frozen=True)
class Shares:
    """Counts for one kind of data-quality test: a of n values in the window, b of m in the baseline, (F,) each.

    Of new categories, b is the number of values that the baseline has once. So b of m is the share of values that a
    sample of the baseline's size is expected to lack.
    possible: whether the test applies to a feature.
    """

    kind: QualityKind
    a: Ints
    n: Ints
    b: Ints
    m: Ints
    possible: Flags


def quality_tests(layout: Layout, window: Counts, rules: Rules, min_change: float) -> tuple[bool, list[QualityTest]]:
    """Return whether any share could be tested, and the tests whose share grew by more than 0.8 · `min_change`."""
    kinds = list(_shares(layout, window))
    testable = [rules.enabled & one.possible & (one.m > 0) & (one.n >= rules.min_samples) for one in kinds]
    tests = int(sum(flags.sum() for flags in testable))
    limit = rules.alpha / (max(tests, 1) * rules.looks)
    return tests > 0, [
        test for one, flags in zip(kinds, testable, strict=True) for test in _grown(one, flags, limit, min_change)
    ]


def _grown(one: Shares, testable: Flags, limit: Floats, min_change: float) -> Iterator[QualityTest]:
    baseline, window = one.b / np.maximum(one.m, 1), one.a / np.maximum(one.n, 1)
    score = window - baseline
    # An exact p-value is expensive, so it is computed only for tests that can fire or keep an alert open.
    grown = np.flatnonzero(testable & (score > 0) & (score > STAY_OPEN_SCORE * min_change))
    a, n, b, m = (counts[grown] for counts in (one.a, one.n, one.b, one.m))
    if one.kind == "new_categories":
        p_values = unseen.unseen_p_value(a, n, b, m, limit[grown])
    else:
        p_values = contingency.fisher_greater(a, n, b, m)
    for index, p_value in zip(grown.tolist(), p_values.tolist(), strict=True):
        yield QualityTest(
            index=index,
            kind=one.kind,
            baseline=float(baseline[index]),
            window=float(window[index]),
            score=float(score[index]),
            p_value=p_value,
            p_threshold=float(limit[index]),
            fired=bool(p_value < limit[index] and score[index] >= min_change),
            holding=bool(p_value < STAY_OPEN_P * limit[index]),
        )


def _shares(layout: Layout, window: Counts) -> Iterator[Shares]:
    first, last = layout.starts, layout.starts + layout.sizes - 1
    nothing = np.zeros_like(first)
    everything = np.ones_like(layout.numeric)
    present = window.present
    invalid = window.invalid.sum(axis=1)
    filled = present + invalid
    yield Shares("missing", window.missing, filled + window.missing, layout.missing, layout.rows, everything)
    new = knows_its_values(layout)
    yield Shares("new_categories", window.unseen, present, _once(layout), layout.present, new)
    outside = window.bins[first] + window.bins[last]
    yield Shares("out_of_range", outside, present, nothing, layout.present, layout.numeric)
    # A feature without values in the baseline has no type to compare with.
    typed = layout.present > 0
    yield Shares("wrong_type", invalid, filled, layout.invalid, layout.present + layout.invalid, typed)


def knows_its_values(layout: Layout) -> Flags:
    """Return for which features the baseline can tell new categories from its own: bool (F,)."""
    return np.array([_knows_its_values(one.values) for one in layout.features], np.bool_)


def _knows_its_values(values: Numbers | Categories) -> bool:
    """Whether the baseline can tell a feature's new categories from its own."""
    if isinstance(values, Numbers):
        return False
    if values.others is None:
        # In a baseline of format 1, all categories must be named. Otherwise the values seen once were not counted.
        return not values.rare
    return values.others.digests is not None


def _once(layout: Layout) -> Ints:
    """Return the number of values that the baseline has once, for each feature with hash cells: (F,)."""
    values = [one.values for one in layout.features]
    return np.array([_values_once(one) if isinstance(one, Categories) else 0 for one in values], np.int64)


def _values_once(values: Categories) -> int:
    return values.counts.count(1) if values.others is None else values.others.once
