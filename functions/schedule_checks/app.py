"""Queue one message per model to check, and hourly one per model with a task. EventBridge invokes this function."""

from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from driftguard.checks.messages import JoinQueue, Queues, schedule, schedule_joins
from driftguard.platform import aws
from driftguard.platform.dynamodb import connect
from driftguard.platform.environment import Environment
from driftguard.platform.observability import logger


def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, int]:
    """Queue the checks and joins of one tick. A repeated event has the same id and adds no message."""
    environment = Environment()
    connect(environment)
    queues = Queues(aws.client("sqs"), environment.check_queue_url, environment.erase_queue_url)
    now = datetime.now(UTC)
    sent = schedule(queues, event["id"], now)
    joins = JoinQueue(queues.sqs, environment.join_queue_url)
    sent += schedule_joins(joins, event["id"], now, by_hand=bool(event.get("detail", {}).get("by_hand")))
    logger.info("scheduled", extra={"tick": event["id"], "messages": sent})
    return {"messages": sent}
