"""A service on a real socket that stores batches once, as DriftGuard does, and that can be told to misbehave.

It knows the formats of `POST /predictions/batch` and `POST /labels`, and nothing else of DriftGuard. tests/local runs
the client against the real service.
"""

import contextlib
import json
import random
import socket
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Literal, Self

type Fault = Literal["fail_after_storing", "fail", "hang", "throttle", "close", "close_after_storing", "garbage"]
type Answer = tuple[int, dict[str, Any] | list[Any]]
type Store = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass
class Request:
    """A request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    size: int
    body: Any
    at: float


@dataclass
class Service:
    """Serves until the end of the block. `fault` decides about each batch before it is answered."""

    fault: Callable[[int], Fault | None] = lambda _number: None
    reject: Callable[[dict[str, Any]], str | None] = lambda _row: None
    key: str = "secret"
    hang_seconds: float = 3.0
    routes: dict[tuple[str, str], Callable[[Any], Answer]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    batches: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)
    labels: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._number = 0
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:
                pass

            def do_GET(self) -> None:
                service.handle(self, "GET")

            def do_POST(self) -> None:
                service.handle(self, "POST")

            def do_PUT(self) -> None:
                service.handle(self, "PUT")

            def do_PATCH(self) -> None:
                service.handle(self, "PATCH")

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, request: Any, client_address: Any) -> None:
                pass  # clients that are killed close their sockets at any moment

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def ids(self) -> list[str]:
        """The ids of all stored rows."""
        with self._lock:
            return [row["prediction_id"] for row in self.rows]

    @property
    def repeated(self) -> dict[str, int]:
        """Ids that are stored more than once."""
        return {one: count for one, count in Counter(self.ids).items() if count > 1}

    def wait_for(self, count: int, seconds: float = 10.0) -> None:
        """Wait until so many rows are stored."""
        deadline = time.monotonic() + seconds
        while len(self.rows) < count:
            assert time.monotonic() < deadline, f"{len(self.rows)} of {count} rows arrived"
            time.sleep(0.01)

    def handle(self, handler: BaseHTTPRequestHandler, method: str) -> None:
        raw = handler.rfile.read(int(handler.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        body = zlib.decompress(raw, 31) if headers.get("content-encoding") == "gzip" else raw
        content: Any = json.loads(body) if body[:1] in {b"{", b"["} else body
        path = handler.path
        with self._lock:
            self.requests.append(Request(method, path, headers, len(raw), content, time.monotonic()))
        if headers.get("x-api-key") != self.key:
            self._answer(handler, 403, {"message": "Forbidden"})
        elif (method, path) in self.routes:
            self._answer(handler, *self.routes[method, path](content))
        elif (method, path) == ("POST", "/predictions/batch"):
            self._batch(handler, content, self._logged)
        elif (method, path) == ("POST", "/labels"):
            self._batch(handler, content, self._labelled)
        else:
            self._answer(handler, 404, {"message": f"no route {method} {path}"})

    def _batch(self, handler: BaseHTTPRequestHandler, content: dict[str, Any], store: Store) -> None:
        with self._lock:
            number = self._number
            self._number += 1
        fault = self.fault(number)
        if fault == "fail":
            return self._answer(handler, 500, {"message": "Internal server error"})
        if fault == "throttle":
            return self._answer(handler, 429, {"message": "Too many requests"}, {"retry-after": "1"})
        if fault == "close":
            return self._close(handler)
        if fault == "garbage":
            return self._send(handler, 200, b"<html>a proxy</html>", {"content-type": "text/html"})
        status, answer = self._store(content, store)
        if fault == "hang":
            time.sleep(self.hang_seconds)
        if fault == "fail_after_storing":
            return self._answer(handler, random.choice([500, 502, 503, 504]), {"message": "failed after storing"})
        if fault == "close_after_storing":
            return self._close(handler)
        return self._answer(handler, status, answer)

    def _store(self, content: dict[str, Any], store: Store) -> Answer:
        identity = json.dumps({name: value for name, value in content.items() if name != "model_id"}, sort_keys=True)
        with self._lock:
            if content["batch_id"] in self.batches:
                first, answer = self.batches[content["batch_id"]]
                return (202, answer) if first == identity else (409, {"message": "the same id with another body"})
            answer = store(content)
            self.batches[content["batch_id"]] = (identity, answer)
            return 202, answer

    def _logged(self, content: dict[str, Any]) -> dict[str, Any]:
        taken, errors = self._good(rows_of(content), "age")
        self.rows += taken
        ids = [row["prediction_id"] for row in taken]
        return {"accepted": len(taken), **errors, "prediction_ids": ids, "warnings": []}

    def _labelled(self, content: dict[str, Any]) -> dict[str, Any]:
        taken, errors = self._good(labels_of(content), "label")
        self.labels += taken
        return {"accepted": len(taken), **errors, "unlabelled": 0}

    def _good(self, rows: list[dict[str, Any]], column: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        reasons = [self.reject(row) for row in rows]
        errors = [
            {"index": index, "loc": ["body", "columns", column, index], "msg": reason}
            for index, reason in enumerate(reasons)
            if reason
        ]
        taken = [row for row, reason in zip(rows, reasons, strict=True) if not reason]
        return taken, {"rejected": len(errors), "errors": errors}

    def _answer(
        self, handler: BaseHTTPRequestHandler, status: int, content: Any, headers: dict[str, str] | None = None
    ) -> None:
        self._send(
            handler, status, json.dumps(content).encode(), {"content-type": "application/json", **(headers or {})}
        )

    @staticmethod
    def _send(handler: BaseHTTPRequestHandler, status: int, content: bytes, headers: dict[str, str]) -> None:
        with contextlib.suppress(OSError):  # the client may have gone
            handler.send_response(status)
            for name, value in {**headers, "content-length": str(len(content))}.items():
                handler.send_header(name, value)
            handler.end_headers()
            handler.wfile.write(content)

    @staticmethod
    def _close(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        with contextlib.suppress(OSError):
            handler.connection.shutdown(socket.SHUT_RDWR)


def rows_of(content: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of a body of columns."""
    count = len(content["prediction_ids"])
    singles = {
        "prediction": "predictions",
        "score": "scores",
        "probabilities": "probabilities",
        "label": "labels",
        "prediction_id": "prediction_ids",
        "timestamp": "timestamps",
    }
    rows = []
    for index in range(count):
        row: dict[str, Any] = {
            name: content[column][index] if column in content else None for name, column in singles.items()
        }
        row["features"] = {name: values[index] for name, values in content["columns"].items()}
        row["model"] = content.get("model") or content.get("model_id")
        rows.append(row)
    return rows


def labels_of(content: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the labels of a body of columns."""
    columns = content["columns"]
    assert len({len(values) for values in columns.values()}) == 1
    assert len(set(columns["prediction_id"])) == len(columns["prediction_id"])
    return [
        {
            "model": content.get("model") or content.get("model_id"),
            **{name: values[index] for name, values in columns.items() if values[index] is not None},
        }
        for index in range(len(columns["prediction_id"]))
    ]
