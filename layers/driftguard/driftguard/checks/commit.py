"""Stores a verdict, its alerts and its events in one transaction."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from driftguard.alerts import findings, lifecycle
from driftguard.alerts.episodes import Episodes
from driftguard.alerts.tables import Alerts, add_outcomes
from driftguard.checks import reports
from driftguard.checks.backfill import DayScore
from driftguard.checks.idle import definition_of
from driftguard.checks.tables import History, Runs
from driftguard.checks.task import Task
from driftguard.checks.window import Past
from driftguard.counting.folding import Overtaken
from driftguard.models.statuses import Statuses
from driftguard.models.tables import Models
from driftguard.platform.dynamodb import transaction
from driftguard.platform.retries import ConditionFailed, retrying
from driftguard.platform.times import iso
from driftguard.verdicts.judging import Verdict

RECENT_DAYS = 7
TRIES = 6


def store(
    task: Task,
    check_id: str,
    status: Statuses,
    verdict: Verdict,
    past: Past,
    earlier: Sequence[DayScore] = (),
) -> None:
    """Store the verdict, its alerts and their events in one transaction, with the model's past.

    earlier: the scores of days before the model's first check.
    Raises Overtaken if another check took over the model, or if the model's baseline was replaced.
    """
    model, now = task.model, task.now
    report = verdict.report
    body = reports.pack(report)
    slot = "b" if status.report_slot == "a" else "a"
    try:
        chunk_count = History.put_report(model.model_id, slot, check_id, body, over=status.report_spare)
    except ConditionFailed:
        raise Overtaken from None
    entry = History.entry(model.model_id, check_id, reports.pack_row(reports.row_of(report)), now, task.keep)
    for attempt in retrying(TRIES):
        outcomes = _apply(status, verdict, task.actor)
        _remember_episodes(status, verdict)
        status.state = report["status"]
        status.preliminary = report["preliminary"]
        status.checked_at = iso(now)
        status.checked_definition = definition_of(model)
        status.drift_score = report["drift_score"]
        status.report_slot = slot
        status.report_spare, status.report_id = status.report_id, check_id
        status.report_chunks = chunk_count
        status.request = task.request
        status.last_arrival = iso(past.last_arrival)
        status.traffic = past.traffic.encode()
        status.recent = _recent([*earlier, *(status.recent or [])], report["drift_score"], now)
        revision, status.revision = status.revision, status.revision + 1
        unchanged = (Statuses.revision == revision) & (Statuses.lease_owner == status.lease_owner)
        with attempt, transaction() as write:
            write.save(status, condition=unchanged)
            write.save(entry)
            if task.tick:
                write.save(Runs.of(model.organization_id, task.tick, model.model_id, "checked", now))
            add_outcomes(write, outcomes)
        if attempt.succeeded:
            return
        # A user acknowledged, snoozed or resolved an alert meanwhile. Apply the findings to the new state.
        status = _read_again(model, status)
    raise Overtaken


def _read_again(model: Models, status: Statuses) -> Statuses:
    """The status as it is now. Raises Overtaken if the lease was lost or the baseline was replaced."""
    fresh = Statuses.one(model.organization_id, model.model_id)
    there = Models.one(model.organization_id, model.model_id)
    unchanged = there is not None and there.baseline_version == model.baseline_version
    if fresh.lease_owner != status.lease_owner or not unchanged:
        raise Overtaken
    return fresh


def _apply(status: Statuses, verdict: Verdict, actor: str) -> list[findings.Outcome]:
    """Apply the findings to the model's alerts, and update the open alerts and the memory in `status`."""
    occasion = replace(verdict.occasion, actor=actor)
    open_ids = dict(status.open_alerts or {})
    memory = dict(status.memory or {})
    stored = Alerts.several(verdict.occasion.organization_id, open_ids.values()) if open_ids else {}
    outcomes = []
    for finding in verdict.findings:
        kind = finding.alert_type
        alert = stored.get(open_ids.get(kind, ""))
        outcome = lifecycle.apply(finding, alert, findings.Memory.load(memory.get(kind)), occasion)
        outcomes.append(outcome)
        open_ids, memory = lifecycle.remember(open_ids, memory, outcome, kind)
    status.open_alerts, status.memory = open_ids, memory
    return outcomes


def _remember_episodes(status: Statuses, verdict: Verdict) -> None:
    """Update what the next checks must know of features in alerts. Call it when the open alerts are up to date."""
    version = verdict.occasion.baseline_version
    if version is None:
        return
    episodes = Episodes.load(status.episodes, version).after(
        verdict.sights,
        status.open_alerts or {},
        verdict.now_hour,
        verdict.occasion.settings.resolve_after_hours,
    )
    status.episodes = episodes.dump(version)


def _recent(old: Iterable[Sequence[Any]], score: float | None, now: datetime) -> list[list[Any]]:
    """Return the highest drift score of each of the last 7 days as [day, score], oldest first."""
    today = now.date().isoformat()
    by_day = {str(day): value for day, value in old}
    known = [value for value in (by_day.get(today), score) if value is not None]
    by_day[today] = max(known, default=None)
    first = (now - timedelta(days=RECENT_DAYS - 1)).date().isoformat()
    return [[day, by_day[day]] for day in sorted(by_day) if day >= first]
