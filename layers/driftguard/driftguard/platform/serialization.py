"""JSON in requests and responses, and the base of the models that describe them."""

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from json import JSONDecodeError
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, StringConstraints, model_validator
from pydantic_core import from_json as parse_fast

from driftguard.platform.errors import FieldError

type Scalar = float | int | str | bool | None
"""A value of a feature or a prediction, as JSON holds it."""


def at_most(entries: int) -> BeforeValidator:
    """Return a validator that refuses a larger object before anything in it is validated.

    Pydantic's own `max_length` counts what is left after validation, and keeps an error for each wrong entry. Those of
    a body of 4 MB take more than the 512 MB of a function.
    """

    def check(data: Any) -> Any:
        if isinstance(data, dict) and len(data) > entries:
            raise ValueError(f"has {len(data):,} entries; send at most {entries:,}")
        return data

    return BeforeValidator(check)


MAX_FIELDS = 1_000
"""Number of fields from which on an object of a request is not read. No object with typed fields has as many."""


class Wire(BaseModel):
    """A request or response body. It rejects unknown fields, NaN and infinite numbers."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _has_few_fields(cls, data: Any) -> Any:
        # For the reason of `at_most`: each unknown field is an error.
        if isinstance(data, dict) and len(data) > MAX_FIELDS:
            raise ValueError(f"has {len(data):,} fields, and no such object has more than {MAX_FIELDS:,}")
        return data


UNFIT_IN_NAMES = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters (Unicode's category Cc) and lone surrogates, which UTF-8 cannot hold."""


def _without_control_characters(text: str) -> str:
    if UNFIT_IN_NAMES.search(text):
        raise ValueError("must not contain control characters or invalid Unicode")
    return text


Name = Annotated[
    str, StringConstraints(min_length=1, max_length=128, strict=True), AfterValidator(_without_control_characters)
]
"""A name of 1 to 128 characters, without control characters."""

Note = Annotated[str, StringConstraints(max_length=2000, strict=True)]
"""Free text that a person writes, such as the note of an acknowledgement."""

MAX_ANSWER_BYTES = 5_000_000
"""Most bytes of a response body, as `answer_bytes` counts them. Lambda returns at most 6 MB."""


MAX_ERRORS = 100
"""Number of errors that a response lists."""


def field_errors(errors: Sequence[Any]) -> list[FieldError]:
    """Return pydantic's errors in the API's shape, without the names of our classes."""
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
"""No float can hold a longer integer. They are read as infinity, which `Wire` rejects; Python fails above 4,300."""


def from_json(text: str) -> Any:
    """Parse a request body. Raises JSONDecodeError if it is not JSON or is nested too deeply."""
    # Calling a function for each integer takes as long as all the rest of the parsing.
    size = MAX_DIGITS // 2
    has_long = any(text[start : start + size].isdigit() for start in range(0, len(text), size))
    if not has_long:
        # This parser takes a third of the time. It refuses lone surrogates and deep nesting, which Python's reads, and
        # its errors have other places.
        with suppress(ValueError, TypeError):
            return parse_fast(text)
    try:
        return json.loads(text, parse_int=_bounded if has_long else None)
    except RecursionError:
        raise JSONDecodeError("nested too deeply", "", 0) from None


def _bounded(digits: str) -> float:
    return int(digits) if len(digits) <= MAX_DIGITS else float("inf")


def to_json(body: Any) -> str:
    """Return a response body as JSON. Raises ValueError for NaN and infinity."""
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_plain)


def answer_bytes(value: Any) -> int:
    """Return the bytes that a value takes in a response. Lambda sends the body as a string with escaped quotes."""
    return len(json.dumps(to_json(value), ensure_ascii=False).encode())


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    raise TypeError(f"{type(value).__name__} is not JSON")


def jsonable(item: Any) -> Any:
    """Return a pydantic model as plain JSON types, and any other value as it is."""
    return item.model_dump(mode="json") if isinstance(item, BaseModel) else item
