"""What all channel types share: settings, the view that the API returns, and the requests they send."""

import json
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal, TypedDict
from urllib.parse import urlsplit

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, ValidationInfo

from driftguard.alerts.events import AlertEvent, AlertNews, EventKind, news_of
from driftguard.alerts.schemas import AlertType, Severity, severity_rank
from driftguard.notifications.addresses import MAX_URL, check_url
from driftguard.notifications.messages import ChannelNotice, Message
from driftguard.platform.serialization import Name, Wire
from driftguard.platform.times import UtcTime

MASK = "****"

type NotifierName = Literal["email", "slack", "webhook"]
"""The functions that send: `notify_<name>`."""


@dataclass(frozen=True)
class Post:
    """A request to a provider. `url` and `secrets` are masked in everything that is recorded or logged."""

    url: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    secrets: Sequence[str] = ()


def encode(payload: Mapping[str, Any]) -> bytes:
    """JSON in UTF-8. Raises ValueError for NaN, which providers cannot parse."""
    return json.dumps(payload, ensure_ascii=False, allow_nan=False).encode()


def masked(url: str) -> str:
    """The URL with everything after the host replaced by the mask."""
    return f"https://{host(url)}/{MASK}"


def host(url: str) -> str:
    """The host of a stored URL, which later rules may refuse."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def still_masked(what: str) -> ValueError:
    """The error for a masked value that a client sent back."""
    return ValueError(f"this {what} is masked; send the full {what}, or omit the field to keep the current {what}")


STORED = {"stored": True}
"""The validation context for settings from the table. Rules that were made since are left to the sender, which refuses
that channel's messages. A channel that could not be read would keep all channels of its organization from reading."""


def is_stored(info: ValidationInfo) -> bool:
    """Whether the settings come from the table."""
    return bool(info.context and info.context.get("stored"))


def _webhook_url(url: str, info: ValidationInfo) -> str:
    if is_stored(info):
        return url
    if MASK in url:
        raise still_masked("URL")
    check_url(url)
    return url


def distinct[T](values: list[T]) -> list[T]:
    """The values. Raises ValueError for duplicates."""
    if len(set(values)) != len(values):
        raise ValueError("must not contain duplicates")
    return values


WebhookUrl = Annotated[str, StringConstraints(max_length=MAX_URL, strict=True), AfterValidator(_webhook_url)]
ModelId = Annotated[str, StringConstraints(min_length=1, max_length=128, strict=True)]
ModelIds = Annotated[
    list[ModelId],
    Field(min_length=1, max_length=100, description="Send alerts of these models only. Omit for all models."),
    AfterValidator(distinct),
]
AlertTypes = Annotated[
    list[AlertType],
    Field(min_length=1, description="Send alerts of these types only. Omit for all types."),
    AfterValidator(distinct),
]
MinSeverity = Annotated[Severity, Field(description="Alerts below this severity are not sent.")]
Flag = Annotated[bool, Field(strict=True, description="Whether alerts are sent to this channel.")]


class ChannelHealth(Wire):
    """Whether messages arrive. A channel becomes `unhealthy` when its provider permanently refuses a message or every
    attempt at one message has failed. The next delivered message, or a change of the channel, makes it `ok` again."""

    status: Literal["ok", "unhealthy"] = "ok"
    reason: str | None = None
    since: UtcTime | None = None


class Common(TypedDict):
    """The fields that the API shows for channels of every type."""

    id: str
    name: str
    enabled: bool
    min_severity: Severity
    model_ids: list[str] | None
    alert_types: list[AlertType] | None
    health: ChannelHealth
    created_at: datetime
    updated_at: datetime


def is_absent(value: object) -> bool:
    """Whether a field is left out of a response."""
    return value is None


class ShownChannel(Wire):
    """The part of a response that channels of every type share."""

    id: str
    name: str
    enabled: bool
    min_severity: Severity
    model_ids: list[str] | None = Field(default=None, exclude_if=is_absent, description="Absent for all models.")
    alert_types: list[AlertType] | None = Field(
        default=None, exclude_if=is_absent, description="Absent for all types of alerts."
    )
    health: ChannelHealth
    created_at: UtcTime
    updated_at: UtcTime


