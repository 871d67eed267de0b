"""API: create, list, change and delete models."""

import json
from datetime import UTC, datetime
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body

from driftguard.alerts.actions import close_deleted
from driftguard.alerts.publishing import to_topic
from driftguard.api.lists import CursorText, Limit, page_answer
from driftguard.api.problems import answers
from driftguard.api.resolver import Api
from driftguard.baselines.names import features_of
from driftguard.models import registry
from driftguard.models.schemas import Model, ModelPatch, NewModel
from driftguard.models.tables import Models
from driftguard.performance.tables import has_labels, headlines
from driftguard.platform import aws

app = Api()


@app.post("/models", status_code=201, responses=answers(201, Model, 409), tags=["Models"])
def create_model(body: Annotated[NewModel, Body()]) -> Model:
    """Create a model to watch. The response is 409 if the organization already has a model of this name."""
    partitions = app.environment.ingest_partitions
    caller, now = app.caller, datetime.now(UTC)
    return registry.create(caller.organization_id, body, partitions=partitions, now=now, actor=caller.key_name)


@app.get("/models", responses=answers(200, list[Model]), tags=["Models"])
def list_models(limit: Limit = 50, cursor: CursorText = None) -> Response[list[Model]]:
    """List the organization's models, newest first."""
    return page_answer(app, registry.page(app.caller.organization_id, cursor, limit, headlines))


@app.get("/models/<model_id>", responses=answers(200, Model, 404), tags=["Models"])
def get_model(model_id: str) -> Model:
    """Show one model and its state."""
    return registry.show(app.caller.organization_id, model_id, headlines)


@app.patch("/models/<model_id>", responses=answers(200, Model, 404, 409), tags=["Models"])
def change_model(model_id: str, body: Annotated[ModelPatch, Body()]) -> Model:
    """Change a model. An absent value stays unchanged. Null restores the default."""
    caller, now = app.caller, datetime.now(UTC)
    return registry.change(
        caller.organization_id,
        model_id,
        body,
        features_of=features_of,
        has_labels=has_labels,
        headlines=headlines,
        now=now,
        actor=caller.key_name,
    )


@app.delete("/models/<model_id>", status_code=204, responses=answers(204, None, 404, 409), tags=["Models"])
def delete_model(model_id: str) -> Response[None]:
    """Delete a model and all its data.

    The model is hidden at once. Its items are erased in the background, 150 to 1,000 a second.
    """
    caller, now = app.caller, datetime.now(UTC)
    registry.delete(
        caller.organization_id,
        model_id,
        close=lambda model: _close_alerts(model, now, caller.key_name),
        erase=_ask_to_erase,
        now=now,
        actor=caller.key_name,
    )
    return Response(status_code=204)


def _close_alerts(model: Models, now: datetime, actor: str) -> None:
    publish = to_topic(aws.client("sns"), app.environment.alerts_topic_arn)
    close_deleted(model, publish=publish, now=now, actor=actor)


def _ask_to_erase(organization_id: str, model_id: str) -> None:
    body = json.dumps({"organization_id": organization_id, "model_id": model_id})
    aws.client("sqs").send_message(QueueUrl=app.environment.erase_queue_url, MessageBody=body)


handler = app.handle
