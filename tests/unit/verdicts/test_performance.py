"""The verdict on performance: what it calls worse, what it leaves alone, and its formulas."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import scipy.stats

from driftguard.models.task import TaskType
from driftguard.performance.counts import Counts
from driftguard.performance.maturity import Day
from driftguard.statistics import errors, scores
from driftguard.verdicts.performance import (
    LEAST_RHO,
    Judged,
    judge,
    labels_missing,
    overdispersion,
    spread_of_areas,
    worst,
)

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def binary(rng: np.random.Generator, n: int, accuracy: float, positive: float = 0.3) -> Counts:
    """A day of a model that is right on this share of the rows, with scores that follow its prediction."""
    counts = Counts.empty(2)
    truth = rng.random(n) < positive
    predicted = np.where(rng.random(n) < accuracy, truth, ~truth)
    np.add.at(counts.confusion, (truth.astype(int), predicted.astype(int)), 1)
    bins = scores.bins_of(rng.beta(np.where(predicted, 5, 2), np.where(predicted, 2, 5)))
    counts.positives[:] = np.bincount(bins[truth], minlength=scores.BINS)
    counts.negatives[:] = np.bincount(bins[~truth], minlength=scores.BINS)
    return counts


def multiclass(rng: np.random.Generator, n: int, accuracy: Sequence[float]) -> Counts:
    """A day of a model with this accuracy in each of its equally frequent classes."""
    counts = Counts.empty(len(accuracy))
    truth = rng.integers(0, len(accuracy), n)
    right = rng.random(n) < np.array(accuracy)[truth]
    np.add.at(counts.confusion, (truth, np.where(right, truth, (truth + 1) % len(accuracy))), 1)
    return counts


def regression(rng: np.random.Generator, n: int, sd: float) -> Counts:
    """A day of a regression whose errors have this standard deviation."""
    counts = Counts.empty(0)
    off = rng.normal(0, sd, n)
    counts.errors[:] = np.bincount(errors.bins_of(off), minlength=errors.BINS)
    counts.sums[:3] = off.sum(), np.abs(off).sum(), np.square(off).sum()
    return counts


def decided(task: TaskType, days: Sequence[Counts], reference: Counts, *, min_labels: int = 100) -> dict[str, Judged]:
    """The verdict on mature days, by metric."""
    mature = [Day(number, counts, NOW) for number, counts in enumerate(days)]
    found = judge(mature, reference, task=task, reference_days=7, min_labels=min_labels, min_drop=0.02)
    return {judged.name: judged for judged in found}


def test_a_large_drop_fires_and_none_does_not() -> None:
    """A model that falls from 90 to 80 % is found in every metric that shows it; one that stays is left alone."""
    rng = np.random.default_rng(1)
    reference = binary(rng, 5000, 0.9)
    same = decided("binary", [binary(rng, 500, 0.9) for _ in range(10)], reference)
    worse = decided("binary", [binary(rng, 500, 0.8) for _ in range(10)], reference)
    better = decided("binary", [binary(rng, 500, 0.97) for _ in range(10)], reference)
    assert list(same) == ["accuracy", "precision", "recall", "roc_auc"]
    assert not any(judged.firing for judged in (*same.values(), *better.values()))
    assert all(judged.firing and judged.holding for judged in worse.values())
    assert worse["accuracy"].severity == "HIGH"
    assert worse["accuracy"].drop == pytest.approx(0.1, abs=0.02)
    first = worst([*worse.values()])
    assert first is not None
    assert first.firing


def test_the_limit_of_a_share_is_its_formula() -> None:
    """Fisher's p-value and the limit equal those computed by hand from the rows of window and reference."""
    rng = np.random.default_rng(2)
    reference, days = binary(rng, 2000, 0.9), [binary(rng, 300, 0.85) for _ in range(9)]
    found = decided("binary", days, reference)["accuracy"]
    last = days[-7:]
    hits, n = sum(int(np.trace(day.confusion)) for day in last), 2100
    q = np.array([np.trace(day.confusion) / 300 for day in days])
    ratios = np.diff(q) ** 2 / (q.mean() * (1 - q.mean()))
    rho = max(0, (np.median(ratios) / 0.455 - 2 / 300) / 2)
    pooled = (hits + np.trace(reference.confusion)) / (n + 2000)
    z = scipy.stats.norm.isf(0.05 / (4 * 720))
    variance = pooled * (1 - pooled) * (1 / n + 1 / 2000 + rho * (1 / 7 + 1 / 7))
    assert found.n == n
    assert found.m == 2000
    assert found.limit == pytest.approx(max(0.02, z * math.sqrt(variance)))
    right = int(np.trace(reference.confusion))
    table = [[right, 2000 - right], [hits, n - hits]]
    assert found.p_value == pytest.approx(scipy.stats.fisher_exact(table, alternative="greater").pvalue, rel=1e-6)
    assert found.score == found.drop == pytest.approx(right / 2000 - hits / n)


