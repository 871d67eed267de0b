"""The verdict on performance against scipy and scikit-learn, on rows that hypothesis draws."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, precision_score, recall_score, roc_auc_score

from driftguard.performance.counts import Counts
from driftguard.statistics import errors, scores
from driftguard.statistics.arrays import Floats, Ints
from driftguard.verdicts.performance import (
    ALPHA,
    DAYS_WITHOUT_TIMES,
    HOLDS,
    LEAST_RHO,
    LOOKS,
    RELATIVE_RISE,
    Comparison,
    Judged,
)
from tests.unit.verdicts.test_performance import decided

SEEDS = st.integers(0, 2**32 - 1)


def scored(rng: np.random.Generator, n: int, skill: float) -> tuple[Ints, Floats]:
    """Labels, and scores that tell them apart the better the more skill there is."""
    labels = rng.integers(0, 2, n)
    return labels, np.clip(rng.normal(0.5 + skill * (labels - 0.5), 0.2), 0, 1).astype(np.float32).astype(np.float64)


def counts_of(labels: Ints, given_scores: Floats) -> Counts:
    """The counts of scored rows."""
    counts = Counts.empty(2)
    np.add.at(counts.confusion, (labels, (given_scores >= 0.5).astype(int)), 1)
    bins = scores.bins_of(given_scores)
    counts.positives[:] = np.bincount(bins[labels == 1], minlength=scores.BINS)
    counts.negatives[:] = np.bincount(bins[labels == 0], minlength=scores.BINS)
    return counts


def errors_of(values: Floats) -> Counts:
    """The counts of errors."""
    counts = Counts.empty(0)
    counts.errors[:] = np.bincount(errors.bins_of(values), minlength=errors.BINS)
    counts.sums[:3] = values.sum(), np.abs(values).sum(), np.square(values).sum()
    return counts


def delong(labels: Ints, given_scores: Floats) -> float:
    """DeLong's variance of the area, from the placements of all rows."""
    positives, negatives = given_scores[labels == 1], given_scores[labels == 0]
    above = np.sign(positives[:, None] - negatives[None, :]) / 2 + 0.5
    return float(above.mean(1).var(ddof=1) / len(positives) + above.mean(0).var(ddof=1) / len(negatives))


@settings(max_examples=10, deadline=None)
@given(SEEDS, st.integers(150, 400), st.floats(0.05, 0.6), st.floats(0.05, 0.6))
def test_shares_and_their_p_values_are_those_of_scikit_learn_and_scipy(
    seed: int, n: int, before: float, after: float
) -> None:
    """Accuracy, precision and recall of window and reference, and Fisher's p-value, equal those of the rows."""
    rng = np.random.default_rng(seed)
    then, now = scored(rng, 2 * n, before), [scored(rng, n, after) for _ in range(3)]
    found = decided("binary", [counts_of(*day) for day in now], counts_of(*then))
    labels, given_scores = (np.concatenate([day[part] for day in now]) for part in (0, 1))
    for name, metric in (("accuracy", accuracy_score), ("precision", precision_score), ("recall", recall_score)):
        assert found[name].value == pytest.approx(metric(labels, given_scores >= 0.5), abs=1e-12)
        assert found[name].reference == pytest.approx(metric(then[0], then[1] >= 0.5), abs=1e-12)
    hits, all_hits = (int(((s >= 0.5) == (y == 1)).sum()) for y, s in ((labels, given_scores), then))
    table = [[all_hits, 2 * n - all_hits], [hits, 3 * n - hits]]
    exact = scipy.stats.fisher_exact(table, alternative="greater").pvalue
    assert found["accuracy"].p_value == pytest.approx(exact, rel=1e-6, abs=1e-300)


@settings(max_examples=10, deadline=None)
@given(SEEDS, st.integers(100, 300), st.floats(0.1, 0.6), st.floats(0.0, 0.6))
def test_the_limit_of_an_area_is_delongs(seed: int, n: int, before: float, after: float) -> None:
    """With few days the limit is z times the root of both of DeLong's variances, up to the width of the bins."""
    rng = np.random.default_rng(seed)
    then, now = scored(rng, 3 * n, before), scored(rng, n, after)
    found = decided("binary", [counts_of(*now)], counts_of(*then))["roc_auc"]
    window = counts_of(*now)
    assert abs(found.value - roc_auc_score(*now)) <= scores.roc_auc(window.positives, window.negatives).bound + 1e-12
    z = scipy.stats.norm.isf(ALPHA / (4 * LOOKS))
    assert found.limit == pytest.approx(max(0.02, z * math.sqrt(delong(*then) + delong(*now))), rel=0.03)
    assert found.firing == (found.drop >= found.limit)
    assert found.holding == (found.drop > HOLDS * found.limit)


