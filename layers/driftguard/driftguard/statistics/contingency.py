"""Computes total variation, the chi-square test and Fisher's exact test from counts."""

import numpy as np
import numpy.typing as npt
from scipy.special import chdtrc, gammaln
from scipy.stats import binom

from driftguard.statistics.arrays import Floats, Ints

MIN_EXPECTED = 5
FIRST_TERMS = 64

SAME, EPSILON = 1e-7, 4e-16
"""Probabilities whose logarithms differ by less than SAME, or by the rounding of a logarithm, count as equal."""


def total_variation(baseline: Floats, window: Floats, starts: Ints) -> Floats:
    """Return half the sum of the absolute differences of two sets of shares (T,): (F,), from 0 to 1."""
    return np.minimum(np.add.reduceat(np.abs(baseline - window), starts) / 2, 1.0)


def chance_variation(baseline: Ints, window: Ints, starts: Ints, sizes: Ints) -> Floats:
    """Return the total variation to expect of two samples of one distribution, from their counts (T,): (F,).

    Half the sum of sqrt(2/π · p(1−p)(1/n + 1/m)), with p the share of a cell in both samples together: the mean
    absolute value of a normal variable with the variance of the difference of two shares. Infinite if a sample is
    empty.
    """
    m, n = (np.add.reduceat(sample, starts).astype(np.float64) for sample in (baseline, window))
    share = (baseline + window) / np.repeat(np.maximum(n + m, 1), sizes)
    scale = np.sqrt(2 / np.pi * (1 / np.maximum(n, 1) + 1 / np.maximum(m, 1)))
    spread = np.add.reduceat(np.sqrt(share * (1 - share)), starts)
    return np.where((n > 0) & (m > 0), scale * spread / 2, np.inf)


def chi_square(baseline: Ints, window: Ints, starts: Ints, sizes: Ints) -> tuple[Floats, Ints, Floats]:
    """Run Pearson's chi-square test of two samples of categories, without a continuity correction.

    baseline, window: counts (T,). Categories with an expected count below 5 in either sample are pooled into one.
    Returns the statistic, the degrees of freedom and the p-value, (F,) each. p is 1 where only one category is left.
    """
    both = (baseline + window).astype(np.float64)
    m, n = (np.add.reduceat(sample, starts).astype(np.float64) for sample in (baseline, window))
    total = np.maximum(n + m, 1)
    small = both * np.repeat(np.minimum(n, m) / total, sizes) < MIN_EXPECTED
    expected = both * np.repeat(n / total, sizes)
    kept = np.where(small, 0, _term(window - expected, both, np.repeat(n, sizes), np.repeat(m, sizes)))
    pooled = np.add.reduceat(np.where(small, both, 0), starts)
    pooled_off = np.add.reduceat(np.where(small, window - expected, 0), starts)
    statistic = np.add.reduceat(kept, starts) + _term(pooled_off, pooled, n, m)
    categories = np.add.reduceat((~small).astype(np.int64), starts) + (pooled > 0)
    degrees = np.where((n > 0) & (m > 0), np.maximum(categories - 1, 0), 0)
    p = np.where(degrees > 0, chdtrc(np.maximum(degrees, 1), statistic), 1.0)
    return statistic, degrees, np.clip(p, 0, 1)


def _term(off: Floats, both: Floats, n: Floats, m: Floats) -> Floats:
    """Return the sum of (observed − expected)² / expected over both samples.

    The two samples deviate from their expected counts by the same amount in opposite directions.
    """
    scale = both * n * m
    return np.where(scale > 0, off**2 * (n + m) ** 2 / np.where(scale > 0, scale, 1), 0.0)


