"""Which channels receive a message about an alert, and what the event is to them."""

from datetime import datetime, timedelta

from driftguard.alerts.events import AlertEvent, Part, ResolveReason, event_alert
from driftguard.alerts.findings import Occasion
from driftguard.alerts.schemas import SEVERITIES, Alert, Sent, Severity, severity_rank
from driftguard.alerts.timeline import with_entry


def messages_while_on(alert: Alert, occasion: Occasion) -> tuple[Alert, list[AlertEvent]]:
    """Return the alert and the event that is due to any channels, told apart by their minimum severity.

    Escalation compares with the severity last sent, so a severity that flaps between checks sends one message.
    """
    audience: dict[Severity, Part] = {}
    reminding = alert.status == "firing" and not names_only_unexpected(alert)
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
        alert = with_entry(alert, occasion.now, "reminded", actor=occasion.actor)
    sent = dict(alert.sent)
    for minimum in audience:
        sent[minimum] = Sent(severity=alert.severity, at=occasion.now)
    highest = max(sent, key=severity_rank)
    told = {"told": True, "told_severity": alert.severity, "highest_told": highest, "notified_at": occasion.now}
    alert = alert.model_copy(update={"sent": sent, **told})
    alert, event = with_event(alert, audience, occasion.now)
    return alert, [event]


def names_only_unexpected(alert: Alert) -> bool:
    """Return whether the alert lists only features that the baseline lacks. Such an alert sends no reminders."""
    return bool(alert.features) and all(feature.kind == "unexpected_feature" for feature in alert.features)


def with_event(
    alert: Alert,
    audience: dict[Severity, Part],
    now: datetime,
    *,
    reason: ResolveReason | None = None,
    note: str | None = None,
) -> tuple[Alert, AlertEvent]:
    """Return the alert, which counts one more event, and that event.

    The event's id comes from the alert, so a repeated check creates the same event. The event is named
    after what it is to the channels that receive most.
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
