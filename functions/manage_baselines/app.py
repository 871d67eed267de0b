"""The API routes of a model's baselines, and of files of labels, which are uploaded in the same way."""

from datetime import UTC, datetime
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body

from driftguard.alerts.publishing import Publish, to_topic
from driftguard.api.lists import CursorText, Limit, page_answer
from driftguard.api.problems import answers
from driftguard.api.resolver import Api
from driftguard.baselines import uploads, versions
from driftguard.baselines.schemas import BaselineBody, BaselineVersion, BaselineView, NewUpload, UploadStatus
from driftguard.checks import performance_reference
from driftguard.checks.performance_reference import ReferenceBody, ReferenceView
from driftguard.models import registry
from driftguard.performance import label_uploads
from driftguard.performance.schemas import LabelUploadStatus, NewLabelUpload
from driftguard.platform import aws
from driftguard.platform.s3 import Bucket
from driftguard.rows.file_format import TableFormat
from driftguard.uploads.announcing import create
from driftguard.uploads.schemas import Upload
from driftguard.uploads.tables import Kind

app = Api()
UPLOADS = "/models/<model_id>/baseline/uploads"
LABEL_UPLOADS = "/models/<model_id>/labels/uploads"


@app.put("/models/<model_id>/baseline", responses=answers(200, BaselineView, 404), tags=["Baselines"])
def put_baseline(model_id: str, body: Annotated[BaselineBody, Body()]) -> BaselineView:
    """Create a new baseline version and make it current. Send rows, columns, or a time range of logged predictions. If
    any row is invalid, the whole request is rejected."""
    model = registry.find(app.caller.organization_id, model_id)
    return versions.put(model, body, publish=_publish(), now=datetime.now(UTC), actor=app.caller.key_name)


@app.get("/models/<model_id>/baseline", responses=answers(200, BaselineView, 404), tags=["Baselines"])
def get_baseline(model_id: str) -> BaselineView:
    """Show the current baseline. The response has the type and the distribution of each feature."""
    return versions.current(registry.find(app.caller.organization_id, model_id))


@app.put("/models/<model_id>/baseline/performance", responses=answers(200, ReferenceView, 404, 409), tags=["Labels"])
def put_reference(model_id: str, body: Annotated[ReferenceBody, Body()]) -> ReferenceView:
    """Make labelled predictions the reference of performance. Later performance is compared with the predictions of
    this time range. Resolves an open alert on performance."""
    model = registry.find(app.caller.organization_id, model_id)
    return performance_reference.put(model, body, publish=_publish(), now=datetime.now(UTC), actor=app.caller.key_name)


@app.get("/models/<model_id>/baselines", responses=answers(200, list[BaselineVersion], 404), tags=["Baselines"])
def list_baselines(model_id: str, limit: Limit = 50, cursor: CursorText = None) -> Response[list[BaselineVersion]]:
    """List a model's baseline versions, newest first."""
    model = registry.find(app.caller.organization_id, model_id)
    return page_answer(app, versions.versions(model, cursor, limit))


@app.post(
    "/models/<model_id>/baselines/<version>/restore", responses=answers(200, BaselineView, 404), tags=["Baselines"]
)
def restore_baseline(model_id: str, version: int) -> BaselineView:
    """Make an older baseline version current again."""
    model = registry.find(app.caller.organization_id, model_id)
    return versions.restore(model, version, publish=_publish(), now=datetime.now(UTC), actor=app.caller.key_name)


@app.post(UPLOADS, status_code=201, responses=answers(201, Upload, 404), tags=["Baselines"])
def create_upload(model_id: str, body: Annotated[NewUpload, Body()]) -> Upload:
    """Create an upload for a baseline that is too large for a request. The response says where to send the file. The
    baseline is built when the file arrives."""
    return _create(model_id, body, "baseline")


@app.get(f"{UPLOADS}/<upload_id>", responses=answers(200, UploadStatus, 404), tags=["Baselines"])
def get_upload(model_id: str, upload_id: str) -> UploadStatus:
    """Show the progress of an upload. Its status is `pending`, `processing`, `done`, or `failed` with a reason."""
    return uploads.status(registry.find(app.caller.organization_id, model_id), upload_id, now=datetime.now(UTC))


@app.post(LABEL_UPLOADS, status_code=201, responses=answers(201, Upload, 404), tags=["Labels"])
def create_label_upload(model_id: str, body: Annotated[NewLabelUpload, Body()]) -> Upload:
    """Create an upload for labels that are too many for a request. The response says where to send the file. The labels
    are stored when the file arrives."""
    return _create(model_id, body, "labels")


@app.get(f"{LABEL_UPLOADS}/<upload_id>", responses=answers(200, LabelUploadStatus, 404), tags=["Labels"])
def get_label_upload(model_id: str, upload_id: str) -> LabelUploadStatus:
    """Show the progress of an upload of labels. Its status is `pending`, `processing`, `done`, or `failed` with a
    reason. `errors` lists the first rejected lines."""
    return label_uploads.status(registry.find(app.caller.organization_id, model_id), upload_id, now=datetime.now(UTC))


def _create(model_id: str, body: TableFormat, kind: Kind) -> Upload:
    model, bucket = registry.find(app.caller.organization_id, model_id), app.environment.text("UPLOADS_BUCKET")
    return create(
        model, body, kind, bucket=Bucket(aws.client("s3"), bucket), now=datetime.now(UTC), actor=app.caller.key_name
    )


def _publish() -> Publish:
    return to_topic(aws.client("sns"), app.environment.alerts_topic_arn)


handler = app.handle
