"""Histograms of baseline and window, small enough to be shown and stored with every report."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from driftguard.statistics.arrays import Floats, Ints

MAX_BARS = 32

FEW_VALUES = 16
"""Up to so many distinct values each gets a bar of its own."""

TAIL = 0.05
"""The share on either side that the range of a picture leaves to its outermost bars."""

GRID = np.linspace(0, 1, MAX_BARS + 1)
FAR = 1e9
"""In widths of a picture: beyond this, how far a value lies makes no difference to it."""

APART = 4.0
"""More than the width of a picture with what is seen on either side of it."""

LARGEST = float(np.finfo(np.float64).max)


type Picture = tuple[list[float], list[float], list[float]]
"""The ends of the bars, and the shares of baseline and window in each."""


def histograms(
    edges: Sequence[Floats],
    baseline: Floats,
    window: Floats,
    *,
    least: Floats,
    greatest: Floats,
    values: Sequence[Floats | None],
) -> list[Picture]:
    """Pictures of F features of at most MAX_BARS bars each.

    edges: of each feature the ends of its bins (E,), E ≥ 1. baseline, window: the distribution functions at the bins'
    upper ends, E + 1 of each feature, one after the other; the last of a feature is 1, or 0 throughout where the window
    is empty. least, greatest: the window's extremes (F,). values: a feature's distinct values in the baseline, when
    there are few and each has a bin of its own.
    The outermost bars take what lies beyond. Values within a bin count as evenly spread.
    """
    if not edges:
        return []
    knots = _Knots.of(edges, (baseline, window), least, greatest)
    ends = _ends(knots, edges, values)
    shares = _bar_shares(knots, ends)
    return [(one.tolist(), first, second) for one, (first, second) in zip(ends, shares, strict=True)]


@dataclass(frozen=True)
class _Knots:
    """Where the distribution functions of F features are known, one feature after the other: `at` has the ends of
    the bins and of what lies outside of them, (K,); `heights` both functions there, (2, K); first and last say where
    each feature's begin and end, (F,)."""

    at: Floats
    heights: Floats
    first: Ints
    last: Ints

    @classmethod
    def of(cls, edges: Sequence[Floats], functions: tuple[Floats, Floats], least: Floats, greatest: Floats) -> "_Knots":
        sizes = np.array([len(one) + 2 for one in edges])
        last = np.cumsum(sizes) - 1
        first = last + 1 - sizes
        at, heights = np.empty(last[-1] + 1), np.zeros((2, last[-1] + 1))
        inner, upper = np.ones(len(at), np.bool_), np.ones(len(at), np.bool_)
        inner[first] = inner[last] = upper[first] = False
        at[inner] = np.concatenate(edges)
        at[first] = np.minimum(least, at[first + 1])
        at[last] = np.maximum(greatest, at[last - 1])
        for row, function in zip(heights, functions, strict=True):
            row[upper] = function
        return cls(at, heights, first, last)

    @property
    def seen(self) -> npt.NDArray[np.bool_]:
        """Whether the window has any values."""
        seen: npt.NDArray[np.bool_] = self.heights[1, self.last] > 0
        return seen

    def spread(self, values: Floats) -> Floats:
        """One value of each feature, for all of its knots."""
        return np.repeat(values, self.last + 1 - self.first)

    def range(self, sample: int) -> tuple[Floats, Floats]:
        """Where a function leaves its lower TAIL, and where it reaches its upper one."""
        heights = self.heights[sample]
        # The knot before the first bin is counted with the lower tail.
        low = np.add.reduceat(heights <= TAIL, self.first, dtype=np.int64) - 1
        high = np.add.reduceat(heights < 1 - TAIL, self.first, dtype=np.int64)
        return self.at[self.first + low], self.at[np.minimum(self.first + high, self.last)]


def _ends(knots: _Knots, edges: Sequence[Floats], values: Sequence[Floats | None]) -> list[Floats]:
    even = _even(knots)
    with np.errstate(invalid="ignore"):
        sound = np.isfinite(even).all(axis=1) & (even[:, 1:] > even[:, :-1]).all(axis=1)
    ends = list(even)
    for place, distinct in enumerate(values):
        if distinct is not None and len(distinct) <= FEW_VALUES:
            ends[place] = _around(distinct)
            sound[place] = _sound(ends[place])
        if not sound[place]:
            ends[place] = _single(float(edges[place][-1]))
    return ends


