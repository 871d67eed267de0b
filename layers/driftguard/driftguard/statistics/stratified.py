"""Compares the counts of each hour with the counts of the same hour on other days, and adds the results over hours.

Each hour is a stratum, so a daily or weekly cycle of values or of traffic moves nothing. The statistic is that of
Cochran (1954), Some methods for strengthening the common chi-squared tests, Biometrics 10, and of Mantel and Haenszel
(1959), Statistical aspects of the analysis of data from retrospective studies of disease, Journal of the National
Cancer Institute 22. With scores that rank values it is that of van Elteren (1960), On the combination of independent
two-sample tests of Wilcoxon, Bulletin of the International Statistical Institute 37.

Shapes: F features, G = 10 merged groups of bins, C = 11 components, and any axes before.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from driftguard.statistics.arrays import Flags, Floats, Ints

GROUPS = 10
INDICATORS = 9
"""Indicators of a numeric feature. They are components 2 to 10."""
CATEGORIES = 10
"""Indicators of a categorical feature. They are components 0 to 9, and component 10 is empty."""
COMPONENTS = 2 + INDICATORS

ROUNDING = 1e-12
"""A variance of scores below this part of their mean square is a rounding error, because all scores are equal."""


def _of_numbers() -> Floats:
    rank = (np.arange(GROUPS) + 0.5) / GROUPS
    below = [np.arange(GROUPS) <= last for last in range(INDICATORS)]
    return np.array([rank, (rank - 0.5) ** 2, *below], np.float64)


def _of_categories() -> Floats:
    return np.vstack([np.eye(CATEGORIES), np.zeros((COMPONENTS - CATEGORIES, GROUPS))])


OF_NUMBERS, OF_CATEGORIES = _of_numbers(), _of_categories()
"""The scores (C, G). Of numbers: the rank u = (g + 0.5)/10, the spread (u − 0.5)², and the nine indicators g ≤ i. Of
categories: ten indicators g = i."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """How counts differ from their reference. All three add over hours.

    u: (…, F, C), the difference of the sums of scores from what the reference lets expect, weighted.
    v: (…, F, C), the variance of u if rows are independent. e: (…, F), the effective sample size.
    So u/e is the difference of the mean scores, and the variance of u/√v is 1 without any change.
    """

    u: Floats
    v: Floats
    e: Floats


def indicators(numeric: Flags) -> Flags:
    """Return which components are indicators: (F, C)."""
    places = np.arange(COMPONENTS)
    return np.where(numeric[:, None], places >= COMPONENTS - INDICATORS, places < CATEGORIES)


def compare(p: Ints | Floats, r: Ints | Floats, numeric: Flags) -> Comparison:
    """Compare counts p with their reference r, both (…, F, G). numeric: (F,), whether a feature is numeric.

    n = Σp, m = Σr, N = n + m, S = Σp·s, T = Σr·s, Q = Σ(p + r)·s², with the scores s of a component:
    u = (m·S − n·T)/N, v = n·m/(N(N − 1))·(Q − (S + T)²/N), e = n·m/N. All are 0 if n or m is 0.
    """
    both = np.asarray(p + r, np.float64)
    p = np.asarray(p, np.float64)
    n, total = p.sum(axis=-1), both.sum(axis=-1)
    own, joined, squares = (_sums(*args) for args in ((p, numeric, 1), (both, numeric, 1), (both, numeric, 2)))
    return _moments(n[..., None], total[..., None], own, joined, squares, units=slice(0, 1))


def compare_shares(p: Ints | Floats, n: Ints | Floats, r: Ints | Floats, m: Ints | Floats) -> Comparison:
    """Compare p of n values with r of m values, all (…, F, K), for K kinds of values. e has the shape (…, F, K).

    This is `compare` for the score 1 of a counted value and 0 of any other value.
    """
    own, joined = np.asarray(p, np.float64), np.asarray(p + r, np.float64)
    return _moments(np.asarray(n, np.float64), np.asarray(n + m, np.float64), own, joined, joined, units=slice(None))


def factors(e: Floats, spread: Floats, e_level: Floats, spread_level: Floats) -> tuple[Floats, Floats]:
    """Return a and b, with which the variance of u − v·θ is v·(φ·a + ρ·b): arrays (…).

    θ is the level, the mean shift Σu/Σv of earlier days. spread: B = ΣE²(1 + 1/k) over days with k days in their
    reference. a = 1 + E/E_level, b = B/E + E·B_level/E_level². Without a level, where e_level is 0, a = 1 and b = B/E.
    """
    levelled = np.divide(1.0, e_level, out=np.zeros_like(e_level), where=e_level > 0)
    own = np.divide(spread, e, out=np.zeros_like(e), where=e > 0)
    return 1 + e * levelled, own + e * spread_level * levelled**2


def _sums(counts: Floats, numeric: Flags, power: int) -> Floats:
    """Return the sums of scores, each to this power: (…, F, C)."""
    if numeric.all():
        return np.asarray(counts @ (OF_NUMBERS**power).T)
    sums = np.empty((*counts.shape[:-1], COMPONENTS))
    sums[..., numeric, :] = counts[..., numeric, :] @ (OF_NUMBERS**power).T
    sums[..., ~numeric, :] = counts[..., ~numeric, :] @ (OF_CATEGORIES**power).T
    return sums


def _moments(n: Floats, total: Floats, own: Floats, joined: Floats, squares: Floats, units: Any) -> Comparison:
    m = total - n
    filled = (n > 0) & (m > 0)
    rows = np.where(filled, total, 2.0)
    e = np.where(filled, n * m / rows, 0.0)
    u = np.where(filled, own - joined * (n / rows), 0.0)
    spread = squares - joined**2 / rows
    spread[spread <= ROUNDING * squares] = 0.0
    return Comparison(u, spread * (e / (rows - 1)), e[..., 0] if units == slice(0, 1) else e)