def test_a_significant_drop_below_the_minimum_does_not_fire() -> None:
    """With very many labels a drop of one point is certain, and still no alert."""
    rng = np.random.default_rng(3)
    found = decided("binary", [binary(rng, 50_000, 0.89) for _ in range(9)], binary(rng, 300_000, 0.9))["accuracy"]
    assert found.p_value < 1e-9
    assert found.limit == 0.02
    assert not found.firing
    assert not found.holding


def test_too_few_labels_are_not_tested() -> None:
    """Recall needs `min_labels` positives, precision predicted positives, accuracy rows, the area enough of both."""
    rng = np.random.default_rng(4)
    reference = binary(rng, 5000, 0.9, positive=0.05)
    found = decided("binary", [binary(rng, 50, 0.5, positive=0.03) for _ in range(7)], reference)
    assert found["accuracy"].testable
    assert found["accuracy"].firing
    assert not found["recall"].testable
    assert not found["roc_auc"].testable
    assert not found["recall"].firing
    few = decided("binary", [binary(rng, 10, 0.2) for _ in range(7)], reference)
    assert not any(judged.testable or judged.firing for judged in few.values())
    assert worst([*few.values()]) is None


def test_only_mature_days_and_the_last_seven_are_judged() -> None:
    """A bad day that is not mature does not count, nor one before the window."""
    rng = np.random.default_rng(5)
    reference = binary(rng, 5000, 0.9)
    days = [Day(number, binary(rng, 500, 0.9), NOW) for number in range(7)]
    old, fresh = Day(-1, binary(rng, 5000, 0.1), NOW), Day(7, binary(rng, 5000, 0.1))

    def judged(given: Sequence[Day]) -> list[Judged]:
        return judge(given, reference, task="binary", reference_days=7, min_labels=100, min_drop=0.02)

    assert not any(one.firing for one in judged([*days, fresh]))
    assert [one.value for one in judged([old, *days])] == [one.value for one in judged([*days, fresh])]
    assert judged([fresh]) == []
    assert judge(days, Counts.empty(2), task="binary", reference_days=7, min_labels=100, min_drop=0.02) == []


def test_one_bad_class_is_found_in_the_macro_recall() -> None:
    """A class that falls from 90 to 60 % among five lowers the macro recall by six points."""
    rng = np.random.default_rng(6)
    reference = multiclass(rng, 20_000, [0.9] * 5)
    found = decided("multiclass", [multiclass(rng, 3000, [0.9] * 4 + [0.6]) for _ in range(8)], reference)
    assert list(found) == ["accuracy", "macro_recall"]
    assert found["macro_recall"].firing
    assert found["macro_recall"].drop == pytest.approx(0.06, abs=0.01)
    steady = decided("multiclass", [multiclass(rng, 3000, [0.9] * 5) for _ in range(8)], reference)
    assert not any(one.firing for one in steady.values())


def test_classes_with_few_labels_are_left_out_of_the_macro_recall() -> None:
    """A class without `min_labels` in the window or the reference does not count; without any class nothing is said."""
    rng = np.random.default_rng(7)
    reference = multiclass(rng, 5000, [0.9] * 4)
    days = [multiclass(rng, 400, [0.9] * 4) for _ in range(7)]
    longer = [day.with_classes(5) for day in days]
    for day in longer:
        day.confusion[4, 0] = 5
    found = decided("multiclass", longer, reference)["macro_recall"]
    assert found.value == pytest.approx(decided("multiclass", days, reference)["macro_recall"].value)
    assert "macro_recall" not in decided("multiclass", days, reference, min_labels=10_000)


