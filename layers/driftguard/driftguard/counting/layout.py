"""Where each bin of each feature of a baseline lies in one flat vector, and which bin a value belongs to.

Numbers are compared as float64, so that -0.0 is 0.0. The least and the last bin of a numeric feature lie outside the
baseline's range; a categorical one ends with a bin for the baseline's rarer categories and one for what it lacked.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from driftguard.baselines import Baseline, Categories, Numbers, digest

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
        self.numbers: dict[int, Edges] = {}
        self.categories: dict[int, Codes] = {}
        counts = []
        for index, feature in enumerate(self.features):
            if isinstance(feature.values, Numbers):
                edges, bins = expand(feature.values)
                self.numbers[index] = Edges(edges)
            else:
                bins = np.array([*feature.values.counts, feature.values.rare, 0], np.int64)
                self.categories[index] = Codes(feature.values)
            counts.append(bins)
        self.sizes = np.array(list(map(len, counts)), np.int64)
        self.starts = np.cumsum(self.sizes) - self.sizes
        self.bins = np.concatenate(counts) if counts else np.zeros(0, np.int64)
        self.rows = np.array([feature.rows for feature in self.features], np.int64)
        self.missing = np.array([feature.missing for feature in self.features], np.int64)
        self.invalid = np.array([feature.invalid for feature in self.features], np.int64)
        self.present = self.rows - self.missing - self.invalid
        self.numeric = np.array([feature.type == "numeric" for feature in self.features], np.bool_)
        self.lows, self.highs = np.zeros(len(self.bins)), np.zeros(len(self.bins))
        for index, found in self.numbers.items():
            self.lows[self.span(index)] = np.concatenate([[-np.inf], found.values])
            self.highs[self.span(index)] = np.concatenate([found.values, [np.inf]])
        self.merged = np.concatenate([np.zeros(0, np.int64), *map(self._merge, range(len(counts)))])
        with np.errstate(over="ignore"):
            self.several = np.nextafter(self.lows, np.inf) < self.highs

    def _merge(self, index: int) -> Ints:
        bins = self.bins[self.span(index)]
        if index in self.categories:
            group = np.minimum(np.arange(len(bins)), MERGED - 1)
        else:
            middle = np.cumsum(bins) - bins / 2
            group = np.minimum(middle * MERGED // max(int(bins.sum()), 1), MERGED - 1).astype(np.int64)
        return group + index * MERGED

    def span(self, index: int) -> slice:
        """The bins of one feature."""
        return slice(int(self.starts[index]), int(self.starts[index] + self.sizes[index]))


@lru_cache(maxsize=4)
def layout_of(baseline: Baseline) -> Layout:
    """The layout of a baseline, kept for the next call."""
    return Layout(baseline)


def expand(values: Numbers) -> tuple[Floats, Ints]:
    """All edges of a numeric feature, ascending, and the baseline's count of each bin (one more than edges).

    Bin k holds edge k-1 < value <= edge k. A value with a bin of its own has an edge right below it. The first edge
    lies right below the least value and the last one is the greatest, so that the outer bins hold what is out of the
    baseline's range.
    """
    if not values.cuts:
        return np.zeros(0), np.zeros(1, np.int64)
    cuts = np.asarray(values.cuts)
    lone = cuts[np.frombuffer(values.own, np.bool_)]
    with np.errstate(over="ignore"):
        below = np.nextafter(np.append(lone, values.quantiles[0]), -np.inf)
    edges = np.unique(np.concatenate([cuts, below[np.isfinite(below)]]))
    counts = np.zeros(len(edges) + 1, np.int64)
    counts[np.searchsorted(edges, cuts)] = np.asarray(values.counts).astype(np.int64)
    return edges, counts


class Edges:
    """The edges of a numeric feature's bins, ascending, and a quick way to find a value's bin.

    A grid of equal cells gives the number of edges in all cells before a value's; the value is then compared with the
    few edges in its own cell. Going from value to cell is monotone in floating point too, so the result is that of a
    binary search, which is left for cells with many edges. Under heavy tails the grid covers the middle alone.
    """

    def __init__(self, values: Floats) -> None:
        self.values = values
        self._gridded = any(self._lay_grid(len(values) // fraction) for fraction in TRIMS) if len(values) > 1 else False

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
        if not self._gridded:
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
        if code is not None:
            return code
        return self.rare if self._known is None or digest(name) in self._known else self.new
