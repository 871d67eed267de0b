"""Which bin a value or a category belongs to."""

from functools import cached_property

import numpy as np
import numpy.typing as npt

from driftguard.distributions.categories import Categories, digest
from driftguard.statistics.arrays import Floats

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
