"""Runs the drift tests of all features at once."""

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

from driftguard.counting.counts import Counts
from driftguard.counting.layout import Layout
from driftguard.distributions.categories import Categories
from driftguard.distributions.numbers import Numbers
from driftguard.statistics import budget, contingency, distances, ks, transport
from driftguard.statistics.arrays import Flags, Floats, Ints
from driftguard.verdicts.rules import Rules
from driftguard.verdicts.week import Week

STAY_OPEN_SCORE = 0.8
"""An open alert stays open while the score is above this fraction of the threshold."""

STAY_OPEN_P = 10
"""If the p-value decides, an open alert stays open while p is below this multiple of its threshold."""

WIDE_OF_DISTANCE, WIDE_OF_SPREAD = 0.25, 0.05
"""Wasserstein-1 is left out if its error may exceed both this part of it, and this part of the distance between the
baseline's 5 % and 95 % quantiles."""


@dataclass(frozen=True)
class DriftTests:
    """The results of the drift tests. Scores and p-values are valid only where `testable` is true.

    Arrays (F,):
    n, m: the number of values in the window and in the baseline.
    threshold: a test fires if its score exceeds it. NaN where only the p-value decides.
    p_threshold: a test fires if its p-value is below it. NaN where only the score decides.
    detectable: the smallest score that would fire with n values, at most 1.
    error_bound: the exact score of the values exceeds the score by at most this amount.
    wasserstein_error: the largest possible error of `wasserstein`. Both are NaN where the error may be large.
    expected_by_chance: the score that sampling alone produces on average. Infinite if a sample is empty.
    c: the critical value of a model-month, see `budget.critical`.
    rho: the variance between days, see `week`.
    graded: the score that severity follows: above chance for categories and two-valued numbers.
    by_distance: whether the KS distance decides. If not, a p-value and the score above chance decide.
    above: whether a feature with a budget would fire if the window were covered.

    Arrays (T,):
    baseline_shares, window_shares: the share of each bin.
    baseline_cdf, window_cdf: the distribution functions at the upper ends of the bins.
    """

    testable: Flags
    fired: Flags
    holding: Flags
    c: Floats
    score: Floats
    p_value: Floats
    threshold: Floats
    p_threshold: Floats
    detectable: Floats
    error_bound: Floats
    expected_by_chance: Floats
    graded: Floats
    by_distance: Flags
    above: Flags
    rho: Floats
    psi: Floats
    wasserstein: Floats
    wasserstein_error: Floats
    n: Ints
    m: Ints
    baseline_shares: Floats
    window_shares: Floats
    baseline_cdf: Floats
    window_cdf: Floats


def drift_tests(
    layout: Layout,
    window: Counts,
    week: Week,
    rules: Rules,
    *,
    baseline_days: int | None,
    wasserstein: bool = True,
) -> DriftTests:
    """Test the window of every feature against the baseline.

    week: how much the windows may vary. wasserstein: whether Wasserstein-1 is computed, which needs the baseline's
    values. It is NaN otherwise.
    """
    starts, sizes = layout.starts, layout.sizes
    n, m = window.present, layout.present
    base, seen = (ks.shares(bins, starts, sizes) for bins in (layout.bins, window.bins))
    base_cdf, seen_cdf = (ks.cumulative_shares(bins, starts, sizes) for bins in (layout.bins, window.bins))

    testable = rules.enabled & (m > 0) & (n >= np.where(rules.budget, rules.min_samples, 1))
    tests = int(testable.sum())
    found = _Scores.of_numbers(layout, window, base, seen, ks.ks_distance(base_cdf, seen_cdf, starts))
    found.set_categories(layout, window, base, seen)
    found.set_proportions(layout, window)
    score, p_value, by_chance = found.score, found.p_value, found.by_chance

    needed = week.limits(rules, tests, n, m, found.by_distance, baseline_days)
    by_score = rules.budget & found.by_distance
    graded = np.where(found.by_distance, score, score - by_chance)
    threshold = np.where(by_score, needed, np.where(rules.budget, needed, np.nan))
    corrected = rules.alpha / (max(tests, 1) * rules.looks)
    p_threshold = np.where(by_score, np.nan, np.where(rules.budget, corrected, rules.alpha))
    # With very few values even the largest possible score cannot fire, so the feature counts as not testable.
    blind = np.where(found.by_distance, by_score & (needed > 1), found.least_p >= p_threshold)
    testable = testable & ~blind
    # Comparisons with NaN are false, so each condition applies only where its threshold is set.
    beyond = testable & np.select(
        [by_score, rules.budget],
        [score > threshold, (p_value < p_threshold) & (graded >= threshold)],
        p_value < p_threshold,
    )
    fired = beyond & (week.covered | ~rules.budget)
    below = (p_value < STAY_OPEN_P * p_threshold) & (
        graded > STAY_OPEN_SCORE * np.where(rules.budget, needed, rules.min_score)
    )
    holding = fired | testable & (week.covered | ~rules.budget) & np.where(
        by_score, score > STAY_OPEN_SCORE * threshold, below
    )
    nothing = np.full(len(n), np.nan)
    distance, distance_error = _wasserstein(layout, window, base_cdf, seen_cdf) if wasserstein else (nothing, nothing)
    return DriftTests(
        testable=testable,
        fired=fired,
        holding=holding,
        c=budget.critical(tests, rules.alpha, rules.looks),
        score=score,
        p_value=p_value,
        threshold=threshold,
        p_threshold=p_threshold,
        detectable=np.minimum(needed, 1.0),
        error_bound=found.error_bound,
        expected_by_chance=by_chance,
        graded=graded,
        by_distance=found.by_distance,
        above=beyond & rules.budget,
        rho=week.rho,
        psi=_psi(layout, window),
        wasserstein=distance,
        wasserstein_error=distance_error,
        n=n,
        m=m,
        baseline_shares=base,
        window_shares=seen,
        baseline_cdf=base_cdf,
        window_cdf=seen_cdf,
    )


