"""Scores and errors on their grids against scikit-learn, scipy and numpy on the rows."""

import math

import numpy as np
import numpy.typing as npt
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from driftguard.statistics import errors, scores
from driftguard.statistics.arrays import Flags, Floats, Ints
from driftguard.statistics.intervals import around, mean_interval, wilson

type Scores = npt.NDArray[np.float32]

RNG = np.random.default_rng(14)


def rows(shape: str, n: int = 20_000, share: float = 0.3) -> tuple[Scores, Flags]:
    """Scores and labels of a model with scores of this shape."""
    positive = RNG.random(n) < share
    made = {
        "beta": RNG.beta(np.where(positive, 4, 2), np.where(positive, 2, 4)),
        "near zero": 10 ** RNG.normal(np.where(positive, -3, -4), 0.7),
        "near one": 1 - 10 ** RNG.normal(np.where(positive, -4, -3), 0.7),
        "few values": np.round(RNG.beta(np.where(positive, 4, 2), np.where(positive, 2, 4)), 1),
    }
    return np.clip(made[shape], 0, 1).astype(np.float32), positive


SHAPES = ["beta", "near zero", "near one", "few values"]


def binned(values: Scores, positive: Flags) -> tuple[Ints, Ints]:
    """The counts of positives and negatives."""
    bins = scores.bins_of(values)
    first = np.bincount(bins[positive], minlength=scores.BINS)
    return first, np.bincount(bins[~positive], minlength=scores.BINS)


def test_the_grid_is_the_one_that_stored_counts_use() -> None:
    """The grid has 752 bins, is symmetric about its edge 0.5, and starts at 1e-6."""
    assert scores.BINS == 752
    assert 0.5 in scores.EDGES
    assert scores.EDGES[0] == 1e-6
    np.testing.assert_allclose(scores.EDGES + scores.EDGES[::-1], 1, atol=1e-15)
    widths = np.diff(scores.EDGES)
    assert (widths > 0).all()
    assert widths.max() <= scores.WIDEST + 1e-12
    assert scores.bins_of(np.array([0.0, 0.5, 1.0])).tolist() == [0, 376, 751]


@pytest.mark.parametrize("shape", SHAPES)
def test_areas_lie_within_their_bounds_of_scikit_learn(shape: str) -> None:
    """The areas under both curves differ from scikit-learn's by at most the bound, and the first by at most 0.0005."""
    values, positive = rows(shape)
    area, precision = scores.roc_auc(*binned(values, positive)), scores.average_precision(*binned(values, positive))
    exact = metrics.roc_auc_score(positive, values)
    assert abs(area.value - exact) <= area.bound + 1e-12
    assert area.bound < 0.0025 or shape == "few values"
    assert abs(area.value - exact) <= (1e-9 if shape == "few values" else 0.0001)
    assert abs(precision.value - metrics.average_precision_score(positive, values)) <= precision.bound + 1e-12


@given(st.lists(st.tuples(st.floats(0, 1, width=32), st.booleans()), min_size=2, max_size=60))
def test_areas_of_few_rows_lie_within_their_bounds(given_rows: list[tuple[float, bool]]) -> None:
    """The bounds hold for any scores, equal and extreme ones included."""
    values = np.array([score for score, _label in given_rows], np.float32)
    positive = np.array([label for _score, label in given_rows])
    positive[:2] = [True, False]
    counts = binned(values, positive)
    area, precision = scores.roc_auc(*counts), scores.average_precision(*counts)
    assert abs(area.value - metrics.roc_auc_score(positive, values)) <= area.bound + 1e-9
    assert abs(precision.value - metrics.average_precision_score(positive, values)) <= precision.bound + 1e-9


def delong(values: Floats, positive: Flags) -> float:
    """The variance of DeLong, DeLong and Clarke-Pearson from all pairs of rows."""
    first, second = values[positive][:, None], values[~positive][None, :]
    wins = (first > second) + 0.5 * (first == second)
    return float(wins.mean(axis=1).var(ddof=1) / positive.sum() + wins.mean(axis=0).var(ddof=1) / (~positive).sum())


