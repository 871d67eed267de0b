"""The statistics against scipy and against plain loops."""

import math
from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from driftguard.counting.batches import count
from driftguard.counting.counts import Counts
from driftguard.counting.layout import layout_of
from driftguard.distributions.baseline import build
from driftguard.distributions.categories import CELLS
from driftguard.models.settings import ModelSettings
from driftguard.rows.columns import Row
from driftguard.rows.packing import pack
from driftguard.rows.unpacking import columns
from driftguard.statistics import budget, contingency, distances, ks, pictures
from driftguard.statistics.kolmogorov import FEW_ROWS, survival
from driftguard.verdicts.drift import drift_tests
from driftguard.verdicts.rules import Rules
from driftguard.verdicts.week import Week

type Values = Sequence[float] | np.ndarray[tuple[int], np.dtype[np.float64]]
type Floats = np.ndarray[tuple[int], np.dtype[np.float64]]

START = datetime(2026, 11, 1, tzinfo=UTC).timestamp()

ODD = [0.0, -0.0, 5e-324, -5e-324, 2.2e-308, 1e308, -1e308, 1.7976931348623157e308, -1.7976931348623157e308]
ODD += [2.0**53, 2.0**53 + 2, 2.0**60, 1e9, 0.1, 1.0]
ADVERSARIAL = st.one_of(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=400),
    st.lists(st.sampled_from(ODD), min_size=1, max_size=400),
    st.lists(st.integers(0, 9).map(float), min_size=1, max_size=400),
    st.lists(st.integers(2**53, 2**53 + 4000).map(float), min_size=1, max_size=400),
    st.tuples(st.floats(-1e6, 1e6), st.integers(1, 400)).map(lambda given: [given[0]] * given[1]),
    st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=400).map(lambda values: [*values, 1e9]),
    st.integers(0, 2**32).map(lambda seed: np.random.default_rng(seed).normal(size=700).tolist()),
    st.integers(0, 2**32).map(lambda seed: np.random.default_rng(seed).zipf(1.3, size=900).astype(float).tolist()),
    st.integers(0, 2**32).map(lambda seed: np.round(np.random.default_rng(seed).normal(size=1500), 2).tolist()),
)


def measure(baseline: Values, window: Values) -> tuple[float, float, float]:
    """D, its error bound and its p-value, by way of packed batches and counts."""
    made = build({"x": [float(value) for value in baseline]})
    rows = [Row(START, {"x": float(value)}, None, None) for value in window]
    counts = sum(count(made, [columns(pack(rows))]).values(), Counts.empty(made))
    layout = layout_of(made)
    first, second = (ks.cumulative_shares(bins, layout.starts, layout.sizes) for bins in (layout.bins, counts.bins))
    d = ks.ks_distance(first, second, layout.starts)
    bound = ks.ks_error_bound(
        ks.shares(layout.bins, layout.starts, layout.sizes),
        ks.shares(counts.bins, layout.starts, layout.sizes),
        layout.several,
        layout.starts,
    )
    p_value = ks.ks_p_value(d, counts.present, layout.present)
    return float(d[0]), float(bound[0]), float(p_value[0])


