"""Create uploads and show their progress. `uploads.processing` reads the files."""

from datetime import datetime, timedelta
from typing import Any, cast

from driftguard.models.registry import MAX_ID
from driftguard.models.tables import Models
from driftguard.platform.errors import NotFound
from driftguard.platform.ids import new_id
from driftguard.platform.s3 import Bucket
from driftguard.platform.times import DAY, parse
from driftguard.rows.chunks import BadLine
from driftguard.rows.file_format import TableFormat
from driftguard.uploads.keys import key
from driftguard.uploads.schemas import Upload, UploadState
from driftguard.uploads.tables import Kind, Uploads

URL_LIFE = timedelta(hours=1)

LONGEST_UPLOAD = DAY
"""A file that has not arrived by then will not arrive. A transfer that starts within URL_LIFE can take hours."""

LONGEST_SILENCE = timedelta(minutes=15)
"""Longer than Lambda waits before it retries an invocation that stopped."""

CONTENT_TYPES = {"csv": "text/csv", "jsonl": "application/x-ndjson"}
GZIP = "application/gzip"


def create(model: Models, body: TableFormat, kind: Kind, *, bucket: Bucket, now: datetime, actor: str) -> Upload:
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
        actor=actor,
        kind=kind,
    )
    content_type = GZIP if body.compression == "gzip" else CONTENT_TYPES[body.format]
    file_key = key(model.organization_id, model.model_id, upload_id, kind)
    return Upload(
        upload_id=upload_id,
        url=bucket.presigned_put(file_key, content_type, URL_LIFE),
        method="PUT",
        headers={"Content-Type": content_type},
        expires_at=expires_at,
    )


def find(model: Models, upload_id: str, kind: Kind) -> Uploads:
    """Return an upload. Raises NotFound, also for an upload that is older than a week."""
    upload = Uploads.one(model.model_id, upload_id, kind) if len(upload_id) <= MAX_ID else None
    if upload is None:
        raise NotFound("The model has no such upload. Uploads are kept for a week.")
    return upload


def progress(upload: Uploads, now: datetime) -> dict[str, Any]:
    """Return the fields of `schemas.FileStatus`."""
    state, reason = _state(upload, now)
    errors = [BadLine.model_validate(error) for error in upload.errors or []]
    return {
        "upload_id": upload.upload_id,
        "status": state,
        "format": upload.request["format"],
        "compression": upload.request.get("compression"),
        "created_at": parse(upload.created_at),
        "expires_at": parse(upload.url_expires_at),
        "size": None if upload.size is None else int(upload.size),
        "bytes_read": int(upload.bytes_read),
        "rows_read": int(upload.rows_read),
        "warnings": upload.warnings or [],
        "reason": reason,
        "line": errors[0].line if errors else None,
        "errors": errors,
    }


def _state(upload: Uploads, now: datetime) -> tuple[UploadState, str | None]:
    """Return the state and the reason that a client sees.

    No process records that a file never arrived or that its processing stopped, so both follow from the time here.
    """
    if upload.state == "pending" and now > parse(upload.created_at) + LONGEST_UPLOAD:
        return "failed", "no file arrived within a day; create a new upload"
    if upload.state == "processing" and now > parse(upload.lease_until) + LONGEST_SILENCE:
        return "failed", "processing stopped because of an error on our side; create a new upload"
    return cast("UploadState", upload.state), upload.reason
