"""Send alert events to Slack."""

from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from driftguard.notifications.addresses import system_resolver
from driftguard.notifications.delivery import Notifier, to_queue
from driftguard.notifications.http_client import by_urllib3
from driftguard.notifications.messages import Message
from driftguard.notifications.outgoing import Outgoing
from driftguard.notifications.providers.base import StoredChannel
from driftguard.platform import aws
from driftguard.platform.dynamodb import connect
from driftguard.platform.environment import Environment
from driftguard.platform.observability import logger, measured

environment = Environment()


def send(message: Message, channel: StoredChannel, target: str) -> str:
    """Post to the channel's webhook. Returns Slack's answer."""
    now = datetime.now(UTC)
    outgoing = Outgoing(system_resolver, by_urllib3, environment.outgoing_endpoint)
    (post,) = channel.posts(message, public_url=environment.public_url, now=now)
    return outgoing.post(post, channel_type=target, now=now)


@measured
@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Handle records of SNS, records of the retry queue, or a test."""
    connect(environment)
    sqs = aws.client("sqs")
    notifier = Notifier(
        "slack",
        send,
        to_queue(sqs, environment.retry_queue_url),
        to_queue(sqs, environment.email_queue_url),
        lambda: datetime.now(UTC),
        environment.history_retention_days,
    )
    return notifier.handle(event, lambda: context.get_remaining_time_in_millis() / 1000)
