"""What all uploads share: the response to a new one, its status, and the S3 event that a file has arrived."""

from typing import Literal

from pydantic import BaseModel

from driftguard.platform.serialization import Wire
from driftguard.platform.times import UtcTime
from driftguard.rows.chunks import BadLine
from driftguard.rows.file_format import Compression, Format

type UploadState = Literal["pending", "processing", "done", "failed"]


class Upload(Wire):
    """Where to send the file: one request with this method and these headers, before `expires_at`."""

    upload_id: str
    url: str
    method: Literal["PUT"]
    headers: dict[str, str]
    expires_at: UtcTime


class UploadedObject(BaseModel):
    """The S3 object of an event. `key` is the plain key, not URL-encoded."""

    key: str
    size: int
    etag: str


class ObjectDetail(BaseModel):
    object: UploadedObject


class ObjectCreated(BaseModel):
    """The fields we read of EventBridge's `Object Created` event from S3."""

    detail: ObjectDetail


class FileStatus(Wire):
    """The progress and the result of an upload, whatever its file holds."""

    upload_id: str
    status: UploadState
    format: Format
    compression: Compression | None
    created_at: UtcTime
    expires_at: UtcTime
    size: int | None
    bytes_read: int
    rows_read: int
    warnings: list[str]
    reason: str | None
    line: int | None
    errors: list[BadLine]
