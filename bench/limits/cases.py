"""The documented maxima, each as a function's event on the tables that it needs."""

import json
import random
from datetime import timedelta
from typing import Any

import numpy as np

from bench.limits import wide
from bench.limits.run import ORGANIZATION, Case, Prepared
from driftguard.checks.tables import Runs
from driftguard.counting.tables import StoredCounts
from driftguard.distributions.baseline import build

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def api_event(method: str, resource: str, body: Any = None, **ids: str) -> dict[str, Any]:
    """Return the event of a request through API Gateway."""
    path = resource.format(**ids)
    headers = {"Content-Type": "application/json"}
    return {
        "resource": resource,
        "path": path,
        "httpMethod": method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": ids or None,
        "stageVariables": None,
        "requestContext": {
            "requestId": "00000000-0000-0000-0000-000000000000",
            "stage": "v1",
            "path": f"/v1{path}",
            "resourcePath": resource,
            "httpMethod": method,
            "domainName": "abc.execute-api.eu-west-1.amazonaws.com",
            "identity": {"sourceIp": "127.0.0.1", "apiKeyId": f"{ORGANIZATION}-admin"},
        },
        "body": None if body is None else json.dumps(body, ensure_ascii=False, separators=(",", ":")),
        "isBase64Encoded": False,
    }


def answered(status: int) -> Any:
    """Return a check that the API answered with this status."""

    def check(answer: Any) -> None:
        if answer["statusCode"] != status:
            raise AssertionError(f"status {answer['statusCode']}: {answer['body'][:500]}")

    return check


def float_batches(features: int, rows: int, count: int, over: timedelta) -> list[bytes]:
    """Return batches of random doubles, which hardly compress."""
    rng = np.random.default_rng(1)
    return [
        wide.batch(
            [dict(zip(map(str, range(features)), row, strict=True)) for row in rng.normal(size=(rows, features)).tolist()],
            over,
        )
        for _ in range(count)
    ]


def float_baseline(distinct: int) -> Any:
    """Return a baseline of doubles. 256 distinct values make the most bins."""
    rng = np.random.default_rng(2)
    values = rng.normal(size=(wide.FEATURES, distinct))
    return build({str(number): row * 2 for number, row in enumerate(values.tolist())}, days=7)


def checked(model_id: str, rows: int) -> Any:
    """Return a check that the model's check ended and that every row is counted."""

    def check(answer: Any) -> None:
        if answer != {"batchItemFailures": []} or not Runs.ended(ORGANIZATION, "limits", model_id):
            raise AssertionError(f"the check did not end: {answer}")

    return check


def floats_in_order() -> Prepared:
    """500 float features: as many batches as one step reads, in order of time, and some that came just now."""
    now = wide.now()
    model = wide.add_model(float_baseline(2_000), now - 20 * wide.DAY)
    rows, count = 400, 125
    payloads = float_batches(wide.FEATURES, rows, 2, HOUR)
    begin = now - 6 * wide.DAY
    wide.logged(model, payloads, rows, count, lambda n: (begin + n * HOUR, begin + (n + 1) * HOUR), HOUR)
    wide.logged(model, payloads, rows, 8, lambda n: (now - HOUR - MINUTE, now - MINUTE), HOUR)
    return Prepared(wide.check_event(model), checked(model.model_id, rows * (count + 8)))


def recount() -> Prepared:
    """500 float features: batches that arrive in one day, each with rows of 21 days."""
    now = wide.now()
    model = wide.add_model(float_baseline(256), now - 20 * wide.DAY)
    rows, count, over = 400, 110, 21 * wide.DAY - HOUR
    payloads = float_batches(wide.FEATURES, rows, 2, over)
    begin = now - wide.DAY
    wide.logged(
        model,
        payloads,
        rows,
        count,
        lambda n: (begin + n * 10 * MINUTE - over, begin + n * 10 * MINUTE),
        over,
    )
    return Prepared(wide.check_event(model), checked(model.model_id, rows * count))


def long_categories() -> Prepared:
    """500 categorical features with the longest names, 100 of the longest categories each, and values that are new."""
    now = wide.now()
    texts = [wide.text(f"known {number}", wide.TEXT_LENGTH) for number in range(100)]
    names = wide.names()
    columns = {name: [f"{text[:-3]}{number:03}" for text in texts] for number, name in enumerate(names)}
    model = wide.add_model(build(columns, days=7), now - 20 * wide.DAY, rule="p_value", min_samples=5)
    rng = random.Random(3)
    new = [wide.text(f"new {number}", wide.TEXT_LENGTH) for number in range(500)]
    payloads = [wide.batch([{name: rng.choice(new) for name in names} for _row in range(8)], HOUR) for _ in range(3)]
    begin = now - 3 * wide.DAY
    wide.logged(model, payloads, 8, 24, lambda n: (begin + n * HOUR, begin + (n + 1) * HOUR), HOUR)
    wide.logged(model, payloads, 8, 2, lambda n: (now - HOUR - MINUTE, now - MINUTE), HOUR)
    return Prepared(wide.check_event(model), checked(model.model_id, 26 * 8))


def simulation() -> Prepared:
    """500 float features with the most bins, 28 days, and predictions that are not folded yet."""
    now = wide.now()
    model = wide.add_model(float_baseline(256), now - 60 * wide.DAY)
    wide.store_counts(model, 44, now, 400)
    payloads = float_batches(wide.FEATURES, 400, 1, 2 * HOUR)
    wide.logged(model, payloads, 400, 4, lambda n: (now - 2 * HOUR - MINUTE, now - MINUTE), 2 * HOUR)
    body = {"settings": {"rule": "p_value", "window_days": 14}, "days": 28}
    event = api_event("POST", "/drift/models/{model_id}/simulate", body, model_id=model.model_id)
    return Prepared(event, answered(200))


CASES = [
    Case("check, numbers", "check_drift", "500 float features, 53,200 rows in order of time", floats_in_order),
    Case("check, categories", "check_drift", "500 features with 100 categories of 256 characters", long_categories),
    Case("recount", "check_drift", "500 float features, 44,000 rows, each batch over 21 days", recount),
    Case("simulation", "check_drift", "500 float features, 28 days", simulation),
]
_ = StoredCounts
