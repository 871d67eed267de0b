"""Bad days: faults at AWS's API while a client logs with retries. What was accepted is there once, and told once."""

import json
import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError, ReadTimeoutError

from driftguard import predictions
from driftguard.models import find
from driftguard.packing import unpack_rows
from driftguard.schemas.predictions import BatchBody
from driftguard.tables.models import Runs, Statuses
from driftguard.tables.predictions import Predictions
from tests.functional.conftest import Stack
from tests.functional.gateway import LambdaContext, function
from tests.functional.test_checks import make_model, published, records, rows

__all__ = ["published"]

BATCHES, SIZE = 8, 120
PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"

type Fault = Callable[[str, Callable[[], Any]], Any]
"""Given an operation's name and the call itself: what the caller gets to see."""


def refused(code: str, status: int) -> Fault:
    """The call never happens."""

    def fault(operation: str, call: Callable[[], Any]) -> Any:
        answer: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
        raise ClientError(answer, operation)

    return fault


def answer_lost(operation: str, call: Callable[[], Any]) -> Any:
    """The call happens and its answer never comes."""
    call()
    raise ReadTimeoutError(endpoint_url="https://dynamodb.example")


FAULTS: dict[str, Fault] = {
    "throttled": refused("ProvisionedThroughputExceededException", 400),
    "5xx": refused("InternalServerError", 500),
    "time-out before": refused("RequestTimeout", 503),
    "time-out after (written, answer lost)": answer_lost,
}


