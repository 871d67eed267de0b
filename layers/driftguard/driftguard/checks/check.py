"""Checks one model: counts new predictions, tests for drift, stores the verdict and publishes alert events.

The verdict and its alerts are stored in one transaction. A check that crashes before it leaves no verdict, and a
message that is delivered twice leaves only one.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from driftguard.alerts.episodes import Episodes
from driftguard.alerts.findings import Memory
from driftguard.alerts.publishing import publish_pending
from driftguard.checks.backfill import backfill
from driftguard.checks.commit import store
from driftguard.checks.idle import is_idle
from driftguard.checks.onsets import Stored, with_onsets
from driftguard.checks.references import with_reference
from driftguard.checks.tables import Runs
from driftguard.checks.task import Busy, Result, Task
from driftguard.checks.window import Past, decide, fresh_spans, load_series
from driftguard.counting.folding import Overtaken, fold, load_state
from driftguard.counting.fresh import count_fresh, latest
from driftguard.counting.series import Fresh
from driftguard.counting.series import State as Folded
from driftguard.counting.steps import Arrivals, arrival_time
from driftguard.counting.tables import StoredCounts
from driftguard.models.schemas import State
from driftguard.models.statuses import Statuses
from driftguard.models.tables import Models
from driftguard.models.traffic import Traffic
from driftguard.platform.ids import new_id
from driftguard.platform.retries import ConditionFailed
from driftguard.platform.times import hour_of
from driftguard.predictions.tables import Predictions
from driftguard.verdicts.moments import Moment, occasion
from driftguard.verdicts.report import report_of

LEASE_MARGIN = timedelta(seconds=15)

OLD_VERSIONS = 50
"""How many older baseline versions are asked for the last arrival."""


def check(task: Task) -> Result:
    """Check one model now. Raises Busy while another check of the model runs. No error leaves a partial verdict."""
    model = task.model
    if task.tick and not task.request and look(task, task.tick):
        return Result("checked", None, idle=True)
    check_id = new_id(task.now)
    owner = f"{task.tick or 'by-hand'}#{check_id}"
    try:
        status = Statuses.lease(
            model.organization_id, model.model_id, owner, task.now, max(task.time_left(), timedelta(0)) + LEASE_MARGIN
        )
    except ConditionFailed:
        ends = Statuses.lease_ends(model.organization_id, model.model_id)
        raise Busy(max(1, round((ends - task.now).total_seconds())) if ends else 1) from None
    try:
        made = _made_before(task, status)
        # The baseline may have been replaced before this check got the lease, so the model is read again.
        current = model if made else Models.one(model.organization_id, model.model_id)
        if current is None:
            return Result("skipped", None)
        try:
            return Result("checked", None) if made else _check_leased(replace(task, model=current), check_id, status)
        finally:
            # Publishing comes last so that an SNS failure cannot prevent the check. It also runs after a failed check,
            # because an earlier crash may have left unpublished events.
            publish_pending(model.model_id, task.publish)
    except Overtaken:
        raise Busy(5) from None
    finally:
        Statuses.release(model.organization_id, model.model_id, owner)


def look(task: Task, tick: str) -> bool:
    """Return whether the model is idle, so that its scheduled check is left out.

    If it is, the run of the schedule is recorded, and what a crash may have left unpublished is published.
    """
    model = task.model
    if not is_idle(model, Statuses.one(model.organization_id, model.model_id), task.now):
        return False
    Runs.of(model.organization_id, tick, model.model_id, "checked", task.now).save()
    publish_pending(model.model_id, task.publish)
    return True


def _check_leased(task: Task, check_id: str, status: Statuses) -> Result:
    model, now = task.model, task.now
    if model.baseline_version is None:
        return _skip(task, "no_baseline", "The model has no baseline yet. Create a baseline first.")
    series = load_series(model)
    state = load_state(series, now)
    arrivals = Arrivals(series, state.cursor, latest(now))
    state, complete = fold(series, state, now, task.may_go_on, arrivals)
    episodes = Episodes.load(status.episodes, series.version)
    spans = fresh_spans(model.settings, now, episodes)
    fresh = count_fresh(series, state.cursor, now, spans, task.may_go_on, arrivals) if complete else None
    if fresh is None:
        return Result("checked", None, finished=False)
    past = _past(model, status, state, fresh)
    if past is None:
        return _skip(task, "no_data", "No predictions have been logged yet.", series.baseline.rows)
    verdict = decide(task.model, series, state, fresh, past, now, episodes)
    stored = Stored.of(series, state, fresh, now, task.may_go_on)
    verdict = with_reference(with_onsets(verdict, episodes, status, stored), stored)
    earlier = backfill(task, status, state, verdict, stored)
    if earlier is None:
        return Result("checked", None, finished=False)
    store(task, check_id, status, verdict, past, earlier)
    return Result("checked", verdict.report)


def _past(model: Models, status: Statuses, state: Folded, fresh: Fresh) -> Past | None:
    """Return what is known of the model whatever its baseline is. None if no prediction was ever logged."""
    known = [arrival_time(key) for key in (fresh.last_arrival, state.last_arrival, status.last_arrival) if key]
    last_arrival = max(known, default=None) or _arrival_before(model)
    if last_arrival is None:
        return None
    traffic = Traffic.decode(status.traffic) | state.traffic | fresh.traffic
    memory = Memory.load((status.memory or {}).get("no_data"))
    return Past(
        last_arrival=last_arrival,
        traffic=traffic.seen([hour_of(last_arrival)], ()),
        outages=memory.outages,
        is_out="no_data" in (status.open_alerts or {}),
    )


def _arrival_before(model: Models) -> datetime | None:
    """Return the last arrival, if it was too long ago for the current baseline to count it."""
    made = int(model.baselines_made)
    counted = StoredCounts.last_arrival_of_any(model.model_id, range(max(1, made - OLD_VERSIONS), made + 1))
    stored = next(Predictions.by_event(model.model_id, model.partition_count, None, None), None)
    return max((arrival_time(key) for key in (counted, stored and stored.arrived_at) if key), default=None)


def _made_before(task: Task, status: Statuses) -> bool:
    """Return whether this check already stored its verdict, which means that its message was delivered twice."""
    if task.request:
        return status.request == task.request
    return task.tick is not None and Runs.ended(task.model.organization_id, task.tick, task.model.model_id)


def _skip(task: Task, status: State, reason: str, n_baseline: int = 0) -> Result:
    """Skip a check that has nothing to compare. Its report is returned but not stored."""
    model, now = task.model, task.now
    if task.tick:
        Runs.of(model.organization_id, task.tick, model.model_id, "skipped", now).save()
    first = hour_of(now - timedelta(days=model.settings.window_days))
    moment = Moment(
        now=now, first_hour=first, last_hour=hour_of(now), covered_since=first, known_since=first, silence=None
    )
    found = occasion(model, model.settings, moment, n_baseline=n_baseline, n_window=0)
    return Result("skipped", report_of(found, status, reason))
