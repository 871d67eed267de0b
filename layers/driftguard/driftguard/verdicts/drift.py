"""The drift tests of all features at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from driftguard.counting.counts import Counts
from driftguard.counting.layout import MERGED, Layout
from driftguard.statistics import budget, contingency, distances, ks
from driftguard.statistics.arrays import Flags, Floats, Ints
from driftguard.verdicts.rules import Rules

STAY_OPEN_SCORE = 0.8
"""An open alert stays open above this part of the score it opens at …"""

STAY_OPEN_P = 10
"""… and, where p decides, below so many times the p-value it opens at."""

UNKNOWN_DAYS = 7
"""The days of a baseline that are assumed when nobody said."""

WHOLE_DAYS = 14
"""The days that the day-to-day overdispersion is taken from."""


@dataclass(frozen=True)
class DriftTests:
    """Arrays (F,): what was tested, and what came out; scores and p-values mean something where `testable`.

    n, m: values in window and baseline. threshold: the score to exceed (NaN where p alone decides). p_threshold: the
    p-value to stay below (NaN where the score alone decides). detectable: the smallest score that would have counted
    at this n, 1 where none would. error_bound: how far the exact D may lie above the score.
    Arrays (T,): baseline_shares, window_shares of the bins; baseline_cdf, window_cdf, the distribution functions at
    their upper ends.
    """

    testable: Flags
    fired: Flags
    holding: Flags
    score: Floats
    p_value: Floats
    threshold: Floats
    p_threshold: Floats
    detectable: Floats
    error_bound: Floats
    rho: Floats
    psi: Floats
    wasserstein: Floats
    n: Ints
    m: Ints
    baseline_shares: Floats
    window_shares: Floats
    baseline_cdf: Floats
    window_cdf: Floats


def drift_tests(
    layout: Layout, window: Counts, days: Sequence[Counts], rules: Rules, *, window_days: int, baseline_days: int | None
) -> DriftTests:
    """Test every feature; `days` are the last whole days, oldest first."""
    starts, sizes, numeric = layout.starts, layout.sizes, layout.numeric
    n, m = window.present, layout.present
    base, seen = (ks.shares(bins, starts, sizes) for bins in (layout.bins, window.bins))
    base_cdf, seen_cdf = (ks.cumulative_shares(bins, starts, sizes) for bins in (layout.bins, window.bins))

    testable = rules.enabled & (m > 0) & (n >= np.where(rules.budget, rules.min_samples, 1))
    tests = int(testable.sum())
    distance = ks.ks_distance(base_cdf, seen_cdf, starts)
    variation = contingency.total_variation(base, seen, starts)
    score = np.where(numeric, distance, variation)
    _statistic, degrees, p_value = contingency.chi_square(layout.bins, window.bins, starts, sizes)
    tested = numeric & testable
    p_value[tested] = ks.ks_p_value(distance[tested], n[tested], m[tested])

    rho = np.where(numeric, _overdispersion(layout, days), 0.0)
    needed = budget.threshold(
        budget.critical(tests, rules.alpha),
        n,
        m,
        rho=rho,
        window_days=window_days,
        baseline_days=baseline_days or UNKNOWN_DAYS,
        minimum=rules.min_score,
    )
    by_score = rules.budget & numeric
    # With so few values in either sample that no score whatever could count, nothing has been tested.
    blind = np.where(numeric, by_score & (needed > 1), (degrees == 0) & (variation > 0))
    testable = testable & ~blind
    threshold = np.where(by_score, needed, np.where(rules.budget, rules.min_score, np.nan))
    corrected = rules.alpha / (max(tests, 1) * budget.CHECKS)
    p_threshold = np.where(by_score, np.nan, np.where(rules.budget, corrected, rules.alpha))
    # Comparisons with NaN are false, so each rule below decides where it applies only.
    fired = testable & np.select(
        [by_score, rules.budget],
        [score > threshold, (p_value < p_threshold) & (score >= threshold)],
        p_value < p_threshold,
    )
    below = (p_value < STAY_OPEN_P * p_threshold) & (score > STAY_OPEN_SCORE * rules.min_score)
    holding = fired | testable & np.where(by_score, score > STAY_OPEN_SCORE * threshold, below)
    return DriftTests(
        testable=testable,
        fired=fired,
        holding=holding,
        score=score,
        p_value=p_value,
        threshold=threshold,
        p_threshold=p_threshold,
        detectable=np.minimum(needed, 1.0),
        error_bound=ks.ks_error_bound(base, seen, layout.several, starts),
        rho=rho,
        psi=_psi(layout, window),
        wasserstein=_wasserstein(layout, window, base_cdf, seen_cdf),
        n=n,
        m=m,
        baseline_shares=base,
        window_shares=seen,
        baseline_cdf=base_cdf,
        window_cdf=seen_cdf,
    )


def _overdispersion(layout: Layout, days: Sequence[Counts]) -> Floats:
    if len(days) < WHOLE_DAYS:
        return np.zeros(len(layout.features))
    return budget.overdispersion([day.bins for day in days[-WHOLE_DAYS:]], layout.starts, layout.sizes)


def _psi(layout: Layout, window: Counts) -> Floats:
    return distances.psi(*(_merged(layout, bins) for bins in (layout.bins, window.bins)))


def _merged(layout: Layout, bins: Ints) -> Floats:
    shape = (len(layout.features), MERGED)
    return np.bincount(layout.merged, weights=bins, minlength=shape[0] * shape[1]).reshape(shape)


def _wasserstein(layout: Layout, window: Counts, base_cdf: Floats, seen_cdf: Floats) -> Floats:
    """Of numeric features; NaN or infinite where there is nothing to compare or it overflows."""
    n = window.present
    area = distances.wasserstein(
        base_cdf,
        seen_cdf,
        layout.starts,
        lows=layout.lows,
        highs=layout.highs,
        beyond=window.beyond / np.maximum(n, 1),
    )
    return np.where(layout.numeric & (n > 0) & (layout.present > 0), area, np.nan)
