"""Draws the features of a report: numbers as bars of equal width, categories as one bar each."""

from collections.abc import Sequence

import numpy as np

from driftguard.alerts.schemas import Histogram
from driftguard.counting.counts import Counts
from driftguard.counting.layout import MERGED, Layout
from driftguard.distributions.categories import NEW, RARE, Categories
from driftguard.distributions.numbers import Numbers
from driftguard.statistics import pictures
from driftguard.statistics.arrays import Floats
from driftguard.verdicts.drift import DriftTests

OTHER = "__other__"
"""The name of the bar of all values that have no bar of their own."""

DIGITS = 5
"""Digits of a share in a comparison of hours."""


def histograms(layout: Layout, window: Counts, tests: DriftTests, features: Sequence[int]) -> dict[int, Histogram]:
    """Return the histograms of the given features by index."""
    found = {index: _bars(layout, window, tests, index) for index in features if index in layout.categories}
    numeric = [index for index in features if index in layout.numbers and len(layout.numbers[index].values)]
    spans = [np.arange(layout.starts[index], layout.starts[index] + layout.sizes[index]) for index in numeric]
    places = np.concatenate([np.zeros(0, np.int64), *spans])
    drawn = pictures.histograms(
        [layout.numbers[index].values for index in numeric],
        tests.baseline_cdf[places],
        tests.window_cdf[places],
        least=window.least[numeric],
        greatest=window.greatest[numeric],
        values=[_distinct(layout, index) for index in numeric],
    )
    for index, (ends, first, second) in zip(numeric, drawn, strict=True):
        found[index] = {"edges": [*ends], "categories": None, "baseline": first, "window": second}
    nothing: Histogram = {"edges": [], "categories": None, "baseline": [], "window": []}
    return {index: found.get(index, nothing) for index in features}


def _distinct(layout: Layout, index: int) -> Floats | None:
    values = layout.features[index].values
    return np.asarray(values.cuts) if isinstance(values, Numbers) and all(values.own) else None


def _bars(layout: Layout, window: Counts, tests: DriftTests, index: int) -> Histogram:
    values = layout.features[index].values
    names = values.names if isinstance(values, Categories) else ()
    before, now = category_shares(layout, window, tests, index, len(names))
    shown, first, second = pictures.bars(before, now, len(names))
    labels = [*names[:shown], RARE, NEW]
    # The bars for rare and new values are left out if both samples have no such values.
    kept = [k for k in range(len(labels)) if k < shown or first[k] or second[k]]
    return {
        "edges": None,
        "categories": [labels[k] for k in kept],
        "baseline": [first[k] for k in kept],
        "window": [second[k] for k in kept],
    }


def of_groups(layout: Layout, index: int, reference: Floats, window: Floats) -> Histogram:
    """Return the shares of a feature's merged groups, without groups that no value can be in.

    Numbers have the ends of the groups as edges, null outside the baseline's range. Categories have names, and OTHER
    for all values without a name.
    """
    span = layout.span(index)
    groups = layout.merged[span] - MERGED * index
    used = np.unique(groups)
    values = layout.features[index].values
    before, now = ([round(float(share), DIGITS) for share in shares[used]] for shares in (reference, window))
    if isinstance(values, Categories):
        alone = [(groups == group).sum() == 1 and group < len(values.names) for group in used]
        names = [values.names[group] if own else OTHER for group, own in zip(used, alone, strict=True)]
        return {"edges": None, "categories": names, "baseline": before, "window": now}
    ends = layout.highs[span][np.searchsorted(groups, used, side="right") - 1]
    edges = [None, *(float(end) if np.isfinite(end) else None for end in ends)]
    return {"edges": edges, "categories": None, "baseline": before, "window": now}


def category_shares(layout: Layout, window: Counts, tests: DriftTests, index: int, named: int) -> tuple[Floats, Floats]:
    """Return the shares of the named categories, of rare ones, and of new ones, in the baseline and in the window."""
    span = layout.span(index)
    new = window.unseen[index] / max(tests.n[index], 1)
    return _with_new(tests.baseline_shares[span], named, 0.0), _with_new(tests.window_shares[span], named, new)


def _with_new(shares: Floats, named: int, new: float) -> Floats:
    """Return the shares of the named categories, of rare ones, and of new ones. shares: of the feature's bins."""
    others = float(shares[named:].sum())
    # A boolean value that the baseline lacks is new and has a name. It is shown under its name.
    new = min(new, others)
    return np.concatenate([shares[:named], [others - new, new]])
