"""Turns the verdict on performance into findings, from which alerts open and close."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from driftguard.alerts.findings import Finding
from driftguard.alerts.schemas import Limit, MetricChange, PerformanceChange, Severity, severity_rank
from driftguard.alerts.words import duration, minute
from driftguard.models.task import Task
from driftguard.performance.counts import Counts
from driftguard.performance.metrics import Metric, metrics_of
from driftguard.verdicts.performance import PROPORTIONS, Judged, label_limit, labels_missing, level_of, worst


def performance_finding(judged: Sequence[Judged], now: Counts, reference: Counts, days: int, task: Task) -> Finding:
    """Return the finding on performance. judged: the verdict. now, days: of the judged window."""
    tested = [one for one in judged if one.testable]
    first = worst(judged)
    decisive = [one for one in tested if one.firing] or [one for one in tested if one.holding]
    return Finding(
        alert_type="performance",
        testable=bool(tested),
        firing=any(one.firing for one in tested),
        holding=any(one.holding for one in tested),
        drift_score=first.score if first else None,
        p_value=first.p_value if first else None,
        severity=_severity(decisive or ([first] if first else [])),
        limit=_limit(first, task, reference) if first else None,
        performance=_change(judged, first, now, reference, days, task) if first else None,
    )


def _limit(first: Judged, task: Task, reference: Counts) -> Limit:
    level = level_of(task.type, reference) if first.name in PROPORTIONS else None
    return Limit(score=first.limit, p_value=level)


def _severity(judged: Sequence[Judged]) -> Severity:
    return max((one.severity for one in judged), key=severity_rank, default="LOW")


def _change(
    judged: Sequence[Judged], first: Judged, now: Counts, reference: Counts, days: int, task: Task
) -> PerformanceChange:
    metrics, before = metrics_of(now, task), metrics_of(reference, task)
    ordered = [first, *(one for one in judged if one is not first)]
    return PerformanceChange(
        metrics=[_metric(one, metrics.get(one.name), before.get(one.name)) for one in ordered],
        labelled=now.tally.labelled,
        predictions=now.tally.predictions,
        days=days,
    )


def _metric(judged: Judged, now: Metric | None, before: Metric | None) -> MetricChange:
    return MetricChange(
        name=judged.name,
        value=judged.value,
        interval=_interval(now, judged.value),
        n=judged.n,
        reference=judged.reference,
        reference_interval=_interval(before, judged.reference),
        n_reference=judged.m,
        drop=judged.score,
        limit=judged.limit,
        p_value=judged.p_value,
        degraded=judged.firing,
    )


def _interval(metric: Metric | None, value: float) -> tuple[float, float] | None:
    """Return the interval of a metric; None if it belongs to another value, as when classes are left out."""
    return metric.interval if metric is not None and abs(metric.value - value) <= 1e-9 * abs(value) else None


@dataclass(frozen=True)
class Labelling:
    """What is known of the arrival of labels.

    last_label: the arrival of the last label. unlabelled_since: the arrival of the first prediction after it, or since
    the model has a task. p90: the 90 % quantile of the delay in hours. None if there is no such thing.
    """

    last_label: datetime | None
    unlabelled_since: datetime | None
    p90: float | None

    @property
    def sentence(self) -> str:
        """What a person must know about labels that stopped."""
        last = f"The last label arrived at {minute(self.last_label)}" if self.last_label else "No label has arrived yet"
        usual = f", three times the delay of 90 % of the labels ({self.p90:g} hours)" if self.p90 else ""
        return f"{last}. Labels are missed after {duration(label_limit(self.p90))}{usual}."


def labels_finding(labelling: Labelling, opened: datetime | None, *, is_silent: bool, now: datetime) -> Finding:
    """Return the finding on labels that stopped.

    opened: when the open alert on them was opened. The next label ends this alert. is_silent: whether a `no_data` alert
    is open. Then no alert on labels opens, and an open one sends no reminders.
    """
    last = labelling.last_label
    if opened is None:
        firing, ended = labels_missing(now, labelling.unlabelled_since, labelling.p90), False
    else:
        ended = last is not None and last > opened
        firing = not ended
    return Finding(
        alert_type="labels_missing",
        testable=ended or not is_silent,
        firing=firing,
        holding=firing,
        drift_score=None,
        p_value=None,
        severity="MEDIUM",
        onset=last or labelling.unlabelled_since,
    )
