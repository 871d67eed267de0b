"""Requests of two sizes for every route: what most routes refuse, and what each route is made for."""

import itertools
import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench.limits import wide
from driftguard.api.bodies import MAX_BODY_BYTES
from sandbox.gateway import routes

LARGE = MAX_BODY_BYTES - 1_000
SMALL = LARGE // 4
LARGE_LINE = 8_000
SMALL_LINE = LARGE_LINE // 4
"""API Gateway accepts request lines and headers of 10 kB."""

NEW_ID = "b000000000"
"""Stands in a body for an id that is new in each request, because equal requests are retries."""


@dataclass(frozen=True)
class Shape:
    """A kind of request to one route. body: returns a body of about the given bytes.

    line: returns the values of the path and of the query, of about the given bytes. Such a request has no body.
    """

    method: str
    path: str
    name: str
    body: Callable[[int], Any] | None = None
    line: Callable[[int], str] | None = None

    @property
    def title(self) -> str:
        """The route and the kind of request."""
        return f"{self.method} {self.path}, {self.name}"

    @property
    def sizes(self) -> tuple[int, int]:
        """The bytes of the small and of the large request."""
        return (SMALL, LARGE) if self.line is None else (SMALL_LINE, LARGE_LINE)


HOSTILE: dict[str, Callable[[int], Any]] = {
    "one long text": lambda size: {"name": "a" * size},
    "unknown fields": lambda size: {f"field {number}": 1 for number in range(size // 20)},
    "deep lists": lambda size: {"name": [[0] * 10] * (size // 40)},
    "bad texts": lambda size: {"name": "\ud800" * (size // 6)},
}
"""Bodies that most routes refuse."""

SETTINGS: dict[str, Callable[[int], Any]] = {
    "wrong overrides": lambda size: {
        "name": "wide",
        "settings": {"features": {f"{number:0128}": {"alpha": 2} for number in range(size // 150)}},
    },
    "one wrong override": lambda size: {
        "name": "wide",
        "settings": {"features": {"a": {f"field {number}": 1 for number in range(size // 20)}}},
    },
    "labels": lambda size: {"name": "wide", "labels": {f"label {number}": 1 for number in range(size // 20)}},
    "classes": lambda size: {
        "name": "wide",
        "settings": {"task": {"type": "multiclass", "classes": [[]] * (size // 3)}},
    },
}
"""Bodies for the routes that take settings."""

LINES: dict[str, Callable[[int], str]] = {
    "digits": lambda size: "1" * size,
    "letters": lambda size: "a" * size,
    "times": lambda size: "2026-01-01T00:00:00." + "0" * (size - 20),
    "blanks": lambda size: "%20" * (size // 3),
}
"""Values of the path and of the query."""


def _rows(size: int, row: Callable[[int], dict[str, Any]]) -> list[dict[str, Any]]:
    """Return as many rows as fit in `size` bytes, with room for the rest of the body."""
    rows: list[dict[str, Any]] = []
    left = size - 1_000
    for number in itertools.count():
        made = {"features": row(number)}
        left -= len(json.dumps(made, separators=(",", ":"))) + 1
        if left < 0:
            return rows
        rows.append(made)
    return rows


_random = random.Random(1)
_numbers = [_random.random() for _ in range(1_000)]
_texts = [wide.text(number, 20) for number in range(1_000)]
_two_letters = ["".join(_random.choices("ab", k=250)) for _ in range(1_000)]


def _batch(row: Callable[[int], dict[str, Any]]) -> Callable[[int], Any]:
    """Return a body that logs rows. Each body has an id of its own, because equal bodies are retries."""

    def body(size: int) -> Any:
        rows = _rows(size, row)[:5_000]
        return {"model": "wide", "batch_id": NEW_ID, "predictions": rows}

    return body


def _baseline(row: Callable[[int], dict[str, Any]]) -> Callable[[int], Any]:
    return lambda size: {"rows": _rows(size, row), "replace": True}


def _columns(value: Callable[[int], Any], value_bytes: int) -> Callable[[int], Any]:
    def body(size: int) -> Any:
        rows = size // (100 * value_bytes)
        return {
            "columns": {str(n): [value(n * rows + row) for row in range(rows)] for n in range(100)},
            "replace": True,
        }

    return body


def _logged_columns(size: int) -> dict[str, Any]:
    columns = {str(name): _numbers[: size // (20 * 250)] for name in range(250)}
    return {"model": "wide", "batch_id": NEW_ID, "columns": columns}


PREDICTION = [
    Shape("POST", "/predictions", "one wide row", lambda size: {"model": "wide", "features": _wide(size)}),
    Shape("POST", "/predictions", "a long name", lambda size: {"model": "wide", "features": {"x" * size: 1}}),
]
ROWS: list[tuple[str, Callable[[int], dict[str, Any]]]] = [
    ("numbers", lambda row: {str(n): _numbers[(row + n) % 1_000] for n in range(100)}),
    ("names that differ", lambda row: {f"{row}.{n}": 1 for n in range(60)}),
    ("texts", lambda row: {str(n): _texts[(row * 7 + n) % 1_000] for n in range(50)}),
    ("texts of two letters", lambda row: {str(n): _two_letters[(row * 7 + n) % 1_000] for n in range(30)}),
    ("rows that are refused", lambda _row: {"x" * 700: 1}),
    ("mixed types", lambda row: {str(n): (1, "a", True, None)[(row + n) % 4] for n in range(100)}),
]


def _wide(size: int) -> dict[str, int]:
    return {f"{number:0128}": number for number in range(size // 140)}


def _labels(size: int) -> Any:
    """Return a body of up to 5,000 labels with as many outcomes as fit."""
    outcomes = {wide.text(number, 60): 0.125 for number in range(10)}
    rows = [{"prediction_id": f"id {number:012}", "label": number % 2, "outcomes": outcomes} for number in range(5_000)]
    each = len(json.dumps(rows[0], separators=(",", ":"))) + 1
    return {"batch_id": NEW_ID, "labels": rows[: (size - 1_000) // each]}


_PATHS = sorted({(method, path) for method, path, _, _ in routes()})
_WITHOUT_BODY = {
    ("POST", "/drift/models/{model_id}/check"),
    ("POST", "/models/{model_id}/baselines/{version}/restore"),
}
_WITH_BODY = [route for route in _PATHS if route[0] in ("POST", "PUT", "PATCH") and route not in _WITHOUT_BODY]
_WITH_SETTINGS = [
    ("POST", "/models"),
    ("PATCH", "/models/{model_id}"),
    ("POST", "/drift/models/{model_id}/simulate"),
]

SHAPES = [
    *PREDICTION,
    *(Shape("POST", "/predictions/batch", name, _batch(row)) for name, row in ROWS),
    Shape("POST", "/predictions/batch", "columns", _logged_columns),
    *(Shape("PUT", "/models/{model_id}/baseline", f"rows: {name}", _baseline(row)) for name, row in ROWS),
    Shape("PUT", "/models/{model_id}/baseline", "columns of numbers", _columns(lambda n: _numbers[n % 1_000] + n, 19)),
    Shape("PUT", "/models/{model_id}/baseline", "columns of ids", _columns(lambda n: f"id {n:012}", 18)),
    Shape("POST", "/models/{model_id}/labels", "labels", _labels),
    Shape("POST", "/labels", "labels", lambda size: {"model": "wide", **_labels(size)}),
    Shape(
        "POST",
        "/models/{model_id}/baseline/uploads",
        "marks of missing values",
        lambda size: {"format": "csv", "na_values": [f"{n:08}" for n in range(size // 12)]},
    ),
    Shape(
        "POST",
        "/alert-channels",
        "addresses",
        lambda size: {"type": "email", "to": [f"a{n:08}@example.com" for n in range(size // 24)]},
    ),
    Shape(
        "POST",
        "/alert-channels",
        "a long address",
        lambda size: {"type": "webhook", "url": "https://" + "a." * (size // 2) + "example"},
    ),
    Shape(
        "PATCH",
        "/alert-channels/{channel_id}",
        "models",
        lambda size: {"model_ids": [f"{n:026}" for n in range(size // 30)]},
    ),
    *(Shape(*route, name, body) for route in _WITH_SETTINGS for name, body in SETTINGS.items()),
    *(Shape(*route, name, body) for route in _WITH_BODY for name, body in HOSTILE.items()),
    *(Shape(*route, name, line=line) for route in _PATHS for name, line in LINES.items()),
]
