"""Lambda function that checks models, from the queue and on request, and simulates settings."""

import time
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Query
from aws_lambda_powertools.utilities.batch import SqsFifoPartialProcessor, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from driftguard.alerts.publishing import to_topic
from driftguard.api.problems import answers
from driftguard.api.resolver import Api
from driftguard.checks import references, triggers
from driftguard.checks.messages import JoinQueue, LookMessage, Queues, read_message
from driftguard.checks.schemas import Queued, Simulation, SimulationBody
from driftguard.checks.simulation import simulate
from driftguard.checks.waiting import PENDING, Wait
from driftguard.models import registry
from driftguard.models.settings import EarlierDays
from driftguard.platform import aws
from driftguard.platform.dynamodb import connect
from driftguard.platform.observability import measured
from driftguard.verdicts.shapes import Compared, Report

Earlier = Annotated[EarlierDays, Query(description="Which earlier days: see the setting `reference`.")]

app = Api()
processor = SqsFifoPartialProcessor(skip_group_on_error=True)
processor.raise_on_entire_batch_failure = False  # Returning a batch's only message to the queue is not an error.


@app.post(
    "/drift/models/<model_id>/check",
    responses=answers(200, Report, 404, 409) | answers(202, Queued, 404, 409),
    tags=["Drift"],
)
def check_now(model_id: str) -> Response[Any]:
    """Check a model now, as the schedule does. Returns the report, or 202 if the check takes too long for one request
    and continues in the background. Returns 409 while another check of the model runs. If the model has a task, its
    labels are joined, too. The header `x-labels-pending: true` says that this takes longer than 5 seconds and continues
    in the background."""
    wait, request = Wait(time.monotonic()), None
    model = registry.find(app.caller.organization_id, model_id)
    if model.settings.task is not None:
        queue = JoinQueue(aws.client("sqs"), app.environment.join_queue_url)
        request = queue.send_by_hand(model, datetime.now(UTC), app.caller.key_name)
    status, body = triggers.by_hand(
        model, _worker(app.lambda_context, triggers.BY_HAND), datetime.now(UTC), app.caller.key_name
    )
    pending = request is not None and not wait.for_join(model_id, request)
    headers: dict[str, str | list[str]] = {PENDING: "true"} if pending else {}
    return Response(status_code=status, content_type="application/json", body=body, headers=headers)


@app.get("/drift/models/<model_id>/compare", responses=answers(200, Compared, 404, 409), tags=["Drift"])
def compare_with_earlier_days(model_id: str, reference: Earlier) -> Response[Compared]:
    """Compare the last days of a model with its own earlier days. The comparison includes what was logged up to now.
    Reports, history and alerts stay as they are. Returns 409 if the model has no baseline or no predictions."""
    model = registry.find(app.caller.organization_id, model_id)
    left = triggers.clock(app.lambda_context.get_remaining_time_in_millis, triggers.BY_HAND)
    body = references.compare(model, reference, datetime.now(UTC), lambda: left() > timedelta(0))
    return Response(status_code=200, content_type="application/json", body=body)


@app.post("/drift/models/<model_id>/simulate", responses=answers(200, Simulation, 404, 409), tags=["Drift"])
def simulate_settings(model_id: str, body: Annotated[SimulationBody, Body()]) -> Simulation:
    """Simulate which alerts other settings would have opened. The settings are merged into the model's settings and
    replayed on the counts of the last days. Nothing is stored or sent."""
    model = registry.find(app.caller.organization_id, model_id)
    left = triggers.clock(app.lambda_context.get_remaining_time_in_millis, triggers.BY_HAND)
    return simulate(model, body.settings, body.days, datetime.now(UTC), lambda: left() > timedelta(0))


@measured
def from_queue(event: dict[str, Any], context: LambdaContext) -> Any:
    """Check the models named in a batch of queue messages. Failed messages that may succeed later are retried."""
    connect(app.environment)

    def one(record: SQSRecord) -> None:
        message = read_message(record.body)
        worker = _worker(context, timedelta.max)
        if isinstance(message, LookMessage):
            triggers.look_at(message, worker, record.receipt_handle, datetime.now(UTC))
        else:
            triggers.from_queue(message, worker, record.receipt_handle, datetime.now(UTC))

    return process_partial_response(event=event, record_handler=one, processor=processor, context=context)


def _worker(context: LambdaContext, at_most: timedelta) -> triggers.Worker:
    environment = app.environment
    return triggers.Worker(
        queues=Queues(aws.client("sqs"), environment.check_queue_url),
        publish=to_topic(aws.client("sns"), environment.alerts_topic_arn),
        keep=timedelta(days=environment.history_retention_days),
        time_left=triggers.clock(context.get_remaining_time_in_millis, at_most),
    )


def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Handle a batch of SQS messages or a request from API Gateway."""
    return from_queue(event, context) if "Records" in event else app.handle(event, context)
