"""An event for PagerDuty's Events API v2. Pure.

All events of one alert carry one `dedup_key`, so that they are one incident there, and an event that is sent twice
changes nothing.
"""

from typing import Any, Literal

from driftguard.alerts.events import AlertEvent, EventKind
from driftguard.alerts.schemas import Severity
from driftguard.alerts.words import shorten
from driftguard.notifications.content import describe
from driftguard.notifications.schemas import PAGERDUTY_HOSTS
from driftguard.platform.times import iso

type Action = Literal["trigger", "acknowledge", "resolve"]

ACTIONS: dict[EventKind, tuple[Action, ...]] = {
    "opened": ("trigger",),
    "escalated": ("trigger",),
    "repeated": ("trigger",),
    "acknowledged": ("acknowledge",),
    "resolved": ("resolve",),
    "test": ("trigger", "resolve"),
}
"""What each event is there; a test leaves no incident behind."""

SEVERITIES: dict[Severity, str] = {"LOW": "info", "MEDIUM": "warning", "HIGH": "critical"}

SUMMARY = 1024
"""Characters that PagerDuty takes."""


def url(region: Literal["us", "eu"]) -> str:
    """Where events go in a service region."""
    return f"https://{PAGERDUTY_HOSTS[region]}/v2/enqueue"


def render(event: AlertEvent, action: Action, *, routing_key: str, public_url: str) -> dict[str, Any]:
    """The body of a request."""
    known = {"routing_key": routing_key, "event_action": action, "dedup_key": f"driftguard-{event.alert.id}"}
    if action != "trigger":
        return known
    content = describe(event, public_url)
    features = {
        feature.name: f"score {feature.score}, p {feature.p_value}" + (f", {feature.said}" if feature.said else "")
        for feature in content.features
    }
    return {
        **known,
        "payload": {
            "summary": shorten(f"{content.subject}: {content.lead}", SUMMARY),
            "source": event.model_name,
            "severity": "info" if event.kind == "test" else SEVERITIES[event.severity],
            "timestamp": iso(event.at),
            "component": event.model_id,
            "class": event.alert.alert_type,
            "custom_details": {
                **dict(content.facts),
                "Features": features,
                "Recommended actions": list(content.actions),
                **({"Preliminary": content.preliminary} if content.preliminary else {}),
            },
        },
        "client": "DriftGuard",
        "client_url": content.alert_url,
        "links": [{"href": content.alert_url, "text": "The alert in DriftGuard"}],
    }
