"""The position of each feature's bins in one flat vector, and the bin of each value.

Numbers are compared as float64, so -0.0 equals 0.0. The first and the last bin of a numeric feature lie outside the
baseline's range. The last two bins of a categorical feature hold the baseline's rare categories and new categories.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from driftguard.counting.edges import Codes, Edges
from driftguard.distributions.baseline import Baseline
from driftguard.distributions.categories import Categories
from driftguard.distributions.numbers import Numbers
from driftguard.statistics.arrays import Floats, Ints

MERGED = 10
"""Groups of bins per feature for a coarse comparison, with about equal baseline counts or the top categories."""


class Layout:
    """F features of a baseline with T bins in total.

    starts, sizes: int64 (F,), each feature's first bin and number of bins. numeric: bool (F,).
    bins: int64 (T,), the baseline's counts.
    lows, highs: float64 (T,), the ends of each numeric bin; infinite outside the baseline's range, 0 for categories.
    several: bool (T,), whether a bin can hold more than one distinct value.
    merged: int64 (T,), the group of each bin; each feature has MERGED groups.
    rows, present, missing, invalid: int64 (F,), numbers of rows in the baseline.
    numbers: by feature index, the edges of each numeric feature. categories: by feature index, the codes of each other.
    names: the features without the prediction. predicted: whether the baseline has predictions.
    """

    def __init__(self, baseline: Baseline) -> None:
        self.features = baseline.features
        self.names = frozenset(baseline.names)
        self.predicted = len(self.names) < len(self.features)
        numeric = {i: one.values for i, one in enumerate(self.features) if isinstance(one.values, Numbers)}
        named = {i: one.values for i, one in enumerate(self.features) if isinstance(one.values, Categories)}
        bins = _bins_of([*numeric.values()])
        self.numeric = np.zeros(len(self.features), np.bool_)
        self.numeric[[*numeric]] = True
        self.sizes = np.zeros(len(self.features), np.int64)
        self.sizes[self.numeric] = bins.sizes
        self.sizes[~self.numeric] = [len(values.names) + 2 for values in named.values()]
        self.starts = np.cumsum(self.sizes) - self.sizes
        of_numbers = self._spread(self.numeric)
        self.bins = np.zeros(len(of_numbers), np.int64)
        self.lows, self.highs = np.zeros(len(self.bins)), np.zeros(len(self.bins))
        self.bins[of_numbers], self.lows[of_numbers], self.highs[of_numbers] = bins.counts, bins.lows, bins.highs
        for index, values in named.items():
            self.bins[self.span(index)] = [*values.counts, values.rare, 0]
        self.numbers = {index: Edges(self.highs[self.span(index)][:-1]) for index in numeric}
        self.categories = {index: Codes(values) for index, values in named.items()}
        self.rows = np.array([feature.rows for feature in self.features], np.int64)
        self.missing = np.array([feature.missing for feature in self.features], np.int64)
        self.invalid = np.array([feature.invalid for feature in self.features], np.int64)
        self.present = self.rows - self.missing - self.invalid
        self.merged = self._merge(of_numbers) if self.features else np.zeros(0, np.int64)
        with np.errstate(over="ignore"):
            self.several = np.nextafter(self.lows, np.inf) < self.highs

    def _merge(self, of_numbers: npt.NDArray[np.bool_]) -> Ints:
        totals = np.add.reduceat(self.bins, self.starts)
        upto = np.cumsum(self.bins) - self._spread(np.cumsum(totals) - totals)
        tenth = (upto - self.bins / 2) * MERGED // np.maximum(self._spread(totals), 1)
        place = np.arange(len(self.bins)) - self._spread(self.starts)
        group: Ints = np.minimum(np.where(of_numbers, tenth.astype(np.int64), place), MERGED - 1)
        return group + self._spread(MERGED * np.arange(len(self.features)))

    def _spread[T: np.generic](self, values: npt.NDArray[T]) -> npt.NDArray[T]:
        """Repeat one value per feature for all its bins."""
        return np.repeat(values, self.sizes)

    def span(self, index: int) -> slice:
        """Return the bins of one feature."""
        return slice(int(self.starts[index]), int(self.starts[index] + self.sizes[index]))


@lru_cache(maxsize=4)
def layout_of(baseline: Baseline) -> Layout:
    """Return the layout of a baseline. The result is cached."""
    return Layout(baseline)


class _Bins(NamedTuple):
    """The bins of some numeric features, one feature after the other.

    sizes: (F,), bins per feature. lows, highs: (T,), the ends of each bin. counts: (T,), the baseline's counts.
    """

    sizes: Ints
    lows: Floats
    highs: Floats
    counts: Ints


def _bins_of(features: Sequence[Numbers]) -> _Bins:
    """Return the bins of numeric features. Bin k of a feature holds edge k-1 < value <= edge k.

    A value with its own bin has an edge right below it. The first edge lies right below the least value and the last
    edge is the greatest value, so the outer bins hold the values outside the baseline's range.
    """
    numbers = np.array([len(one.cuts) for one in features], np.int64)
    cuts = np.frombuffer(b"".join([one.cuts for one in features]))
    counts = np.frombuffer(b"".join([one.counts for one in features]), np.uint64).astype(np.int64)
    own = np.frombuffer(b"".join([one.own for one in features]), np.bool_)
    first = np.zeros(len(cuts), np.bool_)
    first[(np.cumsum(numbers) - numbers)[numbers > 0]] = True
    below = cuts.copy()
    below[first] = [one.quantiles[0] for one in features if one.cuts]
    with np.errstate(over="ignore"):
        below = np.nextafter(below, -np.inf)
    # If the next smaller double is itself a cut, one edge serves both.
    kept = first | own & (below > np.roll(cuts, 1))
    kept &= np.isfinite(below)

    pairs, wanted = np.stack([below, cuts], axis=1), np.stack([kept, np.ones_like(kept)], axis=1)
    edges = pairs[wanted]
    of_edges = np.zeros(len(edges), np.int64)
    of_edges[np.cumsum(kept + 1) - 1] = counts
    sizes = numbers + np.bincount(np.repeat(np.arange(len(numbers)), numbers)[kept], minlength=len(numbers)) + 1
    last = np.cumsum(sizes) - 1
    lows, highs, of_bins = np.empty(sizes.sum()), np.empty(sizes.sum()), np.zeros(sizes.sum(), np.int64)
    opened, closed = np.ones(len(lows), np.bool_), np.ones(len(lows), np.bool_)
    opened[last + 1 - sizes] = closed[last] = False
    lows[opened], lows[~opened] = edges, -np.inf
    highs[closed], highs[~closed] = edges, np.inf
    of_bins[closed] = of_edges
    return _Bins(sizes, lows, highs, of_bins)
