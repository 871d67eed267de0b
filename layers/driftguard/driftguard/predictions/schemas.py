"""Requests and responses of the prediction routes.

`driftguard.rows.reading` validates rows one by one, so that valid rows are kept if others are not. The shape of a row
here is only for the OpenAPI document.
"""

from typing import Annotated, Any, TypedDict

from pydantic import BaseModel, Field, StringConstraints, WithJsonSchema, model_validator

from driftguard.models.schemas import ModelReference
from driftguard.platform.times import UtcTime
from driftguard.rows.reading import VALUES_UNDER_FEATURES

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
_ROW = {
    "type": "object",
    "required": ["features"],
    "additionalProperties": False,
    "properties": {
        "features": _FEATURES,
        "prediction": _PREDICTION,
        "prediction_id": _PREDICTION_ID,
        "timestamp": _TIMESTAMP,
    },
}

Id = Annotated[str, StringConstraints(min_length=1, max_length=128, strict=True)]


class PredictionBody(ModelReference):
    """The body of POST /predictions."""

    features: Annotated[Any, WithJsonSchema(_FEATURES)]
    prediction: Annotated[Any, WithJsonSchema(_PREDICTION)] = None
    prediction_id: Annotated[Any, WithJsonSchema(_PREDICTION_ID)] = None
    timestamp: Annotated[Any, WithJsonSchema(_TIMESTAMP)] = None

    @model_validator(mode="before")
    @classmethod
    def _values_under_features(cls, data: Any) -> Any:
        if isinstance(data, dict) and "features" not in data and data.keys() - cls.model_fields.keys():
            raise ValueError(VALUES_UNDER_FEATURES)
        return data


class BatchBody(ModelReference):
    """The body of POST /predictions/batch."""

    predictions: Annotated[
        list[Any], WithJsonSchema({"type": "array", "minItems": 1, "maxItems": MAX_ROWS, "items": _ROW})
    ]
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


class LoggedRow(BaseModel):
    """A logged prediction. Features without a value are left out."""

    prediction_id: str
    timestamp: UtcTime
    features: dict[str, float | int | str | bool | None]
    prediction: float | int | str | bool | None
