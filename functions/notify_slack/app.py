"""Alert events to Slack."""

from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from driftguard import aws
from driftguard.notifications.addresses import system_resolver
from driftguard.notifications.delivery import Notifier, to_queue
from driftguard.notifications.outgoing import Outgoing, by_urllib3
from driftguard.notifications.slack import render
from driftguard.observability import logger, measured
from driftguard.schemas.channels import NewSlackChannel, StoredChannel
from driftguard.schemas.events import AlertEvent
from driftguard.settings import Settings
from driftguard.tables.base import connect

settings = Settings()


def send(event: AlertEvent, channel: StoredChannel, _target: str) -> str:
    """Post to the channel's webhook; returns Slack's answer."""
    if not isinstance(channel.settings, NewSlackChannel):
        raise TypeError(f"not a Slack channel: {channel!r}")
    outgoing = Outgoing(system_resolver, by_urllib3, settings.outgoing_endpoint)
    payload = render(event, public_url=settings.public_url)
    return outgoing.post(channel.settings.webhook_url, payload, {}, now=datetime.now(UTC))


@measured
@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """SNS's records, the retry queue's, or a test."""
    connect(settings)
    notifier = Notifier(
        "slack",
        send,
        to_queue(aws.client("sqs"), settings.retry_queue_url),
        lambda: datetime.now(UTC),
        settings.history_retention_days,
    )
    return notifier.handle(event, lambda: context.get_remaining_time_in_millis() / 1000)
