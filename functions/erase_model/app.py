"""Erase deleted models. The queue sends one message per model, and another one if a model takes longer."""

from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from driftguard import all_tables
from driftguard.models.erasing import erase
from driftguard.models.schemas import EraseMessage
from driftguard.platform import aws
from driftguard.platform.dynamodb import connect
from driftguard.platform.environment import Environment
from driftguard.platform.observability import logger
from driftguard.platform.s3 import Bucket
from driftguard.uploads.keys import prefix

MARGIN_MS = 10_000
REST_DELAY_SECONDS = 15
"""Seconds until the rest of a model is erased. A check that still runs may then have ended."""

RETRY_SECONDS = 30
"""Seconds until a failed message is delivered again. The queue's own time-out is much longer."""

processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)


def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Erase the models of a batch of messages. The rest of a large model becomes a new message."""
    environment = Environment()
    connect(environment)
    bucket = Bucket(aws.client("s3"), environment.text("UPLOADS_BUCKET"))

    def one(record: SQSRecord) -> None:
        try:
            erase_one(record)
        except Exception:
            aws.client("sqs").change_message_visibility(
                QueueUrl=environment.erase_queue_url,
                ReceiptHandle=record.receipt_handle,
                VisibilityTimeout=RETRY_SECONDS,
            )
            raise

    def erase_one(record: SQSRecord) -> None:
        message = EraseMessage.model_validate_json(record.body)
        done = erase(
            message.organization_id,
            message.model_id,
            tables=all_tables.ALL,
            delete_files=lambda organization_id, model_id: bucket.delete_all(prefix(organization_id, model_id)),
            may_go_on=lambda: context.get_remaining_time_in_millis() > MARGIN_MS,
            now=datetime.now(UTC),
        )
        logger.info("erased" if done else "not all erased yet", extra=message.model_dump())
        if not done:
            # A message that is delivered too often goes to the dead-letter queue, so the rest is a message of its own.
            aws.client("sqs").send_message(
                QueueUrl=environment.erase_queue_url,
                MessageBody=message.model_dump_json(),
                DelaySeconds=REST_DELAY_SECONDS,
            )

    return process_partial_response(event=event, record_handler=one, processor=processor, context=context)
