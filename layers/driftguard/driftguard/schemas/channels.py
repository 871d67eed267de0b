"""Alert channels, as clients see them and as they are stored."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, Self

import email_validator
from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_serializer,
)
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from driftguard.notifications.addresses import MAX_URL, check_url
from driftguard.schemas.alerts import Severity, severity_rank
from driftguard.schemas.base import Name, Wire
from driftguard.times import UtcTime

MASK = "****"

ChannelType = Literal["email", "slack"]

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


def _distinct[T](values: list[T]) -> list[T]:
    if len(set(values)) != len(values):
        raise ValueError("must not name anything twice")
    return values


EmailAddress = Annotated[str, StringConstraints(max_length=320, strict=True), AfterValidator(_email_address)]
WebhookUrl = Annotated[str, StringConstraints(max_length=MAX_URL, strict=True), AfterValidator(_webhook_url)]
Recipients = Annotated[list[EmailAddress], Field(min_length=1, max_length=50), AfterValidator(_distinct)]
ModelId = Annotated[str, StringConstraints(min_length=1, max_length=128, strict=True)]
ModelIds = Annotated[list[ModelId], Field(min_length=1, max_length=100), AfterValidator(_distinct)]
Flag = Annotated[bool, Field(strict=True)]


class NewChannel(Wire):
    """What the channels of every type have in common.

    model_ids: absent for all models, otherwise not empty. min_severity: what is less severe is not sent.
    """

    # A webhook's URL is a secret, and errors find their way into logs.
    model_config = ConfigDict(hide_input_in_errors=True)

    name: Name | None = None
    enabled: Flag = True
    min_severity: Severity = "MEDIUM"
    model_ids: ModelIds | None = None

    def wants(self, model_id: str, severity: Severity) -> bool:
        """Whether an event of this model and severity goes through the channel."""
        return (
            self.enabled
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
        message, place = "must be email or slack", ("type",)
    return {"type": PydanticCustomError("channel", "{message}", {"message": message}), "loc": place, "input": None}


AnyNewChannel = Annotated[
    Annotated[NewEmailChannel | NewSlackChannel, Field(discriminator="type")], WrapValidator(_plain_places)
]
NEW_CHANNEL: TypeAdapter[NewEmailChannel | NewSlackChannel] = TypeAdapter(AnyNewChannel)


class ChannelPatch(Wire):
    """A change: what is absent stays, null restores a default. The type of a channel cannot change."""

    type: ChannelType | None = None
    name: Name | None = None
    enabled: Flag | None = None
    min_severity: Severity | None = None
    model_ids: ModelIds | None = None
    to: Recipients | None = None
    webhook_url: WebhookUrl | None = None


class _Shown(Wire):
    id: str
    name: str
    enabled: bool
    min_severity: Severity
    model_ids: list[str] | None = None
    created_at: UtcTime
    updated_at: UtcTime

    @model_serializer(mode="wrap")
    def _leave_out_what_is_absent(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in serialize(self).items() if name != "model_ids" or value is not None}


class EmailChannel(_Shown):
    """An e-mail channel."""

    type: Literal["email"]
    to: list[str]


class SlackChannel(_Shown):
    """A Slack channel; its webhook is a secret and comes masked."""

    type: Literal["slack"]
    webhook_url: str


Channel = Annotated[EmailChannel | SlackChannel, Field(discriminator="type")]


class TestResult(Wire):
    """A test message has arrived; `detail` is the provider's message id or answer."""

    __test__ = False

    delivered: bool
    detail: str | None = None


class StoredChannel:
    """A channel with its id and whose it is; `settings` is what its owner gave, secrets included."""

    def __init__(
        self,
        channel_id: str,
        organization_id: str,
        settings: NewEmailChannel | NewSlackChannel,
        created_at: datetime,
        updated_at: datetime,
    ) -> None:
        self.id = channel_id
        self.organization_id = organization_id
        self.settings = settings
        self.created_at = created_at
        self.updated_at = updated_at

    def __repr__(self) -> str:
        return f"<{self.settings.type} channel {self.id}>"

    @property
    def name(self) -> str:
        """The name given, or one that says what it is."""
        if self.settings.name:
            return self.settings.name
        return "Slack" if self.settings.type == "slack" else f"E-mail to {self.settings.to[0]}"

    @property
    def targets(self) -> Sequence[str]:
        """What gets a message of its own: each address of an e-mail channel; of others the channel itself."""
        return self.settings.to if self.settings.type == "email" else ["webhook"]

    def changed(self, settings: NewEmailChannel | NewSlackChannel, now: datetime) -> Self:
        """The channel with other settings."""
        return type(self)(self.id, self.organization_id, settings, self.created_at, now)

    def shown(self) -> EmailChannel | SlackChannel:
        """The channel without its secrets."""
        common: dict[str, Any] = {
            "id": self.id,
            "name": self.name,
            "enabled": self.settings.enabled,
            "min_severity": self.settings.min_severity,
            "model_ids": self.settings.model_ids,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
        }
        if self.settings.type == "email":
            return EmailChannel(type="email", to=self.settings.to, **common)
        return SlackChannel(type="slack", webhook_url=masked(self.settings.webhook_url), **common)


def masked(url: str) -> str:
    """A URL of which only the host can be read."""
    return f"https://{check_url(url).host}/{MASK}"
