"""Decides from labels whether a model has become worse than its reference."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np
from scipy.special import ndtr, ndtri

from driftguard.alerts.schemas import Severity
from driftguard.models.settings import ModelSettings
from driftguard.models.task import Task, TaskType
from driftguard.performance.counts import Counts
from driftguard.performance.maturity import Day
from driftguard.statistics import errors, scores
from driftguard.statistics.contingency import fisher_greater

ALPHA = 0.05
"""False alarms per model and month."""

LOOKS = 720
"""Joins in 30 days, one every hour."""

WINDOW_DAYS = 7
"""Mature days that are judged together."""

SPREAD_DAYS = 14
"""Mature days from which rho and the factor are estimated."""

MIN_PAIRS = 7
LEAST_RHO = 0.0044
"""rho while there are fewer than MIN_PAIRS pairs of neighbouring days: days of one model differ a little."""

MEDIAN_OF_SQUARE = 0.455
"""Median of the square of a normal variable with variance 1."""

DAYS_WITHOUT_TIMES = 7
"""Days that a reference without times stands for."""

RELATIVE_RISE = 0.05
"""Smallest rise of the mean absolute error, relative to the reference."""

HOLDS = 0.8
"""An alert stays open while the drop is above this part of the limit."""

MIN_OF_EACH = 20
"""Positives and negatives that an area under the ROC curve needs. With fewer its variance is not reliable."""

type Share = Callable[[Counts], tuple[int, int]]


@dataclass(frozen=True)
class Judged:
    """One metric of the window compared with the reference.

    n, m: rows of the metric in the window and in the reference. drop: how much worse the metric is; of `mae` the
    relative rise. score: what the limit applies to: the drop, or of `mae` the distance by which errors are larger.
    """

    name: str
    value: float
    reference: float
    n: int
    m: int
    drop: float
    score: float
    limit: float
    p_value: float
    testable: bool
    firing: bool
    holding: bool

    @property
    def severity(self) -> Severity:
        """By the drop relative to the reference: LOW under 5 %, MEDIUM under 10 %, HIGH from there."""
        relative = self.drop if self.name == "mae" else self.drop / self.reference if self.reference else 0.0
        return "LOW" if relative < 0.05 else "MEDIUM" if relative < 0.10 else "HIGH"


@dataclass(frozen=True)
class Comparison:
    """The counts that are compared. window: of the judged days, oldest first. days: the last SPREAD_DAYS mature days.

    reference_days: the days that the reference comes from. None if it has no times.
    least_rho: the rho of fewer than MIN_PAIRS pairs of days. 0 if the rows have no times.
    """

    window: Sequence[Counts]
    days: Sequence[Counts]
    reference: Counts
    reference_days: int | None
    min_labels: int
    min_drop: float
    level: float
    least_rho: float = LEAST_RHO

    @property
    def now(self) -> Counts:
        """The counts of the whole window."""
        first, *others = self.window
        return sum(others, first)

    @property
    def per_days(self) -> float:
        """1/W + 1/B."""
        return 1 / len(self.window) + 1 / (self.reference_days or DAYS_WITHOUT_TIMES)

    @property
    def z(self) -> float:
        """The quantile of the normal distribution at the level."""
        return float(-ndtri(self.level))


def judge(
    days: Sequence[Day],
    reference: Counts,
    *,
    task: TaskType,
    reference_days: int | None,
    min_labels: int,
    min_drop: float,
) -> list[Judged]:
    """Return each metric that is judged, compared with the reference. days: in order; only mature days count.

    A metric without rows in the window or in the reference is left out.
    """
    mature = [day.counts for day in days if day.matured_at is not None]
    names = judged_names(task, reference)
    if not mature or not names:
        return []
    comparison = Comparison(
        window=mature[-WINDOW_DAYS:],
        days=mature[-SPREAD_DAYS:],
        reference=reference,
        reference_days=reference_days,
        min_labels=min_labels,
        min_drop=min_drop,
        level=level_of(task, reference),
    )
    return compared(comparison, names)


def compared(comparison: Comparison, names: Sequence[str]) -> list[Judged]:
    """Return the metrics of a comparison, without those that have no rows in the window or in the reference."""
    found = [_TESTS[name](name, comparison) for name in names]
    return [judged for judged in found if judged is not None]


def judged_with(
    days: Sequence[Day], reference: Counts, reference_days: int | None, task: Task, settings: ModelSettings
) -> list[Judged]:
    """Return what `judge` finds with a model's settings."""
    return judge(
        days,
        reference,
        task=task.type,
        reference_days=reference_days,
        min_labels=settings.min_labels,
        min_drop=settings.min_performance_drop,
    )


