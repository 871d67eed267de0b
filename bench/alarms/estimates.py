"""What the simulated models say about all models: estimates with their intervals, 95 % each."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binom, chi2

LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A value, and the ends of its interval; infinite where it is not known."""

    value: float
    low: float
    high: float


def rate(counts: Sequence[int]) -> Estimate:
    """The mean of counts. Its interval is the exact one of Garwood (1936) for a Poisson rate, or, where the counts
    scatter more or less than Poisson's and there are at least 5 events, that of the mean's normal approximation."""
    n, events = len(counts), sum(counts)
    tail = (1 - LEVEL) / 2
    if events >= 5 and n > 1:
        error = 1.96 * float(np.std(counts, ddof=1)) / math.sqrt(n)
        return Estimate(events / n, max(0.0, events / n - error), events / n + error)
    low = chi2.ppf(tail, 2 * events) / 2 if events else 0.0
    return Estimate(events / n, float(low) / n, float(chi2.ppf(1 - tail, 2 * events + 2)) / 2 / n)


def quantile(values: Sequence[float], share: float) -> Estimate:
    """A quantile, with the interval between order statistics; infinite values count as the largest."""
    ordered = sorted(values)
    n = len(ordered)
    low, high = (int(binom.ppf(tail, n, share)) for tail in ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    place = share * (n - 1)
    before, after = ordered[math.floor(place)], ordered[math.ceil(place)]
    middle = before if math.isinf(after) else before + (after - before) * (place - math.floor(place))
    return Estimate(middle, ordered[max(low - 1, 0)], ordered[min(high, n - 1)])
