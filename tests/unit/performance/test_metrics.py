"""Metrics from counts against scikit-learn on the joined rows."""

import math

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from sklearn import metrics

from driftguard.models.task import Task, ValueMatrix
from driftguard.performance.counts import Counts
from driftguard.performance.metrics import class_metrics, headline, metrics_of, names_of
from tests.unit.performance.rows import Story, story

BINARY = Task(type="binary", positive=1, value_matrix=ValueMatrix(tp=500, fp=-40, fn=-900))
MULTICLASS = Task(type="multiclass", classes=["a", "b", "c", "d", "e"])
REGRESSION = Task(type="regression")


def named(told: Story) -> pd.DataFrame:
    """The labelled rows that name a class."""
    return told.joined().dropna(subset=["label", "predicted"])


@pytest.mark.parametrize("seed", range(3))
def test_binary_metrics_are_scikit_learns(seed: int) -> None:
    """Shares are exact, sums agree to 1e-9, areas within their bounds."""
    told = story(seed=seed, rows=2000)
    found = metrics_of(told.counts(), BINARY)
    rows = named(told)
    truth, predicted = rows["label"] == 1, rows["predicted"] == 1
    assert found["accuracy"].value == metrics.accuracy_score(truth, predicted)
    assert found["precision"].value == pytest.approx(metrics.precision_score(truth, predicted), rel=1e-15)
    assert found["recall"].value == pytest.approx(metrics.recall_score(truth, predicted), rel=1e-15)
    assert found["specificity"].value == pytest.approx(metrics.recall_score(~truth, ~predicted), rel=1e-15)
    assert found["f1"].value == pytest.approx(metrics.f1_score(truth, predicted), rel=1e-15)
    values = np.where(truth, np.where(predicted, 500, -900), np.where(predicted, -40, 0))
    assert found["value_per_row"].value == pytest.approx(values.mean())
    expected = scipy.stats.ttest_1samp(values, 0).confidence_interval()
    assert found["value_per_row"].interval == pytest.approx((expected.low, expected.high))
    assert found["accuracy"].n == len(rows)

    rows = told.joined().dropna(subset=["label", "value"])
    truth, scores = rows["label"] == 1, rows["value"].astype(np.float32).astype(np.float64)
    assert found["brier"].value == pytest.approx(metrics.brier_score_loss(truth, scores), rel=1e-9)
    assert found["log_loss"].value == pytest.approx(metrics.log_loss(truth, scores), rel=1e-9)
    for name, exact in (("roc_auc", metrics.roc_auc_score), ("average_precision", metrics.average_precision_score)):
        assert abs(found[name].value - exact(truth, scores)) <= found[name].bound
    assert abs(found["roc_auc"].value - metrics.roc_auc_score(truth, scores)) < 0.0005
    tenth = np.ceil(scores * 10).clip(1)
    gaps = (scores - truth).groupby(tenth).sum().abs().sum() / len(rows)
    assert found["ece"].value == pytest.approx(gaps)
    top = truth[scores.sort_values(ascending=False).index[: round(len(rows) / 10)]]
    assert found["precision_at_10"].value == pytest.approx(top.mean(), abs=0.03)
    assert found["recall_at_10"].value == pytest.approx(top.sum() / truth.sum(), abs=0.03)


@pytest.mark.parametrize("seed", range(3))
def test_multiclass_metrics_are_scikit_learns(seed: int) -> None:
    """All averages of precision, recall and F1 are scikit-learn's, and so are those of each class."""
    told = story(classes=5, seed=seed)
    counts = told.counts()
    found = metrics_of(counts, MULTICLASS)
    rows = named(told)
    truth, predicted = rows["label"], rows["predicted"]
    assert found["accuracy"].value == metrics.accuracy_score(truth, predicted)
    for average in ("macro", "micro", "weighted"):
        expected = metrics.precision_recall_fscore_support(truth, predicted, average=average, zero_division=0)
        for name, value in zip(("precision", "recall", "f1"), expected, strict=False):
            metric = found[f"{average}_{name}"]
            assert metric.value == pytest.approx(value, rel=1e-12)
            assert metric.interval is not None
            assert metric.interval[0] < value < metric.interval[1]
    of_classes = metrics.precision_recall_fscore_support(truth, predicted, zero_division=0)
    for code, by_name in enumerate(class_metrics(counts)):
        for name, values in zip(("precision", "recall", "f1"), of_classes, strict=False):
            metric_of_class = by_name[name]
            assert metric_of_class is not None
            assert metric_of_class.value == pytest.approx(values[code], rel=1e-12)


