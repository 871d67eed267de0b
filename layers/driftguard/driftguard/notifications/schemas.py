"""Alert channels, as clients see them and as they are stored."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Annotated, Any, Literal, Self

import email_validator
from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from driftguard.alerts.events import EventKind
from driftguard.alerts.schemas import Severity, severity_rank
from driftguard.notifications.addresses import MAX_URL, check_url
from driftguard.platform.serialization import Name, Wire
from driftguard.platform.times import UtcTime

MASK = "****"

ChannelType = Literal["email", "slack", "webhook", "pagerduty", "teams"]

PAGERDUTY_HOSTS = {"us": "events.pagerduty.com", "eu": "events.eu.pagerduty.com"}
"""PagerDuty's service regions; an account lives in one of them."""

# A company's own mail server may well be under `.local` or `.test`; whether mail arrives, the test message tells.
email_validator.SPECIAL_USE_DOMAIN_NAMES.clear()


def _email_address(text: str) -> str:
    try:
        address = email_validator.validate_email(
            text, check_deliverability=False, allow_smtputf8=False, globally_deliverable=False
        )
    except email_validator.EmailNotValidError as error:
        raise ValueError(str(error)) from None
    return address.ascii_email or address.normalized


def _webhook_url(url: str) -> str:
    if MASK in url:
        raise ValueError("is masked; send the whole URL, or leave it out to keep it")
    check_url(url)
    return url


def _secret(text: str) -> str:
    if text == MASK:
        raise ValueError("is masked; send the whole secret, or leave it out to keep it")
    if not text.isprintable():
        raise ValueError("must not hold control characters")
    return text


def _routing_key(text: str) -> str:
    if text == MASK:
        raise ValueError("is masked; send the whole key, or leave it out to keep it")
    if not (len(text) == 32 and text.isascii() and text.isalnum()):
        raise ValueError("must be the integration key of PagerDuty's Events API v2: 32 letters and digits")
    return text


def _distinct[T](values: list[T]) -> list[T]:
    if len(set(values)) != len(values):
        raise ValueError("must not name anything twice")
    return values


EmailAddress = Annotated[str, StringConstraints(max_length=320, strict=True), AfterValidator(_email_address)]
WebhookUrl = Annotated[str, StringConstraints(max_length=MAX_URL, strict=True), AfterValidator(_webhook_url)]
Secret = Annotated[
    str,
    StringConstraints(min_length=1, max_length=256, strict=True),
    AfterValidator(_secret),
    Field(description="Signs each message, by HMAC-SHA256."),
]
RoutingKey = Annotated[
    str,
    StringConstraints(max_length=64, strict=True),
    AfterValidator(_routing_key),
    Field(description="The integration key of PagerDuty's Events API v2."),
]
Recipients = Annotated[
    list[EmailAddress],
    Field(min_length=1, max_length=50, description="Addresses; each gets a message of its own."),
    AfterValidator(_distinct),
]
ModelId = Annotated[str, StringConstraints(min_length=1, max_length=128, strict=True)]
ModelIds = Annotated[
    list[ModelId],
    Field(min_length=1, max_length=100, description="Only these models' alerts; those of all models when absent."),
    AfterValidator(_distinct),
]
MinSeverity = Annotated[Severity, Field(description="What is less severe is not sent.")]
Flag = Annotated[bool, Field(strict=True, description="Whether anything is sent to it.")]


class NewChannel(Wire):
    """What the channels of every type have in common."""

    # A webhook's URL is a secret, and errors find their way into logs.
    model_config = ConfigDict(hide_input_in_errors=True)

    name: Name | None = None
    enabled: Flag = True
    min_severity: MinSeverity = "MEDIUM"
    model_ids: ModelIds | None = None

    def wants(self, kind: EventKind, model_id: str, severity: Severity) -> bool:
        """Whether an event of this kind, model and severity goes through the channel; people who acknowledge need no
        message of it, PagerDuty stops calling others."""
        return (
            self.enabled
            and (kind != "acknowledged" or isinstance(self, NewPagerDutyChannel))
            and severity_rank(severity) >= severity_rank(self.min_severity)
            and (self.model_ids is None or model_id in self.model_ids)
        )


class NewEmailChannel(NewChannel):
    """E-mail to up to 50 addresses, to each a message of its own."""

    type: Literal["email"]
    to: Recipients


class NewSlackChannel(NewChannel):
    """Slack by an incoming webhook."""

    type: Literal["slack"]
    webhook_url: WebhookUrl


class NewWebhookChannel(NewChannel):
    """A webhook of one's own: JSON by a published schema, signed with the secret where there is one."""

    type: Literal["webhook"]
    url: WebhookUrl
    secret: Secret | None = None


class NewPagerDutyChannel(NewChannel):
    """A service of PagerDuty, by the integration key of its Events API v2."""

    type: Literal["pagerduty"]
    routing_key: RoutingKey
    region: Literal["us", "eu"] = "us"


class NewTeamsChannel(NewChannel):
    """A channel or chat of Microsoft Teams, by the URL of a workflow that posts what it is sent."""

    type: Literal["teams"]
    webhook_url: WebhookUrl


type ChannelSettings = NewEmailChannel | NewSlackChannel | NewWebhookChannel | NewPagerDutyChannel | NewTeamsChannel


