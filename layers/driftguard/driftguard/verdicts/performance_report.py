"""The report on a model's performance, as the API returns it, and the state of its labels."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypedDict

import numpy as np

from driftguard.models.schemas import Headline
from driftguard.models.task import Task
from driftguard.performance.counts import Counts, total
from driftguard.performance.maturity import Day, delay_quantile
from driftguard.performance.metrics import Metric, headline, metrics_of
from driftguard.performance.tally import Tally
from driftguard.platform.times import DAY, HOUR, iso
from driftguard.statistics import errors, scores
from driftguard.statistics.arrays import Ints
from driftguard.verdicts.performance import WINDOW_DAYS, Judged
from driftguard.verdicts.performance_shapes import (
    CalibrationShown,
    ConfusionShown,
    DayMetrics,
    DayShown,
    HistogramShown,
    LabelsShown,
    PerformanceShown,
    ReferenceShown,
    Source,
    WindowShown,
    names_of_days,
)

COARSE_SCORES = 20
COARSE_ERRORS = 16


class Reference(TypedDict):
    """The counts that a model's performance is compared with. days: None if the rows have no times."""

    source: Source
    counts: Counts
    days: int | None


def report(
    days: Sequence[Day], reference: Reference | None, judged: Sequence[Judged], task: Task, metric: str | None
) -> PerformanceShown:
    """Return the report. days: in order. judged: the verdict on these days. metric: None for the headline."""
    mature = [day for day in days if day.matured_at is not None][-WINDOW_DAYS:]
    counts = total((day.counts for day in mature), task.class_count)
    everything = total((day.counts for day in days), task.class_count)
    first = headline(everything, task)
    name = metric or first
    return {
        "task": task.model_dump(mode="json"),
        "headline": first,
        "names": names_of_days(days_by_metric(days, task)),
        "metric": name,
        "days": [_day(day, task, name) for day in days],
        "window": _window(mature, counts, task, {one.name: one for one in judged}),
        "reference": _reference(reference, task) if reference is not None else None,
        "confusion": _confusion(counts, task) if task.class_count else None,
        "calibration": _calibration(counts) if task.type == "binary" and counts.scored else None,
        "scores": _scores(counts) if task.type == "binary" and counts.scored else None,
        "errors": _errors(counts.errors) if task.type == "regression" and counts.n else None,
    }


def headline_of(shown: PerformanceShown) -> Headline | None:
    """Return the headline metric of a report's window; None if the window has no labels for it."""
    name = shown["headline"]
    found = shown["window"]["metrics"].get(name)
    if found is None:
        return None
    return Headline(
        metric=name, value=found["value"], n=found["n"], reference=found["reference"], degraded=found["degraded"]
    )


def status(days: Sequence[Day], *, undated: Sequence[Tally], refused: int, now: datetime) -> LabelsShown:
    """Return the state of the labels.

    days: in order. undated: the tallies of labels whose event day is unknown, of those that arrived in the last 22
    days. refused: labels of unknown values, or of days that took no labels any more. A label waits while its
    prediction can still arrive: until 22 days after its event day.
    """
    counts = Tally(*map(sum, zip(*(day.counts.tally for day in days), strict=True))) if days else Tally()
    old = sum(day.counts.tally.waiting for day in days if now - day.end > 22 * DAY)
    waiting_undated = sum(tally.waiting for tally in undated)
    delays = np.sum([day.counts.delays.sum(axis=0, keepdims=True) for day in days], axis=0) if days else None
    mature = [day for day in days if day.matured_at is not None]
    return {
        "received": counts.labels + sum(tally.labels for tally in undated) + refused,
        "matched": counts.labelled,
        "waiting": counts.waiting - old + waiting_undated,
        "unmatched": old + refused,
        "corrected": counts.corrected,
        "withdrawn": counts.withdrawn,
        "ambiguous": counts.ambiguous,
        "coverage": [
            {
                "day": _date(day),
                "predictions": day.counts.tally.predictions,
                "labelled": day.counts.tally.labelled,
            }
            for day in days
        ],
        "delay_hours": {
            f"p{percent}": delay_quantile(delays, percent / 100) if delays is not None else None
            for percent in (50, 90, 99)
        },
        "matured_until": iso(mature[-1].end) if mature else None,
    }


