"""Join labels with predictions. The queue sends one message per model."""

from datetime import UTC, datetime, timedelta
from typing import Any

from aws_lambda_powertools.utilities.batch import SqsFifoPartialProcessor, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from driftguard.alerts.publishing import to_topic
from driftguard.checks import triggers
from driftguard.checks.joins import Joiner
from driftguard.checks.messages import JoinMessage, JoinQueue
from driftguard.platform import aws
from driftguard.platform.dynamodb import connect
from driftguard.platform.environment import Environment
from driftguard.platform.observability import measured

processor = SqsFifoPartialProcessor(skip_group_on_error=True)
processor.raise_on_entire_batch_failure = False  # Returning a batch's only message to the queue is not an error.


@measured
def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Join the labels of the models named in a batch of messages. The rest of a long join becomes a new message."""
    environment = Environment()
    connect(environment)
    joiner = Joiner(
        queue=JoinQueue(aws.client("sqs"), environment.join_queue_url),
        time_left=triggers.clock(context.get_remaining_time_in_millis, timedelta.max),
        publish=to_topic(aws.client("sns"), environment.alerts_topic_arn),
    )

    def one(record: SQSRecord) -> None:
        message = JoinMessage.model_validate_json(record.body)
        joiner.from_queue(message, record.receipt_handle, datetime.now(UTC))

    return process_partial_response(event=event, record_handler=one, processor=processor, context=context)
