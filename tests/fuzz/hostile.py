"""Hooks that make schemathesis send what no client means to send. The environment variable IDS has ids that exist."""

import gzip
import json
import os
from collections.abc import Callable
from typing import Any

import schemathesis
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict
from schemathesis import HookContext

IDS: dict[str, str] = json.loads(os.environ["IDS"])
ENCODING = "x-body-encoding"
"""Names the encoding of a body until the request is sent."""

SMILE = "\U0001f600"
LETTERS = st.characters(exclude_categories=["Cs"])
"""Every character but lone surrogates. Schemathesis cannot check a body that has one; `test_extremes` sends them."""

ENCODED: dict[str, Callable[[bytes], bytes]] = {
    "utf-16": lambda body: body.decode(errors="replace").encode("utf-16"),
    "latin-1": lambda body: body.decode(errors="replace").encode("latin-1", "replace") + b"\xe9",
    "mark": lambda body: b"\xef\xbb\xbf" + body,
    "half": lambda body: body[: len(body) // 2],
    "twice": lambda body: body + body,
    "gzip": gzip.compress,
    "half gzip": lambda body: gzip.compress(body)[:-7],
    "zeros": lambda body: b"\x00" * len(body),
    "nothing": lambda body: b"",
    "spaces to the limit": lambda body: body + b" " * max(0, 4_000_000 - len(body)),
    "spaces beyond the limit": lambda body: body + b" " * 4_000_000,
}

texts = st.one_of(
    st.text(LETTERS, max_size=20),
    st.sampled_from(["", " ", "\x00", "..", "%", "null", "a" * 129, SMILE * 128, SMILE * 129, "=?utf-8?q?a?="]),
    st.sampled_from(
        ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "2026-02-30T00:00:00Z", "1e400", "\r\nx: y"]
    ),
)
numbers = st.one_of(
    st.sampled_from([0, -0.0, 2**53, 2**63, -(2**63) - 1, 10**400, 5e-324, 1.7976931348623157e308, 1e-400]),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
)
scalars = st.one_of(st.none(), st.booleans(), numbers, texts)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=20,
)


def deep(levels: int) -> Any:
    """A list in a list, many times."""
    made: Any = []
    for _level in range(levels):
        made = [made]
    return made


def at_the_limit(kind: str) -> Any:
    """A body near 4,000,000 bytes, or at the limits of rows, features and names."""
    names = [f"{number:03}{SMILE * 125}" for number in range(500)]
    match kind:
        case "one text":
            return {"name": "a" * 3_900_000, "model": "fuzzed"}
        case "rows":
            return {"model": "fuzzed", "predictions": [{"features": {"age": row}} for row in range(5_001)]}
        case "names":
            return {"model": "fuzzed", "predictions": [{"features": dict.fromkeys(names, "x")}] * 3}
        case "columns":
            return {"columns": {name: ["a", 1, None] for name in names}, "replace": True}
        case "too many columns":
            return {"columns": {str(number): [1] for number in range(501)}, "model": "fuzzed"}
        case "overrides":
            return {"settings": {"features": {name: {"alpha": 0.5} for name in names}}}
        case "labels":
            return {"name": "x", "labels": {f"{number}": SMILE * 256 for number in range(21)}}
    return {"features": deep(900), "model": "fuzzed"}


LIMITS = ("one text", "rows", "names", "columns", "too many columns", "overrides", "labels", "deep")
limits = st.sampled_from(LIMITS).map(at_the_limit)


def damaged(body: Any) -> st.SearchStrategy[Any]:
    """The body with one field replaced or added."""
    if not isinstance(body, dict):
        return values
    fields = st.sampled_from([*body, "features", "model", "settings", "rows"])
    return st.builds(lambda field, value: {**body, field: value}, fields, values)


def paths(case: schemathesis.Case[Any]) -> st.SearchStrategy[dict[str, str]]:
    """Ids that exist, and ids of any kind. Nothing that exists is deleted."""
    others = st.fixed_dictionaries({name: texts.filter(sendable) for name in case.path_parameters or {}})
    if case.method.upper() == "DELETE":
        return others
    return st.just({name: IDS[name] for name in case.path_parameters or {}}) | others


def sendable(text: str) -> bool:
    """Whether a text can be a part of a path at all."""
    return bool(text) and not any("\ud800" <= letter <= "\udfff" for letter in text)


def queries(case: schemathesis.Case[Any]) -> st.SearchStrategy[dict[str, str]]:
    """Parameters with any values, and parameters that nobody knows."""
    value = st.sampled_from(["0", "-1", "9" * 5_000, "NaN", "\x00", "x" * 2_001, SMILE, "1_0"]) | texts.filter(sendable)
    return st.dictionaries(st.sampled_from([*(case.query or {}), "cursor", "limit", "days", "x"]), value, max_size=4)


def headers() -> st.SearchStrategy[dict[str, str]]:
    """Headers that the API looks at with any values, and the encoding of the body."""
    value = st.one_of(
        st.sampled_from(["", ";", "*/*", "\xff", "gzip", "br", "a, b", "x" * 255, "x" * 256, "x" * 5_000]),
        # The client refuses values that begin with a space.
        st.text(st.characters(min_codepoint=33, max_codepoint=255), max_size=20).map(str.strip),
    )
    names = ("content-encoding", "idempotency-key", "accept", "accept-encoding", "origin", "x-amzn-trace-id")
    plain: st.SearchStrategy[dict[str, str]] = st.just({})
    encodings = plain | st.sampled_from([*ENCODED]).map(lambda name: {ENCODING: name})
    some = st.dictionaries(st.sampled_from(names), value, max_size=2)
    return st.builds(lambda one, other: {**one, **other}, some, encodings)


@schemathesis.hook
def flatmap_case(context: HookContext, case: schemathesis.Case[Any]) -> st.SearchStrategy[schemathesis.Case[Any]]:
    """Replace every part of a request."""

    def replaced(path: Any, query: Any, some: Any, body: Any) -> schemathesis.Case[Any]:
        case.path_parameters, case.query, case.body = path, query, body
        case.headers = CaseInsensitiveDict({**(case.headers or {}), **some})
        return case

    bodies = st.just(case.body)
    if case.method.upper() in ("POST", "PUT", "PATCH"):
        small = damaged(case.body) | values
        # Bodies at the limits take most of the time.
        bodies = st.integers(0, 4).flatmap(lambda number: small if number else limits)
    return st.builds(replaced, paths(case), queries(case), headers(), bodies)


@schemathesis.hook
def before_call(context: HookContext, case: schemathesis.Case[Any], kwargs: dict[str, Any]) -> None:
    """Encode the body as its marking header says."""
    name = None if case.headers is None else case.headers.pop(ENCODING, None)
    if name is not None and case.method.upper() in ("POST", "PUT", "PATCH"):
        kwargs["data"] = ENCODED[name](json.dumps(case.body, default=str).encode())