def days_by_metric(days: Sequence[Day], task: Task) -> list[DayMetrics]:
    """Return each day with all metrics, so that a response can show any of them."""
    return [
        {
            "day": _date(day),
            "predictions": day.counts.tally.predictions,
            "coverage": day.coverage,
            "mature": day.matured_at is not None,
            "metrics": {
                name: (metric.value, _interval(metric), metric.n)
                for name, metric in metrics_of(day.counts, task).items()
            },
        }
        for day in days
    ]


def _date(day: Day) -> str:
    return (day.end - HOUR).date().isoformat()


def _day(day: Day, task: Task, name: str) -> DayShown:
    found = metrics_of(day.counts, task).get(name)
    return {
        "day": _date(day),
        "value": found.value if found is not None else None,
        "interval": _interval(found),
        "n": found.n if found is not None else 0,
        "predictions": day.counts.tally.predictions,
        "coverage": day.coverage,
        "mature": day.matured_at is not None,
    }


def _interval(metric: Metric | None) -> list[float] | None:
    return None if metric is None or metric.interval is None else list(metric.interval)


def _window(days: Sequence[Day], counts: Counts, task: Task, judged: Mapping[str, Judged]) -> WindowShown:
    return {
        "start": iso(days[0].end - DAY) if days else None,
        "end": iso(days[-1].end) if days else None,
        "days": len(days),
        "n": counts.n,
        "metrics": {
            name: {
                "value": metric.value,
                "interval": _interval(metric),
                "n": metric.n,
                "bound": metric.bound,
                **_verdict(judged.get(name)),
            }
            for name, metric in metrics_of(counts, task).items()
        },
    }


class _Verdict(TypedDict):
    reference: float | None
    drop: float | None
    limit: float | None
    p_value: float | None
    degraded: bool | None


def _verdict(judged: Judged | None) -> _Verdict:
    if judged is None:
        return {"reference": None, "drop": None, "limit": None, "p_value": None, "degraded": None}
    return {
        "reference": judged.reference,
        "drop": judged.score,
        "limit": judged.limit,
        "p_value": judged.p_value,
        "degraded": judged.firing if judged.testable else None,
    }


def _reference(reference: Reference, task: Task) -> ReferenceShown:
    return {
        "source": reference["source"],
        "n": reference["counts"].n,
        "days": reference["days"],
        "metrics": {name: metric.value for name, metric in metrics_of(reference["counts"], task).items()},
    }


def _confusion(counts: Counts, task: Task) -> ConfusionShown:
    names = [str(value) for value in task.classes or ()]
    if task.type == "binary":
        names = ["negative", "positive"]
    return {"classes": names, "matrix": counts.confusion.tolist()}


def _calibration(counts: Counts) -> list[CalibrationShown]:
    rows, positives = counts.calibration
    return [
        {"score": float(sums / n), "positives": float(hits / n), "n": int(n)}
        for n, hits, sums in zip(rows, positives, counts.calibration_sums, strict=True)
        if n
    ]


def _scores(counts: Counts) -> HistogramShown:
    """Return the scores by label in about COARSE_SCORES bins, whose edges are edges of the grid."""
    starts = np.array([0, *(scores.bin_at(part / COARSE_SCORES) for part in range(1, COARSE_SCORES))])
    return {
        "edges": [0.0, *scores.EDGES[starts[1:] - 1].tolist(), 1.0],
        "counts": {
            name: np.add.reduceat(part, starts).tolist()
            for name, part in (("negatives", counts.negatives), ("positives", counts.positives))
        },
    }


def _errors(counts: Ints) -> HistogramShown:
    """Return the errors by size in at most COARSE_ERRORS bins of about one width, whose edges are edges of the grid.

    The last bin holds the largest 1 % of the errors and may be wider. Equal widths of the logarithm would give almost
    all bins to rounding errors such as 1e-15.
    """
    last = int(np.flatnonzero(counts)[-1]) + 1
    _value, _low, top = errors.quantile(counts, 0.99)
    wanted = np.linspace(0, top, COARSE_ERRORS)
    starts = np.unique(np.minimum(np.searchsorted(errors.EDGES, wanted), last - 1))
    return {
        "edges": errors.EDGES[[*starts, last]].tolist(),
        "counts": {"errors": np.add.reduceat(counts[:last], starts).tolist()},
    }
