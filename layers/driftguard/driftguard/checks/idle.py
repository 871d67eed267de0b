"""Decides whether a scheduled check of a model can be left out because nothing has changed since the last one.

An idle model has no new batch, no open alert that checks decide about, and an unchanged definition. Only the sliding
window can change its verdict, so it gets a full check every two hours. When the last full check saw an empty window,
the next one comes with the next batch. The look at silence is made at every tick, so `no_data` opens on time.
"""

from datetime import datetime, timedelta

from driftguard.alerts.findings import Memory
from driftguard.alerts.schemas import OF_LABELS
from driftguard.counting.folding import SETTLED
from driftguard.counting.steps import arrival_time
from driftguard.models.statuses import Statuses
from driftguard.models.tables import Models
from driftguard.models.traffic import Traffic
from driftguard.platform.times import hour_of, iso, parse
from driftguard.predictions.tables import Predictions
from driftguard.rows.reading import MAX_AHEAD
from driftguard.verdicts.silence import silence

FULL_EVERY = timedelta(hours=2)
TICK_ERROR = timedelta(minutes=5)
"""A run of the schedule may begin a little earlier in its 15 minutes than the run two hours before."""


LONGEST_WINDOW = timedelta(days=14)
"""The longest window that a model can have."""


def definition_of(model: Models) -> str:
    """Return a text that changes whenever the model's settings or its baseline change."""
    return f"{int(model.revision)}#{int(model.baseline_version or 0)}"


def is_idle(model: Models, status: Statuses, now: datetime) -> bool:
    """Return whether a scheduled check at `now` may be left out.

    The queries are made last, and only for a model that is otherwise idle.
    """
    if status.checked_at is None or status.last_arrival is None or _has_open(status):
        return False
    checked_at = parse(status.checked_at)
    # Writers are slow and clocks differ. So the last check may not have seen a batch with an arrival shortly before it.
    unseen = checked_at - SETTLED
    return (
        status.checked_definition == definition_of(model)
        and arrival_time(status.last_arrival) < unseen
        and not _is_due(model, status, checked_at, now)
        and not _may_open(model, status, checked_at, now)
        and next(Predictions.arrivals(model.model_id, model.partition_count, after=iso(unseen), limit=1), None) is None
    )


def may_rest(status: Statuses, now: datetime) -> bool:
    """Return whether a model is probably idle at `now`, as far as its status alone tells. `is_idle` decides."""
    if status.checked_at is None or status.last_arrival is None or _has_open(status):
        return False
    checked_at, last_arrival = parse(status.checked_at), arrival_time(status.last_arrival)
    if last_arrival >= checked_at - SETTLED:
        return False
    was_empty = last_arrival + MAX_AHEAD < checked_at - LONGEST_WINDOW
    return was_empty or now - checked_at < FULL_EVERY - TICK_ERROR


def _has_open(status: Statuses) -> bool:
    """Return whether an alert is open that checks decide about."""
    return any(kind not in OF_LABELS for kind in status.open_alerts or {})


def _is_due(model: Models, status: Statuses, checked_at: datetime, now: datetime) -> bool:
    """Return whether the sliding window needs a full check."""
    last_row = hour_of(arrival_time(str(status.last_arrival)) + MAX_AHEAD)
    was_empty = last_row < hour_of(checked_at - timedelta(days=model.settings.window_days))
    return not was_empty and now - checked_at >= FULL_EVERY - TICK_ERROR


def _may_open(model: Models, status: Statuses, checked_at: datetime, now: datetime) -> bool:
    """Return whether an alert may open now that could not open at the last check, whatever the window holds."""
    memories = {kind: Memory.load(stored) for kind, stored in (status.memory or {}).items() if kind not in OF_LABELS}
    hushed = [memory.hushed_until for memory in memories.values() if memory.hushed_until is not None]
    if any(checked_at < until <= now for until in hushed):
        return True
    memory = memories.get("no_data", Memory())
    if memory.hushed_until is not None and now < memory.hushed_until:
        return False
    quiet = silence(
        model.settings.no_data_hours,
        arrival_time(str(status.last_arrival)),
        now,
        Traffic.decode(status.traffic).hours,
        memory.outages,
        is_open=False,
    )
    return quiet.silent
