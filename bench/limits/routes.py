"""Bodies of two sizes for every route that takes a body, and the processor time that each takes."""

import itertools
import json
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from bench.limits import wide
from bench.limits.run import FULL_PROCESSOR, MEGABYTE, ORGANIZATION, limits_of, tables
from driftguard.api.bodies import MAX_BODY_BYTES
from driftguard.distributions.baseline import build
from driftguard.notifications.providers.base import StoredChannel
from driftguard.notifications.schemas import NEW_CHANNEL
from driftguard.notifications.tables import Channels
from sandbox.gateway import Gateway, routes
from sandbox.meter import metered

LARGE = MAX_BODY_BYTES - 1_000
SMALL = LARGE // 4
TRIES = 4

RATIO = 5.0
CONSTANT = 0.02
"""Four times the bytes may take RATIO times the time, and a constant in seconds."""

HOSTILE = {
    "one long text": lambda size: {"name": "a" * size},
    "unknown fields": lambda size: {f"field {number}": 1 for number in range(size // 20)},
    "deep lists": lambda size: {"name": [[0] * 10] * (size // 40)},
    "overrides": lambda size: {"settings": {"features": {f"{n:0128}": {"alpha": 2} for n in range(size // 150)}}},
    "labels": lambda size: {"labels": {f"label {number}": "value" for number in range(size // 25)}},
    "bad texts": lambda size: {"name": "\ud800" * (size // 6)},
}
"""Bodies that most routes refuse."""


@dataclass(frozen=True)
class Shape:
    """A kind of body for one route. body: returns a body of about the given bytes."""

    method: str
    path: str
    name: str
    body: Callable[[int], Any]

    @property
    def title(self) -> str:
        """The route and the kind of body."""
        return f"{self.method} {self.path}, {self.name}"


@dataclass(frozen=True)
class Timed:
    """The processor time of a small and a large body in seconds, and the status of the answers."""

    shape: Shape
    small: float
    large: float
    status: int

    @property
    def linear(self) -> bool:
        """Whether four times the bytes take about four times as long."""
        return self.large <= RATIO * self.small + CONSTANT


@dataclass(frozen=True)
class Served:
    """The API, and the ids of what its paths name."""

    gateway: Gateway
    ids: dict[str, str]

    def seconds(self, shape: Shape, size: int) -> tuple[float, int]:
        """Return the processor time of one request, without calls to AWS, and its status."""
        content = json.dumps(shape.body(size), separators=(",", ":"))
        path = shape.path.format(**self.ids)
        with metered() as usage:
            answer = self.gateway.call(shape.method, path, raw=content, key_id=f"{ORGANIZATION}-admin")
        return usage.own_seconds, answer.status


@contextmanager
def served() -> Iterator[Served]:
    """In the block, the API has a model of 500 long-named features and a channel."""
    with tables():
        now = wide.now()
        columns = {name: [f"{number}-{row % 2}" for row in range(20)] for number, name in enumerate(wide.names())}
        model = wide.add_model(build(columns, days=7), now - timedelta(days=1))
        settings = NEW_CHANNEL.validate_python({"type": "email", "to": ["team@example.com"]})
        Channels.add(StoredChannel("C1", ORGANIZATION, settings, now, now))
        ids = {"model_id": model.model_id, "channel_id": "C1", "alert_id": "none", "version": "1"}
        api = Served(Gateway(), ids)
        for method, path in sorted({(shape.method, shape.path) for shape in SHAPES}):
            # The first request of a function loads its code.
            api.seconds(Shape(method, path, "warm", lambda _size: {}), 0)
        yield api


def time_of(shape: Shape, api: Served) -> Timed:
    """Measure a shape. The least of several tries counts, because other work on the machine only adds time."""
    small = large = float("inf")
    for _try in range(TRIES):
        small = min(small, api.seconds(shape, SMALL)[0])
        seconds, status = api.seconds(shape, LARGE)
        large = min(large, seconds)
        timed = Timed(shape, small, large, status)
        if timed.linear:
            break
    return timed


def seconds_allowed(shape: Shape) -> float:
    """Return the seconds of a whole processor that the route's function has."""
    function = next(code for method, path, _, code in routes() if (method, path) == (shape.method, shape.path))
    memory, timeout = limits_of(function)
    return timeout * min(1.0, memory / (FULL_PROCESSOR * MEGABYTE))


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
_batches = itertools.count()


def _batch(row: Callable[[int], dict[str, Any]]) -> Callable[[int], Any]:
    """Return a body that logs rows. Each body has an id of its own, because equal bodies are retries."""

    def body(size: int) -> Any:
        rows = _rows(size, row)[:5_000]
        return {"model": "wide", "batch_id": f"b{next(_batches)}", "predictions": rows}

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
    return {"model": "wide", "batch_id": f"b{next(_batches)}", "columns": columns}


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
    return {"batch_id": f"b{next(_batches)}", "labels": rows[: (size - 1_000) // each]}


SHAPES = [
    *PREDICTION,
    *(Shape("POST", "/predictions/batch", name, _batch(row)) for name, row in ROWS),
    Shape("POST", "/predictions/batch", "columns", _logged_columns),
    *(Shape("PUT", "/models/{model_id}/baseline", f"rows: {name}", _baseline(row)) for name, row in ROWS),
    Shape("PUT", "/models/{model_id}/baseline", "columns of numbers", _columns(lambda n: _numbers[n % 1_000] + n, 19)),
    Shape("PUT", "/models/{model_id}/baseline", "columns of ids", _columns(lambda n: f"id {n:012}", 18)),
    Shape("POST", "/models/{model_id}/labels", "labels", _labels),
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
    *(
        Shape(method, path, name, body)
        for method, path in sorted(
            {(method, path) for method, path, _, _ in routes() if method in ("POST", "PUT", "PATCH")}
        )
        for name, body in HOSTILE.items()
        if path not in ("/drift/models/{model_id}/check", "/models/{model_id}/baselines/{version}/restore")
    ),
]