def test_macro_averages_leave_out_classes_without_rows() -> None:
    """A class that no row has and none was predicted does not lower an average, as in scikit-learn."""
    counts = story(classes=3).counts()
    found = metrics_of(counts.with_classes(5), MULTICLASS)
    expected = metrics_of(counts, Task(type="multiclass", classes=["a", "b", "c"]))
    for name in expected:
        assert found[name].value == pytest.approx(expected[name].value, rel=1e-12), name
    assert class_metrics(counts.with_classes(5))[4] == {"precision": None, "recall": None, "f1": None}


def test_regression_metrics_are_scikit_learns() -> None:
    """Means agree to 1e-9, quantiles within their bounds."""
    told = story("numbers", 0, rows=3000)
    found = metrics_of(told.counts(), REGRESSION)
    rows = told.joined().dropna(subset=["label", "value"])
    truth, predicted = rows["label"], rows["value"]
    off = predicted - truth
    assert found["mae"].value == pytest.approx(metrics.mean_absolute_error(truth, predicted), rel=1e-9)
    assert found["rmse"].value == pytest.approx(metrics.root_mean_squared_error(truth, predicted), rel=1e-9)
    assert found["bias"].value == pytest.approx(off.mean(), rel=1e-9)
    assert found["r2"].value == pytest.approx(metrics.r2_score(truth, predicted), rel=1e-9)
    assert found["r2"].interval is None
    for name, share in (("median_error", 0.5), ("p90_error", 0.9)):
        assert abs(found[name].value - off.abs().quantile(share)) <= found[name].bound
        interval = found[name].interval
        assert interval is not None
        assert interval[0] < found[name].value < interval[1]
    expected = scipy.stats.ttest_1samp(off.abs(), 0).confidence_interval()
    assert found["mae"].interval == pytest.approx((expected.low, expected.high))
    money = rows["money_in"].dropna()
    assert found["outcome:money_in"].value != 0
    assert found["outcome:money_in"].n >= len(money)


@pytest.mark.parametrize(
    ("name", "task"), [("f1", BINARY), ("macro_f1", MULTICLASS), ("weighted_precision", MULTICLASS)]
)
def test_intervals_by_the_delta_method_cover_95_percent(name: str, task: Task) -> None:
    """Of 2,000 samples, the interval of between 93 and 97 % holds the value of the whole population."""
    rng = np.random.default_rng(5)
    classes = task.class_count
    cells = rng.dirichlet(np.ones(classes * classes)) * 0.5 + np.eye(classes).ravel() * 0.5 / classes
    base = Counts.empty(classes)

    def of(matrix: "np.ndarray[tuple[int, ...], np.dtype[np.int64]]") -> Counts:
        base.confusion[:] = matrix.reshape(classes, classes)
        return base

    truth = metrics_of(of(np.rint(cells * 1e9).astype(np.int64)), task)[name].value
    hits = 0
    for sample in rng.multinomial(600, cells, size=2000):
        interval = metrics_of(of(sample), task)[name].interval
        assert interval is not None
        hits += interval[0] <= truth <= interval[1]
    assert 0.93 < hits / 2000 < 0.97


def test_what_counts_cannot_give_is_absent() -> None:
    """Empty counts have no metrics; without scores there are no areas; one class alone has no area and no recall."""
    assert metrics_of(Counts.empty(2), BINARY) == metrics_of(Counts.empty(0), REGRESSION) == {}
    assert metrics_of(Counts.empty(5), MULTICLASS) == {}
    told = story()
    told.predictions["value"] = math.nan
    counts = told.counts()
    assert headline(counts, BINARY) == "accuracy"
    assert not {"roc_auc", "brier", "ece"} & metrics_of(counts, BINARY).keys()
    only = story()
    only.labels["label"] = 0.0
    found = metrics_of(only.counts(), BINARY)
    assert not {"roc_auc", "average_precision", "recall"} & found.keys()
    assert found["precision"].value == 0
    assert headline(only.counts(), BINARY) == "roc_auc"
    assert (headline(counts, MULTICLASS), headline(counts, REGRESSION)) == ("accuracy", "mae")


@pytest.mark.parametrize(
    ("task", "kind", "classes"), [(BINARY, "classes", 2), (MULTICLASS, "classes", 5), (REGRESSION, "numbers", 0)]
)
def test_every_metric_has_a_known_name(task: Task, kind: "str", classes: int) -> None:
    """The names of a task are exactly those that full counts give."""
    counts = story("numbers" if kind == "numbers" else "classes", classes).counts()
    assert sorted(metrics_of(counts, task)) == sorted(names_of(task, counts.outcomes))


def test_huge_errors_give_no_infinite_number() -> None:
    """Errors whose squares overflow leave out the metrics that are not finite."""
    told = story("numbers", 0)
    told.predictions["value"] *= 1e200
    found = metrics_of(told.counts(), REGRESSION)
    assert math.isfinite(found["mae"].value)
    assert "rmse" not in found
    assert all(math.isfinite(end) for metric in found.values() for end in metric.interval or ())
