"""Changes of an open alert that need no finding: it is acknowledged, snoozed, awakened or resolved.

All functions are pure and return what to store and to send.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from driftguard.alerts.audience import with_event
from driftguard.alerts.events import Part, ResolveReason
from driftguard.alerts.findings import Memory, Outcome
from driftguard.alerts.schemas import Alert
from driftguard.alerts.timeline import with_entry
from driftguard.alerts.words import minute
from driftguard.platform.errors import Conflict, Invalid


def acknowledge(alert: Alert, memory: Memory, *, now: datetime, actor: str, note: str | None = None) -> Outcome:
    """Acknowledge the alert to stop its reminders. Raises Conflict if it is already acknowledged or resolved."""
    alert = _still_open(alert, now)
    if alert.status == "acknowledged":
        raise Conflict("This alert is already acknowledged.")
    alert = alert.model_copy(update={"status": "acknowledged", "snoozed_until": None})
    alert = with_entry(alert, now, "acknowledged", note, actor=actor)
    if not alert.sent:
        return Outcome([alert], [], memory)
    alert, event = with_event(alert, {minimum: Part(kind="acknowledged") for minimum in alert.sent}, now, note=note)
    return Outcome([alert], [event], memory)


def snooze(alert: Alert, *, until: datetime, now: datetime, actor: str, note: str | None = None) -> Alert:
    """Snooze the alert: it sends no reminders before `until`. Snoozing a snoozed alert changes the time.

    Raises Invalid if `until` is not in the future, and Conflict if the alert is resolved.
    """
    alert = _still_open(alert, now)
    if until <= now:
        raise Invalid.at(["body", "until"], "must be a time in the future")
    entry = f"until {minute(until)}" + (f": {note}" if note else "")
    alert = alert.model_copy(update={"status": "snoozed", "snoozed_until": until})
    return with_entry(alert, now, "snoozed", entry, actor=actor)


def resolve(
    alert: Alert, memory: Memory, *, renotify_hours: float, now: datetime, actor: str, note: str | None = None
) -> Outcome:
    """Resolve the alert for a user. Raises Conflict if the alert is already resolved.

    While the drift continues, no new alert of this type opens for `renotify_hours`.
    """
    alert = _still_open(alert, now)
    if alert.below_since is None:
        memory = replace(
            memory, hushed_until=now + timedelta(hours=renotify_hours), hushed_baseline=alert.baseline_version
        )
    return close(alert, "by_hand", memory, now, note, actor=actor)


def replace_baseline(alert: Alert, memory: Memory, *, now: datetime, actor: str) -> Outcome:
    """Resolve the alert because its baseline, or the reference of its performance, was replaced."""
    if alert.alert_type == "performance":
        note = "The reference of the performance was replaced."
        return close(lapse(alert, now), "reference_replaced", memory, now, note, actor=actor)
    return close(lapse(alert, now), "baseline_replaced", memory, now, "The baseline was replaced.", actor=actor)


def delete_model(alert: Alert, memory: Memory, *, renotify_hours: float, now: datetime, actor: str) -> Outcome:
    """Resolve the alert because its model is being deleted. A check that still runs opens no new alert."""
    memory = replace(memory, hushed_until=now + timedelta(hours=renotify_hours), hushed_baseline=alert.baseline_version)
    return close(lapse(alert, now), "model_deleted", memory, now, "The model was deleted.", actor=actor)


def lapse(alert: Alert, now: datetime) -> Alert:
    """Return the alert as it is at `now`: an expired snooze is ended, even if no check ran since."""
    if alert.status != "snoozed" or alert.snoozed_until is None or now < alert.snoozed_until:
        return alert
    awake = alert.model_copy(update={"status": "firing", "snoozed_until": None})
    return with_entry(awake, alert.snoozed_until, "snooze_ended")


def _still_open(alert: Alert, now: datetime) -> Alert:
    if not alert.is_open:
        raise Conflict("This alert is already resolved.")
    return lapse(alert, now)


def close(
    alert: Alert, reason: ResolveReason, memory: Memory, now: datetime, note: str | None, *, actor: str
) -> Outcome:
    """Resolve the alert, and send the end to the channels that received a message about it."""
    closed = alert.model_copy(update={"status": "resolved", "resolved_at": now, "snoozed_until": None})
    closed = with_entry(closed, now, "resolved", note, actor=actor)
    if alert.alert_type == "no_data":
        memory = memory.after_outage(alert.detected_at, now)
    if not closed.sent:
        return Outcome([closed], [], memory)
    audience = {minimum: Part(kind="resolved") for minimum in closed.sent}
    closed, event = with_event(closed, audience, now, reason=reason, note=note)
    return Outcome([closed], [event], memory)
