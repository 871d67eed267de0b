"""The contract between the checks and the notifiers: the body of an SNS message, and of a retry."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from driftguard.alerts.schemas import AlertFields, Severity
from driftguard.platform.times import UtcTime, iso

EventKind = Literal["opened", "escalated", "repeated", "acknowledged", "resolved", "test"]
ResolveReason = Literal["below", "traffic_returned", "baseline_replaced", "by_hand"]


class EventAlert(AlertFields):
    """An alert as an event carries it: everything a message needs, cut so that it always fits SNS's 256 kB."""

    model_config = ConfigDict(extra="ignore")

    features_total: int


class AlertEvent(BaseModel):
    """Something about an alert that is worth a message.

    severity: what a channel's `min_severity` is compared with; of a resolving, the highest that was told, so that
    whoever heard of an alert hears of its end.
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
    alert: EventAlert

    @property
    def subject_id(self) -> str:
        """What the messages of one conversation share."""
        return self.alert.id


class ChannelNotice(BaseModel):
    """A channel that does not work any more: of no model, and told to e-mail channels only."""

    model_config = ConfigDict(extra="ignore")

    kind: Literal["channel_unhealthy"] = "channel_unhealthy"
    organization_id: str
    channel_id: str
    channel_name: str
    channel_type: str
    reason: str
    since: UtcTime

    @property
    def subject_id(self) -> str:
        """The channel, in the place of an alert."""
        return f"channel#{self.channel_id}"

    @property
    def event_id(self) -> str:
        """The same however often the trouble is found."""
        return iso(self.since)


type Event = AlertEvent | ChannelNotice


class Retry(BaseModel):
    """What waits in a notifier's retry queue: one event's next attempt at one channel."""

    event: AlertEvent | ChannelNotice
    channel_id: str
    attempt: int
