"""Draws the features of a report: numbers as bars of equal width, categories as one bar each."""

from collections.abc import Sequence

import numpy as np

from driftguard.alerts.schemas import Histogram
from driftguard.counting.counts import Counts
from driftguard.counting.layout import Layout
from driftguard.distributions.categories import NEW, RARE, Categories
from driftguard.distributions.numbers import Numbers
from driftguard.statistics import pictures
from driftguard.statistics.arrays import Floats
from driftguard.verdicts.drift import DriftTests


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
