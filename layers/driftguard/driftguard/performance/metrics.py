"""Metrics of a model's predictions in closed form from their counts, each with an interval and its number of rows."""

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from driftguard.models.task import Task, ValueMatrix
from driftguard.performance.counts import Counts
from driftguard.statistics import errors, scores
from driftguard.statistics.arrays import Floats, Ints
from driftguard.statistics.intervals import (
    Interval,
    Z,
    around,
    in_logits,
    mean_interval,
    ratio_variance,
    wilson,
)

TOPS = {"1": 0.01, "5": 0.05, "10": 0.10}
"""Shares of the highest scores for which precision and recall are computed, by their percentage."""


class Metric(NamedTuple):
    """A metric. n: the rows that it is made of. bound: most by which the exact value may differ; 0 if it is exact."""

    value: float
    interval: Interval | None
    n: int
    bound: float = 0.0


type Metrics = dict[str, Metric]
"""Metrics by name. A metric that the counts cannot give is absent."""


def metrics_of(counts: Counts, task: Task) -> Metrics:
    """Return all metrics of a task, including the outcomes."""
    if task.type == "regression":
        found = _regression(counts)
    else:
        found = _binary(counts, task.value_matrix) if task.type == "binary" else _multiclass(counts)
    for name, outcome in sorted(counts.outcomes.items()):
        if outcome.n:
            interval = mean_interval(outcome.n, outcome.mean, outcome.squares)
            found[f"outcome:{name}"] = Metric(outcome.mean, interval, outcome.n)
    return {name: _finite(metric) for name, metric in found.items() if math.isfinite(metric.value)}


def _finite(metric: Metric) -> Metric:
    """Return the metric without an interval that overflows."""
    if metric.interval is None or all(map(math.isfinite, metric.interval)):
        return metric
    return metric._replace(interval=None)


def headline(counts: Counts, task: Task) -> str:
    """Return the name of the metric that stands for the model."""
    if task.type == "regression":
        return "mae"
    return "roc_auc" if task.type == "binary" and counts.scored else "accuracy"


def names_of(task: Task, outcomes: Mapping[str, object]) -> list[str]:
    """Return the names of all metrics that a task can have."""
    if task.type == "regression":
        names = ["mae", "rmse", "bias", "r2", "median_error", "p90_error"]
    elif task.type == "multiclass":
        names = ["accuracy"]
        names += [f"{kind}_{name}" for kind in ("macro", "micro", "weighted") for name in ("precision", "recall", "f1")]
    else:
        names = ["accuracy", "precision", "recall", "f1", "specificity", "roc_auc", "average_precision", "brier"]
        names += ["log_loss", "ece", "value_per_row"]
        names += [f"{name}_at_{percent}" for percent in TOPS for name in ("precision", "recall")]
    return [*names, *(f"outcome:{name}" for name in sorted(outcomes))]


def share(hits: int, n: int) -> Metric:
    """Return a share with Wilson's interval. n is at least 1."""
    return Metric(hits / n, wilson(hits, n), n)


def _binary(counts: Counts, values: ValueMatrix | None) -> Metrics:
    found: Metrics = {}
    if counts.n:
        (tn, fp), (fn, tp) = counts.confusion.tolist()
        shares = {
            "accuracy": (tp + tn, counts.n),
            "precision": (tp, tp + fp),
            "recall": (tp, tp + fn),
            "specificity": (tn, tn + fp),
        }
        found |= {name: share(hits, n) for name, (hits, n) in shares.items() if n}
        if tp + fp + fn:
            base = 2 * tp + fp + fn
            # The delta method on the multinomial counts. The derivatives weigh to zero, so one term remains.
            variance = 4 * tp * (fp + fn) * (tp + fp + fn) / base**4
            found["f1"] = Metric(2 * tp / base, around(2 * tp / base, variance, 0, 1), counts.n)
        if values is not None:
            each = np.array([[values.tn, values.fp], [values.fn, values.tp]])
            mean = float((counts.confusion * each).sum() / counts.n)
            squares = float((counts.confusion * np.square(each - mean)).sum())
            found["value_per_row"] = Metric(mean, mean_interval(counts.n, mean, squares), counts.n)
    return found | _of_scores(counts)


def _of_scores(counts: Counts) -> Metrics:
    found: Metrics = {}
    n = counts.scored
    if not n:
        return found
    p, f = counts.positives, counts.negatives
    if p.any() and f.any():
        area = scores.roc_auc(p, f)
        interval = None if math.isnan(area.variance) else around(area.value, area.variance, 0, 1)
        found["roc_auc"] = Metric(area.value, interval, n, area.bound)
    if p.any():
        precision = scores.average_precision(p, f)
        interval = None if math.isnan(precision.variance) else in_logits(precision.value, precision.variance)
        found["average_precision"] = Metric(precision.value, interval, n, precision.bound)
    brier, brier_squares, loss, loss_squares = counts.sums.tolist()
    found["brier"] = _mean(n, brier, brier_squares)
    found["log_loss"] = _mean(n, loss, loss_squares)
    rows, positives = counts.calibration
    found["ece"] = Metric(scores.calibration_error(rows, positives, counts.calibration_sums), None, n)
    for percent, part in TOPS.items():
        precision_at, recall_at = scores.at_top(p, f, part)
        found[f"precision_at_{percent}"] = Metric(precision_at, wilson(precision_at * part * n, part * n), n)
        if p.any():
            positives_found = recall_at * float(p.sum())
            found[f"recall_at_{percent}"] = Metric(recall_at, wilson(positives_found, float(p.sum())), n)
    return found


