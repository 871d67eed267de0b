"""Find the bin of a value or a category."""

from array import array
from collections.abc import Sequence
from functools import cached_property
from itertools import repeat
from sys import getsizeof
from zlib import crc32

import numpy as np
import numpy.typing as npt

from driftguard.distributions.categories import CELL_SHIFT, SPREAD, Categories, digest, digest_of
from driftguard.statistics.arrays import Flags, Floats, Ints

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

ENTRY_BYTES = 150
"""Memory of a remembered name beside its text."""


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
    """The bins of categories by name: first the named categories, then the hash cells.

    A baseline of format 1 has two bins after the named categories: `rare`, then `new`.
    room: bytes of memory for remembered names.
    """

    def __init__(self, values: Categories, room: int) -> None:
        self._room = room
        self.named = len(values.names)
        self.size = self.named + (2 if values.others is None else len(values.others.cells))
        self._values = values
        # Of each remembered name, twice its bin, plus 1 if the baseline does not have the name.
        self._codes = {
            name: 2 * place + (count == 0)
            for place, (name, count) in enumerate(zip(values.names, values.counts, strict=True))
        }

    def find(self, names: Sequence[str]) -> tuple[Ints, Flags]:
        """Return the bin of each category, and whether the baseline has no such category."""
        codes = np.fromiter(map(self._codes.get, names, repeat(-1)), np.int64, len(names))
        left = np.flatnonzero(codes < 0)
        if len(left):
            others = [names[place] for place in left.tolist()]
            codes[left] = self._place(others)
            self._remember(others, codes[left])
        return codes >> 1, (codes & 1).astype(np.bool_)

    def _remember(self, names: Sequence[str], codes: Ints) -> None:
        most = MAX_REMEMBERED - len(self._codes)
        for name, code in zip(names[: max(0, most)], codes.tolist(), strict=False):
            if name in self._codes:
                continue
            self._room -= getsizeof(name) + ENTRY_BYTES
            if self._room < 0:
                return
            self._codes[name] = code

    def _place(self, names: Sequence[str]) -> Ints:
        others = self._values.others
        if others is None:
            known = self._values.known
            new = [known is not None and digest(name) not in known for name in names]
            return 2 * self.named + 3 * np.array(new, np.int64)
        digests = digests_of(names)
        codes = 2 * (self.named + cells_of(digests))
        if others.digests is not None:
            codes += np.logical_not(self._known(digests))
        return codes

    @cached_property
    def _digests(self) -> npt.NDArray[np.uint32]:
        others = self._values.others
        stored = array("I") if others is None or others.digests is None else others.digests.values
        return np.frombuffer(stored, np.uint32)

    def _known(self, digests: npt.NDArray[np.uint32]) -> Flags:
        stored = self._digests
        if not len(stored):
            return np.zeros(len(digests), np.bool_)
        # A search for ascending values is fast, because each step finds its data in the processor's cache.
        order = np.argsort(digests)
        ascending = digests[order]
        known = np.empty(len(digests), np.bool_)
        known[order] = stored[np.minimum(stored.searchsorted(ascending), len(stored) - 1)] == ascending
        return known


def digests_of(names: Sequence[str]) -> npt.NDArray[np.uint32]:
    """Return the digests of categories."""
    try:
        texts = list(map(str.encode, names))
    except UnicodeEncodeError:
        return np.array(list(map(digest_of, names)), np.uint32)
    return np.fromiter(map(crc32, texts), np.uint32, len(names))


def cells_of(digests: npt.NDArray[np.uint32]) -> Ints:
    """Return the hash cells of categories by their digests."""
    return (digests * np.uint32(SPREAD) >> np.uint32(CELL_SHIFT)).astype(np.int64)
