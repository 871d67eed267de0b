"""Computes histograms of baseline and window that are small enough to store with every report."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from driftguard.statistics.arrays import Floats, Ints

MAX_BARS = 32

FEW_VALUES = 16
"""If a feature has at most this many distinct values, each value gets its own bar."""

TAIL = 0.05
"""The range of a histogram leaves this share of the values on each side to the outermost bars."""

GRID = np.linspace(0, 1, MAX_BARS + 1)
FAR = 1e9
"""Positions are limited to this many histogram widths. Larger distances do not change a histogram."""

APART = 4.0
"""The distance between two histograms on one line. Each spans -1 to 2, so they do not overlap."""

LARGEST = float(np.finfo(np.float64).max)


type HistogramParts = tuple[list[float], list[float], list[float]]
"""The ends of the bars, and the shares of the baseline and of the window in each bar."""


def histograms(
    edges: Sequence[Floats],
    baseline: Floats,
    window: Floats,
    *,
    least: Floats,
    greatest: Floats,
    values: Sequence[Floats | None],
) -> list[HistogramParts]:
    """Return the histograms of F features, with at most MAX_BARS bars each.

    edges: the ends of each feature's bins (E,), E ≥ 1.
    baseline, window: the distribution functions at the upper ends of the bins. Each feature has E + 1 elements, and
    all features are concatenated. A feature's last element is 1. If the window is empty, all its elements are 0.
    least, greatest: the window's minimum and maximum (F,).
    values: a feature's distinct values in the baseline if each value has its own bin, else None.
    The outermost bars include all values beyond them. Values within a bin are treated as evenly spread.
    """
    if not edges:
        return []
    knots = _Knots.of(edges, (baseline, window), least, greatest)
    ends = _ends(knots, edges, values)
    shares = _bar_shares(knots, ends)
    return [(one.tolist(), first, second) for one, (first, second) in zip(ends, shares, strict=True)]


@dataclass(frozen=True)
class _Knots:
    """The points at which the distribution functions of F features are known, for all features concatenated.

    at: the ends of the bins, and the extremes of the values outside them (K,).
    heights: the distribution functions of the baseline and the window at these points (2, K).
    first, last: the places of each feature's first and last point (F,).
    """

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
        """Return whether the window has values (F,)."""
        seen: npt.NDArray[np.bool_] = self.heights[1, self.last] > 0
        return seen

    def spread(self, values: Floats) -> Floats:
        """Repeat one value per feature (F,) for each of the feature's points (K,)."""
        return np.repeat(values, self.last + 1 - self.first)

    def range(self, sample: int) -> tuple[Floats, Floats]:
        """Return the points where a distribution function rises above TAIL and where it reaches 1 - TAIL, (F,) each."""
        heights = self.heights[sample]
        # The point before the first bin belongs to the lower tail.
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
    """Return the shares of categories in at most MAX_BARS bars: named categories, other categories, new categories.

    baseline, window: shares (labels + 2,). The last two are the shares of rare and of new categories.
    Returns the number of named bars, and the shares of both samples. The last two bars are other and new categories.
    """
    shown = min(labels, MAX_BARS - 2)
    first, second = (
        _rounded(np.concatenate([sample[:shown], [sample[shown : labels + 1].sum()], sample[labels + 1 :]]))
        for sample in (baseline, window)
    )
    return shown, first, second


def _around(values: Floats) -> Floats:
    """Return the ends of bars around each value, halfway between neighbouring values."""
    if len(values) < 2:
        return np.zeros(0)
    middles = values[:-1] / 2 + values[1:] / 2
    with np.errstate(over="ignore"):
        outer = values[[0, -1]] * 2 - middles[[0, -1]]
    return np.concatenate([outer[:1], middles, outer[1:]])


def _even(knots: _Knots) -> Floats:
    """Return the ends of MAX_BARS bars of equal width for each feature: (F, MAX_BARS + 1)."""
    low, high = knots.range(0)
    window_low, window_high = knots.range(1)
    # The window widens the baseline's range by at most its own length on each side. Otherwise a far window would
    # squeeze the baseline into a few bars.
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
    """Return for each feature the shares of the baseline and of the window in each bar."""
    sizes = np.array([len(one) for one in ends])
    last = np.cumsum(sizes) - 1
    first = last + 1 - sizes
    joined = np.concatenate(ends) / 4
    # The difference of two doubles may overflow, so all lengths are divided by 4.
    low, width = joined[first], joined[last] - joined[first]
    with np.errstate(over="ignore"):
        at = np.clip((knots.at / 4 - knots.spread(low)) / knots.spread(width), -FAR, FAR)
    wanted = (joined - np.repeat(low, sizes)) / np.repeat(width, sizes)
    # Every histogram is scaled to 0 to 1 and moved to its own place on one line, so one search handles all features.
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
