"""Helpers for tests that log to a model and check it."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3

from driftguard.platform.times import iso
from sandbox.gateway import LambdaContext, function
from sandbox.roles import under_role
from tests.functional.conftest import Stack

DAY = timedelta(days=1)


def rows(seed: int, shift: float, *, count: int = 800, days: float = 8.0) -> list[dict[str, Any]]:
    """Predictions spread over the last `days`. The feature `age` is moved by `shift` standard deviations."""
    rng = random.Random(seed)
    now = datetime.now(UTC)
    return [
        {
            "features": {"age": rng.gauss(40 + 10 * shift, 10), "plan": rng.choice("abc")},
            "prediction": rng.random(),
            "timestamp": iso(now - days * DAY * number / count),
        }
        for number in range(count)
    ]


def make_model(deployed: Stack, name: str = "churn", **settings: Any) -> str:
    """Create a model with a baseline. Return its id."""
    model_id: str = deployed.call("POST", "/models", {"name": name, "settings": settings}).body["id"]
    sample = [{"features": row["features"], "prediction": row["prediction"]} for row in rows(1, 0.0, count=2000)]
    answer = deployed.call("PUT", f"/models/{model_id}/baseline", {"rows": sample, "days": 14})
    assert answer.status == 200, answer.text
    return model_id


def log(deployed: Stack, model_id: str, sent: list[dict[str, Any]], batch_id: str | None = None) -> None:
    """Log a batch."""
    body = {"model_id": model_id, "predictions": sent, **({"batch_id": batch_id} if batch_id else {})}
    answer = deployed.call("POST", "/predictions/batch", body)
    assert answer.status == 202, answer.text


def tick(deployed: Stack, tick_id: str = "tick-1") -> list[dict[str, Any]]:
    """Run the schedule and every check that it queued. Return the check function's answers."""
    function("schedule_checks").handler({"id": tick_id, "time": "2026-11-20T12:00:00Z"}, LambdaContext())
    return drain(deployed)


def drain(deployed: Stack) -> list[dict[str, Any]]:
    """Hand the messages in the check queue to the check function, one at a time. Return its answers."""
    return _drain(deployed.variables["CHECK_QUEUE_URL"], "check_drift")


def drain_joins(deployed: Stack) -> list[dict[str, Any]]:
    """Hand the messages in the join queue to the join function, one at a time. Return its answers."""
    return _drain(deployed.variables["JOIN_QUEUE_URL"], "join_labels")


def _drain(url: str, name: str) -> list[dict[str, Any]]:
    sqs = boto3.client("sqs")
    answers = []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=1).get("Messages"):
        message = messages[0]
        with under_role(name):
            answer = function(name).handler(records(message["Body"], message["ReceiptHandle"]), LambdaContext())
        answers.append(answer)
        if not answer["batchItemFailures"]:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return answers


def records(body: str, handle: str = "handle") -> dict[str, Any]:
    """An SQS event with one message."""
    attributes = {
        "ApproximateReceiveCount": "1",
        "SentTimestamp": "1",
        "SenderId": "x",
        "ApproximateFirstReceiveTimestamp": "1",
        "MessageGroupId": "g",
    }
    record = {
        "messageId": "m1",
        "receiptHandle": handle,
        "body": body,
        "attributes": attributes,
        "messageAttributes": {},
        "md5OfBody": "x",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:check.fifo",
        "awsRegion": "eu-west-1",
    }
    return {"Records": [record]}
