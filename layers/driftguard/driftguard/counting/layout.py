"""The position of each feature's bins in one flat vector, and the bin of each value.

Numbers are compared as float64, so -0.0 equals 0.0. The first and the last bin of a numeric feature lie outside the
baseline's range. The bins of a categorical feature are its named categories, then the hash cells of all other values.

The drift test of a categorical feature joins bins into cells: a named category with few values joins its hash cell, so
that the cells do not depend on the baseline's sample. In a baseline of format 1, the last two bins hold the baseline's
rare categories and new categories, and each bin is a cell.
"""

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from driftguard.counting.edges import Codes, Edges, cells_of, digests_of
from driftguard.distributions.baseline import Baseline
from driftguard.distributions.categories import MIN_COUNT, Categories
from driftguard.distributions.numbers import Numbers
from driftguard.distributions.weeks import GROUPS
from driftguard.statistics.arrays import Floats, Ints

GROUP_SIZE = 100
"""Features in one group. One table item holds one group, and memory need not hold more than one group at a time."""

REMEMBERED_BYTES = 16_000_000
"""Memory for the categories whose bins are remembered, of all features of a layout together."""

MERGED = GROUPS
"""Groups of bins per feature for a coarse comparison, with about equal baseline counts or the top categories."""


class Layout:
    """F features of a baseline with T bins in total.

    starts, sizes: int64 (F,), each feature's first bin and number of bins. numeric: bool (F,).
    two_valued: bool (F,), whether a numeric feature has two distinct values in the baseline.
    bins: int64 (T,), the baseline's counts.
    lows, highs: float64 (T,), the ends of each numeric bin; infinite outside the baseline's range, 0 for categories.
    means: float64 (T,), the mean of the baseline's values in each wide bin, NaN for all other bins.
    several: bool (T,), whether a bin can hold more than one distinct value.
    rounded: by feature index, the value that each bin stands for, NaN for a bin without one. Such a bin also holds what
      a rounding to float32 makes of its value. Only features with a bin for each value have roundings.
    in_hash: bool (T,), whether a bin is a hash cell.
    merged: int64 (T,), the group of each bin; each feature has MERGED groups.
    rows, present, missing, invalid: int64 (F,), numbers of rows in the baseline.
    unseen: int64 (F,), values in `bins` that only a rounding or a hash brought there. A baseline has none.
    cells: the cells of the features that are not numeric.
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
        self.two_valued = np.zeros(len(self.features), np.bool_)
        self.two_valued[[i for i, one in numeric.items() if len(one.cuts) == 2 and all(one.own)]] = True
        self.sizes = np.zeros(len(self.features), np.int64)
        self.sizes[self.numeric] = bins.sizes
        room = REMEMBERED_BYTES // max(1, len(named))
        self.categories = {index: Codes(values, room) for index, values in named.items()}
        self.sizes[~self.numeric] = [codes.size for codes in self.categories.values()]
        self.starts = np.cumsum(self.sizes) - self.sizes
        of_numbers = self._spread(self.numeric)
        self.bins = np.zeros(len(of_numbers), np.int64)
        self.lows, self.highs = np.zeros(len(self.bins)), np.zeros(len(self.bins))
        self.means = np.full(len(self.bins), np.nan)
        self.bins[of_numbers], self.lows[of_numbers], self.highs[of_numbers] = bins.counts, bins.lows, bins.highs
        self.means[of_numbers] = bins.means
        self.in_hash = np.zeros(len(self.bins), np.bool_)
        for index, values in named.items():
            span = self.span(index)
            others = [values.rare, 0] if values.others is None else values.others.cells
            self.bins[span] = [*values.counts, *others]
            self.in_hash[span.start + len(values.names) : span.stop] = True
        self.cells = Cells.of({self.span(index).start: values for index, values in named.items()})
        self.numbers = {index: Edges(self.highs[self.span(index)][:-1]) for index in numeric}
        self.rounded: dict[int, Floats] = {}
        for index, numbers in numeric.items() if baseline.format > 1 else ():
            if numbers.cuts and all(numbers.own):
                edges, self.rounded[index] = _with_roundings(numbers, self.numbers[index].values)
                self.numbers[index] = Edges(edges)
        self.rows = np.array([feature.rows for feature in self.features], np.int64)
        self.missing = np.array([feature.missing for feature in self.features], np.int64)
        self.invalid = np.array([feature.invalid for feature in self.features], np.int64)
        self.present = self.rows - self.missing - self.invalid
        self.unseen = np.zeros(len(self.features), np.int64)
        self.merged = self._merge(of_numbers) if self.features else np.zeros(0, np.int64)
        self._first_of_groups = np.flatnonzero(np.diff(self.merged, prepend=-1))
        self._stored_groups: dict[int, tuple[slice, slice, npt.NDArray[np.intp]]] = {}
        with np.errstate(over="ignore"):
            self.several = np.nextafter(self.lows, np.inf) < self.highs

    def _merge(self, of_numbers: npt.NDArray[np.bool_]) -> Ints:
        totals = np.add.reduceat(self.bins, self.starts)
        upto = np.cumsum(self.bins) - self._spread(np.cumsum(totals) - totals)
        tenth = (upto - self.bins / 2) * MERGED // np.maximum(self._spread(totals), 1)
        place = np.arange(len(self.bins)) - self._spread(self.starts)
        # All hash cells of a feature are one group, after its most frequent categories.
        named = np.add.reduceat(~self.in_hash, self.starts, dtype=np.int64)
        place = np.minimum(place, self._spread(named))
        group: Ints = np.minimum(np.where(of_numbers, tenth.astype(np.int64), place), MERGED - 1)
        return group + self._spread(MERGED * np.arange(len(self.features)))

    def _spread[T: np.generic](self, values: npt.NDArray[T]) -> npt.NDArray[T]:
        """Repeat one value per feature for all its bins."""
        return np.repeat(values, self.sizes)

    def holding(self, bins: Ints, unseen: Ints) -> "Layout":
        """Return the same bins with the counts of other values in place of the baseline's."""
        other = copy(self)
        other.bins, other.unseen = bins, unseen
        other.present = np.add.reduceat(bins, self.starts) if self.features else self.present
        return other

    def in_groups(self, bins: Ints) -> Ints:
        """Return the counts (T,) by merged group: (F, MERGED)."""
        groups = np.zeros((len(self.features), MERGED), np.int64)
        # The bins of a group lie side by side.
        groups.flat[self.merged[self._first_of_groups]] = np.add.reduceat(bins, self._first_of_groups)
        return groups

    def group(self, number: int) -> tuple[slice, slice, npt.NDArray[np.intp]]:
        """Return the features of a group, their bins, and the indices of its numeric features. The result is kept."""
        known = self._stored_groups.get(number)
        if known is None:
            known = self._stored_groups[number] = self._group(number)
        return known

    def _group(self, number: int) -> tuple[slice, slice, npt.NDArray[np.intp]]:
        first, last = number * GROUP_SIZE, min((number + 1) * GROUP_SIZE, len(self.features))
        if first >= last:
            return slice(0, 0), slice(0, 0), np.zeros(0, np.intp)
        bins = slice(self.span(first).start, self.span(last - 1).stop)
        return slice(first, last), bins, np.flatnonzero(self.numeric[first:last]) + first

    def span(self, index: int) -> slice:
        """Return the bins of one feature."""
        return slice(int(self.starts[index]), int(self.starts[index] + self.sizes[index]))