def test_the_variance_of_the_area_is_delongs() -> None:
    """With scores that each have a bin of their own, the variance is the one over all pairs of rows."""
    middle = (scores.EDGES[1:] + scores.EDGES[:-1])[RNG.integers(0, 750, 300)] / 2
    positive = RNG.random(300) < middle
    found = scores.roc_auc(*binned(middle.astype(np.float32), positive))
    assert found.variance == pytest.approx(delong(middle, positive), rel=1e-9)


def test_confusion_at_an_edge_is_scikit_learns() -> None:
    """The confusion matrix at any edge equals scikit-learn's exactly."""
    values, positive = rows("beta")
    counts = binned(values, positive)
    for threshold in (0.5, 1e-6, *scores.EDGES[[100, 300, 500, 700]]):
        expected = metrics.confusion_matrix(positive, values.astype(np.float64) >= threshold)
        np.testing.assert_array_equal(scores.confusion_at(*counts, scores.bin_at(threshold)), expected)


def test_the_top_of_scores_without_ties_at_the_border_is_exact() -> None:
    """Precision and recall of the top tenth are those of the rows if the border lies between two bins."""
    values = np.repeat(np.array([0.91, 0.5, 0.2], np.float32), [100, 300, 600])
    positive = np.zeros(1000, np.bool_)
    positive[:80] = positive[150:220] = True
    assert scores.at_top(*binned(values, positive), 0.10) == pytest.approx((0.8, 80 / 150))
    assert scores.at_top(*binned(values, positive), 0.05) == pytest.approx((0.8, 40 / 150))


@pytest.mark.parametrize(("hits", "n"), [(0, 1), (1, 1), (3, 10), (90, 100), (0, 1000), (123_456, 200_000)])
def test_the_interval_of_a_share_is_wilsons(hits: int, n: int) -> None:
    """The interval equals scipy's."""
    expected = scipy.stats.binomtest(hits, n).proportion_ci(method="wilson")
    assert wilson(hits, n) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_the_interval_of_a_mean_is_students() -> None:
    """The interval equals scipy's t interval, and one value has no interval."""
    values = RNG.normal(3, 2, 50)
    expected = scipy.stats.ttest_1samp(values, 0).confidence_interval()
    found = mean_interval(50, values.mean(), np.square(values - values.mean()).sum())
    assert found == pytest.approx((expected.low, expected.high))
    assert mean_interval(1, 3.0, 0.0) is None
    assert around(0.99, 1.0, 0, 1) == (0, 1)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=80))
def test_each_error_lies_in_its_bin(values: list[float]) -> None:
    """An error's size lies between the edges of its bin, after rounding to float32."""
    given_errors = np.array(values)
    bins = errors.bins_of(given_errors)
    sizes = np.minimum(np.abs(given_errors), float(errors.LARGEST)).astype(np.float32).astype(np.float64)
    assert (errors.EDGES[bins] <= sizes).all()
    assert ((sizes < errors.EDGES[bins + 1]) | (sizes == 0) | (sizes == float(errors.LARGEST))).all()
    assert ((bins == 0) == (given_errors == 0)).all()
    counts = np.bincount(bins, minlength=errors.BINS)
    for share in (0.0, 0.5, 0.9, 1.0):
        value, low, high = errors.quantile(counts, share)
        exact = np.quantile(sizes, share, method="lower" if share < 1 else "higher")
        assert low <= exact <= high
        assert low <= value <= high


def test_larger_errors_have_the_distance_of_scipy() -> None:
    """The one-sided distance is scipy's, less at most the share of one bin, and 0 for errors that became smaller."""
    then, now = np.abs(RNG.normal(0, 1, 5000)), np.abs(RNG.normal(0, 1.3, 3000))
    counts = [np.bincount(errors.bins_of(sample), minlength=errors.BINS) for sample in (now, then)]
    exact = scipy.stats.ks_2samp(then, now, alternative="greater", method="asymp").statistic
    assert exact - 0.03 < errors.larger(*counts) <= exact + 1e-12
    assert errors.larger(*counts[::-1]) < 0.02
    assert math.isclose(errors.above(counts[1], 1), 5000)
