"""Packs the performance report and the state of labels for storage, and answers from what the last join stored."""

import bz2
import json
from datetime import datetime, timedelta
from typing import TypedDict

from driftguard.models.tables import Models
from driftguard.performance.tables import Joined
from driftguard.platform.errors import Invalid, NotFound
from driftguard.platform.times import iso
from driftguard.verdicts.performance_shapes import DayMetrics, DayShown, LabelsShown, PerformanceShown, names_of_days


class Stored(TypedDict):
    """What a join stores. names: the metrics that may be asked for. The report's own days are left out."""

    report: PerformanceShown
    days: list[DayMetrics]
    names: list[str]
    labels: LabelsShown


def pack(stored: Stored) -> bytes:
    """Return what a join stores as bytes. Raises ValueError if a number is NaN or infinite."""
    return bz2.compress(json.dumps(stored, separators=(",", ":"), allow_nan=False, ensure_ascii=False).encode())


def performance(model: Models, *, days: int | None, metric: str | None, now: datetime) -> PerformanceShown:
    """Return the performance report for a metric, None for the headline, and the last days, None for all.

    Raises NotFound before the first join, and Invalid if the task has no such metric.
    """
    stored = _stored(model)
    report = stored["report"]
    if metric is not None and metric not in stored["names"]:
        raise Invalid.at(["query", "metric"], f"must be one of {', '.join(stored['names'])}")
    name = metric or report["headline"]
    since = iso(now - timedelta(days=days))[:10] if days else ""
    shown = [_shown(day, name) for day in stored["days"] if day["day"] > since]
    return {**report, "names": names_of_days(stored["days"]), "metric": name, "days": shown}


def labels_status(model: Models) -> LabelsShown:
    """Return the state of a model's labels. Raises NotFound before the first join."""
    return _stored(model)["labels"]


def _stored(model: Models) -> Stored:
    if model.settings.task is None:
        raise NotFound("The model has no task. Set settings.task, so that labels are joined with predictions.")
    data = Joined.report(model.model_id)
    if data is None:
        raise NotFound("Labels have not been joined yet. The schedule joins them within an hour.")
    stored: Stored = json.loads(bz2.decompress(data))
    return stored


def _shown(day: DayMetrics, name: str) -> DayShown:
    value, interval, n = day["metrics"].get(name, (None, None, 0))
    return {
        "day": day["day"],
        "value": value,
        "interval": interval,
        "n": n,
        "predictions": day["predictions"],
        "coverage": day["coverage"],
        "mature": day["mature"],
    }