def _sound(ends: Floats) -> bool:
    return len(ends) > 1 and bool(np.isfinite(ends).all() and (ends[1:] > ends[:-1]).all())


def bars(baseline: Floats, window: Floats, labels: int) -> tuple[int, list[float], list[float]]:
    """Shares of categories in at most MAX_BARS bars: the first of `labels` named ones, all others, the new ones.

    baseline, window: shares (labels + 2,), the rare ones before the new ones at the end.
    Returns how many are shown by name, and both shares, of which the last two are those of the others and the new.
    """
    shown = min(labels, MAX_BARS - 2)
    first, second = (
        _rounded(np.concatenate([sample[:shown], [sample[shown : labels + 1].sum()], sample[labels + 1 :]]))
        for sample in (baseline, window)
    )
    return shown, first, second


def _around(values: Floats) -> Floats:
    """Ends of bars around each value, halfway to the next."""
    if len(values) < 2:
        return np.zeros(0)
    middles = values[:-1] / 2 + values[1:] / 2
    with np.errstate(over="ignore"):
        outer = values[[0, -1]] * 2 - middles[[0, -1]]
    return np.concatenate([outer[:1], middles, outer[1:]])


def _even(knots: _Knots) -> Floats:
    """Ends of MAX_BARS bars of one width for each feature: (F, MAX_BARS + 1)."""
    low, high = knots.range(0)
    window_low, window_high = knots.range(1)
    # At most as far again on either side, so that a few extreme values do not squash the rest.
    span = high / 2 - low / 2
    with np.errstate(over="ignore"):
        lowest = 2 * np.maximum(low / 2 - span, -LARGEST / 2)
        highest = 2 * np.minimum(high / 2 + span, LARGEST / 2)
    low = np.where(knots.seen, np.maximum(np.minimum(low, window_low), lowest), low)[:, np.newaxis]
    high = np.where(knots.seen, np.minimum(np.maximum(high, window_high), highest), high)[:, np.newaxis]
    ends: Floats = low * (1 - GRID) + high * GRID
    return ends


def _single(value: float) -> Floats:
    middle = min(max(value, -LARGEST / 4), LARGEST / 4)
    half = max(abs(middle), 1.0) / 2
    return np.array([middle - half, middle + half])


def _bar_shares(knots: _Knots, ends: Sequence[Floats]) -> list[list[list[float]]]:
    """Of each feature the shares of baseline and window between its ends."""
    sizes = np.array([len(one) for one in ends])
    last = np.cumsum(sizes) - 1
    first = last + 1 - sizes
    joined = np.concatenate(ends) / 4
    # Quarters, as the difference of two doubles may overflow.
    low, width = joined[first], joined[last] - joined[first]
    with np.errstate(over="ignore"):
        at = np.clip((knots.at / 4 - knots.spread(low)) / knots.spread(width), -FAR, FAR)
    wanted = (joined - np.repeat(low, sizes)) / np.repeat(width, sizes)
    # Every picture lies between 0 and 1, so that one search serves all of them when each has a place of its own.
    places: Floats = APART * np.arange(len(ends), dtype=np.float64)
    found = (np.clip(at, -1, 2) + knots.spread(places)).searchsorted(wanted + np.repeat(places, sizes), side="right")
    before = np.clip(found - 1, np.repeat(knots.first, sizes), np.repeat(knots.last, sizes) - 1)
    step = at[before + 1] - at[before]
    part = np.clip((wanted - at[before]) / np.where(step > 0, step, 1), 0, 1)
    reached = knots.heights[:, before] + part * (knots.heights[:, before + 1] - knots.heights[:, before])
    reached[:, first] = 0
    reached[:, last] = knots.heights[:, knots.last]
    shares = _rounded(reached[:, 1:] - reached[:, :-1])
    return [[sample[start:end] for sample in shares] for start, end in zip(first.tolist(), last.tolist(), strict=True)]


def _rounded(values: Floats) -> Any:
    return np.maximum(values, 0).round(5).tolist()
