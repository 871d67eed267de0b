"""Create uploads of baseline files and show their progress. `baselines.building` builds the baselines."""

from datetime import datetime, timedelta
from typing import cast

from driftguard.baselines import versions
from driftguard.baselines.schemas import NewUpload, Upload, UploadState, UploadStatus
from driftguard.baselines.tables import Uploads
from driftguard.models.registry import MAX_ID
from driftguard.models.tables import Models
from driftguard.platform.errors import NotFound
from driftguard.platform.ids import new_id
from driftguard.platform.s3 import Bucket
from driftguard.platform.times import DAY, parse
from driftguard.rows.chunks import BadLine

URL_LIFE = timedelta(hours=1)

LONGEST_UPLOAD = DAY
"""A file that has not arrived by then will not arrive. A transfer that starts within URL_LIFE can take hours."""

LONGEST_SILENCE = timedelta(minutes=15)
"""Longer than Lambda waits before it retries a build that stopped."""

CONTENT_TYPES = {"csv": "text/csv", "jsonl": "application/x-ndjson"}
GZIP = "application/gzip"


def create(model: Models, body: NewUpload, *, bucket: Bucket, now: datetime) -> Upload:
    """Create an upload. Returns where to send the file."""
    upload_id = new_id(now)
    expires_at = now + URL_LIFE
    Uploads.add(
        model.organization_id,
        model.model_id,
        upload_id,
        body.model_dump(mode="json", exclude_unset=True),
        url_expires_at=expires_at,
        now=now,
    )
    content_type = GZIP if body.compression == "gzip" else CONTENT_TYPES[body.format]
    return Upload(
        upload_id=upload_id,
        url=bucket.presigned_put(key(model.organization_id, model.model_id, upload_id), content_type, URL_LIFE),
        method="PUT",
        headers={"Content-Type": content_type},
        expires_at=expires_at,
    )


def status(model: Models, upload_id: str, *, now: datetime) -> UploadStatus:
    """Return the progress of an upload. Raises NotFound, also for an upload that is older than a week."""
    upload = Uploads.one(model.model_id, upload_id) if len(upload_id) <= MAX_ID else None
    if upload is None:
        raise NotFound("The model has no such upload. Uploads are kept for a week.")
    body = NewUpload.model_validate(upload.request)
    state, reason = _state(upload, now)
    errors = [BadLine.model_validate(error) for error in upload.errors or []]
    return UploadStatus(
        upload_id=upload.upload_id,
        status=state,
        format=body.format,
        compression=body.compression,
        created_at=parse(upload.created_at),
        expires_at=parse(upload.url_expires_at),
        size=None if upload.size is None else int(upload.size),
        bytes_read=int(upload.bytes_read),
        rows_read=int(upload.rows_read),
        baseline_version=int(upload.version) if state == "done" else None,
        columns=versions.columns(model, int(upload.version)) if state == "done" else None,
        warnings=upload.warnings or [],
        reason=reason,
        line=errors[0].line if errors else None,
        errors=errors,
    )


def key(organization_id: str, model_id: str, upload_id: str) -> str:
    """Return the S3 key of an upload's file."""
    return f"{prefix(organization_id, model_id)}{upload_id}"


def prefix(organization_id: str, model_id: str) -> str:
    """Return the prefix of the S3 keys of all uploads of a model."""
    return f"{organization_id}/{model_id}/"


def _state(upload: Uploads, now: datetime) -> tuple[UploadState, str | None]:
    """Return the state and the reason that a client sees.

    No process records that a file never arrived or that a build stopped, so both follow from the time here.
    """
    if upload.state == "pending" and now > parse(upload.created_at) + LONGEST_UPLOAD:
        return "failed", "no file arrived within a day; create a new upload"
    if upload.state == "processing" and now > parse(upload.lease_until) + LONGEST_SILENCE:
        return "failed", "the build stopped because of an error on our side; create a new upload"
    return cast("UploadState", upload.state), upload.reason
