"""Histograms of baseline and window, small enough to be shown and stored with every report."""

from typing import Any

import numpy as np
import numpy.typing as npt

type Floats = npt.NDArray[np.float64]
type Ints = npt.NDArray[np.int64]

MAX_BARS = 32

FEW_VALUES = 16
"""Up to so many distinct values each gets a bar of its own."""

TAIL = 0.05
"""The share on either side that the range of a picture leaves to its outermost bars."""

GRID = np.linspace(0, 1, MAX_BARS + 1)
FAR = 1e9
"""In widths of a picture: beyond this, how far a value lies makes no difference to it."""

LARGEST = float(np.finfo(np.float64).max)


def histogram(
    edges: Floats, baseline: Floats, window: Floats, extremes: tuple[float, float], values: Floats | None
) -> tuple[list[float], list[float], list[float]]:
    """Shares of baseline and window in at most MAX_BARS bars.

    edges: the ends of the bins (E,), E ≥ 1. baseline, window: the distribution functions at the bins' upper ends
    (E + 1,), the last of which is 1, or 0 throughout for an empty window. extremes: the window's least and greatest
    value. values: the baseline's distinct values, when there are few and each has a bin of its own.
    Returns the ends of the bars and both shares; the outermost bars take what lies beyond. Values within a bin count
    as evenly spread.
    """
    knots = np.empty(len(edges) + 2)
    knots[1:-1] = edges
    knots[0], knots[-1] = min(extremes[0], edges[0]), max(extremes[1], edges[-1])
    ends = _around(values) if values is not None and len(values) <= FEW_VALUES else _even(knots, baseline, window)
    if len(ends) < 2 or not (np.isfinite(ends).all() and (ends[1:] > ends[:-1]).all()):
        ends = _single(float(edges[-1]))
    # Quarters, as the difference of two doubles may overflow.
    low, high = ends[0] / 4, ends[-1] / 4
    with np.errstate(over="ignore"):
        position = np.clip((knots / 4 - low) / (high - low), -FAR, FAR)
    inner = (ends[1:-1] / 4 - low) / (high - low)
    first, second = _bar_shares(inner, position, baseline, window)
    return ends.tolist(), first, second


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


def _even(knots: Floats, baseline: Floats, window: Floats) -> Floats:
    low, high = _range(knots, baseline)
    if window[-1]:
        window_low, window_high = _range(knots, window)
        # At most as far again on either side, so that a few extreme values do not squash the rest.
        span = high / 2 - low / 2
        low, high = (
            max(min(low, window_low), 2 * max(low / 2 - span, -LARGEST / 2)),
            min(max(high, window_high), 2 * min(high / 2 + span, LARGEST / 2)),
        )
    return low * (1 - GRID) + high * GRID


def _range(knots: Floats, cdf: Floats) -> tuple[float, float]:
    low, high = cdf.searchsorted(TAIL, side="right"), cdf.searchsorted(1 - TAIL)
    return float(knots[low]), float(knots[high + 1])


def _single(value: float) -> Floats:
    middle = min(max(value, -LARGEST / 4), LARGEST / 4)
    half = max(abs(middle), 1.0) / 2
    return np.array([middle - half, middle + half])


def _bar_shares(inner: Floats, position: Floats, *samples: Floats) -> list[list[float]]:
    # Numpy takes longer to begin than to work on so few numbers: all samples go through together.
    reached = np.zeros((len(samples), len(inner) + 2))
    heights = np.zeros(len(position))
    for row, cdf in zip(reached, samples, strict=True):
        if cdf[-1]:
            heights[1:] = cdf
            row[1:-1] = np.interp(inner, position, heights)
            row[-1] = 1
    shares: list[list[float]] = _rounded(reached[:, 1:] - reached[:, :-1])
    return shares


def _rounded(values: Floats) -> Any:
    return np.maximum(values, 0).round(6).tolist()
