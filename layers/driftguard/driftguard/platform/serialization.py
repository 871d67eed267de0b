"""What every wire model shares."""

import json
from collections.abc import Sequence
from json import JSONDecodeError
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

from driftguard.platform.errors import FieldError


class Wire(BaseModel):
    """A body or an answer: unknown fields are refused, and so are NaN and infinite numbers."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


def _no_control_characters(text: str) -> str:
    if any(ord(character) < 32 or ord(character) == 127 for character in text):
        raise ValueError("must not contain control characters")
    if any(0xD800 <= ord(character) <= 0xDFFF for character in text):
        raise ValueError("must be valid Unicode")
    return text


Name = Annotated[
    str, StringConstraints(min_length=1, max_length=128, strict=True), AfterValidator(_no_control_characters)
]
"""A name: 1 to 128 characters, any but control characters."""

Note = Annotated[str, StringConstraints(max_length=2000, strict=True)]
"""A free text of a person, such as the note beside an acknowledgement."""


MAX_ANSWER_BYTES = 5_000_000


MAX_ERRORS = 100
"""How many errors of a request the answer names."""


def field_errors(errors: Sequence[Any]) -> list[FieldError]:
    """Pydantic's errors in the API's shape: where, and what is wrong there in a sentence without our class names."""
    return [
        {
            "loc": [part for part in entry["loc"] if isinstance(part, (str, int))],
            "msg": _message(entry)[:300],
        }
        for entry in errors[:MAX_ERRORS]
    ]


def _message(entry: Any) -> str:
    if entry.get("type") == "extra_forbidden":
        return "unknown field"
    return str(entry.get("msg", "not valid")).removeprefix("Value error, ")


MAX_DIGITS = 400
"""Longer integers are beyond every float; Python refuses those over 4,300 digits, with an error of its own."""


def from_json(text: str) -> Any:
    """A body's JSON. Raises JSONDecodeError for what is none, and for what is nested too deeply to be read."""
    try:
        return json.loads(text, parse_int=lambda digits: int(digits) if len(digits) <= MAX_DIGITS else float("inf"))
    except RecursionError:
        raise JSONDecodeError("nested too deeply", "", 0) from None


def to_json(body: Any) -> str:
    """An answer's JSON. Raises ValueError for NaN or infinity, which no answer may hold."""
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    raise TypeError(f"{type(value).__name__} is not JSON")


def jsonable(item: Any) -> Any:
    return item.model_dump(mode="json") if isinstance(item, BaseModel) else item
