"""What the API accepts and returns for alert channels: the unions of all channel types."""

from typing import Annotated, Any, Literal, get_args

from pydantic import Field, TypeAdapter, ValidationError, ValidatorFunctionWrapHandler, WrapValidator
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from driftguard.notifications.providers.base import AlertTypes, Flag, MinSeverity, ModelIds, StoredChannel, WebhookUrl
from driftguard.notifications.providers.email import EmailChannel, NewEmailChannel, Recipients
from driftguard.notifications.providers.pagerduty import NewPagerDutyChannel, PagerDutyChannel, Region, RoutingKey
from driftguard.notifications.providers.slack import NewSlackChannel, SlackChannel
from driftguard.notifications.providers.teams import NewTeamsChannel, TeamsChannel
from driftguard.notifications.providers.webhook import NewWebhookChannel, Secret, WebhookChannel
from driftguard.platform.serialization import Name, Wire

ChannelType = Literal["email", "slack", "webhook", "pagerduty", "teams"]

type ChannelSettings = NewEmailChannel | NewSlackChannel | NewWebhookChannel | NewPagerDutyChannel | NewTeamsChannel

type AnyStoredChannel = StoredChannel[ChannelSettings]


def _plain_places(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    """Remove the channel type, which pydantic inserts, from the place of each error. Clients did not write it."""
    try:
        return validate(value)
    except ValidationError as error:
        raise ValidationError.from_exception_data(
            "channel", [_plain_place(entry) for entry in error.errors()]
        ) from None


def _plain_place(entry: ErrorDetails) -> InitErrorDetails:
    message, place = entry["msg"].removeprefix("Value error, "), entry["loc"][1:]
    if entry["type"] in ("union_tag_invalid", "union_tag_not_found"):
        *others, last = get_args(ChannelType)
        message, place = f"must be {', '.join(others)} or {last}", ("type",)
    return {"type": PydanticCustomError(entry["type"], "{message}", {"message": message}), "loc": place, "input": None}


AnyNewChannel = Annotated[
    Annotated[
        NewEmailChannel | NewSlackChannel | NewWebhookChannel | NewPagerDutyChannel | NewTeamsChannel,
        Field(discriminator="type"),
    ],
    WrapValidator(_plain_places),
]
NEW_CHANNEL: TypeAdapter[ChannelSettings] = TypeAdapter(AnyNewChannel)

Channel = Annotated[
    EmailChannel | SlackChannel | WebhookChannel | PagerDutyChannel | TeamsChannel, Field(discriminator="type")
]


class ChannelPatch(Wire):
    """A change of a channel. Omitted fields stay as they are, null restores the default. The type cannot change."""

    type: ChannelType | None = None
    name: Name | None = None
    enabled: Flag | None = None
    min_severity: MinSeverity | None = None
    model_ids: ModelIds | None = None
    alert_types: AlertTypes | None = None
    to: Recipients | None = None
    webhook_url: WebhookUrl | None = None
    url: WebhookUrl | None = None
    secret: Secret | None = None
    routing_key: RoutingKey | None = None
    region: Region | None = None


class TestResult(Wire):
    """The result of a test message. `detail` is the provider's message id or answer."""

    __test__ = False

    delivered: bool
    detail: str | None = None