def test_larger_errors_fire_and_smaller_do_not() -> None:
    """Errors that grow by a fifth are found; the drop is the relative rise of the mean absolute error."""
    rng = np.random.default_rng(8)
    reference = regression(rng, 10_000, 1.0)
    worse = decided("regression", [regression(rng, 1000, 1.2) for _ in range(8)], reference)["mae"]
    assert worse.firing
    assert worse.severity == "HIGH"
    assert worse.drop == pytest.approx(0.2, abs=0.03)
    assert worse.score > worse.limit
    for sd in (1.0, 0.8):
        assert not decided("regression", [regression(rng, 1000, sd) for _ in range(8)], reference)["mae"].firing


def test_the_limit_of_errors_is_its_formula() -> None:
    """The limit on the distance follows from the number of looks, and `p_value` is at the level exactly there."""
    rng = np.random.default_rng(9)
    found = decided("regression", [regression(rng, 500, 1.0)], regression(rng, 4000, 1.0))["mae"]
    variance = 1 / 500 + 1 / 4000 + LEAST_RHO * (1 + 1 / 7)
    assert found.limit == pytest.approx(math.sqrt(math.log(720 / 0.05) / 2 * variance))
    assert math.exp(-2 * found.limit**2 / variance) == pytest.approx(0.05 / 720)


def test_days_that_differ_raise_the_limit() -> None:
    """rho estimates the variance between days relative to q(1−q), and is about 0 for independent rows."""
    rng = np.random.default_rng(10)
    n = [2000] * 15
    between = [overdispersion(rng.binomial(2000, rng.normal(0.8, 0.04, 15)).tolist(), n) for _ in range(300)]
    assert np.median(between) == pytest.approx(0.04**2 / 0.16, rel=0.35)
    independent = [overdispersion(rng.binomial(2000, 0.8, 15).tolist(), n) for _ in range(300)]
    assert np.median(independent) < 0.0005
    assert overdispersion([90] * 7, [100] * 7) == LEAST_RHO
    assert overdispersion([], []) == overdispersion([5, 5], [5, 5]) == LEAST_RHO
    assert overdispersion([100] * 14, [100] * 14) == 0


def test_areas_that_differ_between_days_raise_the_factor() -> None:
    """The factor is 1 with few days or independent rows, and larger if days differ."""
    rng = np.random.default_rng(11)
    alike = [binary(rng, 800, 0.9) for _ in range(14)]
    assert spread_of_areas(alike[:7]) == 1
    assert spread_of_areas(alike) < 3
    assert spread_of_areas([binary(rng, 800, 0.9 - 0.1 * (number % 2)) for number in range(14)]) > 10


@pytest.mark.parametrize(("drop", "severity"), [(0.04, "LOW"), (0.07, "MEDIUM"), (0.1, "HIGH")])
def test_severity_follows_the_relative_drop(drop: float, severity: str) -> None:
    """LOW under 5 %, MEDIUM under 10 %, HIGH from there, relative to the reference."""
    judged = Judged("accuracy", 0.8 * (1 - drop), 0.8, 1, 1, 0.8 * drop, 0.8 * drop, 0.02, 0, True, True, True)
    assert judged.severity == severity


def test_independent_rows_give_no_false_alarm_in_forty_months() -> None:
    """40 months of daily looks at a steady model open no alert."""
    rng = np.random.default_rng(12)
    fired = 0
    for _ in range(40):
        reference = binary(rng, 2000, 0.9)
        days = [binary(rng, 150, 0.9) for _ in range(37)]
        fired += any(
            one.firing for end in range(8, 37) for one in decided("binary", days[:end][-14:], reference).values()
        )
    assert fired == 0


def test_labels_that_stop_are_missed_after_three_delays() -> None:
    """Labels are missing if a prediction made after the last label waits for over a day and over 3·p90."""
    hours = timedelta(hours=1)
    assert not labels_missing(NOW, None, 5)
    assert not labels_missing(NOW, NOW - 24 * hours, 5)
    assert labels_missing(NOW, NOW - 24.1 * hours, 5)
    assert labels_missing(NOW, NOW - 24.1 * hours, None)
    assert not labels_missing(NOW, NOW - 60 * hours, 20)
    assert labels_missing(NOW, NOW - 60.1 * hours, 20)