@dataclass(frozen=True, slots=True)
class Cells:
    """The cells of the drift test of K categorical features, and the B bins that they consist of.

    bins: int64 (B,), the position of each bin in the layout. cells: int64 (B,), the cell of each bin.
    starts, sizes: int64 (K,), each feature's first cell and number of cells.
    """

    bins: Ints
    cells: Ints
    starts: Ints
    sizes: Ints

    @classmethod
    def of(cls, features: Mapping[int, Categories]) -> "Cells":
        """Return the cells of features by the position of their first bin."""
        own = [_cells_of(values) for values in features.values()]
        sizes = np.array([int(cells.max()) + 1 for cells in own], np.int64)
        starts = np.cumsum(sizes) - sizes
        nothing = np.zeros(0, np.int64)
        bins = [first + np.arange(len(cells)) for first, cells in zip(features, own, strict=True)]
        cells = [first + cells for first, cells in zip(starts, own, strict=True)]
        return cls(np.concatenate([nothing, *bins]), np.concatenate([nothing, *cells]), starts, sizes)

    def join(self, bins: Ints) -> Ints:
        """Return the counts of all cells from the counts of all bins (T,)."""
        joined = np.bincount(self.cells, weights=bins[self.bins], minlength=int(self.sizes.sum()))
        return np.rint(joined).astype(np.int64)

    def sums(self, values: Floats) -> Floats:
        """Return the sum of one value per cell for each feature: (K,)."""
        return np.add.reduceat(values, self.starts) if len(self.starts) else np.zeros(0)


