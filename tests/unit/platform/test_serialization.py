"""Request bodies are read by a fast parser, with Python's own behind it."""

import json
import struct
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from driftguard.platform.serialization import from_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
PIECES = st.sampled_from([*'{}[]",:0123456789.eE+-\\/ \n\t\x00\x1f', "NaN", "Infinity", "true", "null", "\\ud83d", "é"])


def exact(value: Any) -> Any:
    """A value that is equal only to one of the same types, bits and order."""
    if isinstance(value, float):
        return "nan" if value != value else struct.pack("d", value)  # noqa: PLR0124  only NaN differs from itself
    if isinstance(value, list):
        return [exact(one) for one in value]
    if isinstance(value, dict):
        return [(name, exact(one)) for name, one in value.items()]
    return type(value), value


def outcome(parse: Any, text: str) -> Any:
    """What a parser returns, or where and why it fails."""
    try:
        return exact(parse(text))
    except ValueError as error:
        return str(error)


@given(VALUES.map(json.dumps), st.lists(st.tuples(st.integers(0), PIECES), max_size=3))
@example('{"a":1,"b":2,"a":3}', [])
@example('["\\ud800","\\ud83d\\ude00",-0,-0.0,1e400,2.4703282292062327e-324,18446744073709551616]', [])
@example("[" * 500 + "]" * 500, [])
def test_bodies_are_read_as_by_python(text: str, changes: list[tuple[int, str]]) -> None:
    """Valid and damaged JSON gives the same values, bit by bit, and the same errors as json.loads."""
    for place, piece in changes:
        start = place % (len(text) + 1)
        text = text[:start] + piece + text[start + len(piece) % 2 :]
    assert outcome(from_json, text) == outcome(json.loads, text)


@pytest.mark.parametrize("digits", ["9" * 401, "-" + "9" * 401, "1" + "0" * 5000])
def test_a_number_that_no_float_can_hold_is_infinite(digits: str) -> None:
    """Integers of more than 400 digits become infinity, so their row is refused; 400 digits are an integer."""
    assert from_json(f"[{digits}]") == [float("inf")]
    assert from_json("9" * 400) == int("9" * 400)