@dataclass(frozen=True)
class _Scores:
    """The score of each feature with its p-value, and how the feature is decided, arrays (F,).

    least_p: a lower bound of the p-value of any window with as many values, where a p-value decides.
    """

    score: Floats
    p_value: Floats
    by_chance: Floats
    error_bound: Floats
    by_distance: Flags
    least_p: Floats

    @classmethod
    def of_numbers(cls, layout: Layout, window: Counts, base: Floats, seen: Floats, distance: Floats) -> "_Scores":
        """Return the KS tests of numeric features, and empty places for the other features."""
        n, m = window.present, layout.present
        # D takes a rounded value for the baseline's value. The exact statistic takes it for another one.
        unseen = window.unseen / np.maximum(n, 1) + layout.unseen / np.maximum(m, 1)
        moved = np.minimum(unseen, np.maximum.reduceat(np.minimum(base, seen), layout.starts))
        p_value, filled = np.ones(len(n)), layout.numeric & (n > 0) & (m > 0)
        p_value[filled] = ks.ks_p_value(distance[filled], n[filled], m[filled])
        return cls(
            score=np.where(layout.numeric, distance, 0.0),
            p_value=p_value,
            by_chance=ks.chance_distance(n, m),
            error_bound=np.maximum(ks.ks_error_bound(base, seen, layout.several, layout.starts), moved),
            by_distance=layout.numeric.copy(),
            least_p=np.zeros(len(n)),
        )

    def set_categories(self, layout: Layout, window: Counts, base: Floats, seen: Floats) -> None:
        """Fill in the chi-square tests of the other features."""
        cells, places = layout.cells, np.flatnonzero(~layout.numeric)
        if not len(places):
            return
        before, now = cells.join(layout.bins), cells.join(window.bins)
        samples = [ks.shares(counts, cells.starts, cells.sizes) for counts in (before, now)]
        variation = contingency.total_variation(samples[0], samples[1], cells.starts)
        _statistic, degrees, p_value = contingency.chi_square(before, now, cells.starts, cells.sizes)
        self.score[places], self.p_value[places] = variation, p_value
        self.by_chance[places] = contingency.chance_variation(before, now, cells.starts, cells.sizes)
        self.least_p[places] = np.where((degrees == 0) & (variation > 0), 1.0, 0.0)
        # Values of one hash cell may differ from each other. What both samples share of a cell may be such values.
        finer = np.abs(base - seen) / 2 + np.where(layout.in_hash, np.minimum(base, seen), 0.0)
        most = np.add.reduceat(finer, layout.starts)[places]
        self.error_bound[places] = np.maximum(most - variation, 0.0)

    def set_proportions(self, layout: Layout, window: Counts) -> None:
        """Fill in Fisher's exact tests of numeric features with two values in the baseline.

        The test divides the values where D is largest. With values beside the two, that place depends on the values,
        so the p-value is multiplied by the number of places that differ (Bonferroni).
        """
        n, m = window.present, layout.present
        places = np.flatnonzero(layout.two_valued & (n > 0) & (m > 0))
        if not len(places):
            return
        n, m = n[places], m[places]
        bins = np.minimum(np.arange(layout.sizes[places].max()), layout.sizes[places, np.newaxis] - 1)
        inside = np.arange(bins.shape[1]) < layout.sizes[places, np.newaxis]
        bins += layout.starts[places, np.newaxis]
        before, now = (np.cumsum(counts[bins] * inside, axis=1) for counts in (layout.bins, window.bins))
        together = before + now
        divided = (together > 0) & (together < (n + m)[:, np.newaxis])
        apart = np.abs(before / m[:, np.newaxis] - now / n[:, np.newaxis])
        at = np.where(divided, apart, -1).argmax(axis=1)
        b, a = (counts[np.arange(len(places)), at] for counts in (before, now))
        ways = (divided[:, :-1] & (together[:, 1:] > together[:, :-1])).sum(axis=1)
        self.p_value[places] = np.minimum(contingency.fisher(a, n, b, m) * np.maximum(ways, 1), 1.0)
        share = (a + b) / (n + m)
        self.by_chance[places] = np.sqrt(2 / np.pi * share * (1 - share) * (1 / n + 1 / m))
        self.by_distance[places] = False
        self.least_p[places] = np.exp(gammaln(n + 1.0) + gammaln(m + 1.0) - gammaln(n + m + 1.0))