def level_of(task: TaskType, reference: Counts) -> float:
    """Return the level at which each metric is tested, so that all looks of a month share ALPHA."""
    return ALPHA / (len(judged_names(task, reference)) * LOOKS)


def judged_names(task: TaskType, reference: Counts) -> list[str]:
    """Return the metrics that are judged against a reference."""
    if not reference.n:
        return []
    if task == "regression":
        return ["mae"]
    if task == "multiclass":
        return ["accuracy", "macro_recall"]
    area = ["roc_auc"] if reference.positives.any() and reference.negatives.any() else []
    return ["accuracy", "precision", "recall", *area]


def worst(judged: Sequence[Judged]) -> Judged | None:
    """Return the metric with the greatest score relative to its limit; None if no metric can be tested."""
    tested = [one for one in judged if one.testable and one.limit > 0]
    return max(tested, key=lambda one: (one.firing, one.score / one.limit), default=None)


def _accuracy(counts: Counts) -> tuple[int, int]:
    return int(np.trace(counts.confusion)), counts.n


def _precision(counts: Counts) -> tuple[int, int]:
    return int(counts.confusion[1, 1]), int(counts.confusion[:, 1].sum())


def _recall(counts: Counts) -> tuple[int, int]:
    return int(counts.confusion[1, 1]), int(counts.confusion[1].sum())


_SHARES: dict[str, Share] = {"accuracy": _accuracy, "precision": _precision, "recall": _recall}

PROPORTIONS = frozenset(_SHARES)
"""The metrics for which Fisher's p-value decides besides the limit."""


def overdispersion(hits: Sequence[int], n: Sequence[int], least: float = LEAST_RHO) -> float:
    """Return rho of a share, the amount by which days differ from each other beyond chance, from counts by day.

    r_k = (q_k − q_{k−1})²/(q̄(1−q̄)); rho = max(0, (median(r)/0.455 − mean(1/n_k + 1/n_{k−1}))/2), and with fewer than
    MIN_PAIRS pairs of days at least `least`.
    """
    of_days = np.array([pair for pair in zip(hits, n, strict=True) if pair[1]], np.float64).reshape(-1, 2)
    pairs = len(of_days) - 1
    least = least if pairs < MIN_PAIRS else 0.0
    if pairs < 1:
        return least
    marked, rows = of_days.T
    mean = marked.sum() / rows.sum()
    spread = mean * (1 - mean)
    if spread <= 0:
        return least
    ratios = np.square(np.diff(marked / rows)) / spread
    chance = (1 / rows[1:] + 1 / rows[:-1]).mean()
    return max(least, float(np.median(ratios) / MEDIAN_OF_SQUARE - chance) / 2)


def _rho(comparison: Comparison, share: Share) -> float:
    pairs = [share(counts) for counts in comparison.days]
    return overdispersion([hits for hits, _n in pairs], [n for _hits, n in pairs], comparison.least_rho)


def _of_share(name: str, given: Comparison) -> Judged | None:
    share = _SHARES[name]
    (hits, n), (reference_hits, m) = share(given.now), share(given.reference)
    if not n or not m:
        return None
    value, reference = hits / n, reference_hits / m
    pooled = (hits + reference_hits) / (n + m)
    variance = pooled * (1 - pooled) * (1 / n + 1 / m + _rho(given, share) * given.per_days)
    whole = [np.array([number], np.int64) for number in (reference_hits, m, hits, n)]
    p_value = float(fisher_greater(*whole)[0])
    drop = reference - value
    limit = max(given.min_drop, given.z * math.sqrt(variance))
    return Judged(
        name=name,
        value=value,
        reference=reference,
        n=n,
        m=m,
        drop=drop,
        score=drop,
        limit=limit,
        p_value=p_value,
        testable=n >= given.min_labels,
        firing=n >= given.min_labels and p_value < given.level and drop >= limit,
        holding=drop > HOLDS * limit,
    )


def _of_macro_recall(name: str, given: Comparison) -> Judged | None:
    (now, n), (then, m) = ((np.diag(counts.confusion), counts.confusion.sum(axis=1)) for counts in _same_classes(given))
    kept = np.minimum(n, m) >= given.min_labels
    if not kept.any():
        return None
    now, n, then, m = now[kept], n[kept], then[kept], m[kept]
    pooled = (now + then) / (n + m)
    # Days differ in the share of correct predictions: the recalls of all classes, weighed by their rows.
    between = _rho(given, _accuracy) * given.per_days
    variance = float((pooled * (1 - pooled) * (1 / n + 1 / m + between)).sum()) / len(n) ** 2
    value, reference = float((now / n).mean()), float((then / m).mean())
    drop, limit = reference - value, max(given.min_drop, given.z * math.sqrt(variance))
    p_value = float(ndtr(-drop / math.sqrt(variance))) if variance > 0 else float(drop <= 0)
    return Judged(
        name=name,
        value=value,
        reference=reference,
        n=int(n.sum()),
        m=int(m.sum()),
        drop=drop,
        score=drop,
        limit=limit,
        p_value=p_value,
        testable=True,
        firing=drop >= limit,
        holding=drop > HOLDS * limit,
    )


