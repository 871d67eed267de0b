"""What a webhook channel is sent: the published schema, docs/webhook.schema.json, is made from these models."""

from typing import Literal

from pydantic import BaseModel, Field

from driftguard.alerts.events import ResolveReason
from driftguard.alerts.schemas import AlertFields, Severity
from driftguard.platform.times import UtcTime


class WebhookAlert(AlertFields):
    """The alert as it is when the event happens; `features` holds the strongest, `features_total` counts all."""

    features_total: int
    dashboard_url: str


class WebhookMessage(BaseModel):
    """The body of a request to a webhook channel. Fields may be added; none changes its meaning within a version."""

    version: Literal[1] = 1
    event_id: str = Field(description="The same when a message is sent again: what has come already can be dropped.")
    event: Literal["opened", "escalated", "repeated", "resolved", "test"]
    at: UtcTime
    organization_id: str
    model_id: str
    model_name: str
    severity: Severity
    previous_severity: Severity | None = Field(description="Of `escalated`: the severity that was told last.")
    reason: ResolveReason | None = Field(description="Of `resolved`: why.")
    note: str | None = Field(description="Of `resolved` by hand: the note that somebody left.")
    text: str = Field(description="What happened, in a sentence or two for people.")
    alert: WebhookAlert