def exact_distance(baseline: Values, window: Values) -> float:
    """The statistic of scipy, which divides by zero for its p-value when both samples have one row."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(scipy.stats.ks_2samp(baseline, window, method="asymp").statistic)


def without_roundings(baseline: Values, window: Values) -> Values:
    """The window with baseline values in place of what differs from them by one rounding to float32 at most.

    Only where the baseline has few distinct values, and no other value lies as close to the same number.
    """
    distinct = sorted(set(baseline))
    if len(distinct) > 256:
        return window
    ends = [(value - half_rounding(value), value + half_rounding(value)) for value in distinct]
    alone = [
        (low, value, high)
        for place, (value, (low, high)) in enumerate(zip(distinct, ends, strict=True))
        if (place == 0 or math.nextafter(low, -math.inf) > ends[place - 1][1])
        and (place + 1 == len(distinct) or math.nextafter(ends[place + 1][0], -math.inf) > high)
    ]
    lows = [low for low, _value, _high in alone]
    moved = []
    for given_value in window:
        place = bisect_right(lows, given_value) - 1
        inside = place >= 0 and given_value <= alone[place][2]
        moved.append(alone[place][1] if inside else given_value)
    return moved


def half_rounding(value: float) -> float:
    """Half the distance from a float32 number to the next one; 0 where float32 has no normal number."""
    if not 2.0**-126 <= abs(value) < 2.0**128 - 2.0**103:
        return 0.0
    return math.ldexp(0.5, math.frexp(float(np.float32(value)))[1] - 24)


@settings(max_examples=150)
@given(ADVERSARIAL, ADVERSARIAL)
def test_d_is_within_its_bound_of_the_exact_statistic(baseline: list[float], window: list[float]) -> None:
    """D never exceeds the exact statistic and misses it by its own bound at most, which is 1/256 at most.

    Values that one rounding to float32 makes of the baseline's few values count as these.
    """
    d, bound, _p_value = measure(baseline, window)
    exact = exact_distance(baseline, without_roundings(baseline, window))
    assert -1e-12 <= exact - d <= bound + 1e-12
    assert bound <= 1 / 256


@given(ADVERSARIAL, st.integers(0, 2**32), st.floats(0, 1))
def test_the_bound_holds_for_a_window_drawn_from_the_baseline(baseline: list[float], seed: int, other: float) -> None:
    """The bound holds as well when both samples share most of their values."""
    random = np.random.default_rng(seed)
    drawn = random.choice(np.array(baseline), size=300)
    window = np.where(random.random(300) < other, drawn, np.nextafter(drawn, 0))
    d, bound, _p_value = measure(baseline, window)
    exact = exact_distance(baseline, without_roundings(baseline, window))
    assert -1e-12 <= exact - d <= bound + 1e-12
    assert bound <= 1 / 256


@pytest.mark.parametrize("shift", [0.0, 0.02])
def test_d_is_within_its_bound_for_a_million_rows(shift: float) -> None:
    """On 10⁶ rows with ties, against 10⁵ in the baseline, D is within its bound of the exact statistic."""
    random = np.random.default_rng(11)
    baseline = np.round(random.lognormal(size=100_000), 3)
    window = np.round(random.lognormal(shift, size=1_000_000), 3)
    made = build({"x": baseline.tolist()})
    layout = layout_of(made)
    bins = np.bincount(layout.numbers[0].find(window), minlength=len(layout.bins))
    first, second = (ks.cumulative_shares(some, layout.starts, layout.sizes) for some in (layout.bins, bins))
    d = ks.ks_distance(first, second, layout.starts)[0]
    base, seen = (ks.shares(some, layout.starts, layout.sizes) for some in (layout.bins, bins))
    bound = ks.ks_error_bound(base, seen, layout.several, layout.starts)[0]
    exact = scipy.stats.ks_2samp(baseline, window, method="asymp").statistic
    assert -1e-12 <= exact - d <= bound + 1e-12
    assert bound <= 1 / 256


@pytest.mark.parametrize("served", [np.float32, np.float64])
def test_float32_values_are_those_of_float64(served: type[np.floating[Any]]) -> None:
    """Few values that are trained in one precision and served in the other have no distance, in a wide range."""
    values = np.array([-7e30, -123456.789, -0.1, 0.0, 1e-30, 0.1, 0.2, 1 / 3, 0.7, 1.0, 2.5, 1e10 / 3])
    single = values.astype(np.float32).astype(np.float64)
    baseline, window = (values, single) if served is np.float32 else (single, values)
    d, bound, p_value = measure(np.repeat(baseline, 100), np.repeat(window, 100))
    assert (d, bound, p_value) == (0.0, 0.0, 1.0)


def test_values_a_rounding_cannot_tell_apart_stay_exact() -> None:
    """Baseline values that float32 cannot tell apart, and values beyond one rounding, are compared exactly."""
    close = [16_777_217.0, 16_777_218.0]
    assert measure(close * 50, [close[0]] * 100)[0] == pytest.approx(0.5)
    assert measure([0.1] * 100, [0.1 + 1e-8] * 100)[0] == 1.0


@given(st.lists(st.integers(0, 200), min_size=2, max_size=300), st.lists(st.integers(0, 200), min_size=2, max_size=300))
def test_with_few_distinct_values_test_and_p_value_are_exact(baseline: list[int], window: list[int]) -> None:
    """With up to 256 distinct values the result is that of ks_2samp with the asymptotic p-value."""
    d, bound, p_value = measure(baseline, window)
    exact = scipy.stats.ks_2samp(baseline, window, method="asymp")
    assert d == pytest.approx(exact.statistic, abs=1e-12)
    assert bound == 0
    assert p_value == pytest.approx(exact.pvalue, rel=2e-6, abs=8e-5)


@pytest.mark.parametrize("n", [1, 5, FEW_ROWS - 1, FEW_ROWS, 100, 140, 141, 256, 300, 1000, 20_000])
def test_p_values_are_those_of_kstwo(n: int) -> None:
    """Every p-value is that of scipy's distribution: to 2e-6 of it in the tail, to 8e-5 (1e-5 from 100) below."""
    z = np.array([0.01, 0.2, 0.4, 0.5, 0.7, 1.0, 1.3, 1.48, 1.49, 1.7, 2.2, 3.0, 5.0, 8.0, 12.0])
    d = np.append((z / math.sqrt(n))[z < math.sqrt(n)], [0.0, 1.0])
    expected = scipy.stats.kstwo.sf(d, n)
    assert survival(d, np.full(len(d), float(n))) == pytest.approx(expected, rel=2e-6, abs=8e-5 if n < 100 else 1e-5)
    tail = (n * d * d >= 2.2) & (expected > 0)
    assert survival(d, np.full(len(d), float(n)))[tail] == pytest.approx(expected[tail], rel=2e-6, abs=0)