def _cells_of(values: Categories) -> Ints:
    """Return the cell of each bin of one feature."""
    named = len(values.names)
    if values.others is None or not len(values.others.cells):
        return np.arange(named + (2 if values.others is None else 0))
    kept = sum(count >= MIN_COUNT for count in values.counts)
    hashed = cells_of(digests_of(values.names[kept:]))
    return np.concatenate([np.arange(kept), kept + hashed, kept + np.arange(len(values.others.cells))])


@dataclass(frozen=True)
class Group:
    """One group of a baseline's features. baseline: the baseline with these features only."""

    number: int
    baseline: Baseline
    whole: Baseline


_layouts: WeakKeyDictionary[Baseline, Layout] = WeakKeyDictionary()
_groups: WeakKeyDictionary[Baseline, Sequence[Baseline]] = WeakKeyDictionary()


def layout_of(baseline: Baseline) -> Layout:
    """Return the layout of a baseline. The result is kept as long as the baseline."""
    layout = _layouts.get(baseline)
    if layout is None:
        layout = _layouts[baseline] = Layout(baseline)
    return layout


def groups_of(baseline: Baseline) -> list[Group]:
    """Return the groups of a baseline's features, at least one."""
    if len(baseline.features) <= GROUP_SIZE:
        return [Group(0, baseline, baseline)]
    parts = _groups.get(baseline)
    if parts is None:
        features = [
            baseline.features[first : first + GROUP_SIZE] for first in range(0, len(baseline.features), GROUP_SIZE)
        ]
        parts = _groups[baseline] = [replace(baseline, features=some) for some in features]
    return [Group(number, part, baseline) for number, part in enumerate(parts)]


def _with_roundings(numbers: Numbers, edges: Floats) -> tuple[Floats, Floats]:
    """Return the edges of a feature whose bins also hold roundings of their values, and the value of each bin.

    A rounding to float32 moves a value by at most half the distance of neighbouring float32 numbers. Where the
    intervals of two values meet, both values stay exact. So do values that are too small or too large for a normal
    float32.
    """
    cuts = np.asarray(numbers.cuts)
    with np.errstate(over="ignore", invalid="ignore"):
        near = cuts.astype(np.float32)
        normal = np.isfinite(near) & (np.abs(near) >= np.finfo(np.float32).tiny)
        half = np.where(normal, np.abs(np.spacing(near)).astype(np.float64) / 2, 0.0)
        below, top = np.nextafter(cuts - half, -np.inf), cuts + half
    apart = top[:-1] < below[1:]
    alone = (half > 0) & np.append(apart, True) & np.insert(apart, 0, True)
    places = edges.searchsorted(cuts)
    widened, values = edges.copy(), np.full(len(edges) + 1, np.nan)
    values[places] = cuts
    widened[places[alone]] = top[alone]
    widened[places[alone] - 1] = below[alone]
    return widened, values


class _Bins(NamedTuple):
    """The bins of some numeric features, one feature after the other.

    sizes: (F,), bins per feature. lows, highs: (T,), the ends of each bin. counts: (T,), the baseline's counts.
    means: (T,), the mean of the values in each wide bin, else NaN.
    """

    sizes: Ints
    lows: Floats
    highs: Floats
    counts: Ints
    means: Floats


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
    tops = np.cumsum(kept + 1) - 1
    of_edges[tops] = counts
    wide = [np.array(one.wide, np.int64) for one in features]
    of_cuts = np.full(len(cuts), np.nan)
    for one, places, first_cut in zip(features, wide, np.cumsum(numbers) - numbers, strict=True):
        of_cuts[first_cut + places] = one.means
    means_of_edges = np.full(len(edges), np.nan)
    means_of_edges[tops] = of_cuts
    sizes = numbers + np.bincount(np.repeat(np.arange(len(numbers)), numbers)[kept], minlength=len(numbers)) + 1
    last = np.cumsum(sizes) - 1
    lows, highs, of_bins = np.empty(sizes.sum()), np.empty(sizes.sum()), np.zeros(sizes.sum(), np.int64)
    opened, closed = np.ones(len(lows), np.bool_), np.ones(len(lows), np.bool_)
    opened[last + 1 - sizes] = closed[last] = False
    lows[opened], lows[~opened] = edges, -np.inf
    highs[closed], highs[~closed] = edges, np.inf
    of_bins[closed] = of_edges
    means = np.full(len(lows), np.nan)
    means[closed] = means_of_edges
    return _Bins(sizes, lows, highs, of_bins, means)
