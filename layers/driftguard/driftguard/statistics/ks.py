"""The two-sample Kolmogorov–Smirnov test on binned counts."""

import numpy as np
import numpy.typing as npt

from driftguard.statistics.arrays import Floats, Ints
from driftguard.statistics.kolmogorov import survival


def shares(bins: Ints, starts: Ints, sizes: Ints) -> Floats:
    """Each bin's share of its feature's values. bins: (…, T); returns (…, T)."""
    totals = np.add.reduceat(bins, starts, axis=-1)
    result: Floats = bins / np.repeat(np.maximum(totals, 1), sizes, axis=-1)
    return result


def cumulative_shares(bins: Ints, starts: Ints, sizes: Ints) -> Floats:
    """Each feature's distribution function at the upper ends of its bins. bins: (…, T); returns (…, T)."""
    running = np.cumsum(bins, axis=-1)
    before = running[..., starts] - bins[..., starts]
    totals = np.add.reduceat(bins, starts, axis=-1)
    within = running - np.repeat(before, sizes, axis=-1)
    result: Floats = within / np.repeat(np.maximum(totals, 1), sizes, axis=-1)
    return result


def ks_distance(baseline: Floats, window: Floats, starts: Ints) -> Floats:
    """The largest difference of two distribution functions (T,) over the bins' ends: (F,).

    Never above the exact statistic of the values, and below it by `ks_error_bound` at most.
    """
    return np.maximum.reduceat(np.abs(baseline - window), starts)


def ks_error_bound(baseline: Floats, window: Floats, several: npt.NDArray[np.bool_], starts: Ints) -> Floats:
    """How far the exact statistic may lie above `ks_distance`: (F,).

    baseline, window: each bin's share (T,). several: whether a bin can hold more than one value (T,). Within such a
    bin either distribution function moves by its share at most, so the difference exceeds that at one of the ends by
    no more than the smaller share.
    """
    return np.maximum.reduceat(np.where(several, np.minimum(baseline, window), 0.0), starts)


def ks_p_value(d: Floats, n: Ints, m: Ints) -> Floats:
    """The asymptotic p-value of `scipy.stats.ks_2samp(method="asymp")` for samples of n and m values: (F,)."""
    rows = np.round(n * (m / np.maximum(n + m, 1)))
    return survival(d, np.maximum(rows, 1.0))