def fisher_greater(a: Ints, n: Ints, b: Ints, m: Ints) -> Floats:
    """Return the one-sided p-values of Fisher's exact test that a/n is greater than b/m: (F,). n and m are at least 1.

    The p-value is the hypergeometric probability of a, times the sum of the ratios of all further terms to it. The
    probability is computed from binomial probabilities, which stay accurate for large counts. The number of terms
    grows with the width of the distribution. Counts of 10⁸ with nearly equal shares need some tens of thousands of
    terms. Shares that differ need a few.
    """
    if not len(a):
        return np.zeros(0)
    x, size, successes, total = (item.astype(np.float64) for item in (a, n, a + b, n + m))
    upper = x * total > size * successes
    # The smaller tail is summed. The larger tail is 1 minus the smaller tail.
    start = np.where(upper, x, x - 1)
    inside = start >= np.maximum(0, size + successes - total)
    start = np.maximum(start, 0)
    share = size / total
    probability = binom.pmf(start, successes, share) * binom.pmf(size - start, total - successes, share)
    probability = probability / binom.pmf(size, total, share)
    tail = np.where(inside, probability * _ratios(start, size, successes, total, upper=upper), 0.0)
    return np.clip(np.where(upper, tail, 1 - tail), 0, 1)


def fisher(a: Ints, n: Ints, b: Ints, m: Ints) -> Floats:
    """Return the two-sided p-values of Fisher's exact test that a/n and b/m differ: (F,). n and m are at least 1.

    The sum of the probabilities of all tables that are at most as probable as the given one, as in scipy.
    """
    if not len(a):
        return np.zeros(0)
    # The table is turned so that a/n is the greater share. The other tail then lies below.
    turned = a * m < b * n
    a, b = np.where(turned, n - a, a), np.where(turned, m - b, b)
    marked = a + b
    low, high = np.maximum(0, marked - m), (n * (marked / (n + m))).astype(np.int64)
    least, most = low - 1, np.minimum(high, a)
    limit = _log_probability(a, n, marked, m) + SAME + EPSILON * gammaln(n + m + 1.0)
    # Up to the mean the probability grows, so a binary search finds the last value that is improbable enough.
    while (open_ := least < most).any():
        middle = (least + most + 1) // 2
        fits = _log_probability(np.maximum(middle, low), n, marked, m) <= limit
        least, most = np.where(open_ & fits, middle, least), np.where(open_ & ~fits, middle - 1, most)
    other = np.where(least >= low, fisher_greater(n - least, n, m - (marked - least), m), 0.0)
    return np.minimum(np.where(least >= a, 1.0, fisher_greater(a, n, b, m) + other), 1.0)


def _log_probability(x: Ints, n: Ints, marked: Ints, m: Ints) -> Floats:
    """Return the logarithm of the hypergeometric probability of x, without the terms that do not depend on x."""
    return -np.sum([gammaln(item + 1.0) for item in (x, n - x, marked - x, m - marked + x)], axis=0)


def _ratios(x: Floats, n: Floats, successes: Floats, total: Floats, *, upper: npt.NDArray[np.bool_]) -> Floats:
    """Return the sum of the probabilities from x outwards, divided by the probability of x."""
    # The lower tail at x successes equals the upper tail at n − x failures.
    x = np.where(upper, x, n - x)
    marked = np.where(upper, successes, total - successes)
    result = np.ones_like(x)
    last = np.ones_like(x)
    left = np.flatnonzero(x < np.minimum(n, marked))
    terms = FIRST_TERMS
    while len(left):
        at = x[left, np.newaxis] + np.arange(terms)
        size, kind = n[left, np.newaxis], marked[left, np.newaxis]
        others = total[left, np.newaxis] - kind - size
        ratio = np.maximum((kind - at) * (size - at), 0) / np.maximum((at + 1) * (others + at + 1), 1)
        products = last[left, np.newaxis] * np.cumprod(ratio, axis=1)
        result[left] += products.sum(axis=1)
        last[left] = products[:, -1]
        x[left] += terms
        left = left[last[left] > 1e-17 * result[left]]
        terms = min(4 * terms, 16_384)
    return result