def test_p_values_at_any_size_fall_with_the_distance() -> None:
    """For 10⁸ rows p-values fall from 1 to 0 with D, and at the usual points are those of Kolmogorov's limit."""
    d = np.linspace(0, 2e-3, 200)
    p = survival(d, np.full(200, 1e8))
    assert (p[0], p[-1]) == (1, 0)
    assert np.all(np.diff(p) <= 1e-9)
    d = np.array([1e-4, 2e-4])
    assert survival(d, np.full(2, 1e8)) == pytest.approx(scipy.stats.kstwobign.sf(d * 1e4), rel=1e-3)


def chi_square(baseline: Sequence[int], window: Sequence[int]) -> tuple[float, int, float]:
    """The test of one feature."""
    starts, sizes = np.zeros(1, np.int64), np.array([len(baseline)])
    found = contingency.chi_square(np.array(baseline), np.array(window), starts, sizes)
    return float(found[0][0]), int(found[1][0]), float(found[2][0])


COUNTS = st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 3000)), min_size=1, max_size=40)


@given(COUNTS)
def test_chi_square_is_that_of_the_pooled_table(pairs: list[tuple[int, int]]) -> None:
    """The statistic, degrees of freedom and p-value are scipy's on the table with its thin categories pooled."""
    table = np.array(pairs).T
    statistic, degrees, p_value = chi_square(*table.tolist())
    if not table.sum(axis=1).all():
        assert (degrees, p_value) == (0, 1)
        return
    expected = scipy.stats.contingency.expected_freq(table)
    thin = expected.min(axis=0) < 5
    pooled = np.column_stack([table[:, ~thin], table[:, thin].sum(axis=1)])
    pooled = pooled[:, pooled.sum(axis=0) > 0]
    if pooled.shape[1] < 2:
        assert (degrees, p_value) == (0, 1)
        return
    exact = scipy.stats.chi2_contingency(pooled, correction=False)
    assert degrees == exact.dof
    assert statistic == pytest.approx(exact.statistic, rel=1e-9, abs=1e-9)
    assert p_value == pytest.approx(exact.pvalue, rel=1e-7, abs=1e-300)


def test_features_are_tested_apart() -> None:
    """Features that lie one after the other do not touch each other."""
    first, second = [50, 60, 3], [10, 20, 30, 40]
    third, fourth = [500, 600, 1], [70, 80, 90, 10]
    together = contingency.chi_square(
        np.array(first + second), np.array(third + fourth), np.array([0, 3]), np.array([3, 4])
    )
    assert together[2].tolist() == [chi_square(first, third)[2], chi_square(second, fourth)[2]]


