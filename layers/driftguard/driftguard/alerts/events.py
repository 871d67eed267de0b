"""The contract between the checks and the notifiers: the body of an SNS message, and of a retry."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from driftguard.alerts.schemas import (
    Alert,
    AlertFields,
    Severity,
)
from driftguard.platform.times import UtcTime

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


EVENT_FEATURES = 20
"""Features that an event carries: with names of 128 characters and pictures it stays far under SNS's 256 kB."""


def event_alert(alert: Alert) -> EventAlert:
    """The alert as an event carries it: of its drifted features the strongest EVENT_FEATURES."""
    drifted = [feature for feature in alert.features if feature.drifted]
    fields = {name: getattr(alert, name) for name in AlertFields.model_fields}
    fields["features"] = drifted[:EVENT_FEATURES]
    return EventAlert(**fields, features_total=len({feature.name for feature in drifted}))
