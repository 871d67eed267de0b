"""Tells from a model's status alone whether its next check is probably left out. The schedule asks, without numpy."""

from datetime import datetime, timedelta

from driftguard.alerts.schemas import OF_LABELS
from driftguard.models.statuses import Statuses
from driftguard.platform.times import parse
from driftguard.predictions.arrivals import SETTLED, arrival_time
from driftguard.rows.reading import MAX_AHEAD

FULL_EVERY = timedelta(hours=2)
TICK_ERROR = timedelta(minutes=5)
"""A run of the schedule may begin a little earlier in its 15 minutes than the run two hours before."""


LONGEST_WINDOW = timedelta(days=14)
"""The longest window that a model can have."""


def may_rest(status: Statuses, now: datetime) -> bool:
    """Return whether a model is probably idle at `now`, as far as its status alone tells. `idle.is_idle` decides."""
    if status.checked_at is None or status.last_arrival is None or has_open(status):
        return False
    checked_at, last_arrival = parse(status.checked_at), arrival_time(status.last_arrival)
    if last_arrival >= checked_at - SETTLED:
        return False
    was_empty = last_arrival + MAX_AHEAD < checked_at - LONGEST_WINDOW
    return was_empty or now - checked_at < FULL_EVERY - TICK_ERROR


def has_open(status: Statuses) -> bool:
    """Return whether an alert is open that checks decide about."""
    return any(kind not in OF_LABELS for kind in status.open_alerts or {})
