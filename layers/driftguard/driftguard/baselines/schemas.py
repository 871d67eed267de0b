"""Uploads of baselines too large for a request, as clients see them."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, model_validator

from driftguard.platform.serialization import Name, Wire
from driftguard.platform.times import UtcTime
from driftguard.rows.chunks import BadLine

type Format = Literal["csv", "jsonl"]
type Compression = Literal["gzip"]
type UploadState = Literal["pending", "processing", "done", "failed"]

CSV_ONLY = ("prediction_column", "timestamp_column", "text_columns")


Days = Annotated[
    Annotated[int, Field(ge=1, le=3660, strict=True)] | None,
    Field(description="How many days the rows come from; the distinct UTC days of their timestamps when absent"),
]


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


class FromPredictions(Wire):
    """A baseline out of what was logged between two event times."""

    start: UtcTime
    end: UtcTime

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.start >= self.end:
            raise ValueError("start must be before end")
        return self


class BaselineBody(Wire):
    """The body of PUT /models/{model_id}/baseline: rows, columns or a time; rows are validated one by one elsewhere,
    so that a wrong one is named by its index."""

    rows: list[Any] | None = Field(default=None, description='`[{"features": {…}, "prediction": …, "timestamp": …}]`')
    columns: dict[str, list[Any]] | None = Field(default=None, description='`{"age": […], …}`, all of one length')
    predictions: list[Any] | None = Field(
        default=None, description="With `columns`: the predictions, in the same order"
    )
    from_predictions: FromPredictions | None = None
    days: Days = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        given = [name for name in ("rows", "columns", "from_predictions") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("give exactly one of rows, columns and from_predictions")
        if self.predictions is not None and self.columns is None:
            raise ValueError("predictions go with columns; in rows each row has its own prediction")
        return self


class BaselineFeature(Wire):
    """One feature of a baseline: numeric ones have quantiles, the others category shares."""

    name: str
    role: Literal["feature", "prediction"]
    type: Literal["numeric", "categorical", "boolean"]
    missing_share: float
    quantiles: dict[str, float] | None = None
    categories: dict[str, float] | None = None


class BaselineVersion(Wire):
    """A version of a baseline, without its features."""

    version: int
    rows: int
    created_at: datetime
    source: str
    current: bool


class Baseline(Wire):
    """A baseline: what the window is compared with."""

    version: int
    rows: int
    days: int | None
    created_at: UtcTime
    source: str
    features: list[BaselineFeature]
