"""Requests and responses of the prediction routes.

`driftguard.rows.reading` validates rows one by one, so that valid rows are kept if others are not. The shape of a row
here is only for the OpenAPI document.
"""

from typing import Annotated, Any, NotRequired, TypedDict

from pydantic import BaseModel, Field, StringConstraints, WithJsonSchema, model_validator

from driftguard.models.schemas import ModelReference
from driftguard.platform.times import UtcTime
from driftguard.rows.reading import MAX_CLASSES, MAX_FEATURES, VALUES_UNDER_FEATURES

MAX_ROWS = 5000

_NULL = {"type": "null"}
# The types are listed in anyOf, because Powertools does not read a list of types.
_SCALAR: dict[str, Any] = {
    "anyOf": [{"type": "number"}, {"type": "string", "maxLength": 256}, {"type": "boolean"}, _NULL]
}
_FEATURES = {
    "type": "object",
    "description": "Value by feature name. Names have 1 to 128 characters and no control characters. Absent is null.",
    "maxProperties": 500,
    "additionalProperties": _SCALAR,
}
_PREDICTION = {**_SCALAR, "description": "The output of the model."}
_PREDICTION_ID = {
    "anyOf": [{"type": "string", "minLength": 1, "maxLength": 128}, {"type": "integer"}, _NULL],
    "description": "Your id for deduplication. A whole number is kept as text. Generated if omitted.",
}
_TIMESTAMP = {
    "anyOf": [{"type": "string", "format": "date-time"}, _NULL],
    "description": "Time of the prediction: at most 15 minutes ahead and at most 21 days old. Default: now.",
}
_SCORE = {
    "anyOf": [{"type": "number", "minimum": 0, "maximum": 1}, _NULL],
    "description": "The probability of the positive class, from 0 to 1. Stored, and not watched for drift.",
}
_SHARE = {"type": "number", "minimum": 0, "maximum": 1}
_PROBABILITIES = {
    "anyOf": [
        {"type": "object", "minProperties": 1, "maxProperties": MAX_CLASSES, "additionalProperties": _SHARE},
        {"type": "array", "minItems": 1, "maxItems": MAX_CLASSES, "items": _SHARE},
        _NULL,
    ],
    "description": "The probability of each class: by its name, or as a list in the order of your classes. "
    "They sum to 1. Stored, and not watched for drift.",
}
_LABEL = {**_SCALAR, "description": "The true value, if it is already known. Stored, and not watched for drift."}
_ROW = {
    "type": "object",
    "required": ["features"],
    "additionalProperties": False,
    "properties": {
        "features": _FEATURES,
        "prediction": _PREDICTION,
        "prediction_id": _PREDICTION_ID,
        "timestamp": _TIMESTAMP,
        "score": _SCORE,
        "probabilities": _PROBABILITIES,
        "label": _LABEL,
    },
}


def _column(items: dict[str, Any], what: str) -> dict[str, Any]:
    """Return the schema of a column, which may be missing."""
    values = {"type": "array", "maxItems": MAX_ROWS, "items": items}
    return {"anyOf": [values, _NULL], "description": f"Only with `columns`: {what} of each row."}


_PREDICTIONS = {
    "anyOf": [
        {"type": "array", "minItems": 1, "maxItems": MAX_ROWS, "items": _ROW},
        {"type": "array", "maxItems": MAX_ROWS, "items": _SCALAR},
        _NULL,
    ],
    "description": "The rows; or, with `columns`, the prediction of each row.",
}
_COLUMNS = {
    "anyOf": [
        {
            "type": "object",
            "maxProperties": MAX_FEATURES,
            "additionalProperties": {"type": "array", "maxItems": MAX_ROWS, "items": _SCALAR},
        },
        _NULL,
    ],
    "description": "The values of each feature by its name, instead of rows. All columns have the same length.",
}

Id = Annotated[str, StringConstraints(min_length=1, max_length=128, strict=True)]


class PredictionBody(ModelReference):
    """The body of POST /predictions."""

    features: Annotated[Any, WithJsonSchema(_FEATURES)]
    prediction: Annotated[Any, WithJsonSchema(_PREDICTION)] = None
    prediction_id: Annotated[Any, WithJsonSchema(_PREDICTION_ID)] = None
    timestamp: Annotated[Any, WithJsonSchema(_TIMESTAMP)] = None
    score: Annotated[Any, WithJsonSchema(_SCORE)] = None
    probabilities: Annotated[Any, WithJsonSchema(_PROBABILITIES)] = None
    label: Annotated[Any, WithJsonSchema(_LABEL)] = None

    @model_validator(mode="before")
    @classmethod
    def _values_under_features(cls, data: Any) -> Any:
        if isinstance(data, dict) and "features" not in data and data.keys() - cls.model_fields.keys():
            raise ValueError(VALUES_UNDER_FEATURES)
        return data


type _Values = list[Any] | None


class BatchBody(ModelReference):
    """The body of POST /predictions/batch: rows, or columns of one length.

    Rows go under `predictions`. With `columns`, `predictions` and the other lists have one value for each row.
    """

    # Powertools formats each body for its debug log, even if that is off. Without `repr=False`, that takes as long as
    # reading the body.
    predictions: Annotated[_Values, WithJsonSchema(_PREDICTIONS)] = Field(default=None, repr=False)
    columns: Annotated[dict[str, list[Any]] | None, WithJsonSchema(_COLUMNS)] = Field(default=None, repr=False)
    prediction_ids: Annotated[_Values, WithJsonSchema(_column(_PREDICTION_ID, "your id"))] = Field(
        default=None, repr=False
    )
    timestamps: Annotated[_Values, WithJsonSchema(_column(_TIMESTAMP, "the time"))] = Field(default=None, repr=False)
    scores: Annotated[_Values, WithJsonSchema(_column(_SCORE, "the score"))] = Field(default=None, repr=False)
    probabilities: Annotated[_Values, WithJsonSchema(_column(_PROBABILITIES, "the probabilities"))] = Field(
        default=None, repr=False
    )
    labels: Annotated[_Values, WithJsonSchema(_column(_LABEL, "the label"))] = Field(default=None, repr=False)
    batch_id: Id | None = Field(
        default=None,
        description="Your id for deduplication: a batch with the same id is stored once.",
    )


class Logged(BaseModel):
    """The response to one prediction."""

    accepted: int
    prediction_ids: list[str]


class RejectedRow(TypedDict):
    """A rejected row: its index in the batch, and the first wrong place in the row."""

    index: int
    loc: list[str | int]
    msg: str


class BatchLogged(Logged):
    """The response to a batch. The ids are those of the accepted rows, in their order.

    `errors_left_out` counts the rejected rows that `errors` does not list because their names are too long.
    `warnings` has a sentence for everything in the batch that needs attention.
    """

    rejected: int
    errors: list[RejectedRow]
    warnings: list[str]
    errors_left_out: int = 0


class LoggedRow(TypedDict):
    """A logged prediction. Without a value, features are left out, and so are score, probabilities and label."""

    prediction_id: str
    timestamp: UtcTime
    features: dict[str, float | int | str | bool | None]
    prediction: float | int | str | bool | None
    score: NotRequired[float | int]
    probabilities: NotRequired[dict[str, float | int] | list[float | int]]
    label: NotRequired[float | int | str | bool]
