"""Simulates which alerts on performance other settings would have opened."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from driftguard.alerts.findings import Finding
from driftguard.alerts.replaying import ReplayedAlerts
from driftguard.baselines.references import References
from driftguard.checks.performance_commit import occasion_of
from driftguard.checks.reference_counts import reference_of
from driftguard.models.settings import ModelSettings
from driftguard.models.tables import Models
from driftguard.models.task import Task
from driftguard.performance.counts import total
from driftguard.performance.maturing import stored_days
from driftguard.performance.maturity import Day, Waiting
from driftguard.platform.times import HOUR
from driftguard.verdicts.performance import SPREAD_DAYS, WINDOW_DAYS, judged_with
from driftguard.verdicts.performance_findings import performance_finding
from driftguard.verdicts.performance_report import Reference

BEFORE = 90
"""Days before the replay whose labels may mature in it."""


def replay_performance(model: Models, settings: ModelSettings, days: int, now: datetime, into: ReplayedAlerts) -> None:
    """Replay the hourly joins of the last `days` on the counts of the days as they are now.

    The reference is the current one. A day takes part from the time at which it matured. Missing labels are not
    replayed, because no setting decides about them.
    """
    task = settings.task
    reference = reference_of(model, task, References.newest(model.model_id), keep=False) if task is not None else None
    if task is None or reference is None:
        return
    found = with_maturity(stored_days(model.model_id, now, days + BEFORE), model.settings, settings)
    judged: list[Day] | None = None
    moment = now - timedelta(days=days)
    while moment <= now:
        mature = [day for day in found if day.matured_at is not None and day.matured_at <= moment][-SPREAD_DAYS:]
        if mature:
            if judged is None or [day.day for day in mature] != [day.day for day in judged]:
                judged, verdict = mature, _verdict(mature, reference, task, settings)
            finding, n_window = verdict
            context = replace(
                occasion_of(model, moment, reference["counts"].n, n_window, mature[-WINDOW_DAYS:]), settings=settings
            )
            into.apply([finding], context)
        moment += HOUR


def _verdict(mature: Sequence[Day], reference: Reference, task: Task, settings: ModelSettings) -> tuple[Finding, int]:
    window = mature[-WINDOW_DAYS:]
    counts = total((day.counts for day in window), task.class_count)
    judged = judged_with(mature, reference["counts"], reference["days"], task, settings)
    return performance_finding(judged, counts, reference["counts"], len(window), task), counts.n


def with_maturity(days: Sequence[Day], before: ModelSettings, after: ModelSettings) -> list[Day]:
    """Return the days with the times at which they would have matured with the settings `after`.

    With the settings of maturity unchanged these are the stored times. Otherwise a day matures by its age, or at its
    stored time if it has enough labels by now. When it reached another share of labels is not stored.
    """
    unchanged = (before.label_ratio, before.maturity_hours) == (after.label_ratio, after.maturity_hours)
    if unchanged or not days:
        return list(days)
    waiting = Waiting.of([day.counts for day in days], after.maturity_hours)
    result = []
    for day in days:
        by_age = day.end + timedelta(hours=waiting.hours)
        if not day.counts.tally.predictions:
            result.append(day)
            continue
        enough = day.matured_at is not None and waiting.suffices(day, after.label_ratio)
        result.append(replace(day, matured_at=min(by_age, day.matured_at or by_age) if enough else by_age))
    return result
