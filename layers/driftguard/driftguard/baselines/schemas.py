"""Uploads of baselines too large for a request, as clients see them."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, model_validator

from driftguard.models.schemas import Days
from driftguard.platform.serialization import Name, Wire
from driftguard.platform.times import UtcTime

type Format = Literal["csv", "jsonl"]
type Compression = Literal["gzip"]
type UploadState = Literal["pending", "processing", "done", "failed"]

CSV_ONLY = ("prediction_column", "timestamp_column", "text_columns")


class NewUpload(Wire):
    """The body of POST /models/{model_id}/baseline/uploads: what the file will be.

    A CSV has a header row and is in UTF-8. A cell is missing when empty, a boolean when `true` or `false`, a number
    when it can be read as one, and a text otherwise; a feature's type is that of most of its values. JSON Lines has one
    row a line, in the shape of the inline rows. A file has at most 2 GiB, and 4 GiB once unpacked.
    """

    format: Format
    compression: Compression | None = None
    prediction_column: Name | None = Field(default="prediction", description="CSV: the prediction's column; null: none")
    timestamp_column: Name | None = Field(
        default="timestamp", description="CSV: the column of the rows' times (RFC 3339); null: none"
    )
    text_columns: Annotated[list[Name], Field(max_length=501)] = Field(
        default_factory=list, description="CSV: columns whose values are texts whatever they look like, such as codes"
    )
    days: Days = None

    @model_validator(mode="after")
    def _columns_are_of_a_csv(self) -> Self:
        if self.format != "csv" and self.model_fields_set.intersection(CSV_ONLY):
            raise ValueError(f"{', '.join(CSV_ONLY)} are for csv; a row of jsonl has fields of these names")
        if self.prediction_column is not None and self.prediction_column == self.timestamp_column:
            raise ValueError("prediction_column and timestamp_column must be two columns")
        return self


class Upload(Wire):
    """Where to send the file: one request with this method and these headers, before it expires."""

    upload_id: str
    url: str
    method: Literal["PUT"]
    headers: dict[str, str]
    expires_at: UtcTime


class UploadedObject(BaseModel):
    """The object of an event: its key as it is, not quoted."""

    key: str
    size: int
    etag: str


class ObjectDetail(BaseModel):
    object: UploadedObject


class ObjectCreated(BaseModel):
    """EventBridge's `Object Created` event of S3, as far as it matters here."""

    detail: ObjectDetail


class BadLine(Wire):
    """A line that is refused: its number (the first is 1), the wrong place in it, and what is wrong there."""

    line: int
    loc: list[str]
    msg: str


class UploadStatus(Wire):
    """How far an upload has come. `size`, `bytes_read` and `rows_read` tell the progress while it is processing,
    `baseline_version` what was made of it, `reason`, `line` and `errors` (20 lines at most) why it failed."""

    upload_id: str
    status: UploadState
    format: Format
    compression: Compression | None
    created_at: UtcTime
    expires_at: UtcTime
    size: int | None
    bytes_read: int
    rows_read: int
    baseline_version: int | None
    reason: str | None
    line: int | None
    errors: list[BadLine]
