"""Computes distances between distributions: the population stability index and Wasserstein-1."""

import numpy as np
import numpy.typing as npt

from driftguard.statistics.arrays import Floats, Ints

SMOOTHING = 0.5


def psi(baseline: Floats, window: Floats) -> Floats:
    """Return the population stability index of counts in K bins, (F, K) each: (F,).

    SMOOTHING is added to every bin that has values in either sample, so that the index of an empty bin stays finite.
    """
    used = baseline + window > 0
    p, q = (_smoothed(sample, used) for sample in (baseline, window))
    terms: Floats = ((q - p) * np.log(q / p)).sum(axis=1)
    return terms


def _smoothed(sample: Floats, used: npt.NDArray[np.bool_]) -> Floats:
    filled = sample + SMOOTHING * used
    share: Floats = filled / np.maximum(filled.sum(axis=1, keepdims=True), SMOOTHING)
    return np.where(used, share, 1.0)


def wasserstein(
    baseline: Floats, window: Floats, starts: Ints, *, lows: Floats, highs: Floats, beyond: Floats
) -> Floats:
    """Return Wasserstein-1, the area between two distribution functions (T,): (F,), infinite where it overflows.

    lows, highs: the ends of the bins (T,). The outermost ends are infinite. Within a bin both functions are linear.
    beyond: the mean distance of the window's values to the nearest finite end, 0 for a value between the ends (F,).
    """
    after = baseline - window
    before = np.concatenate([[0.0], after[:-1]])
    a, b = np.abs(before), np.abs(after)
    crossing = before * after < 0
    height = np.where(crossing, (a * a + b * b) / (2 * np.where(crossing, a + b, 1)), (a + b) / 2)
    inner = np.isfinite(lows) & np.isfinite(highs)
    # The width of a bin may be twice the largest double, so all lengths are divided by 4 first.
    width = np.where(inner, highs, 0.0) / 4 - np.where(inner, lows, 0.0) / 4
    quarter = np.add.reduceat(width * height, starts) + beyond / 4
    with np.errstate(over="ignore"):
        return quarter * 4
