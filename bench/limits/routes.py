"""The processor time of requests of two sizes, for every route. `python -m bench.limits.routes FILE` writes all."""

import gc
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import cache
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.limits import wide
from bench.limits.bodies import NEW_ID, SHAPES, Shape
from bench.limits.run import FULL_PROCESSOR, MEGABYTE, ORGANIZATION, ROOT, limits_of, tables
from driftguard.distributions.baseline import build
from driftguard.notifications.providers.base import StoredChannel
from driftguard.notifications.schemas import NEW_CHANNEL
from driftguard.notifications.tables import Channels
from sandbox.calls import Call, intercepted
from sandbox.gateway import Gateway, routes

RATIO = 6.0
"""Four times the bytes may take this many times as long. Quadratic work takes 16 times as long."""

HARMLESS = 0.25
"""Seconds of a largest request that need no further look. In so short a time, memory alone makes up the difference."""

TRIES = 4


@dataclass(frozen=True)
class Timed:
    """The processor time of a small and of a large request in seconds of a whole processor, and the last status.

    size: bytes of the large request.
    """

    method: str
    path: str
    name: str
    small: float
    large: float
    size: int
    status: int

    @property
    def linear(self) -> bool:
        """Whether four times the bytes take about four times as long."""
        return self.large <= max(HARMLESS, RATIO * self.small)


class Served:
    """The API with a model of 500 long-named features and a channel."""

    def __init__(self, ids: dict[str, str]) -> None:
        self.gateway = Gateway()
        self.ids = ids
        self._requests = 0

    def seconds(self, shape: Shape, content: str) -> tuple[float, int]:
        """Return the processor time of one request, without calls to AWS, and its status."""
        self._requests += 1
        if shape.line is None:
            path, raw = shape.path.format(**self.ids), content.replace(NEW_ID, f"b{self._requests:09}", 1)
        else:
            path, raw = _line(shape, content), None
        with own_time() as spent:
            answer = self.gateway.call(shape.method, path, raw=raw, key_id=f"{ORGANIZATION}-admin")
        return spent[0], answer.status


@contextmanager
def own_time() -> Iterator[list[float]]:
    """Measure the block's processor time without calls to AWS and without the collection of garbage."""
    inside = 0.0

    def aside(call: Call) -> Any:
        nonlocal inside
        begun = time.process_time()
        try:
            return call.make() if call.service != "lambda" else {"Payload": BytesIO(b'{"delivered": true}')}
        finally:
            inside += time.process_time() - begun

    spent = [0.0]
    gc.disable()
    try:
        with intercepted(aside):
            begun = time.process_time()
            yield spent
            spent[0] = time.process_time() - begun - inside
    finally:
        gc.enable()


@cache
def _parameters() -> dict[tuple[str, str], list[str]]:
    """Return the names of each route's query parameters."""
    described = json.loads((ROOT / "layers/driftguard/driftguard/openapi.json").read_text())
    return {
        (method.upper(), path): [one["name"] for one in about.get("parameters", []) if one["in"] == "query"]
        for path, methods in described["paths"].items()
        for method, about in methods.items()
    }


def _line(shape: Shape, value: str) -> str:
    """Return a path and a query in which the value is spread over all variables."""
    query = _parameters().get((shape.method, shape.path), []) or ["unknown"]
    variables = shape.path.count("{")
    part = len(value) // (variables + len(query))
    ids = dict.fromkeys(("model_id", "channel_id", "alert_id", "version", "upload_id", "proxy"), value[:part])
    path = shape.path.replace("+}", "}").format(**ids)
    return f"{path}?{'&'.join(f'{name}={value[:part]}' for name in query)}"


@contextmanager
def served() -> Iterator[Served]:
    """In the block, the API is served in this process."""
    with tables():
        os.environ["NOTIFY_EMAIL_FUNCTION"] = "notify-email"
        now = wide.now()
        columns = {name: [f"{number}-{row % 2}" for row in range(20)] for number, name in enumerate(wide.names())}
        model = wide.add_model(build(columns, days=7), now - timedelta(days=1))
        settings = NEW_CHANNEL.validate_python({"type": "email", "to": ["team@example.com"]})
        Channels.add(StoredChannel("C1", ORGANIZATION, settings, now, now))
        ids = {"model_id": model.model_id, "channel_id": "C1", "alert_id": "none", "version": "1", "upload_id": "none"}
        api = Served(ids)
        for shape in {(shape.method, shape.path, shape.line is None): shape for shape in SHAPES}.values():
            # The first request of a function loads its code.
            api.seconds(shape, "{}" if shape.line is None else "a" * 100)
        gc.collect()
        gc.freeze()
        try:
            yield api
        finally:
            gc.unfreeze()


def time_of(shape: Shape, api: Served) -> Timed:
    """Measure a shape. The least of several tries counts, because other work on the machine only adds time."""
    small_content, content = (_content(shape, size) for size in shape.sizes)
    small = min(api.seconds(shape, small_content)[0] for _try in range(2))
    large, status = api.seconds(shape, content)
    for _try in range(TRIES):
        timed = Timed(shape.method, shape.path, shape.name, small, large, len(content.encode(errors="replace")), status)
        if timed.linear:
            break
        small = min(small, api.seconds(shape, small_content)[0])
        large = min(large, api.seconds(shape, content)[0])
    return timed


def _content(shape: Shape, size: int) -> str:
    if shape.line is not None:
        return shape.line(size)
    return "" if shape.body is None else json.dumps(shape.body(size), separators=(",", ":"))


def share_of(method: str, path: str) -> tuple[float, float]:
    """Return the time limit of a route's function in seconds, and its share of a processor."""
    function = next(code for of, resource, _, code in routes() if (of, resource) == (method, path))
    memory, timeout = limits_of(function)
    return timeout, min(1.0, memory / (FULL_PROCESSOR * MEGABYTE))


def main(file: str) -> None:
    """Measure all shapes and write them as JSON."""
    with served() as api:
        Path(file).write_text(json.dumps([asdict(time_of(shape, api)) for shape in SHAPES]))


def measured() -> list[Timed]:
    """Return the times of all shapes, measured in a process of its own."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "times.json"
        environment = {**os.environ, "PYTHONPATH": "layers/driftguard:."}
        command = [sys.executable, "-m", "bench.limits.routes", str(file)]
        subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, check=True)
        return [Timed(**one) for one in json.loads(file.read_text())]


def slowest(found: Sequence[Timed]) -> list[Timed]:
    """Return the slowest request of each route that takes a body, and the slowest of all without a body."""
    kept: dict[tuple[str, str], Timed] = {}
    for one in found:
        shape = next(
            shape for shape in SHAPES if (shape.method, shape.path, shape.name) == (one.method, one.path, one.name)
        )
        route = ("", "") if shape.line is not None else (one.method, one.path)
        kept[route] = max(kept.get(route, one), one, key=lambda timed: timed.large)
    return list(kept.values())


if __name__ == "__main__":
    main(sys.argv[1])
