"""Builds a baseline from each uploaded file when the file arrives."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from driftguard.alerts.publishing import to_topic
from driftguard.baselines import building
from driftguard.platform import aws
from driftguard.platform.dynamodb import connect
from driftguard.platform.environment import Environment
from driftguard.platform.observability import logger
from driftguard.platform.s3 import Bucket
from driftguard.uploads.processing import Worker
from driftguard.uploads.schemas import ObjectCreated


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, str]:
    """Build the baseline of one file. The event is EventBridge's; Lambda keeps the request id when it retries."""
    environment = Environment()
    connect(environment)
    file = ObjectCreated.model_validate(event).detail.object
    worker = Worker(
        bucket=Bucket(aws.client("s3"), environment.text("UPLOADS_BUCKET")),
        owner=context.aws_request_id,
        clock=lambda: datetime.now(UTC),
        sleep=time.sleep,
        time_left=lambda: timedelta(milliseconds=context.get_remaining_time_in_millis()),
    )
    outcome = building.build(file, worker, to_topic(aws.client("sns"), environment.alerts_topic_arn))
    logger.info("upload", extra={"key": file.key, "size": file.size, "outcome": outcome})
    return {"outcome": outcome}
