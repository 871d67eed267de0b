"""Requests at the edges of HTTP, JSON and every limit against the running stack: no request makes a 5xx."""

import base64
import http.client
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.local.launched import Launched

ROOT = Path(__file__).parents[2]
DOCUMENT: dict[str, Any] = json.loads((ROOT / "layers/driftguard/driftguard/openapi.json").read_text())
OPERATIONS = [
    (method.upper(), path, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
]
JSON = {"content-type": "application/json"}
SMILE = "%F0%9F%98%80"

SEGMENTS = [
    *("x" * 129, "x" * 2_100, "x" * 8_000, SMILE * 128, "9" * 128, "9" * 20, "0", "-1", "1.0", "%D9%A1"),
    *("%00", "%ff", "%ED%A0%80", "%", "%2F", "..", "%2e%2e", ";", "%0d%0a", "%3F", "%20"),
]
"""Ids, numbers and file names that nothing has."""

VALUES = [
    *("", "0", "-1", "501", "9" * 5_000, "1e3", "NaN", "%00", "%ff", "%ED%A0%80", "%0d%0a", "x" * 2_001, SMILE),
    *("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "0001-01-01T00:00:00%2B23:59", "%D9%A1", "1_0"),
]
"""Values of query parameters."""

HEADERS: list[Mapping[str, str]] = [
    *(
        {"content-type": value}
        for value in ("", ";", "\xff", "application/json;charset=", "multipart/form-data", "*/*")
    ),
    *({"content-encoding": value} for value in ("gzip", "br", "\xff", "x" * 8_000)),
    *({"idempotency-key": value} for value in ("", " ", ",", "a, b", "x" * 255, "x" * 256, "\xff" * 255)),
    *({"accept": "\xff"}, {"accept-encoding": "\xff"}, {"origin": "null"}, {"origin": "\xff"}),
    *({"x-api-key": ""}, {"x-api-key": "\xff"}, {"x-api-key": "x" * 5_000}, {"authorization": "Bearer x"}),
]

BODIES = [
    *(b"", b"null", b"[]", b"{}", b"7", b'"x"', b"\xff", b"\x00", b"\x1f\x8b", b"\xef\xbb\xbf", b"{" * 9),
    *(b"[" * 100_000, b'{"a":' * 100_000, b'{"a":' + b"9" * 100_000 + b"}", b'{"\\ud800":1}'),
    b'{"name":"\\ud800"}',
    b'{"name":"\\u0000"}',
    b'{"name":"x","labels":{"\\ud800":"\\udfff"}}',
    b'{"description":"\\udfff","note":"\\ud800"}',
    b'{"note":"\\ud800"}',
    b'{"model":"\\ud800","features":{}}',
    b'{"model_id":"\\ud800","features":{}}',
    b'{"settings":{"features":{"\\ud800":{}}}}',
    b'{"settings":{"alpha":5e-324,"min_drift_score":5e-324},"days":28}',
    b'{"settings":{"window_days":14,"rule":"p_value"},"days":28}',
    b'{"until":"9999-12-31T23:59:59.999999Z"}',
    b'{"until":"0001-01-01T00:00:00Z"}',
    b'{"rows":[{"features":{}}]}',
    b'{"rows":[{"features":{"a":null}}]}',
    b'{"columns":{"a":[]}}',
    b'{"columns":{"\\ud800":[1]}}',
    b'{"columns":{"a":[1]},"predictions":[1,2]}',
    b'{"rows":[{"features":{"a":1.7976931348623157e308}},{"features":{"a":-1.7976931348623157e308}}]}',
    b'{"from_predictions":{"start":"0001-01-01T00:00:00Z","end":"9999-12-31T23:59:59Z"}}',
    b'{"type":"email","to":["' + b"a" * 3_000 + b'@b.de"]}',
    b'{"type":"email","to":["a@b.de"],"model_ids":["' + b"x" * 3_000 + b'"]}',
    b'{"type":"webhook","url":"https://[::1"}',
    b'{"type":"webhook","url":"https://\\ud800.de/"}',
    b'{"type":"webhook","url":"https://a..b:99999/"}',
    b'{"type":"webhook","url":"https://' + b"a" * 64 + b'.example/"}',
    b'{"type":"webhook","url":"https://' + b"a." * 200 + b'example/"}',
    b'{"type":"slack","webhook_url":"https://hooks.slack.com/\\u0000"}',
    b'{"format":"csv","prediction_column":"\\ud800"}',
]


class Client:
    """Sends requests exactly as they are given, which clients with better manners would not. Remembers failures."""

    def __init__(self, stack: Launched) -> None:
        self.stack = stack
        self.sent = 0
        self.failures: list[str] = []
        self._connection: http.client.HTTPConnection | None = None

    def send(self, method: str, target: str, body: bytes | None = None, headers: Mapping[str, str] = JSON) -> None:
        """Send one request. A second try follows if the server closed the connection after the last one."""
        for last in (False, True):
            try:
                status, text = self._answer(method, target, body, headers)
            except (http.client.HTTPException, OSError):
                self.close()
                if last:
                    raise
                continue
            self.sent += 1
            delivering = status == 502 and target.endswith("/test")  # the provider's error, not ours
            if status >= 500 and not delivering:
                self.failures.append(
                    f"{status} {method} {target[:100]} {dict(headers)} {(body or b'')[:80]!r} {text!r}"
                )
            return

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _answer(self, method: str, target: str, body: bytes | None, headers: Mapping[str, str]) -> tuple[int, bytes]:
        if self._connection is None:
            address = urlsplit(self.stack.stack["url"])
            self._connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=60)
        connection = self._connection
        connection.putrequest(method, target)
        for name, value in {"x-api-key": self.stack.key, **headers}.items():
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("content-length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        return answer.status, answer.read()[:200]


@pytest.fixture
def client(stack: Launched) -> Iterator[Client]:
    """A client whose requests must all have been answered with less than 500."""
    made = Client(stack)
    yield made
    made.close()
    assert made.failures == []
    assert made.sent > 50


def target(path: str, ids: Mapping[str, str]) -> str:
    """The path of an operation with these ids."""
    for name, value in ids.items():
        path = path.replace(f"{{{name}}}", value)
    return path


def parameters(operation: Mapping[str, Any], place: str) -> list[str]:
    """The names of an operation's parameters in the path or in the query."""
    return [each["name"] for each in operation.get("parameters", []) if each["in"] == place]


@cache
def cursors(owner: str) -> list[str]:
    """Cursors of every list of an owner, with positions that no page has."""
    positions: list[Any] = [None, 0, 10**400, "x" * 128, [], {}, ["x", 0], ["0" * 26, "Z" * 26]]
    positions.append(["9999-99-99T99:99:99.999999Z#0123456789abcdef", 10**30])
    texts = [json.dumps([kind, owner, position]) for kind in KINDS for position in positions]
    return [base64.urlsafe_b64encode(text.encode()).decode().rstrip("=") for text in [*texts, "[" * 1_400, "9" * 1_400]]


KINDS = ("models", "channels", "predictions", "history", "alerts", "versions")


@pytest.mark.stack
def test_no_path_makes_a_5xx(client: Client, lived_in: dict[str, str]) -> None:
    """Every id in every path may be anything."""
    for method, path, operation in OPERATIONS:
        for name in parameters(operation, "path"):
            for segment in SEGMENTS:
                body = None if method in ("GET", "DELETE") else b"{}"
                client.send(method, target(path, lived_in | {name: segment}), body)
    for segment in (*SEGMENTS, "x" * 256, SMILE * 64, "a/b", "..%2f..", ""):
        client.send("GET", f"/dashboard/{segment}")
    for path in ("/", "//", "/x" * 500, "/%00", "/models/", "/dashboard//"):
        for method in ("GET", "POST", "HEAD", "OPTIONS", "TRACE", "FOO"):
            client.send(method, path)


@pytest.mark.stack
def test_no_query_makes_a_5xx(client: Client, lived_in: dict[str, str]) -> None:
    """Every parameter of every list may be anything, and repeated; cursors may be forged."""
    for method, path, operation in OPERATIONS:
        if method != "GET":
            continue
        where = target(path, lived_in)
        for name in (*parameters(operation, "query"), "%00"):
            for value in VALUES:
                client.send(method, f"{where}?{name}={value}")
            client.send(method, f"{where}?{name}")
            client.send(method, f"{where}?" + "&".join([f"{name}=1"] * 300))
        if "cursor" in parameters(operation, "query"):
            for cursor in cursors(lived_in["model_id"]):
                client.send(method, f"{where}?cursor={cursor}")


@pytest.mark.stack
def test_no_header_makes_a_5xx(client: Client, lived_in: dict[str, str]) -> None:
    """Every header that the API or a client may look at may be anything."""
    one = json.dumps({"model_id": lived_in["model_id"], "features": {"age": 1}}).encode()
    for headers in HEADERS:
        for method, path, body in (
            ("POST", "/predictions", one),
            ("POST", "/predictions", b""),
            ("GET", "/models", None),
            ("PATCH", f"/models/{lived_in['model_id']}", b"{}"),
        ):
            client.send(method, path, body, headers)


@pytest.mark.stack
def test_no_body_makes_a_5xx(client: Client, lived_in: dict[str, str]) -> None:
    """Every body may be anything."""
    for method, path, operation in OPERATIONS:
        if "requestBody" in operation:
            for body in BODIES:
                client.send(method, target(path, lived_in), body)


NAMES = [f"{number:03d}" + "😀" * 125 for number in range(500)]
"""As many features as a row may have, with the longest names, in letters of four bytes."""


@pytest.mark.stack
def test_the_widest_rows_go_all_the_way(stack: Launched) -> None:
    """A model of 500 features with the longest names is logged, checked, shown and changed without a 5xx."""
    name = "😀" * 128
    labels = dict.fromkeys(NAMES[:20], "😀" * 256)
    created = stack.http("POST", "/models", json={"name": name, "description": "😀" * 2_000, "labels": labels})
    assert created.status_code == 201, created.text[:300]
    model = f"/models/{created.json()['id']}"
    columns = {
        key: [f"{(row + number) % 3}" if number % 2 else row for row in range(120)] for number, key in enumerate(NAMES)
    }
    assert stack.http("PUT", f"{model}/baseline", json={"columns": columns}).status_code == 200
    largest = {"features": dict.fromkeys(NAMES, "😀" * 256), "prediction": "😀" * 256, "prediction_id": "😀" * 128}
    assert stack.http("POST", "/predictions", content=compact({"model": name, **largest})).status_code == 202
    now = datetime.now(UTC)
    for batch in range(15):
        rows = [
            {
                "features": dict.fromkeys(NAMES, f"new {row}"),
                "timestamp": (now - timedelta(hours=batch)).isoformat(),
            }
            for row in range(10)
        ]
        sent = stack.http("POST", "/predictions/batch", content=compact({"model": name, "predictions": rows}))
        assert sent.status_code == 202, sent.text[:300]
    assert stack.http("POST", f"/drift{model}/check").status_code in (200, 202)
    for path in (model, "/models", f"{model}/baseline", f"{model}/predictions?limit=500", f"/drift{model}/report"):
        assert stack.http("GET", path).status_code == 200, path
    for path in (f"/drift{model}/history", f"/drift{model}/alerts", "/drift/alerts"):
        assert stack.http("GET", path).status_code == 200, path
    for number in (100, 500):
        patch = {"settings": {"features": {key: {"alpha": 0.0123456789} for key in NAMES[:number]}}}
        assert stack.http("PATCH", model, json=patch).status_code < 500
    assert stack.http("DELETE", model).status_code == 204


@pytest.mark.stack
def test_the_largest_bodies_are_answered(stack: Launched) -> None:
    """4,000,000 bytes of the worst kinds are answered in time: names that differ from row to row, and bad rows only."""
    name = "largest"
    assert stack.http("POST", "/models", json={"name": name}).status_code == 201
    rows = [{"features": {f"{row}.{number}": 1 for number in range(60)}} for row in range(5_000)]
    flat = [{"x" * 700: 1}] * 5_000
    for predictions, status in ((rows, 202), (flat, 422)):
        body = compact({"model": name, "predictions": predictions})
        assert 3_400_000 < len(body) <= 4_000_000
        answer = stack.http("POST", "/predictions/batch", content=body)
        assert answer.status_code == status, answer.text[:300]


def compact(body: Any) -> bytes:
    """The body as JSON in UTF-8, without escapes and spaces."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