def _mean(n: int, total: float, squares: float) -> Metric:
    """Return a mean from a sum and the sum of squares."""
    mean = total / n
    return Metric(mean, mean_interval(n, mean, squares - total * mean), n)


def _multiclass(counts: Counts) -> Metrics:
    n = counts.n
    if not n:
        return {}
    matrix = counts.confusion
    hits = int(np.trace(matrix))
    found = {"accuracy": share(hits, n)}
    # Every row has one class, so the micro averages are the accuracy.
    found |= {f"micro_{name}": found["accuracy"] for name in ("precision", "recall", "f1")}
    seen = (matrix.sum(axis=0) + matrix.sum(axis=1)) > 0
    weights = matrix.sum(axis=1) / n
    for name, of_classes in (("precision", _precision), ("recall", _recall), ("f1", _f1)):
        value, gradient = of_classes(matrix)
        found[f"macro_{name}"] = _average(n, matrix, value, gradient, seen / seen.sum())
        weighted = float(weights @ value)
        # The weights are counts, too: their derivative by each count is that of a class's share.
        moved = np.repeat((value - weighted)[:, None] / n, len(matrix), axis=1)
        slope = np.tensordot(weights, gradient, 1) + moved
        interval = around(weighted, ratio_variance(matrix, slope), 0, 1)
        found[f"weighted_{name}"] = Metric(weighted, interval, n)
    return found


def _average(n: int, matrix: Ints, value: Floats, gradient: Floats, weights: Floats) -> Metric:
    mean = float(weights @ value)
    return Metric(mean, around(mean, ratio_variance(matrix, np.tensordot(weights, gradient, 1)), 0, 1), n)


def class_metrics(counts: Counts) -> list[dict[str, Metric | None]]:
    """Return precision, recall and F1 of each class; None where a class has no rows for one."""
    matrix = counts.confusion
    result = []
    for code in range(len(matrix)):
        hits, predicted, true = int(matrix[code, code]), int(matrix[:, code].sum()), int(matrix[code].sum())
        f1 = None
        if predicted + true:
            base, wrong = predicted + true, predicted + true - 2 * hits
            variance = 4 * hits * wrong * (hits + wrong) / base**4
            f1 = Metric(2 * hits / base, around(2 * hits / base, variance, 0, 1), counts.n)
        result.append(
            {
                "precision": share(hits, predicted) if predicted else None,
                "recall": share(hits, true) if true else None,
                "f1": f1,
            }
        )
    return result


def _ratio(matrix: Ints, base: Ints, factor: int, touches: Callable[[int], Floats]) -> tuple[Floats, Floats]:
    """Return factor·hits/base of each class (C,) and its derivative by each count (C, C, C); 0 without a base."""
    hits, size = np.diag(matrix), len(matrix)
    value = np.divide(factor * hits, base, out=np.zeros(size), where=base > 0)
    gradient = np.zeros((size, size, size))
    for code in np.flatnonzero(base):
        gradient[code] = -value[code] / base[code] * touches(int(code))
        gradient[code, code, code] += factor / base[code]
    return value, gradient


def _column(size: int, code: int) -> Floats:
    mask = np.zeros((size, size))
    mask[:, code] = 1
    return mask


def _precision(matrix: Ints) -> tuple[Floats, Floats]:
    size = len(matrix)
    return _ratio(matrix, matrix.sum(axis=0), 1, lambda code: _column(size, code))


def _recall(matrix: Ints) -> tuple[Floats, Floats]:
    size = len(matrix)
    return _ratio(matrix, matrix.sum(axis=1), 1, lambda code: _column(size, code).T)


def _f1(matrix: Ints) -> tuple[Floats, Floats]:
    size = len(matrix)
    base = matrix.sum(axis=0) + matrix.sum(axis=1)
    return _ratio(matrix, base, 2, lambda code: _column(size, code) + _column(size, code).T)


def _regression(counts: Counts) -> Metrics:
    found: Metrics = {}
    n = counts.n
    if not n:
        return found
    total, sizes, squares, fourths, _labels, spread = counts.sums.tolist()
    found["mae"] = _mean(n, sizes, squares)
    found["bias"] = _mean(n, total, squares)
    mean_square = _mean(n, squares, fourths)
    root = math.sqrt(squares / n) if math.isfinite(squares) else math.inf
    interval = mean_square.interval
    if interval is not None:
        interval = (math.sqrt(max(interval[0], 0.0)), math.sqrt(max(interval[1], 0.0)))
    found["rmse"] = Metric(root, interval, n)
    if spread > 0:
        found["r2"] = Metric(1 - squares / spread, None, n)
    for name, part in (("median_error", 0.5), ("p90_error", 0.9)):
        value, low, high = errors.quantile(counts.errors, part)
        reach = Z * math.sqrt(part * (1 - part) / n)
        ends = [errors.quantile(counts.errors, min(max(part + way * reach, 0.0), 1.0))[0] for way in (-1, 1)]
        found[name] = Metric(value, (ends[0], ends[1]), n, max(value - low, high - value))
    return found
