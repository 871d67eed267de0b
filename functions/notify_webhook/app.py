"""Alert events to webhooks of one's own, to PagerDuty and to Microsoft Teams."""

from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from driftguard.notifications.addresses import system_resolver
from driftguard.notifications.delivery import Notifier, to_queue
from driftguard.notifications.messages import Event
from driftguard.notifications.outgoing import Outgoing, by_urllib3
from driftguard.notifications.posts import posts
from driftguard.notifications.schemas import StoredChannel
from driftguard.notifications.tables import Deliveries
from driftguard.platform import aws
from driftguard.platform.dynamodb import connect
from driftguard.platform.environment import Settings
from driftguard.platform.observability import logger, measured

settings = Settings()


def send(event: Event, channel: StoredChannel, target: str) -> str:
    """Post to the channel's provider; returns its answer, to the last request where there are several."""
    if target == "pagerduty" and event.kind != "resolved" and Deliveries.has_resolved(event.subject_id, channel.id):
        return "not sent: PagerDuty knows already that it is over, and would open the incident again"
    now = datetime.now(UTC)
    outgoing = Outgoing(system_resolver, by_urllib3, settings.outgoing_endpoint)
    return [
        outgoing.post(post.url, post.body, post.headers, channel_type=target, now=now, secrets=post.secrets)
        for post in posts(event, channel, public_url=settings.public_url, now=now)
    ][-1]


@measured
@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """SNS's records, the retry queue's, or a test."""
    connect(settings)
    sqs = aws.client("sqs")
    notifier = Notifier(
        ("webhook", "pagerduty", "teams"),
        send,
        to_queue(sqs, settings.retry_queue_url),
        to_queue(sqs, settings.email_queue_url),
        lambda: datetime.now(UTC),
        settings.history_retention_days,
    )
    return notifier.handle(event, lambda: context.get_remaining_time_in_millis() / 1000)
