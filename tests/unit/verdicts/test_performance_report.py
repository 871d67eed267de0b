"""The report on performance holds the numbers of the counts, and nothing that JSON cannot."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from driftguard.models.task import Task
from driftguard.performance.counts import Counts
from driftguard.performance.maturity import Day
from driftguard.performance.metrics import metrics_of
from driftguard.performance.runs import Kind
from driftguard.performance.tally import Tally
from driftguard.statistics import errors
from driftguard.verdicts.performance import judge
from driftguard.verdicts.performance_report import Reference, report, status
from tests.unit.performance.rows import DAY, story

END = datetime.fromtimestamp((DAY + 1) * 86400, UTC)
BINARY = Task(type="binary", positive="yes")
TASKS: list[tuple[Task, Kind]] = [
    (BINARY, "classes"),
    (Task(type="multiclass", classes=["a", "b", 3, "d", "e"]), "classes"),
    (Task(type="regression"), "numbers"),
]


def days_of(kind: Kind, classes: int, mature: int = 8, fresh: int = 2) -> list[Day]:
    """Days of stories, the first of them mature."""
    found = [story(kind, classes, seed=seed).counts() for seed in range(mature + fresh)]
    return [
        Day(DAY + place, counts, END + timedelta(days=place) if place < mature else None)
        for place, counts in enumerate(found)
    ]


@pytest.mark.parametrize(("task", "kind"), TASKS)
def test_the_report_has_the_numbers_of_the_days(task: Task, kind: Kind) -> None:
    """Each day, the window of the last seven mature days and the reference show the metrics of their counts."""
    days = days_of(kind, task.class_count)
    reference: Reference = {"source": "baseline", "counts": days[0].counts, "days": None}
    judged = judge(days, reference["counts"], task=task.type, reference_days=None, min_labels=100, min_drop=0.02)
    found = report(days, reference, judged, task, None)
    assert found["metric"] == found["headline"]
    assert len(found["days"]) == 10
    assert set(found["names"]) == set(metrics_of(days[0].counts, task)) >= {found["headline"]}
    assert [day["mature"] for day in found["days"]] == [True] * 8 + [False] * 2
    for shown, day in zip(found["days"], days, strict=True):
        metric = metrics_of(day.counts, task)[found["headline"]]
        assert (shown["value"], shown["n"]) == (metric.value, metric.n)
        assert shown["predictions"] == day.counts.tally.predictions
        assert shown["coverage"] == pytest.approx(day.counts.tally.labelled / day.counts.tally.predictions)
    window = sum((day.counts for day in days[1:8]), Counts.empty(task.class_count))
    assert found["window"]["n"] == window.n
    assert found["window"]["days"] == 7
    assert found["window"]["start"] == "2024-10-05T00:00:00.000000Z"
    assert found["window"]["end"] == "2024-10-12T00:00:00.000000Z"
    for name, metric in metrics_of(window, task).items():
        assert found["window"]["metrics"][name]["value"] == metric.value
    for one in judged:
        shown_metric = found["window"]["metrics"][one.name]
        assert (shown_metric["reference"], shown_metric["limit"]) == (one.reference, one.limit)
        assert shown_metric["degraded"] is (one.firing if one.testable else None)
    assert found["reference"] is not None
    assert found["reference"]["n"] == days[0].counts.n
    assert found["reference"]["days"] is None
    json.dumps(found, allow_nan=False)


def test_pictures_hold_every_row_of_the_window() -> None:
    """Confusion, calibration, scores and errors add up to the labelled rows of the window."""
    binary = report(days_of("classes", 2), None, [], BINARY, "f1")
    window = sum((day.counts for day in days_of("classes", 2)[1:8]), Counts.empty(2))
    assert binary["metric"] == "f1"
    assert binary["reference"] is None
    assert binary["errors"] is None
    assert binary["confusion"] == {"classes": ["negative", "positive"], "matrix": window.confusion.tolist()}
    assert binary["calibration"] is not None
    assert sum(tenth["n"] for tenth in binary["calibration"]) == window.scored
    assert binary["scores"] is not None
    assert len(binary["scores"]["edges"]) == 21
    assert np.diff(binary["scores"]["edges"]).min() > 0.04
    assert [sum(part) for part in binary["scores"]["counts"].values()] == [
        window.negatives.sum(),
        window.positives.sum(),
    ]
    regression = report(days_of("numbers", 0), None, [], Task(type="regression"), None)
    assert (regression["confusion"], regression["calibration"], regression["scores"]) == (None, None, None)
    assert regression["errors"] is not None
    counts = regression["errors"]["counts"]["errors"]
    assert sum(counts) == regression["window"]["n"]
    assert len(regression["errors"]["edges"]) == len(counts) + 1 <= 17
    assert counts[0] > 0 < counts[-1]
    assert regression["errors"]["edges"][0] == 0


@pytest.mark.parametrize("noise", [[], [0.0] * 50, [1e-15, 3e-37]])
def test_the_errors_have_bins_of_one_width_whatever_the_smallest_is(noise: list[float]) -> None:
    """An exact prediction and a rounding error of 1e-15 take no bin from the other errors."""
    sizes = np.concatenate([np.random.default_rng(1).normal(0, 5, 4000), noise])
    window = replace(
        Counts.empty(0),
        tally=Tally(predictions=len(sizes), labelled=len(sizes)),
        errors=np.bincount(errors.bins_of(sizes), minlength=errors.BINS),
    )
    found = report([Day(DAY, window, END)], None, [], Task(type="regression"), None)["errors"]
    assert found is not None
    counts, edges = np.array(found["counts"]["errors"]), np.array(found["edges"])
    assert counts.tolist() == np.histogram(np.abs(sizes).astype(np.float32), edges)[0].tolist()
    even = np.linspace(0, edges[-2], len(edges) - 1)
    assert np.abs(edges[:-1] - even).max() < even[1] / 2
    assert counts[-1] / len(sizes) < 0.03


@pytest.mark.parametrize(("task", "kind"), TASKS)
def test_a_model_without_labels_has_an_empty_report(task: Task, kind: Kind) -> None:
    """Without any day, and with days without labels, nothing is invented."""
    empty = Counts.empty(task.class_count)
    for days in ([], [Day(DAY, empty), Day(DAY + 1, empty, END)]):
        found = report(days, None, [], task, None)
        assert found["window"]["metrics"] == {}
        assert found["names"] == []
        assert [day["value"] for day in found["days"]] == [None] * len(days)
        json.dumps(found, allow_nan=False)
    nothing = status([], undated=[], refused=0, now=END)
    assert nothing["delay_hours"] == {"p50": None, "p90": None, "p99": None}
    assert nothing["matured_until"] is None


def test_the_state_of_labels_adds_up() -> None:
    """Labels are matched, wait, or are unmatched once no prediction can arrive for them any more."""
    days = days_of("classes", 2)
    undated = [Tally(labels=5, waiting=4)]
    tallies = [day.counts.tally for day in days]
    found = status(days, undated=undated, refused=3, now=days[-1].end)
    assert found["matched"] == sum(tally.labelled for tally in tallies)
    assert found["waiting"] == sum(tally.waiting for tally in tallies) + 4
    assert found["unmatched"] == 3
    assert found["received"] == sum(tally.labels for tally in tallies) + 8
    assert found["ambiguous"] == sum(tally.ambiguous for tally in tallies)
    assert found["coverage"][0] == {
        "day": "2024-10-04",
        "predictions": tallies[0].predictions,
        "labelled": tallies[0].labelled,
    }
    assert found["matured_until"] == "2024-10-12T00:00:00.000000Z"
    later = status(days, undated=[], refused=0, now=days[0].end + timedelta(days=22, hours=1))
    assert later["unmatched"] == tallies[0].waiting
    assert later["waiting"] == sum(tally.waiting for tally in tallies[1:])
