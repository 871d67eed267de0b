"""Alert channels: made, listed, changed, deleted and tried by their organization."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from driftguard.models.tables import Models
from driftguard.notifications.addresses import Refused, Resolver, check_url, pin
from driftguard.notifications.schemas import (
    NEW_CHANNEL,
    AnyNewChannel,
    Channel,
    ChannelPatch,
    NewSlackChannel,
    NewTeamsChannel,
    NewWebhookChannel,
    StoredChannel,
    TestResult,
)
from driftguard.notifications.tables import Channels, Deliveries
from driftguard.platform.dynamodb import ConditionFailed
from driftguard.platform.errors import BadGateway, Conflict, Invalid, NotFound
from driftguard.platform.ids import new_id
from driftguard.platform.paging import Page, decode_key, encode_cursor
from driftguard.platform.serialization import field_errors


def find(organization_id: str, channel_id: str) -> StoredChannel:
    """The organization's channel. Raises NotFound, for another organization's channel too."""
    channel = Channels.one(organization_id, channel_id)
    if channel is None:
        raise NotFound("There is no such alert channel.")
    return channel


def create(organization_id: str, body: AnyNewChannel, *, resolve: Resolver, now: datetime) -> Channel:
    """Make a channel. Raises Invalid for models that are not the organization's and for hosts that are private."""
    _check(organization_id, body, resolve)
    channel = StoredChannel(new_id(now), organization_id, body, now, now)
    Channels.add(channel)
    return channel.shown()


def page(organization_id: str, cursor: str | None, limit: int) -> Page[Channel]:
    """The organization's channels, newest first."""
    before = decode_key("channels", organization_id, cursor)
    found = Channels.newest(organization_id, before, limit)
    following = encode_cursor("channels", organization_id, found[-1].id) if len(found) == limit else None
    return Page(
        [channel.shown() for channel in found],
        following,
        lambda channel: encode_cursor("channels", organization_id, channel.id),
    )


def change(organization_id: str, channel_id: str, patch: ChannelPatch, *, resolve: Resolver, now: datetime) -> Channel:
    """Change a channel: what is absent stays, null restores a default. Raises NotFound, Invalid, and Conflict when
    somebody else changed it at the same moment."""
    before = find(organization_id, channel_id)
    given = patch.model_dump(exclude_unset=True)
    if given.get("type", before.settings.type) != before.settings.type:
        raise Invalid.at(["body", "type"], "a channel's type cannot change; make a new channel")
    merged = {**before.settings.model_dump(exclude_unset=True), **given, "type": before.settings.type}
    try:
        settings = NEW_CHANNEL.validate_python({name: value for name, value in merged.items() if value is not None})
    except ValidationError as error:
        raise Invalid(
            [{"loc": ["body", *entry["loc"]], "msg": entry["msg"]} for entry in field_errors(error.errors())]
        ) from None
    _check(organization_id, settings, resolve, before.settings.model_ids or [])
    channel = before.changed(settings, now)
    try:
        Channels.replace(channel, before)
    except ConditionFailed:
        raise Conflict("The channel was changed by somebody else at the same moment.", retry_after=1) from None
    return channel.shown()


def delete(organization_id: str, channel_id: str) -> None:
    """Delete a channel, and what nobody would find without it. Raises NotFound."""
    find(organization_id, channel_id)
    Deliveries.forget_notices(channel_id)
    Channels.remove(organization_id, channel_id)


def try_out(organization_id: str, channel_id: str, *, function_of: Callable[[str], str], client: Any) -> TestResult:
    """Send a test message through the very function that sends alerts, and wait for what the provider says.

    function_of: a channel type to the name of its notify function. client: boto3's Lambda client. Raises NotFound, and
    BadGateway with the provider's own error.
    """
    channel = find(organization_id, channel_id)
    payload = {"test": {"organization_id": organization_id, "channel_id": channel_id}}
    answer = client.invoke(FunctionName=function_of(channel.settings.type), Payload=json.dumps(payload).encode())
    result = json.loads(answer["Payload"].read() or b"null")
    if answer.get("FunctionError") or not isinstance(result, dict):
        raise BadGateway("The test message could not be sent: the sender failed; its log says why.")
    if not result.get("delivered"):
        raise BadGateway(f"The test message was not delivered: {result.get('detail')}")
    return TestResult(delivered=True, detail=result.get("detail"))


def _check(organization_id: str, body: AnyNewChannel, resolve: Resolver, known: Sequence[str] = ()) -> None:
    """What the body alone cannot tell: whose models, and where the webhook's host leads. Models that the channel had
    before (`known`) may have been deleted since.

    A host that is not known (yet) is let through: nothing can be sent there, and before each sending it is looked at
    again.
    """
    for index, model_id in enumerate(body.model_ids or []):
        if model_id not in known and Models.one(organization_id, model_id) is None:
            raise Invalid.at(["body", "model_ids", index], "there is no such model")
    match body:
        case NewSlackChannel() | NewTeamsChannel():
            place, url = "webhook_url", body.webhook_url
        case NewWebhookChannel():
            place, url = "url", body.url
        case _:
            return
    try:
        pin(check_url(url), resolve)
    except Refused as error:
        raise Invalid.at(["body", place], str(error)) from None
    except OSError:
        return
