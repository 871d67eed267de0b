"""Find the bin of a value or a category."""

from functools import cached_property

import numpy as np
import numpy.typing as npt

from driftguard.distributions.categories import Categories, digest
from driftguard.statistics.arrays import Floats

CELLS = 4096
"""Cells of the grid. With the grid, most values need no binary search."""

MAX_STEPS = 4
"""Up to this many edges in a cell, comparing with each edge is faster than a binary search."""

MAX_SEARCHED = 0.2
"""The grid is used if cells with more than MAX_STEPS edges hold at most this share of all edges."""

TRIMS = (1000, 64, 16, 8)
"""The grid leaves out 1/1000 of the edges on each side, or 1/64, 1/16 or 1/8: the first that makes the grid useful."""

MAX_REMEMBERED = 10_000
"""Names whose bin is remembered, so that a name in every batch is hashed only once."""


class Edges:
    """The ascending edges of a numeric feature's bins, with a fast search for a value's bin.

    A grid of equal cells gives the number of edges in all cells before the value's cell. The value is then compared
    with the few edges in its own cell. The step from value to cell is monotone in floating point too, so the result
    equals that of a binary search. Cells with many edges use the binary search. For heavy tails the grid covers only
    the middle of the edges.
    """

    def __init__(self, values: Floats) -> None:
        self.values = values

    @cached_property
    def gridded(self) -> bool:
        """Whether the grid is useful for these edges. The first search builds the grid."""
        count = len(self.values)
        return count > 1 and any(self._lay_grid(count // fraction) for fraction in TRIMS)

    def _lay_grid(self, trim: int) -> bool:
        """Build a grid that leaves out `trim` edges on each side. Returns whether the grid is useful."""
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
        """Return the bin of each finite value, from 0 to the number of edges."""
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
    """The bins of categories by name: first the named categories, then `rare`, then `new`."""

    def __init__(self, values: Categories) -> None:
        self.rare = len(values.names)
        self.new = self.rare + 1
        self._codes = {name: code for code, name in enumerate(values.names)}
        self._known = values.known

    def find(self, name: str) -> int:
        """Return the bin of one category."""
        code = self._codes.get(name)
        if code is None:
            code = self.rare if self._known is None or digest(name) in self._known else self.new
            if len(self._codes) < MAX_REMEMBERED:
                self._codes[name] = code
        return code
