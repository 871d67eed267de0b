"""An alert's life, as pure transitions: what was found, the alert that is open and the clock go in, what to store and
what to send comes out.

One alert at most is open per model and alert type. It opens when a finding fires, takes later firings as occurrences,
stays open while the finding holds, and resolves after `resolve_after_hours` below, or when the baseline is replaced.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from driftguard.errors import Conflict, Invalid
from driftguard.ids import new_id
from driftguard.schemas.alerts import (
    Alert,
    AlertType,
    Severity,
)
from driftguard.schemas.events import AlertEvent


@dataclass(frozen=True)
class Finding:
    """What one check found of one alert type.

    testable: False while there are too few data: an open alert stays as it is, and none opens.
    firing: over the threshold. holding: over the lower level at which an open alert stays open; firing implies it.
    drift_score, p_value: of the feature that moved most; None for `no_data`.
    features: each as `schemas.alerts.AlertFeature` has it; those that fired first, the strongest at the head.
    """

    alert_type: AlertType
    testable: bool
    firing: bool
    holding: bool
    drift_score: float | None
    p_value: float | None
    severity: Severity
    features: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class Memory:
    """What outlives the alerts of one model and alert type; JSON-safe by `dump` and `load`.

    hushed_until, hushed_baseline: resolved by hand while the drift went on: none opens before that time, as long as
    the baseline stays the same.
    preliminary_told: the baseline version that a preliminary opening was last sent for.
    """

    hushed_until: datetime | None = None
    hushed_baseline: int | None = None
    preliminary_told: int | None = None


@dataclass(frozen=True)
class Context:
    """The check around a finding."""

    now: datetime
    organization_id: str
    model_id: str
    model_name: str
    baseline_version: int | None
    n_baseline: int | None
    n_window: int | None
    window_start: datetime
    window_end: datetime
    preliminary: bool
    warming_up: bool
    renotify_hours: float
    resolve_after_hours: float
    new_id: Callable[[datetime], str] = new_id


@dataclass(frozen=True)
class Outcome:
    """What to store and to send, in one write.

    alerts: those that changed, in their order: at most one that was open (changed or resolved) and one that opened.
    events: what is to be told, oldest first. memory: what to keep for the next check.
    """

    alerts: list[Alert] = field(default_factory=list)
    events: list[AlertEvent] = field(default_factory=list)
    memory: Memory = Memory()


def apply(finding: Finding, alert: Alert | None, memory: Memory, context: Context) -> Outcome:
    """Bring `alert` (the open one of this model and type, or None) up to date with what a check found."""
    raise NotImplementedError


def acknowledge(alert: Alert, *, now: datetime, note: str | None = None) -> Alert:
    """Somebody has it: no more repeats. Raises Conflict when it is acknowledged already or resolved."""
    raise NotImplementedError


def snooze(alert: Alert, *, until: datetime, now: datetime, note: str | None = None) -> Alert:
    """No repeats until `until`. Raises Invalid for a time that is not ahead, Conflict when resolved."""
    raise NotImplementedError


def resolve(alert: Alert, memory: Memory, *, renotify_hours: float, now: datetime, note: str | None = None) -> Outcome:
    """Close it by hand. While the drift goes on none opens for `renotify_hours`. Raises Conflict when resolved."""
    raise NotImplementedError


def replace_baseline(alert: Alert, memory: Memory, *, now: datetime) -> Outcome:
    """Close it because the baseline it speaks of is no longer current."""
    raise NotImplementedError


def lapse(alert: Alert, now: datetime) -> Alert:
    """The alert as it is at `now`: a snooze whose time has come has ended, whether a check ran since or not."""
    raise NotImplementedError
