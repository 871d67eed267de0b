"""EventBridge's schedule: one message a model to check."""

from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from driftguard import aws
from driftguard.checks import Queues, schedule
from driftguard.observability import logger, measured
from driftguard.settings import Settings
from driftguard.tables.base import connect


@measured
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, int]:
    """Queue the checks of one tick; the event's own id names the tick, so that a tick delivered twice is one."""
    settings = Settings()
    connect(settings)
    queues = Queues(aws.client("sqs"), settings.check_queue_url, settings.erase_queue_url)
    sent = schedule(queues, event["id"], datetime.now(UTC))
    logger.info("scheduled", extra={"tick": event["id"], "messages": sent})
    return {"messages": sent}