@settings(max_examples=10, deadline=None)
@given(SEEDS, st.integers(100, 400), st.floats(0.5, 3.0))
def test_larger_errors_are_those_of_the_one_sided_test(seed: int, n: int, sd: float) -> None:
    """The distance is that of scipy's one-sided test on the sizes, up to the largest bin; it decides with the rise."""
    rng = np.random.default_rng(seed)
    then, now = rng.normal(0, 1, 4 * n), rng.normal(0, sd, n)
    found = decided("regression", [errors_of(now)], errors_of(then))["mae"]
    exact = scipy.stats.ks_2samp(np.abs(now), np.abs(then), alternative="less", method="asymp").statistic
    widest = max(np.bincount(errors.bins_of(part)).max() / len(part) for part in (now, then))
    assert exact - widest <= found.score <= exact + 1e-12
    rise = np.abs(now).mean() / np.abs(then).mean() - 1
    assert found.drop == pytest.approx(rise)
    variance = 1 / n + 1 / (4 * n) + LEAST_RHO * (1 + 1 / 7)
    assert found.limit == pytest.approx(math.sqrt(math.log(LOOKS / ALPHA) / 2 * variance))
    assert found.firing == (found.score > found.limit and rise >= RELATIVE_RISE)
    assert found.holding == (found.score > HOLDS * found.limit and rise > HOLDS * RELATIVE_RISE)


@settings(max_examples=10, deadline=None)
@given(SEEDS, st.integers(3, 6), st.lists(st.floats(0.3, 1.0), min_size=6, max_size=6))
def test_the_macro_recall_is_that_of_scikit_learn(seed: int, classes: int, recalls: Sequence[float]) -> None:
    """With enough labels of each class the value is the mean of the recalls, and the limit follows its formula."""
    rng = np.random.default_rng(seed)

    def drawn(each: int) -> tuple[Ints, Ints, Counts]:
        labels = np.repeat(np.arange(classes), each)
        right = rng.random(len(labels)) < np.array(recalls)[labels]
        predicted = np.where(right, labels, (labels + 1) % classes)
        counts = Counts.empty(classes)
        np.add.at(counts.confusion, (labels, predicted), 1)
        return labels, predicted, counts

    then, now = drawn(300), drawn(150)
    found = decided("multiclass", [now[2]], then[2])["macro_recall"]
    assert found.value == pytest.approx(recall_score(now[0], now[1], average="macro"))
    assert found.reference == pytest.approx(recall_score(then[0], then[1], average="macro"))
    pooled = (np.diag(now[2].confusion) + np.diag(then[2].confusion)) / 450
    terms = pooled * (1 - pooled) * (1 / 150 + 1 / 300 + LEAST_RHO * (1 + 1 / 7))
    z = scipy.stats.norm.isf(ALPHA / (2 * LOOKS))
    assert found.limit == pytest.approx(max(0.02, z * math.sqrt(terms.sum()) / classes))


def test_a_reference_without_times_stands_for_seven_days() -> None:
    """B is 7 if the rows of the reference have no times."""
    counts = counts_of(*scored(np.random.default_rng(1), 200, 0.4))
    days = [counts] * 2
    unknown = Comparison(days, days, counts, reference_days=None, min_labels=1, min_drop=0.0, level=0.01)
    assert unknown.per_days == 1 / 2 + 1 / DAYS_WITHOUT_TIMES
    assert replace(unknown, reference_days=14).per_days == 1 / 2 + 1 / 14


def test_a_reference_of_zero_has_no_relative_drop() -> None:
    """A metric that is 0 in the reference cannot fall, and its severity is the lowest."""
    judged = Judged("recall", 0.0, 0.0, 200, 200, 0.0, 0.0, 0.02, 1.0, True, False, False)
    assert judged.severity == "LOW"
