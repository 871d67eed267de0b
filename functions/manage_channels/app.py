"""The API of alert channels, which are the places that alerts are sent to."""

from datetime import UTC, datetime
from typing import Annotated

import boto3
from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body
from botocore.config import Config

from driftguard.api.lists import CursorText, Limit, page_answer
from driftguard.api.problems import answers
from driftguard.api.resolver import Api
from driftguard.notifications import channels
from driftguard.notifications.addresses import system_resolver
from driftguard.notifications.schemas import AnyNewChannel, Channel, ChannelPatch, TestResult

app = Api()

# The read time-out gives slow providers time. Without retries no test message is sent twice.
ONCE = Config(connect_timeout=2, read_timeout=25, retries={"mode": "standard", "total_max_attempts": 1})


@app.post("/alert-channels", status_code=201, responses=answers(201, Channel), tags=["Alert channels"])
def create_channel(body: Annotated[AnyNewChannel, Body()]) -> Channel:
    """Create a channel that alerts are sent to. Responses never contain its secrets: they are masked."""
    org, now, actor = app.caller.organization_id, datetime.now(UTC), app.caller.key_name
    return channels.create(org, body, resolve=system_resolver, now=now, actor=actor)


@app.get("/alert-channels", responses=answers(200, list[Channel]), tags=["Alert channels"])
def list_channels(limit: Limit = 50, cursor: CursorText = None) -> Response[list[Channel]]:
    """List the organization's channels, newest first. Secrets are masked."""
    return page_answer(app, channels.page(app.caller.organization_id, cursor, limit))


@app.get("/alert-channels/<channel_id>", responses=answers(200, Channel, 404), tags=["Alert channels"])
def get_channel(channel_id: str) -> Channel:
    """Show one channel. Secrets are masked."""
    return channels.shown(channels.find(app.caller.organization_id, channel_id))


@app.patch("/alert-channels/<channel_id>", responses=answers(200, Channel, 404, 409), tags=["Alert channels"])
def change_channel(channel_id: str, body: Annotated[ChannelPatch, Body()]) -> Channel:
    """Change a channel. Omitted fields stay as they are, null restores the default. The type cannot change."""
    org, now, actor = app.caller.organization_id, datetime.now(UTC), app.caller.key_name
    return channels.change(org, channel_id, body, resolve=system_resolver, now=now, actor=actor)


@app.delete("/alert-channels/<channel_id>", status_code=204, responses=answers(204, None, 404), tags=["Alert channels"])
def delete_channel(channel_id: str) -> Response[None]:
    """Delete a channel."""
    channels.delete(app.caller.organization_id, channel_id, now=datetime.now(UTC), actor=app.caller.key_name)
    return Response(status_code=204)


@app.post("/alert-channels/<channel_id>/test", responses=answers(200, TestResult, 404, 502), tags=["Alert channels"])
def test_channel(channel_id: str) -> TestResult:
    """Send a test message to a channel. It takes the same path as alerts. A 502 contains the provider's own error."""
    org, client = app.caller.organization_id, boto3.client("lambda", config=ONCE)
    return channels.try_out(org, channel_id, function_of=app.environment.notify_function, client=client)


handler = app.handle
