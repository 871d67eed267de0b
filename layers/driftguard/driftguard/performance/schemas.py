"""Requests and responses of the label routes. `performance.label_rows` validates labels one by one."""

from typing import Annotated, Any

from pydantic import BaseModel, Field, WithJsonSchema

from driftguard.models.schemas import ModelReference
from driftguard.platform.serialization import Wire
from driftguard.predictions.schemas import MAX_ROWS, Id, RejectedRow
from driftguard.rows.file_format import TableFormat
from driftguard.uploads.schemas import FileStatus

_SCALAR: dict[str, Any] = {
    "anyOf": [{"type": "number"}, {"type": "string", "maxLength": 256}, {"type": "boolean"}, {"type": "null"}]
}
_ID = {"anyOf": [{"type": "string", "minLength": 1, "maxLength": 128}, {"type": "integer"}]}
_TIME = {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]}
_FLAG = {"anyOf": [{"type": "boolean"}, {"type": "null"}]}
_OUTCOMES = {
    "anyOf": [{"type": "object", "maxProperties": 10, "additionalProperties": {"type": "number"}}, {"type": "null"}],
    "description": "Named numbers that belong to the label, such as revenue.",
}
_LABEL = {
    "type": "object",
    "required": ["prediction_id"],
    "additionalProperties": False,
    "properties": {
        "prediction_id": {**_ID, "description": "The id that the prediction was logged with."},
        "label": {**_SCALAR, "description": "The true value. A missing label is skipped and counted."},
        "timestamp": {**_TIME, "description": "Event time of the prediction. Recommended: it makes the join cheap."},
        "labelled_at": {
            **_TIME,
            "description": "When the truth was known. The label with the latest time counts. Default: now.",
        },
        "outcomes": _OUTCOMES,
        "withdraw": {**_FLAG, "description": "True takes an earlier label back. Send it without `label`."},
    },
}
_LABELS = {
    "anyOf": [{"type": "array", "minItems": 1, "maxItems": MAX_ROWS, "items": _LABEL}, {"type": "null"}],
    "description": "The labels, unless you send columns.",
}
_COLUMNS = {
    "anyOf": [
        {
            "type": "object",
            "required": ["prediction_id"],
            "additionalProperties": False,
            "properties": {
                name: {"type": "array", "maxItems": MAX_ROWS, "items": items}
                for name, items in (
                    ("prediction_id", _ID),
                    ("label", _SCALAR),
                    ("timestamp", _TIME),
                    ("labelled_at", _TIME),
                    ("outcomes", _OUTCOMES),
                    ("withdraw", _FLAG),
                )
            },
        },
        {"type": "null"},
    ],
    "description": "The labels as columns of one length.",
}


class LabelsOfModel(Wire):
    """The body of POST /models/{model_id}/labels: labels as rows or as columns."""

    labels: Annotated[Any, WithJsonSchema(_LABELS)] = None
    columns: Annotated[Any, WithJsonSchema(_COLUMNS)] = None
    batch_id: Id | None = Field(
        default=None, description="Your id of the request. A retry with the same id is stored once."
    )


class LabelsBody(LabelsOfModel, ModelReference):
    """The body of POST /labels, which also names the model."""


class NewLabelUpload(TableFormat):
    """The body of POST /models/{model_id}/labels/uploads: a description of the file.

    A CSV file is in UTF-8 and starts with a header row. Its columns are `prediction_id`, `label`, `timestamp`,
    `labelled_at`, `withdraw` and `outcome:<name>`, as far as you need them. A JSON Lines file has one label per line,
    with fields of the same names. Empty cells and the marks that pandas knows, such as NA, are missing values.
    """


class LabelUploadStatus(FileStatus):
    """The progress and the result of an upload of labels.

    `size`, `bytes_read` and `rows_read` show the progress while the file is processed. `accepted`, `rejected` and
    `unlabelled` count its rows as the response to labels does. `errors` has the first 20 rejected lines. A rejected
    line does not stop the others. `reason` explains a failure. Labels that were accepted before it stay stored.
    """

    accepted: int
    rejected: int
    unlabelled: int


class LabelsLogged(BaseModel):
    """The response to labels: how many are stored, were rejected, and had no label."""

    accepted: int
    rejected: int
    unlabelled: int
    errors: list[RejectedRow]
    errors_left_out: int = 0
