"""Hostile batches of columns against the running stack: nothing makes a 5xx, and the largest are answered in time."""

import gzip
import json
import random
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.fuzz.test_extremes import JSON, Client, compact
from tests.local.launched import Launched

ROUTE = "/predictions/batch"
FIELDS = ("predictions", "prediction_ids", "timestamps", "scores", "probabilities", "labels")
GZIPPED = {**JSON, "content-encoding": "gzip"}

TEXTS = [
    *('"x"', '"\\ud800"', '"\\u0000"', '"' + "x" * 300 + '"', '""', '"2026-11-23T12:00:00"', '"NaN"'),
    *(
        '"0001-01-01T00:00:00+23:59"',
        '"9999-12-31T23:59:59.999999-23:59"',
        '"2026-11-23T12:00:00.' + "9" * 5_000 + 'Z"',
    ),
]
VALUES = [
    *("null", "true", "1", "-0.0", "1e400", "-1e400", "NaN", "Infinity", "5e-324", "1.7976931348623157e308"),
    *("9" * 401, "9" * 5_000, "-" + "9" * 300, "[]", "{}", "[[]]", "[" * 100 + "]" * 100, '{"a": 1}', '{"\\ud800": 1}'),
    *("[0.5, 0.5]", '{"a": NaN}', '{"a": ' + "9" * 400 + "}", "[" + "0.02," * 50 + "0]", '{"a": {"b": 1}}'),
    *TEXTS,
]
"""One value of a column, as JSON or as what Python reads like JSON."""

WHOLES = ["null", "7", '"x"', "{}", "[]", "[[]]", '{"a": 1}', '{"a": []}', '{"a": [1]}', "[1, 2]", "[null, null, null]"]
"""What stands in the place of a column, or of all columns."""

NAMES = ["a", "", "\\ud800", "\\u0000", "x" * 129, "😀" * 128, "columns", "prediction", "__class__"]


@pytest.fixture
def client(stack: Launched) -> Iterator[Client]:
    """A client whose requests must all have been answered with less than 500."""
    made = Client(stack)
    yield made
    made.close()
    assert made.failures == []
    assert made.sent > 50


def body(model_id: str, columns: str, **fields: str) -> bytes:
    """A batch of columns, put together as text, so that it need not be valid JSON."""
    rest = "".join(f', "{name}": {value}' for name, value in fields.items())
    return f'{{"model_id": "{model_id}", "columns": {columns}{rest}}}'.encode()


@pytest.mark.stack
def test_no_columns_make_a_5xx(client: Client, lived_in: dict[str, str]) -> None:
    """Every column, and every value of it, may be anything, in few rows and in many."""
    model_id = lived_in["model_id"]
    for whole in WHOLES:
        client.send("POST", ROUTE, body(model_id, whole))
        client.send("POST", ROUTE, body(model_id, f'{{"a": {whole}}}'))
        for field in FIELDS:
            client.send("POST", ROUTE, body(model_id, '{"a": [1, 2, 3]}', **{field: whole}))
            client.send("POST", ROUTE, f'{{"model_id": "{model_id}", "{field}": {whole}}}'.encode())
    for name in NAMES:
        client.send("POST", ROUTE, body(model_id, f'{{"{name}": [1, 2]}}'))
    for value in VALUES:
        for rows in (1, 12):
            column = f"[{', '.join([value] * rows)}]"
            client.send("POST", ROUTE, body(model_id, f'{{"a": {column}}}'))
            for field in FIELDS:
                fields = {field: column, "batch_id": '"again"'}
                client.send("POST", ROUTE, body(model_id, f'{{"a": {[1] * rows}}}', **fields))
                client.send("POST", ROUTE, gzip.compress(body(model_id, f'{{"a": {[1] * rows}}}', **fields)), GZIPPED)


