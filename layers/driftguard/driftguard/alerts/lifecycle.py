"""Opens, updates and resolves alerts. All transitions are pure functions that return what to store and to send.

At most one alert is open per model and alert type. It opens when a finding fires. Each later firing adds an occurrence.
The alert stays open while the finding holds. It is resolved after `resolve_after_hours` below the limit, or when the
baseline is replaced.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from driftguard.alerts.advice import recommend
from driftguard.alerts.events import AlertEvent, Part, ResolveReason, event_alert
from driftguard.alerts.findings import Finding, Memory, Occasion, Outcome, trim_features
from driftguard.alerts.schemas import (
    SEVERITIES,
    Alert,
    Sent,
    Severity,
    TimelineEntry,
    TimelineEvent,
    severity_rank,
)
from driftguard.alerts.words import minute
from driftguard.platform.errors import Conflict, Invalid

TIMELINE_ENTRIES = 500
"""Maximum length of a timeline. A longer timeline keeps its first entry and the latest entries."""


def apply(finding: Finding, alert: Alert | None, memory: Memory, occasion: Occasion) -> Outcome:
    """Apply a finding to `alert`, the open alert or None. The outcome contains no alerts if nothing changed."""
    done = Outcome(memory=memory)
    if alert is not None and not alert.is_open:
        alert = None
    if alert is not None and _outdated(alert, occasion):
        done = replace_baseline(alert, memory, now=occasion.now)
        alert = None
    finding = _with_unexpected(finding, alert, done.memory, occasion)
    if alert is None:
        return _open(finding, done, occasion) if _may_open(finding, done.memory, occasion) else done
    return _continue(finding, alert, done, occasion)


def _with_unexpected(finding: Finding, alert: Alert | None, memory: Memory, occasion: Occasion) -> Finding:
    """Let features that the baseline lacks open an alert once per baseline version, and keep that alert open."""
    if not finding.unexpected:
        return finding
    fires = memory.unexpected_told != occasion.baseline_version if alert is None else _names_only_unexpected(alert)
    return replace(finding, firing=finding.firing or fires, holding=finding.holding or fires)


def _names_only_unexpected(alert: Alert) -> bool:
    return bool(alert.features) and all(feature.kind == "unexpected_feature" for feature in alert.features)


def _outdated(alert: Alert, occasion: Occasion) -> bool:
    """Return whether the alert compares with an old baseline. `no_data` alerts do not compare with any baseline."""
    return alert.alert_type != "no_data" and alert.baseline_version != occasion.baseline_version


def _may_open(finding: Finding, memory: Memory, occasion: Occasion) -> bool:
    hushed = (
        memory.hushed_until is not None
        and occasion.now < memory.hushed_until
        and (finding.alert_type == "no_data" or memory.hushed_baseline == occasion.baseline_version)
    )
    return finding.testable and finding.firing and not hushed and not occasion.warming_up


def _open(finding: Finding, done: Outcome, occasion: Occasion) -> Outcome:
    memory = replace(done.memory, hushed_until=None, hushed_baseline=None)
    if finding.unexpected:
        memory = replace(memory, unexpected_told=occasion.baseline_version)
    alert = Alert(
        id=occasion.new_id(occasion.now),
        organization_id=occasion.organization_id,
        model_id=occasion.model_id,
        alert_type=finding.alert_type,
        status="firing",
        detected_at=occasion.now,
        occurrences=0,
        resolved_at=None,
        **_found(finding, None, occasion),
    )
    alert = _occurred(alert)
    alert = _note(alert, occasion.now, "opened", alert.severity)
    alert, events = _messages_while_on(alert, occasion)
    return Outcome([*done.alerts, alert], [*done.events, *events], memory)


def _continue(finding: Finding, alert: Alert, done: Outcome, occasion: Occasion) -> Outcome:
    now = occasion.now
    before, alert = alert, lapse(alert, now)
    events: list[AlertEvent] = []
    if not finding.testable:
        pass
    elif finding.firing or finding.holding:
        alert = _returned(alert, now)
        if finding.firing:
            previous = alert.severity
            alert = _occurred(alert.model_copy(update=_found(finding, alert, occasion)))
            alert = _severity_changed(alert, previous, now)
        alert, events = _messages_while_on(alert, occasion)
    elif alert.alert_type == "no_data":
        return _join(done, _close(alert, "traffic_returned", done.memory, now, "Traffic has returned."))
    else:
        hours = occasion.settings.resolve_after_hours
        if alert.below_since is None:
            alert = alert.model_copy(update={"below_since": now})
            alert = _note(alert, now, "below", f"resolves after {hours:g} hours below the limit")
        if now - _certain(alert.below_since) >= timedelta(hours=hours):
            return _join(done, _close(alert, "below", done.memory, now, f"Below the limit for {hours:g} hours."))
    return _join(done, Outcome([] if alert == before else [alert], events, done.memory))


def _found(finding: Finding, alert: Alert | None, occasion: Occasion) -> dict[str, Any]:
    """Return the fields of an alert that every firing updates."""
    features = trim_features(finding.features)
    # Traffic that stops has nothing to do with daily and weekly cycles.
    preliminary = occasion.preliminary and finding.alert_type != "no_data"
    scores = [score for score in (finding.drift_score, alert.peak_score if alert else None) if score is not None]
    return {
        "model_name": occasion.model_name,
        "severity": finding.severity,
        "drift_score": finding.drift_score,
        "p_value": finding.p_value,
        "peak_score": max(scores, default=None),
        "limit": finding.limit,
        "last_detected_at": occasion.now,
        "baseline_version": occasion.baseline_version,
        "n_baseline": occasion.n_baseline,
        "n_window": occasion.n_window,
        "window": occasion.window,
        "features": features,
        "features_left_out": 0,
        "preliminary": preliminary,
        "recommended_actions": recommend(
            finding.alert_type, features, preliminary=preliminary, silence=occasion.silence
        ),
    }


def _occurred(alert: Alert) -> Alert:
    return alert.model_copy(update={"occurrences": alert.occurrences + 1})


def _returned(alert: Alert, now: datetime) -> Alert:
    if alert.below_since is None:
        return alert
    return _note(alert.model_copy(update={"below_since": None}), now, "returned")


def _severity_changed(alert: Alert, previous: Severity, now: datetime) -> Alert:
    if alert.severity == previous:
        return alert
    rose = severity_rank(alert.severity) > severity_rank(previous)
    return _note(alert, now, "escalated" if rose else "eased", f"{previous} → {alert.severity}")


def _messages_while_on(alert: Alert, occasion: Occasion) -> tuple[Alert, list[AlertEvent]]:
    """Return the alert and the event that is due to any channels, told apart by their minimum severity.

    Escalation compares with the severity last sent, so a severity that flaps between checks sends one message.
    """
    audience: dict[Severity, Part] = {}
    reminding = alert.status == "firing" and not _names_only_unexpected(alert)
    for minimum in SEVERITIES[: severity_rank(alert.severity) + 1]:
        last = alert.sent.get(minimum)
        if last is None:
            audience[minimum] = Part(kind="opened")
        elif severity_rank(alert.severity) > severity_rank(last.severity):
            audience[minimum] = Part(kind="escalated", previous_severity=last.severity)
        elif reminding and occasion.now >= last.at + timedelta(hours=occasion.settings.renotify_hours):
            audience[minimum] = Part(kind="repeated")
    if not audience:
        return alert, []
    if any(part.kind == "repeated" for part in audience.values()):
        alert = _note(alert, occasion.now, "reminded")
    sent = dict(alert.sent)
    for minimum in audience:
        sent[minimum] = Sent(severity=alert.severity, at=occasion.now)
    highest = max(sent, key=severity_rank)
    told = {"told": True, "told_severity": alert.severity, "highest_told": highest, "notified_at": occasion.now}
    alert = alert.model_copy(update={"sent": sent, **told})
    alert, event = _tell(alert, audience, occasion.now)
    return alert, [event]


def acknowledge(alert: Alert, memory: Memory, *, now: datetime, note: str | None = None) -> Outcome:
    """Acknowledge the alert to stop its reminders. Raises Conflict if it is already acknowledged or resolved."""
    alert = _still_open(alert, now)
    if alert.status == "acknowledged":
        raise Conflict("This alert is already acknowledged.")
    alert = _note(alert.model_copy(update={"status": "acknowledged", "snoozed_until": None}), now, "acknowledged", note)
    if not alert.sent:
        return Outcome([alert], [], memory)
    alert, event = _tell(alert, {minimum: Part(kind="acknowledged") for minimum in alert.sent}, now, note=note)
    return Outcome([alert], [event], memory)


def snooze(alert: Alert, *, until: datetime, now: datetime, note: str | None = None) -> Alert:
    """Snooze the alert: it sends no reminders before `until`. Snoozing a snoozed alert changes the time.

    Raises Invalid if `until` is not in the future, and Conflict if the alert is resolved.
    """
    alert = _still_open(alert, now)
    if until <= now:
        raise Invalid.at(["body", "until"], "must be a time in the future")
    entry = f"until {minute(until)}" + (f": {note}" if note else "")
    return _note(alert.model_copy(update={"status": "snoozed", "snoozed_until": until}), now, "snoozed", entry)


def resolve(alert: Alert, memory: Memory, *, renotify_hours: float, now: datetime, note: str | None = None) -> Outcome:
    """Resolve the alert for a user. Raises Conflict if the alert is already resolved.

    While the drift continues, no new alert of this type opens for `renotify_hours`.
    """
    alert = _still_open(alert, now)
    if alert.below_since is None:
        memory = replace(
            memory, hushed_until=now + timedelta(hours=renotify_hours), hushed_baseline=alert.baseline_version
        )
    return _close(alert, "by_hand", memory, now, note)


def replace_baseline(alert: Alert, memory: Memory, *, now: datetime) -> Outcome:
    """Resolve the alert because its baseline was replaced."""
    return _close(lapse(alert, now), "baseline_replaced", memory, now, "The baseline was replaced.")


def lapse(alert: Alert, now: datetime) -> Alert:
    """Return the alert as it is at `now`: an expired snooze is ended, even if no check ran since."""
    if alert.status != "snoozed" or alert.snoozed_until is None or now < alert.snoozed_until:
        return alert
    awake = alert.model_copy(update={"status": "firing", "snoozed_until": None})
    return _note(awake, alert.snoozed_until, "snooze_ended")


def _still_open(alert: Alert, now: datetime) -> Alert:
    if not alert.is_open:
        raise Conflict("This alert is already resolved.")
    return lapse(alert, now)


def _close(alert: Alert, reason: ResolveReason, memory: Memory, now: datetime, note: str | None) -> Outcome:
    closed = alert.model_copy(update={"status": "resolved", "resolved_at": now, "snoozed_until": None})
    closed = _note(closed, now, "resolved", note)
    if alert.alert_type == "no_data":
        memory = memory.after_outage(alert.detected_at, now)
    if not closed.sent:
        return Outcome([closed], [], memory)
    audience = {minimum: Part(kind="resolved") for minimum in closed.sent}
    closed, event = _tell(closed, audience, now, reason=reason, note=note)
    return Outcome([closed], [event], memory)


def _join(done: Outcome, more: Outcome) -> Outcome:
    return Outcome([*done.alerts, *more.alerts], [*done.events, *more.events], more.memory)


def _tell(
    alert: Alert,
    audience: dict[Severity, Part],
    now: datetime,
    *,
    reason: ResolveReason | None = None,
    note: str | None = None,
) -> tuple[Alert, AlertEvent]:
    """Count one more event. Its id comes from the alert, so a repeated check creates the same event.

    The event is named after what it is to the channels that receive most.
    """
    alert = alert.model_copy(update={"messages": alert.messages + 1})
    first = audience[min(audience, key=severity_rank)]
    ends = first.kind in ("acknowledged", "resolved")
    return alert, AlertEvent(
        event_id=f"{alert.id}-{alert.messages:04d}",
        kind=first.kind,
        at=now,
        organization_id=alert.organization_id,
        model_id=alert.model_id,
        model_name=alert.model_name,
        severity=max(alert.sent, key=severity_rank) if ends else alert.severity,
        previous_severity=first.previous_severity,
        reason=reason,
        note=note,
        audience=audience,
        alert=event_alert(alert),
    )


def _note(alert: Alert, at: datetime, event: TimelineEvent, note: str | None = None) -> Alert:
    timeline = [*alert.timeline, TimelineEntry(at=at, event=event, note=note)]
    left_out = max(0, len(timeline) - TIMELINE_ENTRIES)
    if left_out:
        timeline = [timeline[0], *timeline[left_out + 1 :]]
    return alert.model_copy(update={"timeline": timeline, "timeline_left_out": alert.timeline_left_out + left_out})


def _certain[T](value: T | None) -> T:
    if value is None:
        raise ValueError("An open alert lacks a field that every open alert must have: its stored document is broken.")
    return value


def remember(
    open_ids: Mapping[str, str], memory: Mapping[str, Any], outcome: Outcome, kind: str
) -> tuple[dict[str, str], dict[str, Any]]:
    """Return the open alert ids and the memory of each alert type after `outcome`."""
    open_now, remembered = dict(open_ids), dict(memory)
    for alert in outcome.alerts:
        if alert.is_open:
            open_now[kind] = alert.id
        elif open_now.get(kind) == alert.id:
            del open_now[kind]
    remembered[kind] = outcome.memory.dump()
    return open_now, remembered