@given(st.integers(1, 300), st.integers(1, 300), st.floats(0, 1), st.floats(0, 1))
def test_fisher_is_exact(n: int, m: int, part: float, other: float) -> None:
    """One-sided p-values are those of scipy's exact test."""
    a, b = round(n * part), round(m * other)
    found = contingency.fisher_greater(*(np.array([value]) for value in (a, n, b, m)))
    exact = scipy.stats.fisher_exact([[a, n - a], [b, m - b]], alternative="greater").pvalue
    assert found[0] == pytest.approx(exact, rel=1e-9, abs=1e-300)


@pytest.mark.parametrize(
    ("a", "n", "b", "m"),
    [
        (50_010_000, 10**8, 50_000_000, 10**8),
        (102_500, 10**8, 97_500, 10**8),
        (49_990_000, 10**8, 50_000_000, 10**8),
        (130, 10**8, 0, 10**7),
        (0, 10**8, 7, 100),
    ],
)
def test_fisher_holds_for_a_hundred_million(a: int, n: int, b: int, m: int) -> None:
    """For counts of 10⁸ the p-value agrees with the hypergeometric distribution to 1e-6 of it."""
    found = contingency.fisher_greater(*(np.array([value]) for value in (a, n, b, m)))
    assert found[0] == pytest.approx(scipy.stats.hypergeom.sf(a - 1, n + m, a + b, n), rel=1e-6)


@given(st.integers(1, 60), st.integers(1, 60), st.floats(0, 1), st.floats(0, 1))
def test_fisher_with_two_sides_is_that_of_scipy(n: int, m: int, part: float, other: float) -> None:
    """The two-sided p-value is scipy's for any small table."""
    a, b = round(part * n), round(other * m)
    found = contingency.fisher(*(np.array([value]) for value in (a, n, b, m)))
    assert found[0] == pytest.approx(scipy.stats.fisher_exact([[a, n - a], [b, m - b]]).pvalue, rel=1e-9, abs=1e-300)


@pytest.mark.parametrize(
    ("a", "n", "b", "m"), [(1010, 10**5, 4100, 4 * 10**5), (52_000, 10**5, 5000, 10**4), (3, 9000, 0, 10)]
)
def test_fisher_with_two_sides_holds_for_large_tables(a: int, n: int, b: int, m: int) -> None:
    """The two-sided p-value is scipy's for large tables as well, whichever share is greater."""
    exact = scipy.stats.fisher_exact([[a, n - a], [b, m - b]]).pvalue
    for table in ((a, n, b, m), (b, m, a, n), (n - a, n, m - b, m)):
        assert contingency.fisher(*(np.array([value]) for value in table))[0] == pytest.approx(exact, rel=1e-6)


def test_total_variation_is_half_the_sum_of_differences() -> None:
    """Shares of 0.5/0.5 against 0.2/0.8 differ by 0.3; nothing in common is 1."""
    starts = np.array([0, 2])
    found = contingency.total_variation(np.array([0.5, 0.5, 1.0, 0.0]), np.array([0.2, 0.8, 0.0, 1.0]), starts)
    assert found == pytest.approx([0.3, 1.0])


def test_psi_by_hand() -> None:
    """The index is the smoothed sum over bins; equal samples and unused bins give 0."""
    baseline, window = np.array([[30.0, 70.0, 0.0]]), np.array([[60.0, 40.0, 0.0]])
    p, q = np.array([30.5, 70.5]) / 101, np.array([60.5, 40.5]) / 101
    assert distances.psi(baseline, window)[0] == pytest.approx(float(((q - p) * np.log(q / p)).sum()))
    assert distances.psi(baseline, baseline)[0] == 0
    assert distances.psi(np.array([[5000.0, 0, 0]]), np.array([[7.0, 0, 0]]))[0] == 0


def test_merged_bins_hold_a_tenth_each() -> None:
    """The groups that the index is taken over hold about a tenth of the baseline, and follow the order of values."""
    layout = layout_of(build({"x": [float(value) for value in range(1000)], "y": ["a"] * 600 + ["b"] * 400}))
    span = layout.span(0)
    assert np.all(np.diff(layout.merged[span]) >= 0)
    assert np.bincount(layout.merged[span], weights=layout.bins[span]) == pytest.approx([100] * 10, abs=4)
    assert layout.merged[layout.span(1)].tolist() == [10, 11, *[12] * CELLS]


