"""Computes two-sided confidence intervals of 95 %."""

import math

import numpy as np
from scipy.special import stdtrit

from driftguard.statistics.arrays import Floats, Ints

Z = 1.959963984540054
"""The 97.5 % quantile of the normal distribution."""

type Interval = tuple[float, float]


def wilson(hits: float, n: float) -> Interval:
    """Return Wilson's interval (1927) of the share hits/n. n is at least 1."""
    share, z = hits / n, Z * Z
    middle = (share + z / (2 * n)) / (1 + z / n)
    half = Z / (1 + z / n) * math.sqrt(share * (1 - share) / n + z / (4 * n * n))
    return max(0.0, min(middle - half, share)), min(1.0, max(middle + half, share))


def around(value: float, variance: float, low: float = -math.inf, high: float = math.inf) -> Interval:
    """Return the normal interval of a value with this variance, cut to the possible values."""
    half = Z * math.sqrt(max(variance, 0.0))
    return max(low, value - half), min(high, value + half)


def mean_interval(n: float, mean: float, squares: float) -> Interval | None:
    """Return Student's interval of a mean. squares: the sum of squared distances from the mean. None if n < 2."""
    if n < 2:
        return None
    half = float(stdtrit(n - 1, 0.975)) * math.sqrt(max(squares, 0.0) / (n - 1) / n)
    return mean - half, mean + half


def in_logits(value: float, variance: float) -> Interval:
    """Return the interval of a value between 0 and 1 from the variance of its logit."""
    middle, half = math.log(value / (1 - value)), Z * math.sqrt(variance)
    return _expit(middle - half), _expit(middle + half)


def ratio_variance(counts: Ints, gradient: Floats) -> float:
    """Return the variance of a function of multinomial counts by the delta method.

    gradient: the function's derivative by each count.
    """
    n = counts.sum()
    return float((counts * np.square(gradient)).sum() - (counts * gradient).sum() ** 2 / n)


def _expit(logit: float) -> float:
    return 1 / (1 + math.exp(-logit)) if logit >= 0 else math.exp(logit) / (1 + math.exp(logit))
