"""What the API does with alert channels: create, list, change, delete and test them."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from driftguard.models.activity import ActivityKind, Change
from driftguard.models.tables import Models
from driftguard.notifications.addresses import Refused, Resolver, check_url, pin
from driftguard.notifications.deliveries import Deliveries
from driftguard.notifications.messages import TestRequest
from driftguard.notifications.providers.base import ChannelHealth, StoredChannel
from driftguard.notifications.schemas import (
    NEW_CHANNEL,
    AnyNewChannel,
    AnyStoredChannel,
    Channel,
    ChannelPatch,
    ChannelSettings,
    TestResult,
)
from driftguard.notifications.tables import Channels
from driftguard.platform.errors import BadGateway, Conflict, Invalid, NotFound
from driftguard.platform.ids import new_id
from driftguard.platform.paging import Page, decode_key, encode_cursor
from driftguard.platform.retries import ConditionFailed
from driftguard.platform.serialization import field_errors


def shown(channel: AnyStoredChannel) -> Channel:
    """The channel as the API returns it, with its secrets masked."""
    return channel.settings.shown(channel.common)


def find(organization_id: str, channel_id: str) -> AnyStoredChannel:
    """The organization's channel. Raises NotFound for an unknown id and for a channel of another organization."""
    channel = Channels.one(organization_id, channel_id)
    if channel is None:
        raise NotFound("There is no such alert channel.")
    return channel


def create(organization_id: str, body: AnyNewChannel, *, resolve: Resolver, now: datetime, actor: str) -> Channel:
    """Create a channel. Raises Invalid for models of other organizations and for private hosts."""
    _check(organization_id, body, resolve)
    channel: AnyStoredChannel = StoredChannel(new_id(now), organization_id, body, now, now)
    Channels.add(channel, _change(channel, "channel_created", now, actor, {"type": body.type}))
    return shown(channel)


def page(organization_id: str, cursor: str | None, limit: int) -> Page[Channel]:
    """The organization's channels, newest first."""
    before = decode_key("channels", organization_id, cursor)
    found = Channels.newest(organization_id, before, limit)
    following = encode_cursor("channels", organization_id, found[-1].id) if len(found) == limit else None
    return Page(
        [shown(channel) for channel in found],
        following,
        lambda channel: encode_cursor("channels", organization_id, channel.id),
    )


def change(
    organization_id: str, channel_id: str, patch: ChannelPatch, *, resolve: Resolver, now: datetime, actor: str
) -> Channel:
    """Change a channel. Omitted fields stay as they are, null restores a default.

    Raises NotFound, Invalid, and Conflict when somebody else changed the channel at the same moment.
    """
    before = find(organization_id, channel_id)
    given = patch.model_dump(exclude_unset=True)
    if given.get("type", before.settings.type) != before.settings.type:
        raise Invalid.at(["body", "type"], "the type of a channel cannot change; create a new channel instead")
    merged = {**before.settings.model_dump(exclude_unset=True), **given, "type": before.settings.type}
    try:
        settings = NEW_CHANNEL.validate_python({name: value for name, value in merged.items() if value is not None})
    except ValidationError as error:
        raise Invalid(
            [{"loc": ["body", *entry["loc"]], "msg": entry["msg"]} for entry in field_errors(error.errors())]
        ) from None
    _check(organization_id, settings, resolve, before.settings.model_ids or [])
    channel = replace(before, settings=settings, updated_at=now, health=ChannelHealth())
    old, new = before.settings.model_dump(), settings.model_dump()
    details = {"fields": sorted(name for name in given if old.get(name) != new.get(name))}
    try:
        Channels.replace(channel, before, _change(channel, "channel_changed", now, actor, details))
    except ConditionFailed:
        raise Conflict("Somebody else changed the channel at the same moment. Try again.", retry_after=1) from None
    return shown(channel)


def delete(organization_id: str, channel_id: str, *, now: datetime, actor: str) -> None:
    """Delete a channel and its notices, which nobody could find without it. Raises NotFound."""
    channel = find(organization_id, channel_id)
    Deliveries.forget_notices(channel_id)
    details = {"type": channel.settings.type}
    Channels.remove(organization_id, channel_id, _change(channel, "channel_deleted", now, actor, details))


def _change(
    channel: AnyStoredChannel, action: ActivityKind, now: datetime, actor: str, details: dict[str, Any]
) -> Change:
    """Return the record of a change. Values are left out, because addresses of webhooks are secrets."""
    return Change(channel.organization_id, actor, action, channel.id, now, details={"name": channel.name, **details})


def try_out(organization_id: str, channel_id: str, *, function_of: Callable[[str], str], client: Any) -> TestResult:
    """Send a test message through the function that sends alerts, and wait for the provider's answer.

    function_of: returns the name of the Lambda function of a notifier. client: boto3's Lambda client. Raises NotFound,
    and BadGateway with the provider's own error.
    """
    channel = find(organization_id, channel_id)
    payload = {"test": TestRequest(organization_id=organization_id, channel_id=channel_id).model_dump()}
    answer = client.invoke(FunctionName=function_of(channel.settings.notifier), Payload=json.dumps(payload).encode())
    result = json.loads(answer["Payload"].read() or b"null")
    if answer.get("FunctionError") or not isinstance(result, dict):
        raise BadGateway(
            "The test message could not be sent because the sending function failed. Its log has the reason."
        )
    if not result.get("delivered"):
        raise BadGateway(f"The test message was not delivered: {result.get('detail')}")
    return TestResult(delivered=True, detail=result.get("detail"))


def _check(organization_id: str, body: ChannelSettings, resolve: Resolver, known: Sequence[str] = ()) -> None:
    """Check what the body alone cannot show: who owns the models, and where the webhook's host leads.

    known: models that the channel had before. They may have been deleted since. An unknown host is accepted: nothing
    can be sent there, and the host is checked again before each message.
    """
    for index, model_id in enumerate(body.model_ids or []):
        if model_id not in known and Models.one(organization_id, model_id) is None:
            raise Invalid.at(["body", "model_ids", index], "there is no such model")
    if body.custom_url is None:
        return
    place, url = body.custom_url
    try:
        pin(check_url(url), resolve)
    except Refused as error:
        raise Invalid.at(["body", place], str(error)) from None
    except OSError:
        return
