"""Queue one message per model to check. EventBridge invokes this function on a schedule."""

from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from driftguard.checks.messages import Queues, schedule
from driftguard.platform import aws
from driftguard.platform.dynamodb import connect
from driftguard.platform.environment import Environment
from driftguard.platform.observability import logger, measured


@measured
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, int]:
    """Queue the checks of one tick. The id of the event identifies the tick, so that a repeated event adds none."""
    environment = Environment()
    connect(environment)
    queues = Queues(aws.client("sqs"), environment.check_queue_url, environment.erase_queue_url)
    sent = schedule(queues, event["id"], datetime.now(UTC))
    logger.info("scheduled", extra={"tick": event["id"], "messages": sent})
    return {"messages": sent}
