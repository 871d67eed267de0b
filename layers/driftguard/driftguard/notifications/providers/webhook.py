"""An event as JSON for a webhook of one's own, and its signature. Pure."""

import hashlib
import hmac
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from driftguard.alerts.events import AlertEvent, ResolveReason
from driftguard.alerts.schemas import AlertFields, Severity, dashboard_url
from driftguard.notifications.content import describe
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


def render(event: AlertEvent, *, public_url: str) -> WebhookMessage:
    """The message about an event; the same each time it is made."""
    content = describe(event, public_url)
    fields = event.model_dump(mode="json", exclude={"kind", "alert"})
    alert = {**event.alert.model_dump(mode="json"), "dashboard_url": dashboard_url(public_url, event.alert.id)}
    text = f"{content.news}: {content.lead}"
    return WebhookMessage.model_validate({**fields, "event": event.kind, "text": text, "alert": alert})


def headers(message: WebhookMessage, body: bytes, secret: str | None, now: datetime) -> dict[str, str]:
    """What goes beside the body: what it is, when it was sent, and with a secret its signature."""
    timestamp = str(int(now.timestamp()))
    sent = {
        "x-driftguard-event": message.event,
        "x-driftguard-event-id": message.event_id,
        "x-driftguard-timestamp": timestamp,
    }
    if secret is not None:
        sent["x-driftguard-signature"] = f"sha256={signature(secret, timestamp, body)}"
    return sent


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """HMAC-SHA256 (RFC 2104) over `<timestamp>.<body>`, in hexadecimal digits."""
    return hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