@pytest.mark.stack
def test_no_mixture_of_columns_makes_a_5xx(client: Client, lived_in: dict[str, str]) -> None:
    """Columns of random values, lengths and names are answered with less than 500."""
    draw = random.Random(13)
    for number in range(400):
        rows = draw.choice([1, 2, 7, 8, 9, 40])

        def column(draw: random.Random = draw, rows: int = rows) -> str:
            kinds = draw.sample(VALUES, draw.randint(1, 3))
            return f"[{', '.join(draw.choice(kinds) for _ in range(rows + (draw.random() < 0.05)))}]"

        columns = ", ".join(f'"{name}": {column()}' for name in draw.sample(["a", "b", "c", "d", *NAMES], 3))
        fields = {field: column() for field in FIELDS if draw.random() < 0.3}
        if number % 3:
            fields["batch_id"] = f'"mixture {number // 6}"'
        client.send("POST", ROUTE, body(lived_in["model_id"], f"{{{columns}}}", **fields))


@pytest.mark.stack
def test_no_gzip_makes_a_5xx(client: Client, lived_in: dict[str, str]) -> None:
    """Gzip that is cut off, changed, doubled or declared as something else is answered with less than 500."""
    sent = gzip.compress(body(lived_in["model_id"], '{"a": [1, 2, 3]}'))
    draw = random.Random(14)
    for headers in (JSON, GZIPPED, {**JSON, "content-encoding": "deflate"}, {**JSON, "content-encoding": "gzip, gzip"}):
        for damaged in (sent, sent[:-1], sent[:3], sent + b"x", sent + sent, gzip.compress(sent), gzip.compress(b"")):
            client.send("POST", ROUTE, damaged, headers)
        for _ in range(20):
            changed = bytearray(sent)
            changed[draw.randrange(len(changed))] = draw.randrange(256)
            client.send("POST", ROUTE, bytes(changed), headers)
    client.send("POST", ROUTE, gzip.compress(b"[" * 9_000_000), GZIPPED)
    client.send("POST", ROUTE, gzip.compress(b" " * 50_000_000), GZIPPED)


LARGEST: list[tuple[str, Callable[[], dict[str, Any]], int]] = [
    (
        "500 columns of doubles",
        lambda: {"columns": {str(name): [row / 7 for row in range(390)] for name in range(500)}},
        202,
    ),
    ("bad values only", lambda: {"columns": {str(name): [[]] * 5_000 for name in range(250)}}, 422),
    (
        "classes of their own",
        lambda: {"columns": {}, "probabilities": [{f"{row}.{k}": 0.02 for k in range(50)} for row in range(4_500)]},
        202,
    ),
    ("texts", lambda: {"columns": {"a": [f"{row:05d}" + "😀" * 190 for row in range(5_000)]}}, 202),
    ("ids", lambda: {"columns": {}, "prediction_ids": [f"{row:05d}" + "😀" * 120 for row in range(5_000)]}, 202),
]


@pytest.mark.stack
@pytest.mark.parametrize(("name", "make", "status"), LARGEST, ids=[name for name, _make, _status in LARGEST])
def test_the_largest_columns_are_answered(
    stack: Launched, name: str, make: Callable[[], dict[str, Any]], status: int
) -> None:
    """Close to 4,000,000 bytes of each kind are answered within the gateway's time, plain or compressed."""
    assert stack.http("POST", "/models", json={"name": name}).status_code == 201
    content = compact({"model": name, **make()})
    assert 2_400_000 < len(content) <= 4_000_000, len(content)
    for headers, sent in ((JSON, content), (GZIPPED, gzip.compress(content))):
        began = time.monotonic()
        answer = stack.http("POST", ROUTE, content=sent, headers={"x-api-key": stack.key, **headers})
        assert answer.status_code == status, answer.text[:300]
        assert time.monotonic() - began < 25
    if status == 202:
        listed = stack.http("GET", f"/models/{model_id(stack, name)}/predictions?limit=1")
        assert len(json.loads(listed.text)) == 1


def model_id(stack: Launched, name: str) -> str:
    """The id of the model with this name."""
    return next(str(model["id"]) for model in stack.http("GET", "/models?limit=500").json() if model["name"] == name)
