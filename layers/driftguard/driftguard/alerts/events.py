"""Defines the alert events that the checks publish to SNS and the notifiers receive and retry."""

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from driftguard.alerts.schemas import (
    Alert,
    AlertFields,
    Severity,
    severity_rank,
)
from driftguard.platform.times import UtcTime

EventKind = Literal["opened", "escalated", "repeated", "acknowledged", "resolved", "test"]
ResolveReason = Literal[
    "below",
    "new_level",
    "traffic_returned",
    "baseline_replaced",
    "reference_replaced",
    "labels_arrived",
    "by_hand",
    "model_deleted",
]


class EventAlert(AlertFields):
    """The alert inside an event: all fields that a message needs, limited to fit into 256 kB, the limit of SNS."""

    model_config = ConfigDict(extra="ignore")

    features_total: int


class Part(BaseModel):
    """What an event is to the channels of one minimum severity."""

    kind: EventKind
    previous_severity: Severity | None = None


class AlertEvent(BaseModel):
    """A change of an alert that is sent to channels.

    severity: compared with a channel's `min_severity`. A `resolved` event has the highest severity that was sent.
    So every channel that received the alert also receives the `resolved` event.
    audience: what the event is to channels, by their `min_severity`. Channels with another minimum do not receive the
    event. A rise from LOW to MEDIUM is `escalated` to some channels, and `opened` to those that want MEDIUM. None in
    events of version 0.1, which are the same to every channel.
    """

    model_config = ConfigDict(extra="ignore")

    event_id: str
    kind: EventKind
    at: UtcTime
    organization_id: str
    model_id: str
    model_name: str
    severity: Severity
    previous_severity: Severity | None = None
    reason: ResolveReason | None = None
    note: str | None = None
    audience: dict[Severity, Part] | None = None
    alert: EventAlert

    def seen_from(self, minimum: Severity) -> "AlertEvent | None":
        """Return the event as channels with this `min_severity` receive it, or None if they do not."""
        if self.audience is None:
            return self if severity_rank(self.severity) >= severity_rank(minimum) else None
        part = self.audience.get(minimum)
        if part is None:
            return None
        return self.model_copy(update={"kind": part.kind, "previous_severity": part.previous_severity})

    @property
    def subject_id(self) -> str:
        """Return the id that groups the messages about one alert."""
        return self.alert.id


class AlertMessage(BaseModel):
    """Several changes that one check made to the alerts of one model. Channels receive them in one message.

    events: the most severe alert first. A single change is sent as an `AlertEvent`, the form of version 1.
    """

    model_config = ConfigDict(extra="ignore")

    version: Literal[2] = 2
    events: list[AlertEvent] = Field(min_length=1)

    @property
    def organization_id(self) -> str:
        """Return the organization of the model."""
        return self.events[0].organization_id


type AlertNews = AlertEvent | AlertMessage
"""What is published, retried and delivered about alerts."""

ALERT_NEWS: TypeAdapter[AlertNews] = TypeAdapter(AlertEvent | AlertMessage)

MESSAGE_BYTES = 240_000
"""Most bytes of a message as JSON. SNS and SQS accept 256 kB, attributes and the fields of a retry included."""

EVENT_FEATURES = 20
"""Maximum number of features in an event."""


def changes_in(news: AlertNews) -> list[AlertEvent]:
    """Return the alert events of a message, the most severe first."""
    return news.events if isinstance(news, AlertMessage) else [news]


def news_of(events: Sequence[AlertEvent]) -> AlertNews:
    """Return one message for the events of one check, with as many features of each alert as fit.

    Open alerts come before resolved alerts, then the highest severity comes first.
    """
    ordered = sorted(events, key=lambda event: (event.kind == "resolved", -severity_rank(event.severity)))
    for most in (EVENT_FEATURES, 10, 5, 2, 1, 0):
        cut = [_with_features(event, most) for event in ordered]
        news = cut[0] if len(cut) == 1 else AlertMessage(events=cut)
        if len(news.model_dump_json().encode()) <= MESSAGE_BYTES:
            break
    return news


def _with_features(event: AlertEvent, most: int) -> AlertEvent:
    alert = event.alert.model_copy(update={"features": event.alert.features[:most]})
    return event.model_copy(update={"alert": alert})


def event_alert(alert: Alert) -> EventAlert:
    """Return the alert for an event, with at most EVENT_FEATURES drifted features, the largest scores first."""
    drifted = [feature for feature in alert.features if feature.drifted]
    fields = {name: getattr(alert, name) for name in AlertFields.model_fields}
    fields["features"] = drifted[:EVENT_FEATURES]
    return EventAlert(**fields, features_total=len({feature.name for feature in drifted}))
