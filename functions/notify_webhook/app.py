"""Send alert events to every channel type that has no function of its own: webhooks, PagerDuty, Microsoft Teams."""

from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from driftguard.notifications.addresses import system_resolver
from driftguard.notifications.deliveries import Deliveries
from driftguard.notifications.delivery import Notifier, to_queue
from driftguard.notifications.http_client import by_urllib3
from driftguard.notifications.messages import Message, events_in
from driftguard.notifications.outgoing import Outgoing
from driftguard.notifications.providers.base import StoredChannel
from driftguard.platform import aws
from driftguard.platform.dynamodb import connect
from driftguard.platform.environment import Environment
from driftguard.platform.observability import logger, measured

environment = Environment()


def send(message: Message, channel: StoredChannel, target: str) -> str:
    """Post to the channel's provider. Returns its answer to the last request."""
    first = events_in(message)[0]  # the only event where this matters
    late = channel.settings.closed_by_resolved and first.kind != "resolved"
    if late and Deliveries.has_resolved(first.subject_id, channel.id):
        return "not sent: the alert is resolved, and this event would reopen it at the provider"
    now = datetime.now(UTC)
    outgoing = Outgoing(system_resolver, by_urllib3, environment.outgoing_endpoint)
    return [
        outgoing.post(post, channel_type=target, now=now)
        for post in channel.posts(message, public_url=environment.public_url, now=now)
    ][-1]


@measured
@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Handle records of SNS, records of the retry queue, or a test."""
    connect(environment)
    sqs = aws.client("sqs")
    notifier = Notifier(
        "webhook",
        send,
        to_queue(sqs, environment.retry_queue_url),
        to_queue(sqs, environment.email_queue_url),
        lambda: datetime.now(UTC),
        environment.history_retention_days,
    )
    return notifier.handle(event, lambda: context.get_remaining_time_in_millis() / 1000)
