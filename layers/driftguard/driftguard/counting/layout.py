"""Where each bin of each feature of a baseline lies in one flat vector, and which bin a value belongs to.

Numbers are compared as float64, so that -0.0 is 0.0. The least and the last bin of a numeric feature lie outside the
baseline's range; a categorical one ends with a bin for the baseline's rarer categories and one for what it lacked.
"""

from collections.abc import Sequence
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from driftguard.distributions.baseline import Baseline, Categories, Numbers, digest

type Floats = npt.NDArray[np.float64]
type Ints = npt.NDArray[np.int64]

MERGED = 10
"""Groups of bins, of about as many baseline values each or of the most frequent categories, for a coarse comparison."""

CELLS = 4096
"""Cells of the grid that finds most values' bins without a binary search."""

MAX_STEPS = 4
"""Edges in a cell up to which stepping over them is faster than the binary search."""

MAX_SEARCHED = 0.2
"""The share of edges in fuller cells up to which the grid still pays."""

TRIMS = (1000, 64, 16, 8)
"""One in so many edges, on either side, is left out of the grid: the first that makes it pay is taken."""

MAX_REMEMBERED = 10_000
"""Names whose bin is remembered, so that those that come in every batch are digested once."""


class Layout:
    """F features of a baseline with T bins together.

    starts, sizes: int64 (F,), each feature's first bin and number of bins. numeric: bool (F,).
    bins: int64 (T,), the baseline's counts. lows, highs: float64 (T,), the ends of each numeric bin, infinite outside
    the baseline's range, 0 for categories. several: bool (T,), whether a bin can hold more than one value. merged:
    int64 (T,), the group of each bin, MERGED of them a feature. rows, present, missing, invalid: int64 (F,), the
    numbers of them in the baseline.
    numbers: of each numeric feature, its edges. categories: of each other one, its codes. Both by feature index.
    """

    def __init__(self, baseline: Baseline) -> None:
        self.features = baseline.features
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
        """One value of each feature, for all of its bins."""
        return np.repeat(values, self.sizes)

    def span(self, index: int) -> slice:
        """The bins of one feature."""
        return slice(int(self.starts[index]), int(self.starts[index] + self.sizes[index]))


@lru_cache(maxsize=4)
def layout_of(baseline: Baseline) -> Layout:
    """The layout of a baseline, kept for the next call."""
    return Layout(baseline)


class _Bins(NamedTuple):
    """The bins of some numeric features, one feature after the other: how many each has, (F,); of each bin its ends
    and the baseline's count, (T,)."""

    sizes: Ints
    lows: Floats
    highs: Floats
    counts: Ints


def _bins_of(features: Sequence[Numbers]) -> _Bins:
    """Bin k of a feature holds edge k-1 < value <= edge k.

    A value with a bin of its own has an edge right below it. The first edge lies right below the least value and the
    last one is the greatest, so that the outer bins hold what is out of the baseline's range.
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
    # Where the next smaller double is a cut itself, its edge serves for both.
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


class Edges:
    """The edges of a numeric feature's bins, ascending, and a quick way to find a value's bin.

    A grid of equal cells gives the number of edges in all cells before a value's; the value is then compared with the
    few edges in its own cell. Going from value to cell is monotone in floating point too, so the result is that of a
    binary search, which is left for cells with many edges. Under heavy tails the grid covers the middle alone.
    """

    def __init__(self, values: Floats) -> None:
        self.values = values

    @cached_property
    def gridded(self) -> bool:
        """Whether the grid serves these edges; it is laid when the first value is looked for."""
        count = len(self.values)
        return count > 1 and any(self._lay_grid(count // fraction) for fraction in TRIMS)

    def _lay_grid(self, trim: int) -> bool:
        """Lay the grid over all but `trim` edges on either side; whether that leaves few to the binary search."""
        self._low = self.values[trim]
        with np.errstate(over="ignore", divide="ignore"):
            self._scale = (CELLS - 1) / (self.values[-1 - trim] - self._low)
        if not 0 < self._scale < np.inf:
            return False
        inside = np.bincount(self._cells(self.values), minlength=CELLS)
        self._crowded = inside > MAX_STEPS
        self._any_crowded = bool(self._crowded.any())
        self._steps = int(inside[~self._crowded].max(initial=0))
        self._before = np.cumsum(inside) - inside
        self._padded = np.append(self.values, np.inf)
        return bool(inside[self._crowded].sum() <= len(self.values) * MAX_SEARCHED)

    def find(self, values: Floats) -> npt.NDArray[np.intp]:
        """The bin of each finite value, from 0 to the number of edges."""
        if not self.gridded:
            return self.values.searchsorted(values)
        cells = self._cells(values)
        found = self._before[cells]
        for _step in range(self._steps):
            found += values > self._padded[found]
        if self._any_crowded:
            rows = np.flatnonzero(self._crowded[cells])
            found[rows] = self.values.searchsorted(values[rows])
        return found

    def _cells(self, values: Floats) -> npt.NDArray[np.int32]:
        with np.errstate(over="ignore"):
            cells = values - self._low
            cells *= self._scale
        inside: npt.NDArray[np.int32] = np.clip(cells, 0, CELLS - 1, out=cells).astype(np.int32)
        return inside


class Codes:
    """From the name of a category to its bin: the named ones, then `rare`, then `new`."""

    def __init__(self, values: Categories) -> None:
        self.rare = len(values.names)
        self.new = self.rare + 1
        self._codes = {name: code for code, name in enumerate(values.names)}
        self._known = values.known

    def find(self, name: str) -> int:
        """The bin of one category."""
        code = self._codes.get(name)
        if code is None:
            code = self.rare if self._known is None or digest(name) in self._known else self.new
            if len(self._codes) < MAX_REMEMBERED:
                self._codes[name] = code
        return code