@contextmanager
def sometimes(fault: Fault, share: float, seed: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """In the block, a share of all calls to DynamoDB, SNS and SQS ends in the fault."""
    rng, hit = random.Random(seed), list[str]()
    original = BaseClient._make_api_call  # type: ignore[attr-defined]

    def faulty(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        service = client.meta.service_model.service_name
        if service in ("dynamodb", "sns", "sqs") and rng.random() < share:
            hit.append(f"{service}:{operation}")
            return fault(operation, lambda: original(client, operation, parameters))
        return original(client, operation, parameters)

    with monkeypatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", faulty)
        yield hit


def batches() -> list[list[dict[str, Any]]]:
    """What the client has to log, each row once."""
    sent = rows(5, 0.6, count=BATCHES * SIZE)
    return [sent[start::BATCHES] for start in range(BATCHES)]


def log_with_retries(deployed: Stack, model_id: str) -> int:
    """A client that repeats each batch until it is accepted; returns how often it had to ask."""
    asked = 0
    for number, batch in enumerate(batches()):
        body = {"model_id": model_id, "predictions": batch, "batch_id": f"batch-{number}"}
        for _try in range(40):
            asked += 1
            answer = deployed.call("POST", "/predictions/batch", body)
            if answer.status == 202:
                assert answer.body["accepted"] == SIZE
                break
            assert answer.status in (403, 409, 500, 503), answer.text
        else:
            pytest.fail("never accepted")
    return asked


def stored(model_id: str) -> int:
    """How many rows lie in the table."""
    partitions = [Predictions.query(f"{model_id}#{number}") for number in range(4)]
    return sum(len(unpack_rows(item.data)[0]) for found in partitions for item in found if item.data)


def check_until_done(model_id: str, faults: Callable[[int], AbstractContextManager[list[str]]]) -> list[str]:
    """The queue's message delivered until it is taken, each time after a lease left behind ran out; returns what was
    hit."""
    body = json.dumps({"organization_id": "acme", "model_id": model_id, "tick": "t1"})
    every: list[str] = []
    for attempt in range(60):
        with faults(attempt) as hit:
            answer = function("check_drift").handler(records(body), LambdaContext())
        every += hit
        if answer["batchItemFailures"] == [] and Runs.ended("acme", "t1", model_id):
            return every
        Statuses("acme", f"status#{model_id}").update(actions=[Statuses.lease_until.remove()])
    pytest.fail("never done")


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_accepted_is_counted_and_told_once(
    deployed: Stack, published: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A quarter of the logging function's calls fail, one in 25 of the check's; the client repeats, the queue brings
    the message again: every row is stored once and counted once, one alert opens, and its event has one id."""
    model_id = make_model(deployed)
    with sometimes(FAULTS[name], 0.25, 3, monkeypatch) as hit:
        asked = log_with_retries(deployed, model_id)
    assert asked > BATCHES
    assert len(hit) >= BATCHES // 2
    assert stored(model_id) == BATCHES * SIZE
    hit = check_until_done(model_id, lambda seed: sometimes(FAULTS[name], 0.04, seed + 7, monkeypatch))
    assert hit
    report = deployed.call("POST", f"/drift/models/{model_id}/check").body
    assert report["n_window"] == sum(
        datetime.fromisoformat(row["timestamp"]) >= datetime.fromisoformat(report["window"]["start"])
        for batch in batches()
        for row in batch
    )
    alerts = deployed.call("GET", "/drift/alerts").body
    assert [alert["alert_type"] for alert in alerts] == ["data_drift"]
    opened = {event["event_id"] for event in published.refresh() if event["kind"] == "opened"}
    assert len(opened) == 1
    assert f"| {name} |" in PAGE.read_text()


def test_messages_that_come_twice_and_in_any_order_change_nothing(deployed: Stack, published: Any) -> None:
    """The same ticks' messages, doubled and shuffled: one history row a tick at most, one alert, one opening."""
    model_id = make_model(deployed)
    log_with_retries(deployed, model_id)
    bodies = [
        json.dumps({"organization_id": "acme", "model_id": model_id, "tick": tick}) for tick in ("t1", "t1", "t2", "t2")
    ]
    for body in bodies:
        assert function("check_drift").handler(records(body), LambdaContext()) == {"batchItemFailures": []}
    history = deployed.call("GET", f"/drift/models/{model_id}/history").body
    assert len(history) == 2
    assert {row["n_window"] for row in history} == {history[0]["n_window"]}
    random.Random(1).shuffle(bodies)
    for body in bodies:
        assert function("check_drift").handler(records(body), LambdaContext()) == {"batchItemFailures": []}
    assert {row["n_window"] for row in deployed.call("GET", f"/drift/models/{model_id}/history").body} == {
        history[0]["n_window"]
    }
    assert [event["kind"] for event in published.refresh()].count("opened") == 1
    assert "| message twice, or out of order |" in PAGE.read_text()


@pytest.mark.parametrize("skew", [-300, 300])
def test_clocks_that_differ_by_five_minutes_lose_and_double_nothing(deployed: Stack, skew: int) -> None:
    """Rows written by a function whose clock is five minutes off are counted once, now and after they are folded."""
    model_id = make_model(deployed)
    now = datetime.now(UTC)
    for number, batch in enumerate(batches()):
        moved = [{**row, "timestamp": (now - timedelta(hours=number + 1)).isoformat()} for row in batch]
        own_clock = now + timedelta(seconds=skew if number % 2 else 0)
        body = BatchBody(model_id=model_id, predictions=moved, batch_id=f"b{number}")
        assert predictions.log_batch("acme", body, now=own_clock).accepted == SIZE
    assert find("acme", model_id).partition_count == 4
    counted = []
    for tick, later in (("t1", timedelta(0)), ("t2", timedelta(minutes=12)), ("t3", timedelta(minutes=30))):
        counted.append(check_at(model_id, tick, now + later))
    assert counted == [BATCHES * SIZE] * 3
    assert "| clocks 5 minutes apart |" in PAGE.read_text()


def check_at(model_id: str, tick: str, now: datetime) -> int:
    """A scheduled check as if it were `now`; how many rows its window holds."""
    from driftguard.drift import Task, check

    hour = timedelta(hours=1)
    report = check(Task(find("acme", model_id), now, tick, lambda: hour, lambda _message: None, 400 * hour)).report
    assert report is not None
    count: int = report["n_window"]
    return count
