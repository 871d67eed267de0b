"""Requests and responses of the baseline routes."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from driftguard.platform.serialization import Wire
from driftguard.platform.times import UtcTime
from driftguard.rows.file_format import FileFormat
from driftguard.uploads.schemas import FileStatus

Days = Annotated[
    Annotated[int, Field(ge=1, le=3660, strict=True)] | None,
    Field(description="Number of days that the rows come from. Default: the number of UTC days in the timestamps."),
]

Replace = Annotated[
    bool,
    Field(
        strict=True,
        description=(
            "Use the baseline even if it shares no feature with the current baseline or with the logged predictions."
        ),
    ),
]


class NewUpload(FileFormat):
    """The body of POST /models/{model_id}/baseline/uploads: a description of the file.

    A CSV file is in UTF-8 and starts with a header row. An empty cell, `NA`, `NULL`, `nan` and the other marks that
    pandas knows are missing values. `true` and `false` are booleans. A cell that can be read as a number is a number.
    Every other cell is text. The most frequent type among a feature's values becomes the type of the feature. A JSON
    Lines file has one row per line, in the shape of inline rows. A file has at most 2 GiB, and at most 4 GiB after
    decompression.
    """

    days: Days = None
    replace: Replace = False


class UploadColumn(Wire):
    """How a column was read. `invalid` counts the values of another type than `type`; `examples` shows up to three."""

    name: str
    role: Literal["feature", "prediction"]
    type: Literal["numeric", "categorical", "boolean"]
    missing: int
    invalid: int
    examples: list[str]


class UploadStatus(FileStatus):
    """The progress and the result of an upload.

    `size`, `bytes_read` and `rows_read` show the progress while the file is processed. `baseline_version` is the
    version that was built, `columns` says how each column was read, and `warnings` what was left out. `reason`, `line`
    and `errors` (at most 20 lines) explain a failure.
    """

    baseline_version: int | None
    columns: list[UploadColumn] | None


class FromPredictions(Wire):
    """The event times between which logged predictions become a baseline: `start` inclusive, `end` exclusive."""

    start: UtcTime
    end: UtcTime

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.start >= self.end:
            raise ValueError("start must be before end")
        return self


class BaselineBody(Wire):
    """The body of PUT /models/{model_id}/baseline: rows, columns, or a time range of logged predictions.

    Each row is validated by itself, so an error names the row by its index.
    """

    rows: list[Any] | None = Field(
        default=None,
        description='`[{"features": {…}, "prediction": …, "timestamp": …, "score": …, "label": …}]`',
    )
    columns: dict[str, list[Any]] | None = Field(
        default=None, description='`{"age": […], …}`. All columns have the same length.'
    )
    predictions: list[Any] | None = Field(
        default=None, description="Only with `columns`: the predictions of the same rows, in the same order."
    )
    timestamps: list[Any] | None = Field(
        default=None,
        description=(
            "Only with `columns`: the time of each row in RFC 3339 format, in the same order, null if unknown. "
            "With times, sudden changes are found from the model's first hours on, and faster."
        ),
    )
    labels: list[Any] | None = Field(
        default=None,
        description=(
            "Only with `columns`: the true value of each row, in the same order, null if unknown. "
            "Performance is then compared with these rows."
        ),
    )
    scores: list[Any] | None = Field(
        default=None,
        description="Only with `columns`: the probability of the positive class of each row, in the same order.",
    )
    from_predictions: FromPredictions | None = None
    days: Days = None
    replace: Replace = False

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        given = [name for name in ("rows", "columns", "from_predictions") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("give exactly one of rows, columns and from_predictions")
        for name in ("predictions", "timestamps", "labels", "scores"):
            if getattr(self, name) is not None and self.columns is None:
                raise ValueError(f"{name} go with columns; in rows, each row has its own {name.removesuffix('s')}")
        if self.scores is not None and self.labels is None:
            raise ValueError("scores need labels, the true values that they are compared with")
        return self


class BaselineFeature(Wire):
    """One feature of a baseline. A numeric feature has `quantiles`; any other has the share of each category.

    `categories_left_out` counts categories with small shares that the response is too short to list.
    `invalid_share` is the share of rows with a value of another type; `examples` shows up to three such values.
    """

    name: str
    role: Literal["feature", "prediction"]
    type: Literal["numeric", "categorical", "boolean"]
    missing_share: float
    invalid_share: float
    examples: list[str] = Field(default_factory=list)
    quantiles: dict[str, float] | None = None
    categories: dict[str, float] | None = None
    categories_left_out: int = 0


class BaselineVersion(Wire):
    """A version of a baseline, without its features."""

    version: int
    rows: int
    created_at: datetime
    source: str
    current: bool


class BaselineView(Wire):
    """A baseline version with its features: the data that a model's window is compared with.

    `hours_of_week` is the number of hours of the week (168) that the rows' timestamps cover. The sudden part of drift
    detection then works from the model's first hours on. It is null if the rows have no timestamps, only dates, or only
    days that the model's own counts contain.
    """

    version: int
    rows: int
    days: int | None
    hours_of_week: int | None = None
    created_at: UtcTime
    source: str
    features: list[BaselineFeature]
