"""The API routes that log predictions and labels, and list predictions."""

from datetime import UTC, datetime
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Header, Query

from driftguard.api.lists import CursorText, Limit, page_answer
from driftguard.api.problems import answers
from driftguard.api.resolver import Api
from driftguard.models import registry
from driftguard.models.tables import Models
from driftguard.performance.intake import log_labels
from driftguard.performance.schemas import LabelsBody, LabelsLogged, LabelsOfModel
from driftguard.platform.observability import logger
from driftguard.platform.times import UtcTime
from driftguard.predictions import intake, listing
from driftguard.predictions.schemas import BatchBody, BatchLogged, Logged, LoggedRow, PredictionBody

app = Api()

KEY = Header(
    alias="Idempotency-Key", max_length=255, description="Deduplication: a retry with the same key is stored once."
)
IdempotencyKey = Annotated[str | None, KEY]
Moment = Annotated[UtcTime | None, Query(description="Event time: `start` is inclusive, `end` is exclusive.")]


@app.post("/predictions", status_code=202, responses=answers(202, Logged, 404, 409, 413, 415), tags=["Predictions"])
def log_prediction(body: Annotated[PredictionBody, Body()], idempotency_key: IdempotencyKey = None) -> Logged:
    """Log one prediction. 202 means that the prediction is stored. A retry with the same `prediction_id` or
    `Idempotency-Key` is stored only once."""
    organization_id = app.caller.organization_id
    answer = intake.log_one(organization_id, body, idempotency_key=idempotency_key, now=datetime.now(UTC))
    logger.info("logged", extra={"accepted": answer.accepted, "rejected": 0})
    return answer


@app.post(
    "/predictions/batch", status_code=202, responses=answers(202, BatchLogged, 404, 409, 413, 415), tags=["Predictions"]
)
def log_batch(body: Annotated[BatchBody, Body()], idempotency_key: IdempotencyKey = None) -> Response[BatchLogged]:
    """Log up to 5,000 predictions. Valid rows are stored, and `errors` lists the others by their index. The header
    `x-rejected-rows` has their number. The status is 422 if no row is valid."""
    organization_id = app.caller.organization_id
    answer = intake.log_batch(organization_id, body, idempotency_key=idempotency_key, now=datetime.now(UTC))
    logger.info("logged", extra={"accepted": answer.accepted, "rejected": answer.rejected})
    headers: dict[str, str | list[str]] = {"x-rejected-rows": str(answer.rejected)} if answer.rejected else {}
    return Response(status_code=202, content_type="application/json", body=answer, headers=headers)


@app.post(
    "/models/<model_id>/labels",
    status_code=202,
    responses=answers(202, LabelsLogged, 404, 409, 413, 415),
    tags=["Labels"],
)
def log_labels_of_model(
    model_id: str, body: Annotated[LabelsOfModel, Body()], idempotency_key: IdempotencyKey = None
) -> Response[LabelsLogged]:
    """Send up to 5,000 labels of one model. A label is the true value of a prediction and has its id. Valid labels are
    stored, and `errors` lists the others by their index. The status is 422 if no label is valid. A later label of the
    same prediction replaces the earlier one."""
    return _log_labels(registry.find(app.caller.organization_id, model_id), body, idempotency_key)


@app.post("/labels", status_code=202, responses=answers(202, LabelsLogged, 404, 409, 413, 415), tags=["Labels"])
def log_labels_by_name(
    body: Annotated[LabelsBody, Body()], idempotency_key: IdempotencyKey = None
) -> Response[LabelsLogged]:
    """Send up to 5,000 labels of the model that the body names. Name the model by `model` or `model_id`."""
    return _log_labels(registry.referred(app.caller.organization_id, body), body, idempotency_key)


@app.get("/models/<model_id>/predictions", responses=answers(200, list[LoggedRow], 404), tags=["Predictions"])
def list_predictions(
    model_id: str, limit: Limit = 50, cursor: CursorText = None, start: Moment = None, end: Moment = None
) -> Response[list[LoggedRow]]:
    """List logged predictions, newest arrival first. `start` and `end` filter by event time."""
    organization_id = app.caller.organization_id
    found = listing.list_logged(organization_id, model_id, limit=limit, cursor=cursor, start=start, end=end)
    return page_answer(app, found)


def _log_labels(model: Models, body: LabelsOfModel, idempotency_key: str | None) -> Response[LabelsLogged]:
    answer = log_labels(model, body, idempotency_key=idempotency_key, now=datetime.now(UTC))
    logger.info("labels", extra={"accepted": answer.accepted, "rejected": answer.rejected})
    headers: dict[str, str | list[str]] = {"x-rejected-rows": str(answer.rejected)} if answer.rejected else {}
    return Response(status_code=202, content_type="application/json", body=answer, headers=headers)


handler = app.handle
