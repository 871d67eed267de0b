"""Logged predictions on the wire. Rows are read one by one in `driftguard.rows.reading`, so that good ones are kept when others
are not; here they have their shape for readers of the OpenAPI description."""

from typing import Annotated, Any, TypedDict

from pydantic import BaseModel, Field, StringConstraints, WithJsonSchema

from driftguard.platform.serialization import Wire
from driftguard.platform.times import UtcTime

MAX_ROWS = 5000

_NULL = {"type": "null"}
# Types side by side are anyOf: Powertools reads no list of types.
_SCALAR: dict[str, Any] = {
    "anyOf": [{"type": "number"}, {"type": "string", "maxLength": 256}, {"type": "boolean"}, _NULL]
}
_FEATURES = {
    "type": "object",
    "description": "By name (1 to 128 characters, no control characters). An absent feature is null.",
    "maxProperties": 500,
    "additionalProperties": _SCALAR,
}
_PREDICTION = {**_SCALAR, "description": "What the model answered."}
_PREDICTION_ID = {
    "anyOf": [{"type": "string", "minLength": 1, "maxLength": 128}, _NULL],
    "description": "Makes sending it again harmless; made up when absent.",
}
_TIMESTAMP = {
    "anyOf": [{"type": "string", "format": "date-time"}, _NULL],
    "description": "When it was predicted: at most 15 minutes ahead and 21 days old; now when absent.",
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

ModelId = Annotated[str, StringConstraints(min_length=1, max_length=128, strict=True)]
Id = Annotated[str, StringConstraints(min_length=1, max_length=128, strict=True)]


class PredictionBody(Wire):
    """The body of POST /predictions."""

    model_id: ModelId
    features: Annotated[Any, WithJsonSchema(_FEATURES)]
    prediction: Annotated[Any, WithJsonSchema(_PREDICTION)] = None
    prediction_id: Annotated[Any, WithJsonSchema(_PREDICTION_ID)] = None
    timestamp: Annotated[Any, WithJsonSchema(_TIMESTAMP)] = None


class BatchBody(Wire):
    """The body of POST /predictions/batch."""

    model_id: ModelId
    predictions: Annotated[
        list[Any], WithJsonSchema({"type": "array", "minItems": 1, "maxItems": MAX_ROWS, "items": _ROW})
    ]
    batch_id: Id | None = Field(default=None, description="Makes sending the batch again harmless.")


class Logged(BaseModel):
    """The answer to one prediction."""

    accepted: int
    prediction_ids: list[str]


class RejectedRow(TypedDict):
    """A row that was not taken: its index in the batch, and the first place that is wrong in it."""

    index: int
    loc: list[str | int]
    msg: str


class BatchLogged(Logged):
    """The answer to a batch: the ids are those of the accepted rows, in their order."""

    rejected: int
    errors: list[RejectedRow]


class LoggedRow(BaseModel):
    """A prediction as it was logged; a feature without a value is left out."""

    prediction_id: str
    timestamp: UtcTime
    features: dict[str, float | int | str | bool | None]
    prediction: float | int | str | bool | None
