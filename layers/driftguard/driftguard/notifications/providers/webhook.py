"""Webhook channels: settings, the JSON message by a published schema, and its signature. Pure."""

import hashlib
import hmac
from datetime import datetime
from typing import Annotated, Any, Literal, override

from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from driftguard.alerts.events import AlertEvent, AlertNews, ResolveReason, changes_in
from driftguard.alerts.schemas import AlertFields, Severity, dashboard_url
from driftguard.notifications.content import Content, describe_all
from driftguard.notifications.providers.base import (
    MASK,
    Common,
    NewChannel,
    Post,
    ShownChannel,
    WebhookUrl,
    encode,
    host,
    is_absent,
    masked,
    still_masked,
)
from driftguard.platform.times import UtcTime


def _secret(text: str) -> str:
    if text == MASK:
        raise still_masked("secret")
    if not text.isprintable():
        raise ValueError("must not contain control characters")
    return text


Secret = Annotated[
    str,
    StringConstraints(min_length=1, max_length=256, strict=True),
    AfterValidator(_secret),
    Field(description="The key of the HMAC-SHA256 signature of each message."),
]


class NewWebhookChannel(NewChannel):
    """Your own webhook. It receives JSON by a published schema, signed when there is a secret."""

    type: Literal["webhook"]
    url: WebhookUrl
    secret: Secret | None = None

    @property
    @override
    def default_name(self) -> str:
        return f"Webhook at {host(self.url)}"

    @property
    @override
    def custom_url(self) -> tuple[str, str]:
        return "url", self.url

    @override
    def shown(self, common: Common) -> "WebhookChannel":
        secret = None if self.secret is None else MASK
        return WebhookChannel(type="webhook", url=masked(self.url), secret=secret, **common)

    @override
    def posts(self, news: AlertNews, *, public_url: str, now: datetime) -> list[Post]:
        message = render(news, public_url=public_url)
        body = encode(message.model_dump(mode="json"))
        secrets = [self.secret] if self.secret else []
        return [Post(self.url, body, headers(message, body, self.secret, now), secrets)]


class WebhookChannel(ShownChannel):
    """Your own webhook. `url` and `secret` are secrets and are masked."""

    type: Literal["webhook"]
    url: str
    secret: str | None = Field(default=None, exclude_if=is_absent, description="Absent when messages are not signed.")


class WebhookAlert(AlertFields):
    """The alert at the time of the event. `features` contains the strongest, `features_total` counts all."""

    features_total: int
    dashboard_url: str


type WebhookEvent = Literal["opened", "escalated", "repeated", "resolved", "test"]

EVENT_ID = "The same when an event is sent again, so drop ids that you already have."
PREVIOUS = "For `escalated`: the severity in the previous message."
REASON = "For `resolved`: the reason."
NOTE = "For `resolved` by hand: the note of the person who resolved it."


class ChangedAlert(WebhookAlert):
    """One alert that the check changed, with its event."""

    event_id: str = Field(description=EVENT_ID)
    event: WebhookEvent
    previous_severity: Severity | None = Field(description=PREVIOUS)
    reason: ResolveReason | None = Field(description=REASON)
    note: str | None = Field(description=NOTE)
    text: str = Field(description="A human-readable summary in one or two sentences.")


class WebhookMessage(BaseModel):
    """The request body for a webhook channel. Fields may be added. Meanings change only with `version`.

    One check of one model sends one message. `alerts` lists every alert that the check changed and that the channel
    wants. `alert` is the first of them, the most severe, and the fields of the event belong to it.
    """

    version: Literal[1] = 1
    event_id: str = Field(description=EVENT_ID)
    event: WebhookEvent
    at: UtcTime
    organization_id: str
    model_id: str
    model_name: str
    severity: Severity
    previous_severity: Severity | None = Field(description=PREVIOUS)
    reason: ResolveReason | None = Field(description=REASON)
    note: str | None = Field(description=NOTE)
    text: str = Field(description="A human-readable summary of the whole message.")
    alert: WebhookAlert = Field(description="The most severe alert. Open alerts come before resolved alerts.")
    alerts: list[ChangedAlert] = Field(description="All alerts of the message. The first is `alert`.")


def render(news: AlertNews, *, public_url: str) -> WebhookMessage:
    """The request body for a message. The same message always gives the same body."""
    letter = describe_all(news, public_url)
    events = changes_in(news)
    alerts = [_changed(event, part, public_url) for event, part in zip(events, letter.parts, strict=True)]
    fields = events[0].model_dump(mode="json", exclude={"kind", "alert"})
    text = f"{letter.news}: {letter.lead}"
    return WebhookMessage.model_validate(
        {**fields, "event": events[0].kind, "text": text, "alert": alerts[0], "alerts": alerts}
    )


def _changed(event: AlertEvent, part: Content, public_url: str) -> dict[str, Any]:
    return {
        **event.alert.model_dump(mode="json"),
        "dashboard_url": dashboard_url(public_url, event.alert.id),
        **event.model_dump(mode="json", include={"event_id", "previous_severity", "reason", "note"}),
        "event": event.kind,
        "text": f"{part.news}: {part.lead}",
    }


def headers(message: WebhookMessage, body: bytes, secret: str | None, now: datetime) -> dict[str, str]:
    """The request headers: the event, the time of sending, and the signature if there is a secret."""
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