def _psi(layout: Layout, window: Counts) -> Floats:
    return distances.psi(*(layout.in_groups(bins) for bins in (layout.bins, window.bins)))


def _wasserstein(layout: Layout, window: Counts, base_cdf: Floats, seen_cdf: Floats) -> tuple[Floats, Floats]:
    """Return Wasserstein-1 of numeric features and its error bound, (F,) each.

    Both are NaN where a sample is empty or the bound is wide, and infinite where lengths overflow.
    """
    n, m = window.present, layout.present
    known = layout.numeric & (n > 0) & (m > 0)
    if not known.any():
        return np.full(len(n), np.nan), np.full(len(n), np.nan)
    first, last = layout.starts, layout.starts + layout.sizes - 1
    ends = np.array([_range(feature.values) for feature in layout.features])
    under, over = window.bins[first] > 0, window.bins[last] > 0
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        beyond = np.where(known, window.beyond / np.maximum(n, 1), 0.0)
        # With values on both sides of the range, the extremes tell how their distances are about divided.
        far = [window.bins[first] * (ends[:, 0] - window.least), window.bins[last] * (window.greatest - ends[:, 1])]
        part = np.where(under & over, far[1] / (far[0] + far[1]), np.where(over, 1.0, 0.0))
        part = np.where(np.isfinite(part), part, 0.5)
        above = np.where(part > 0, beyond * part, 0.0)
        below = np.where(part < 1, beyond * (1 - part), 0.0)
        outside = window.bins[first] * ends[:, 0] + window.bins[last] * ends[:, 1]
        inside = (window.total - outside) / n - (above - below)
        shift = window.total / n - np.array([_total(feature.values) for feature in layout.features]) / m
    sample = transport.Sample(
        least=np.where(known, window.least, 0.0),
        greatest=np.where(known, window.greatest, 0.0),
        below=below,
        above=above,
        apart=~(under & over),
        shift=np.where(known, shift, 0.0),
        inside=np.where(known & ~(under & over), inside, np.inf),
    )
    bins = transport.Bins(layout.lows, layout.highs, layout.means, layout.starts, layout.sizes)
    distance, error = transport.wasserstein(bins, base_cdf, seen_cdf, sample)
    with np.errstate(over="ignore", invalid="ignore"):
        spread = ends[:, 3] - ends[:, 2]
        shown = known & (error <= np.maximum(WIDE_OF_DISTANCE * distance, WIDE_OF_SPREAD * spread))
    return np.where(shown, distance, np.nan), np.where(shown, error, np.nan)


def _range(values: Numbers | Categories) -> tuple[float, float, float, float]:
    """Return the extremes of a feature's baseline and its 5 % and 95 % quantiles; 0 for a feature without numbers."""
    if isinstance(values, Categories) or not values.quantiles:
        return 0.0, 0.0, 0.0, 0.0
    return values.quantiles[0], values.quantiles[-1], values.quantiles[1], values.quantiles[-2]


def _total(values: Numbers | Categories) -> float:
    return values.total if isinstance(values, Numbers) else 0.0