class NewChannel(Wire):
    """The settings of one channel, secrets included. Each channel type is a subclass in a file of its own.

    notifier: the function that sends to channels of this type.
    event_kinds: the kinds of events that are sent.
    one_message: whether the events of one check are one message. Otherwise each event is a message.
    closed_by_resolved: whether events that arrive after "resolved" must be dropped, because they would reopen what
    "resolved" closed at the provider.
    """

    # A webhook's URL is a secret, and errors find their way into logs.
    model_config = ConfigDict(hide_input_in_errors=True)

    notifier: ClassVar[NotifierName] = "webhook"
    event_kinds: ClassVar[frozenset[EventKind]] = frozenset({"opened", "escalated", "repeated", "resolved", "test"})
    one_message: ClassVar[bool] = True
    closed_by_resolved: ClassVar[bool] = False

    name: Name | None = None
    enabled: Flag = True
    min_severity: MinSeverity = "MEDIUM"
    model_ids: ModelIds | None = None
    alert_types: AlertTypes | None = None
    type: str

    def wants(self, kind: EventKind, model_id: str, severity: Severity, alert_type: AlertType) -> bool:
        """Whether an event of this kind, model, severity and alert type is sent to the channel."""
        return (
            self.enabled
            and kind in self.event_kinds
            and severity_rank(severity) >= severity_rank(self.min_severity)
            and (self.model_ids is None or model_id in self.model_ids)
            and (self.alert_types is None or alert_type in self.alert_types)
        )

    def messages(self, events: Sequence[AlertEvent]) -> list[AlertNews]:
        """The messages to this channel about the events of one check: one message for all events that it wants."""
        seen = [event.seen_from(self.min_severity) for event in events]
        wanted = [
            event
            for event in seen
            if event is not None and self.wants(event.kind, event.model_id, event.severity, event.alert.alert_type)
        ]
        if self.one_message:
            return [news_of(wanted)] if wanted else []
        return [news_of([event]) for event in wanted]

    @property
    @abstractmethod
    def default_name(self) -> str:
        """The name of a channel that was created without a name."""

    @property
    def targets(self) -> Sequence[str]:
        """The recipients that each get their own message. By default the channel itself, named by its type."""
        return [self.type]

    @property
    def custom_url(self) -> tuple[str, str] | None:
        """The name and the value of the field with the URL that requests go to; None when the owner chooses none."""
        return None

    @abstractmethod
    def shown(self, common: Common) -> ShownChannel:
        """What the API returns for the channel. Secrets are masked."""

    @abstractmethod
    def posts(self, news: AlertNews, *, public_url: str, now: datetime) -> list[Post]:
        """The requests for a message, in order. Raises TypeError when the type does not use HTTP."""


@dataclass(frozen=True)
class StoredChannel[Settings: NewChannel = NewChannel]:
    """A channel with its id and its organization."""

    id: str
    organization_id: str
    settings: Settings
    created_at: datetime
    updated_at: datetime
    health: ChannelHealth = field(default_factory=ChannelHealth)

    def __repr__(self) -> str:
        return f"<{self.settings.type} channel {self.id}>"

    @property
    def name(self) -> str:
        """The given name, or the default name of its type."""
        return self.settings.name or self.settings.default_name

    @property
    def common(self) -> Common:
        """The fields that the API shows for every type."""
        return {
            "id": self.id,
            "name": self.name,
            "enabled": self.settings.enabled,
            "min_severity": self.settings.min_severity,
            "model_ids": self.settings.model_ids,
            "alert_types": self.settings.alert_types,
            "health": self.health,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
        }

    def posts(self, message: Message, *, public_url: str, now: datetime) -> list[Post]:
        """The requests for a message, in order. Raises TypeError for a notice, or if the channel does not use HTTP."""
        if isinstance(message, ChannelNotice):
            raise TypeError("notices are sent by e-mail only")
        return self.settings.posts(message, public_url=public_url, now=now)
