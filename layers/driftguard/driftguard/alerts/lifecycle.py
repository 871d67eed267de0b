"""What a check does to the alert of one type: the alert opens, continues and is resolved.

At most one alert is open per model and alert type. It opens when a finding fires. Each later firing adds an occurrence.
The alert stays open while the finding holds. It is resolved after `resolve_after_hours` below the limit, or when the
baseline is replaced. All functions are pure and return what to store and to send.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from driftguard.alerts.advice import recommend
from driftguard.alerts.audience import messages_while_on, names_only_unexpected
from driftguard.alerts.events import AlertEvent
from driftguard.alerts.findings import Finding, Memory, Occasion, Outcome, trim_features
from driftguard.alerts.schemas import WITHOUT_BASELINE, Alert, Severity, TimelineEvent, severity_rank
from driftguard.alerts.timeline import with_entry
from driftguard.alerts.transitions import close, lapse, replace_baseline


def apply(finding: Finding, alert: Alert | None, memory: Memory, occasion: Occasion) -> Outcome:
    """Apply a finding to `alert`, the open alert or None. The outcome contains no alerts if nothing changed."""
    done = Outcome(memory=memory)
    if alert is not None and not alert.is_open:
        alert = None
    if alert is not None and _outdated(alert, occasion):
        done = replace_baseline(alert, memory, now=occasion.now, actor=occasion.actor)
        alert = None
    finding = _with_unexpected(finding, alert, done.memory, occasion)
    if alert is None:
        return _open(finding, done, occasion) if may_open(finding, done.memory, occasion) else done
    return _continue(finding, alert, done, occasion)


def _with_unexpected(finding: Finding, alert: Alert | None, memory: Memory, occasion: Occasion) -> Finding:
    """Let features that the baseline lacks open an alert once per baseline version, and keep that alert open."""
    if not finding.unexpected:
        return finding
    fires = memory.unexpected_told != occasion.baseline_version if alert is None else names_only_unexpected(alert)
    return replace(finding, firing=finding.firing or fires, holding=finding.holding or fires)


def _outdated(alert: Alert, occasion: Occasion) -> bool:
    """Return whether the alert compares with an old baseline, or with an old reference of performance."""
    return alert.alert_type not in WITHOUT_BASELINE and alert.baseline_version != occasion.baseline_version


def may_open(finding: Finding, memory: Memory, occasion: Occasion) -> bool:
    """Return whether a finding opens an alert if none of its type is open."""
    hushed = (
        memory.hushed_until is not None
        and occasion.now < memory.hushed_until
        and (finding.alert_type in WITHOUT_BASELINE or memory.hushed_baseline == occasion.baseline_version)
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
    alert = with_entry(alert, occasion.now, "opened", alert.severity, actor=occasion.actor)
    alert, events = messages_while_on(alert, occasion)
    return Outcome([*done.alerts, alert], [*done.events, *events], memory)


def _continue(finding: Finding, alert: Alert, done: Outcome, occasion: Occasion) -> Outcome:
    now = occasion.now
    before, alert = alert, lapse(alert, now)
    events: list[AlertEvent] = []
    if not finding.testable:
        pass
    elif finding.firing or finding.holding:
        alert = _returned(alert, occasion)
        if finding.firing:
            previous = alert.severity
            alert = _occurred(alert.model_copy(update=_found(finding, alert, occasion)))
            alert = _severity_changed(alert, previous, occasion)
        alert, events = messages_while_on(alert, occasion)
    elif alert.alert_type == "no_data":
        closed = close(alert, "traffic_returned", done.memory, now, "Traffic has returned.", actor=occasion.actor)
        return _join(done, closed)
    elif alert.alert_type == "labels_missing":
        closed = close(alert, "labels_arrived", done.memory, now, "Labels have arrived.", actor=occasion.actor)
        return _join(done, closed)
    elif finding.settled:
        note = "The values are still changed, but do not differ from the baseline."
        return _join(done, close(alert, "new_level", done.memory, now, note, actor=occasion.actor))
    else:
        hours = occasion.settings.resolve_after_hours
        if alert.below_since is None:
            alert = alert.model_copy(update={"below_since": now})
            alert = with_entry(
                alert, now, "below", f"Resolves after {hours:g} hours below the limit.", actor=occasion.actor
            )
        if now - _certain(alert.below_since) >= timedelta(hours=hours):
            note = f"Below the limit for {hours:g} hours."
            return _join(done, close(alert, "below", done.memory, now, note, actor=occasion.actor))
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
        "onset": alert.onset if alert else finding.onset,
        "last_detected_at": occasion.now,
        "baseline_version": occasion.baseline_version,
        "n_baseline": occasion.n_baseline,
        "n_window": occasion.n_window,
        "window": occasion.window,
        "features": features,
        "performance": finding.performance,
        "preliminary": preliminary,
        "features_left_out": 0,
        "recommended_actions": recommend(
            finding.alert_type, features, silence=occasion.silence, performance=finding.performance
        ),
    }


def _occurred(alert: Alert) -> Alert:
    return alert.model_copy(update={"occurrences": alert.occurrences + 1})


def _returned(alert: Alert, occasion: Occasion) -> Alert:
    if alert.below_since is None:
        return alert
    return with_entry(alert.model_copy(update={"below_since": None}), occasion.now, "returned", actor=occasion.actor)


def _severity_changed(alert: Alert, previous: Severity, occasion: Occasion) -> Alert:
    if alert.severity == previous:
        return alert
    rose = severity_rank(alert.severity) > severity_rank(previous)
    change: TimelineEvent = "escalated" if rose else "eased"
    return with_entry(alert, occasion.now, change, f"{previous} → {alert.severity}", actor=occasion.actor)


def _join(done: Outcome, more: Outcome) -> Outcome:
    return Outcome([*done.alerts, *more.alerts], [*done.events, *more.events], more.memory)


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