def _same_classes(given: Comparison) -> tuple[Counts, Counts]:
    now, then = given.now, given.reference
    classes = max(now.classes, then.classes)
    return now.with_classes(classes), then.with_classes(classes)


def spread_of_areas(days: Sequence[Counts]) -> float:
    """Return the factor by which areas under the ROC curve differ between days beyond their variance, at least 1.

    max(1, median of (A_k − A_{k−1})²/(v_k + v_{k−1}) / 0.455) over neighbouring days. 1 with fewer than MIN_PAIRS
    pairs of days.
    """
    usable = [day for day in days if day.positives.sum() > 1 and day.negatives.sum() > 1]
    areas = [scores.roc_auc(day.positives, day.negatives) for day in usable]
    ratios = [
        (after.value - before.value) ** 2 / (after.variance + before.variance)
        for before, after in pairwise(areas)
        if after.variance + before.variance > 0
    ]
    return max(1.0, float(np.median(ratios)) / MEDIAN_OF_SQUARE) if len(ratios) >= MIN_PAIRS else 1.0


def _of_area(name: str, given: Comparison) -> Judged | None:
    now = given.now
    of_each = [int(part.sum()) for counts in (now, given.reference) for part in (counts.positives, counts.negatives)]
    if min(of_each) < 2:
        return None
    value, reference = (scores.roc_auc(counts.positives, counts.negatives) for counts in (now, given.reference))
    variance = (value.variance + reference.variance) * spread_of_areas(given.days)
    drop, limit = reference.value - value.value, max(given.min_drop, given.z * math.sqrt(variance))
    testable = now.scored >= given.min_labels and min(of_each) >= MIN_OF_EACH
    return Judged(
        name=name,
        value=value.value,
        reference=reference.value,
        n=now.scored,
        m=given.reference.scored,
        drop=drop,
        score=drop,
        limit=limit,
        p_value=float(ndtr(-drop / math.sqrt(variance))) if variance > 0 else float(drop <= 0),
        testable=testable,
        firing=testable and drop >= limit,
        holding=drop > HOLDS * limit,
    )


def _of_errors(name: str, given: Comparison) -> Judged | None:
    now, then = given.now, given.reference
    n, m = now.n, then.n
    if not n or not m:
        return None
    median = int(np.searchsorted(np.cumsum(then.errors), m / 2)) + 1
    rho = _rho(given, lambda counts: (errors.above(counts.errors, median), counts.n))
    variance = 1 / n + 1 / m + rho * given.per_days
    distance = errors.larger(now.errors, then.errors)
    limit = math.sqrt(math.log(1 / given.level) / 2 * variance)
    value, reference = float(now.sums[1]) / n, float(then.sums[1]) / m
    rise = value / reference - 1 if reference > 0 else float(value > 0)
    if not math.isfinite(rise):
        rise = 1.0 if value > reference else 0.0
    testable = n >= given.min_labels
    return Judged(
        name=name,
        value=value,
        reference=reference,
        n=n,
        m=m,
        drop=rise,
        score=distance,
        limit=limit,
        p_value=math.exp(-2 * distance**2 / variance),
        testable=testable,
        firing=testable and distance > limit and rise >= RELATIVE_RISE,
        holding=distance > HOLDS * limit and rise > HOLDS * RELATIVE_RISE,
    )


_TESTS: dict[str, Callable[[str, Comparison], Judged | None]] = {
    **dict.fromkeys(_SHARES, _of_share),
    "macro_recall": _of_macro_recall,
    "roc_auc": _of_area,
    "mae": _of_errors,
}


def label_limit(p90: float | None) -> timedelta:
    """Return how long no label may arrive: 24 hours, or 3·p90. p90: the 90 % quantile of the delay in hours."""
    return timedelta(hours=max(24.0, 3 * (p90 or 0.0)))


def labels_missing(now: datetime, unlabelled_since: datetime | None, p90: float | None) -> bool:
    """Return whether labels have stopped: no label arrived for longer than the largest of 24 hours and 3·p90.

    unlabelled_since: the arrival of the first prediction after the last label arrived, or after the task was set if
    there is no label. None if there is no such prediction.
    """
    return unlabelled_since is not None and now - unlabelled_since > label_limit(p90)