def _plain_places(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    """Errors with the places that a client wrote, without the type that pydantic puts in between."""
    try:
        return validate(value)
    except ValidationError as error:
        raise ValidationError.from_exception_data(
            "channel", [_plain_place(entry) for entry in error.errors()]
        ) from None


def _plain_place(entry: ErrorDetails) -> InitErrorDetails:
    message, place = entry["msg"].removeprefix("Value error, "), entry["loc"][1:]
    if entry["type"] in ("union_tag_invalid", "union_tag_not_found"):
        message, place = "must be email, slack, webhook, pagerduty or teams", ("type",)
    return {"type": PydanticCustomError(entry["type"], "{message}", {"message": message}), "loc": place, "input": None}


AnyNewChannel = Annotated[
    Annotated[
        NewEmailChannel | NewSlackChannel | NewWebhookChannel | NewPagerDutyChannel | NewTeamsChannel,
        Field(discriminator="type"),
    ],
    WrapValidator(_plain_places),
]
NEW_CHANNEL: TypeAdapter[ChannelSettings] = TypeAdapter(AnyNewChannel)


class ChannelPatch(Wire):
    """A change: what is absent stays, null restores a default. The type of a channel cannot change."""

    type: ChannelType | None = None
    name: Name | None = None
    enabled: Flag | None = None
    min_severity: MinSeverity | None = None
    model_ids: ModelIds | None = None
    to: Recipients | None = None
    webhook_url: WebhookUrl | None = None
    url: WebhookUrl | None = None
    secret: Secret | None = None
    routing_key: RoutingKey | None = None
    region: Literal["us", "eu"] | None = None


class ChannelHealth(Wire):
    """Whether messages arrive. A channel is `unhealthy` once its provider refuses for good or every attempt at a
    message was spent; the next message that arrives, or a change of the channel, makes it `ok` again."""

    status: Literal["ok", "unhealthy"] = "ok"
    reason: str | None = None
    since: UtcTime | None = None


def _is_absent(value: object) -> bool:
    return value is None


class _Shown(Wire):
    id: str
    name: str
    enabled: bool
    min_severity: Severity
    model_ids: list[str] | None = Field(default=None, exclude_if=_is_absent, description="Absent for all models.")
    health: ChannelHealth
    created_at: UtcTime
    updated_at: UtcTime


class EmailChannel(_Shown):
    """An e-mail channel."""

    type: Literal["email"]
    to: list[str]


class SlackChannel(_Shown):
    """A Slack channel; its webhook is a secret and comes masked."""

    type: Literal["slack"]
    webhook_url: str


class WebhookChannel(_Shown):
    """A webhook of one's own; its URL is a secret too, and `secret` is there, masked, when messages are signed."""

    type: Literal["webhook"]
    url: str
    secret: str | None = Field(default=None, exclude_if=_is_absent, description="Absent when messages are not signed.")


class PagerDutyChannel(_Shown):
    """A service of PagerDuty; its integration key comes masked."""

    type: Literal["pagerduty"]
    routing_key: str
    region: Literal["us", "eu"]


class TeamsChannel(_Shown):
    """A workflow of Microsoft Teams; its URL is a secret and comes masked."""

    type: Literal["teams"]
    webhook_url: str


Channel = Annotated[
    EmailChannel | SlackChannel | WebhookChannel | PagerDutyChannel | TeamsChannel, Field(discriminator="type")
]


class TestResult(Wire):
    """A test message has arrived; `detail` is the provider's message id or answer."""

    __test__ = False

    delivered: bool
    detail: str | None = None


@dataclass(frozen=True)
class StoredChannel:
    """A channel with its id and whose it is; `settings` is what its owner gave, secrets included."""

    id: str
    organization_id: str
    settings: ChannelSettings
    created_at: datetime
    updated_at: datetime
    health: ChannelHealth = field(default_factory=ChannelHealth)

    def __repr__(self) -> str:
        return f"<{self.settings.type} channel {self.id}>"

    @property
    def name(self) -> str:
        """The name given, or one that says what it is."""
        settings = self.settings
        if settings.name:
            return settings.name
        match settings:
            case NewEmailChannel():
                return f"E-mail to {settings.to[0]}"
            case NewWebhookChannel():
                return f"Webhook at {check_url(settings.url).host}"
        return {"slack": "Slack", "pagerduty": "PagerDuty", "teams": "Microsoft Teams"}[settings.type]

    @property
    def targets(self) -> Sequence[str]:
        """What gets a message of its own: each address of an e-mail channel; of others the channel itself."""
        return self.settings.to if self.settings.type == "email" else [self.settings.type]

    def changed(self, settings: ChannelSettings, now: datetime) -> Self:
        """The channel with other settings, which have yet to fail."""
        return replace(self, settings=settings, updated_at=now, health=ChannelHealth())

    def shown(self) -> EmailChannel | SlackChannel | WebhookChannel | PagerDutyChannel | TeamsChannel:
        """The channel without its secrets."""
        settings = self.settings
        common: dict[str, Any] = {
            "id": self.id,
            "name": self.name,
            "enabled": settings.enabled,
            "min_severity": settings.min_severity,
            "model_ids": settings.model_ids,
            "health": self.health,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
        }
        match settings:
            case NewEmailChannel():
                return EmailChannel(type="email", to=settings.to, **common)
            case NewSlackChannel():
                return SlackChannel(type="slack", webhook_url=masked(settings.webhook_url), **common)
            case NewTeamsChannel():
                return TeamsChannel(type="teams", webhook_url=masked(settings.webhook_url), **common)
            case NewWebhookChannel():
                secret = None if settings.secret is None else MASK
                return WebhookChannel(type="webhook", url=masked(settings.url), secret=secret, **common)
            case NewPagerDutyChannel():
                return PagerDutyChannel(type="pagerduty", routing_key=MASK, region=settings.region, **common)


def masked(url: str) -> str:
    """A URL of which only the host can be read."""
    return f"https://{check_url(url).host}/{MASK}"
