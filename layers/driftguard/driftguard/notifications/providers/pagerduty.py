"""PagerDuty channels: settings, and events for PagerDuty's Events API v2. Pure.

All events of one alert share one `dedup_key`. PagerDuty therefore keeps one incident per alert and ignores repeats.
"""

from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal, override

from pydantic import AfterValidator, Field, StringConstraints

from driftguard.alerts.events import AlertEvent, AlertNews, EventKind, changes_in
from driftguard.alerts.schemas import Severity
from driftguard.alerts.words import shorten
from driftguard.notifications.content import describe
from driftguard.notifications.providers.base import (
    MASK,
    Common,
    NewChannel,
    Post,
    ShownChannel,
    encode,
    still_masked,
)
from driftguard.platform.times import iso

Region = Literal["us", "eu"]

HOSTS: dict[Region, str] = {"us": "events.pagerduty.com", "eu": "events.eu.pagerduty.com"}
"""The host of each service region. An account belongs to one region."""

type Action = Literal["trigger", "acknowledge", "resolve"]

ACTIONS: dict[EventKind, tuple[Action, ...]] = {
    "opened": ("trigger",),
    "escalated": ("trigger",),
    "repeated": ("trigger",),
    "acknowledged": ("acknowledge",),
    "resolved": ("resolve",),
    "test": ("trigger", "resolve"),
}
"""The PagerDuty actions for each kind of event. A test resolves the incident that it opens."""

SEVERITIES: dict[Severity, str] = {"LOW": "info", "MEDIUM": "warning", "HIGH": "critical"}

SUMMARY = 1024
"""Most characters in a summary, by PagerDuty's limit."""


def _routing_key(text: str) -> str:
    if text == MASK:
        raise still_masked("key")
    if not (len(text) == 32 and text.isascii() and text.isalnum()):
        raise ValueError("must be 32 letters and digits: the integration key of PagerDuty's Events API v2")
    return text


RoutingKey = Annotated[
    str,
    StringConstraints(max_length=64, strict=True),
    AfterValidator(_routing_key),
    Field(description="The integration key of PagerDuty's Events API v2."),
]


class NewPagerDutyChannel(NewChannel):
    """A PagerDuty service, through the integration key of its Events API v2."""

    # An acknowledgement makes PagerDuty stop calling further people.
    event_kinds: ClassVar[frozenset[EventKind]] = NewChannel.event_kinds | {"acknowledged"}
    # PagerDuty has one incident per alert.
    one_message: ClassVar[bool] = False
    closed_by_resolved: ClassVar[bool] = True

    type: Literal["pagerduty"]
    routing_key: RoutingKey
    region: Region = "us"

    @property
    @override
    def default_name(self) -> str:
        return "PagerDuty"

    @override
    def shown(self, common: Common) -> "PagerDutyChannel":
        return PagerDutyChannel(type="pagerduty", routing_key=MASK, region=self.region, **common)

    @override
    def posts(self, news: AlertNews, *, public_url: str, now: datetime) -> list[Post]:
        bodies = [
            render(event, action, routing_key=self.routing_key, public_url=public_url)
            for event in changes_in(news)
            for action in ACTIONS[event.kind]
        ]
        return [Post(url(self.region), encode(body), secrets=[self.routing_key]) for body in bodies]


class PagerDutyChannel(ShownChannel):
    """A PagerDuty service. `routing_key` is a secret and is masked."""

    type: Literal["pagerduty"]
    routing_key: str
    region: Region


def url(region: Region) -> str:
    """The address that receives events in a service region."""
    return f"https://{HOSTS[region]}/v2/enqueue"


def render(event: AlertEvent, action: Action, *, routing_key: str, public_url: str) -> dict[str, Any]:
    """The request body for one action. Only "trigger" has a payload."""
    known = {"routing_key": routing_key, "event_action": action, "dedup_key": f"driftguard-{event.alert.id}"}
    if action != "trigger":
        return known
    content = describe(event, public_url)
    # Several problems of one feature have one name, under which they are listed.
    features: dict[str, str] = {}
    for feature in content.features:
        said = f"score {feature.score}, p {feature.p_value}" + (f", {feature.change}" if feature.change else "")
        features[feature.name] = f"{features[feature.name]}; {said}" if feature.name in features else said
    return {
        **known,
        "payload": {
            "summary": shorten(f"{content.subject}: {content.lead}", SUMMARY),
            "source": content.model_name,
            "severity": "info" if event.kind == "test" else SEVERITIES[event.severity],
            "timestamp": iso(event.at),
            "component": event.model_id,
            "class": event.alert.alert_type,
            "custom_details": {
                **dict(content.facts),
                "Features": features,
                "What to do": list(content.actions),
            },
        },
        "client": "DriftGuard",
        "client_url": content.alert_url,
        "links": [{"href": content.alert_url, "text": "The alert in DriftGuard"}],
    }