def wasserstein(baseline: Values, window: Values) -> tuple[float, float]:
    """Wasserstein-1 and its error bound by way of counts; NaN where they are left out."""
    made = build({"x": [float(value) for value in baseline]})
    values = np.asarray(window, np.float64)
    counts = sum(
        count(made, [columns(pack([Row(START, {"x": value}, None, None) for value in values.tolist()]))]).values(),
        Counts.empty(made),
    )
    layout = layout_of(made)
    rules = Rules.of(layout, ModelSettings())
    tests = drift_tests(layout, counts, Week.whole(1, 7), rules, baseline_days=None)
    return float(tests.wasserstein[0]), float(tests.wasserstein_error[0])


def check_wasserstein(baseline: Values, window: Values, rel: float) -> None:
    """The distance is shown, within its bound of scipy's, and within `rel` of it."""
    found, bound = wasserstein(baseline, window)
    exact = scipy.stats.wasserstein_distance(baseline, window)
    assert abs(found - exact) <= bound + 1e-9 * (1 + exact)
    assert found == pytest.approx(exact, rel=rel, abs=1e-9)


@given(st.lists(st.integers(0, 50), min_size=1, max_size=80), st.data())
def test_wasserstein_is_exact_on_values_of_the_baseline(baseline: list[int], data: st.DataObject) -> None:
    """Where the window repeats values of the baseline the distance is scipy's."""
    window = data.draw(st.lists(st.sampled_from(baseline), min_size=1, max_size=80))
    check_wasserstein(baseline, window, rel=1e-9)


@pytest.mark.parametrize(("shift", "scale"), [(0.3, 1.0), (2.0, 1.0), (-0.5, 1.0), (0.0, 2.0), (0.1, 0.5), (50.0, 1.0)])
def test_wasserstein_is_close_on_smooth_values(shift: float, scale: float) -> None:
    """On continuous values, out of the baseline's range too, the distance is scipy's within 2 %."""
    random = np.random.default_rng(4)
    check_wasserstein(random.normal(size=5000), random.normal(shift, scale, size=5000), rel=0.02)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("outliers", [[1e6], [-1e6], [1e6, -3e5], [1e9] * 3])
def test_outliers_of_the_baseline_do_not_distort_wasserstein(seed: int, outliers: list[float]) -> None:
    """Wrong values in the baseline count by their distance, although their bin reaches from the others to them."""
    random = np.random.default_rng(seed)
    baseline = [*random.normal(50, 10, 5000 - len(outliers)), *outliers]
    check_wasserstein(baseline, random.normal(60, 10, 5000), rel=0.02)


@pytest.mark.parametrize(("factor", "added"), [(1.5, 0.0), (1.0, 12.0), (0.7, 5.0)])
def test_wasserstein_is_close_on_heavy_tails(factor: float, added: float) -> None:
    """On delays, whole numbers with a heavy tail and a peak below zero, the distance is scipy's within 2 %."""
    random = np.random.default_rng(8)

    def delays(size: int) -> Any:
        late = random.random(size) < 0.3
        return np.round(np.where(late, random.lognormal(3.2, 1.2, size), random.normal(-4, 3, size)))

    check_wasserstein(delays(20_000), np.round(delays(8000) * factor + added), rel=0.02)


@settings(max_examples=150)
@given(ADVERSARIAL, ADVERSARIAL)
def test_wasserstein_is_within_its_bound_or_left_out(baseline: list[float], window: list[float]) -> None:
    """Whatever the values, a distance that is shown differs from scipy's by its bound at most."""
    found, bound = wasserstein(baseline, window)
    scale = max(map(abs, [*baseline, *window]))
    if math.isfinite(found) and scale < 1e300:
        exact = scipy.stats.wasserstein_distance(baseline, window)
        assert abs(found - exact) <= bound + 1e-7 * scale
    else:
        assert math.isnan(found) == math.isnan(bound)


def test_one_outlier_counts_by_its_distance() -> None:
    """A single far value in 1,000 moves the distance by a thousandth of how far it is."""
    values = [float(value % 10) for value in range(1000)]
    check_wasserstein(values, [*values[:-1], 1e9], rel=1e-3)


