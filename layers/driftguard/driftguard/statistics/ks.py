"""Computes the two-sample Kolmogorov–Smirnov test from binned counts."""

import numpy as np
import numpy.typing as npt

from driftguard.statistics.arrays import Floats, Ints
from driftguard.statistics.kolmogorov import survival

MEAN_OF_KOLMOGOROV = float(np.sqrt(np.pi / 2) * np.log(2))


def shares(bins: Ints, starts: Ints, sizes: Ints) -> Floats:
    """Return each bin's share of its feature's values: (…, T). bins: (…, T)."""
    totals = np.add.reduceat(bins, starts, axis=-1)
    result: Floats = bins / np.repeat(np.maximum(totals, 1), sizes, axis=-1)
    return result


def cumulative_shares(bins: Ints, starts: Ints, sizes: Ints) -> Floats:
    """Return each feature's distribution function at the upper ends of its bins: (…, T). bins: (…, T)."""
    running = np.cumsum(bins, axis=-1)
    before = running[..., starts] - bins[..., starts]
    totals = np.add.reduceat(bins, starts, axis=-1)
    within = running - np.repeat(before, sizes, axis=-1)
    result: Floats = within / np.repeat(np.maximum(totals, 1), sizes, axis=-1)
    return result


def ks_distance(baseline: Floats, window: Floats, starts: Ints) -> Floats:
    """Return the largest difference of two distribution functions (T,) at the ends of the bins: (F,).

    The result is at most the exact statistic of the values, and at least that statistic minus `ks_error_bound`.
    """
    return np.maximum.reduceat(np.abs(baseline - window), starts)


def ks_error_bound(baseline: Floats, window: Floats, several: npt.NDArray[np.bool_], starts: Ints) -> Floats:
    """Return the largest amount by which the exact statistic may exceed `ks_distance`: (F,).

    baseline, window: each bin's share (T,). several: whether a bin can contain more than one distinct value (T,).
    Within a bin each distribution function rises by at most the bin's share. So the difference within a bin exceeds
    the larger difference at its ends by at most the smaller share.
    """
    return np.maximum.reduceat(np.where(several, np.minimum(baseline, window), 0.0), starts)


def chance_distance(n: Ints, m: Ints) -> Floats:
    """Return the mean D of two samples of one continuous distribution: (F,), infinite if a sample is empty.

    0.87·sqrt(1/n + 1/m). The factor is the mean of Kolmogorov's distribution, sqrt(π/2)·ln 2 (Marsaglia, Tsang and Wang
    2003).
    """
    with np.errstate(divide="ignore"):
        scale: Floats = np.sqrt(1 / n.astype(np.float64) + 1 / m.astype(np.float64))
    return MEAN_OF_KOLMOGOROV * scale


def ks_p_value(d: Floats, n: Ints, m: Ints) -> Floats:
    """Return the p-value of `scipy.stats.ks_2samp(method="asymp")` for samples of n and m values: (F,)."""
    rows = np.round(n * (m / np.maximum(n + m, 1)))
    return survival(d, np.maximum(rows, 1.0))
