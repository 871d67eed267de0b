"""A model's baselines."""

from datetime import UTC, datetime
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body

from driftguard import aws, baseline_versions, models
from driftguard.http import Api, CursorText, Limit, answers, page_answer
from driftguard.publishing import Publish, to_topic
from driftguard.schemas.models import Baseline, BaselineBody, BaselineVersion

app = Api()


@app.put("/models/<model_id>/baseline", responses=answers(200, Baseline, 404), tags=["Baselines"])
def put_baseline(model_id: str, body: Annotated[BaselineBody, Body()]) -> Baseline:
    """Make a new baseline version and make it current."""
    model = models.find(app.caller.organization_id, model_id)
    return baseline_versions.put(model, body, publish=_publish(), now=datetime.now(UTC))


@app.get("/models/<model_id>/baseline", responses=answers(200, Baseline, 404), tags=["Baselines"])
def get_baseline(model_id: str) -> Baseline:
    """The baseline in use."""
    return baseline_versions.current(models.find(app.caller.organization_id, model_id))


@app.get("/models/<model_id>/baselines", responses=answers(200, list[BaselineVersion], 404), tags=["Baselines"])
def list_baselines(model_id: str, limit: Limit = 50, cursor: CursorText = None) -> Response[list[BaselineVersion]]:
    """Every version, newest first."""
    model = models.find(app.caller.organization_id, model_id)
    return page_answer(app, baseline_versions.versions(model, cursor, limit))


@app.post("/models/<model_id>/baselines/<version>/restore", responses=answers(200, Baseline, 404), tags=["Baselines"])
def restore_baseline(model_id: str, version: int) -> Baseline:
    """Make an older version current again."""
    model = models.find(app.caller.organization_id, model_id)
    return baseline_versions.restore(model, version, publish=_publish(), now=datetime.now(UTC))


def _publish() -> Publish:
    return to_topic(aws.client("sns"), app.settings.alerts_topic_arn)


handler = app.handle