def test_the_threshold_is_the_formula() -> None:
    """T is the larger of the minimum and c·sqrt(φ(1/n + 1/m) + ρ(1/window + 1/baseline days))."""
    alpha = np.array([0.05])
    c = math.sqrt(math.log(2 * 10 * 2880 / 0.05) / 2)
    assert budget.critical(10, alpha)[0] == pytest.approx(c)
    assert np.isfinite(budget.critical(10, np.array([5e-324])))

    def threshold(n: int, phi: float, window_days: float = 7, minimum: float = 0.01) -> float:
        found = budget.threshold(
            np.array([c]),
            np.array([n]),
            np.array([10_000]),
            phi=np.array([phi]),
            rho=np.array([0.002]),
            window_days=np.array([window_days]),
            baseline_days=30,
            minimum=np.array([minimum]),
        )
        return float(found[0])

    assert threshold(500, 1.7) == pytest.approx(c * math.sqrt(1.7 * (1 / 500 + 1 / 10_000) + 0.002 * (1 / 7 + 1 / 30)))
    assert threshold(500, 0, 2) == pytest.approx(c * math.sqrt(0.002 * (1 / 2 + 1 / 30)))
    assert threshold(500, 1.7, minimum=0.9) == 0.9
    assert threshold(0, 1.0) == math.inf
    assert math.isfinite(threshold(0, 0.0))


def histogram(
    edges: Floats, baseline: Floats, window: Floats, extremes: tuple[float, float], values: Floats | None
) -> pictures.HistogramParts:
    """The picture of one feature."""
    least, greatest = np.array(extremes[:1]), np.array(extremes[1:])
    (picture,) = pictures.histograms([edges], baseline, window, least=least, greatest=greatest, values=[values])
    return picture


@given(ADVERSARIAL, ADVERSARIAL)
def test_histograms_are_sound_for_any_values(baseline: list[float], window: list[float]) -> None:
    """A picture has at most 32 bars, ascending finite ends, and shares that add up to 1."""
    made = build({"x": baseline})
    layout = layout_of(made)
    edges = layout.numbers[0].values
    values = np.array(window, np.float64)
    bins = np.bincount(layout.numbers[0].find(values), minlength=len(layout.bins))
    cdfs = [ks.cumulative_shares(some, layout.starts, layout.sizes) for some in (layout.bins, bins)]
    distinct = np.unique(np.array(baseline, np.float64))
    ends, first, second = histogram(
        edges,
        cdfs[0],
        cdfs[1],
        extremes=(float(values.min()), float(values.max())),
        values=distinct if len(distinct) <= 256 else None,
    )
    assert len(ends) == len(first) + 1 == len(second) + 1
    assert 1 <= len(first) <= pictures.MAX_BARS
    assert all(math.isfinite(end) for end in ends)
    assert all(low < high for low, high in pairwise(ends))
    for shares in (first, second):
        assert all(0 <= share <= 1 for share in shares)
        assert sum(shares) == pytest.approx(1, abs=1e-4)


def test_few_values_get_a_bar_each() -> None:
    """Three values are shown as three bars around them."""
    cdf = np.array([0.0, 0.2, 0.2, 0.5, 0.5, 1.0, 1.0])
    edges = layout_of(build({"x": [1.0, 2.0, 3.0]})).numbers[0].values
    ends, first, second = histogram(
        edges, cdf, np.zeros(7), extremes=(math.inf, -math.inf), values=np.array([1.0, 2.0, 3.0])
    )
    assert ends == [0.5, 1.5, 2.5, 3.5]
    assert first == pytest.approx([0.2, 0.3, 0.5])
    assert second == [0, 0, 0]


def test_one_outlier_does_not_squash_the_picture() -> None:
    """A single value of 1e9 leaves the bars where the others are."""
    random = np.random.default_rng(1)
    made = build({"x": [*random.normal(size=5000).tolist(), 1e9]})
    layout = layout_of(made)
    cdf = ks.cumulative_shares(layout.bins, layout.starts, layout.sizes)
    ends, first, _second = histogram(layout.numbers[0].values, cdf, cdf, extremes=(-4.0, 1e9), values=None)
    assert max(ends) < 10
    assert max(first) < 0.2


def test_many_categories_are_shown_as_32() -> None:
    """Beyond 30 named categories the others are joined; the new ones stay apart."""
    shares = np.full(102, 0.0098)
    shown, first, second = pictures.bars(shares, shares, 100)
    assert shown == 30
    assert len(first) == len(second) == pictures.MAX_BARS
    assert first[-2] == pytest.approx(71 * 0.0098)
    assert first[-1] == pytest.approx(0.0098)
