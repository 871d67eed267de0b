"""Every writer under a limit per partition, as DynamoDB has one."""

import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from driftguard.baselines.tables import Baselines
from driftguard.models import erasing
from driftguard.models.tables import Models
from driftguard.platform import aws, bulk, dynamodb, retries
from driftguard.predictions.tables import Predictions
from sandbox.gateway import LambdaContext, function
from sandbox.roles import under_role
from tests.functional.conftest import Stack
from tests.functional.faults import Throttled, calls_to_aws, refused
from tests.functional.models import log, make_model, records, rows

MODEL_ITEMS = 6_500


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Throttled:
    """A limit of 100 items a second for each partition, and a clock that only sleeping moves."""
    limit = Throttled(items_a_second=100)
    # Only these modules' clock is replaced. Other threads of the process sleep too, and would move it.
    for module in (bulk, dynamodb, erasing, retries):
        monkeypatch.setattr(module, "time", SimpleNamespace(sleep=limit.sleep))
    return limit


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The messages that erase_model sends."""
    found: list[dict[str, Any]] = []

    class Queue:
        def send_message(self, **options: Any) -> None:
            found.append(json.loads(options["MessageBody"]))

    clients = {"sqs": Queue()}
    monkeypatch.setattr(
        function("erase_model"), "aws", SimpleNamespace(client=lambda name: clients.get(name) or aws.client(name))
    )
    return found


def fill(deployed: Stack, model_id: str) -> None:
    """Store as many small batches in a model's partitions as made the old eraser give up."""
    table = boto3.resource("dynamodb").Table(deployed.variables["PREDICTIONS_TABLE"])
    model = Models.one("acme", model_id)
    assert model is not None
    place = next(iter(Predictions.of_model(model))).pk.rpartition("#")[0]
    with table.batch_writer() as batch:
        for number in range(MODEL_ITEMS):
            key = {"pk": f"{place}#{number % model.partition_count}", "sk": f"r#x{number:05d}"}
            batch.put_item({**key, "arrived_at": f"2026-11-20T12:00:00.000000Z#{number:016x}"})


class Context(LambdaContext):
    """An invocation that lasts some seconds of the fault's clock."""

    def __init__(self, limit: Throttled, seconds: float = 150) -> None:
        super().__init__()
        self.limit, self.ends = limit, limit.now + seconds

    def get_remaining_time_in_millis(self) -> int:
        return int((self.ends - self.limit.now) * 1000)


def test_a_model_of_thousands_of_items_is_erased_at_the_rate_of_its_partitions(
    deployed: Stack, slow: Throttled
) -> None:
    """Nothing ends in the dead-letter queue, all partitions work side by side, and the pauses waste little."""
    model_id = make_model(deployed)
    log(deployed, model_id, rows(1, 0.0))
    fill(deployed, model_id)
    model = Models.one("acme", model_id)
    assert model is not None
    assert deployed.call("DELETE", f"/models/{model_id}").status == 204
    with calls_to_aws(slow), under_role("erase_model"):
        answer = function("erase_model").handler(
            records(json.dumps({"organization_id": "acme", "model_id": model_id})), Context(slow)
        )
    assert answer == {"batchItemFailures": []}, repr(function("erase_model").processor.exceptions)
    assert slow.hits
    assert Models.find("acme", f"erase#{model_id}") is None
    assert list(Predictions.of_model(model)) == []
    fastest = MODEL_ITEMS / model.partition_count / slow.items_a_second
    assert fastest - 1 < slow.now < 2 * fastest + 15


def test_what_time_does_not_suffice_for_is_a_new_message(
    deployed: Stack, slow: Throttled, sent: list[dict[str, Any]]
) -> None:
    """An invocation that runs out of time succeeds and queues the rest, which the next one erases."""
    model_id = make_model(deployed)
    log(deployed, model_id, rows(1, 0.0))
    fill(deployed, model_id)
    assert deployed.call("DELETE", f"/models/{model_id}").status == 204
    body = json.dumps({"organization_id": "acme", "model_id": model_id})
    slow.items_a_second = 20
    hops = 0
    while Models.find("acme", f"erase#{model_id}") is not None:
        with calls_to_aws(slow), under_role("erase_model"):
            answer = function("erase_model").handler(records(body), Context(slow, seconds=60))
        assert answer == {"batchItemFailures": []}, repr(function("erase_model").processor.exceptions)
        hops += 1
        done = Models.find("acme", f"erase#{model_id}") is None
        assert sent == [json.loads(body)] * (hops - done)
    assert hops > 1


def test_a_fault_while_erasing_gives_the_message_back_for_30_seconds(
    deployed: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A handled error does not wait for the queue's long time-out."""
    model_id = make_model(deployed)
    assert deployed.call("DELETE", f"/models/{model_id}").status == 204
    given: list[int] = []

    def fault(call: Any) -> Any:
        if call.operation == "ChangeMessageVisibility":
            given.append(call.parameters["VisibilityTimeout"])
            return {}
        return refused("AccessDeniedException", 400)(call) if call.operation == "Query" else call.make()

    with calls_to_aws(fault), under_role("erase_model"):
        answer = function("erase_model").handler(
            records(json.dumps({"organization_id": "acme", "model_id": model_id})), LambdaContext()
        )
    assert answer["batchItemFailures"] == [{"itemIdentifier": "m1"}]
    assert given == [30]


def test_large_bodies_and_baselines_are_written_and_read_under_the_limit(deployed: Stack, slow: Throttled) -> None:
    """Chunks of a batch and of a baseline, and the batches that a check reads, wait for their partition."""
    slow.items_a_second = 10
    with calls_to_aws(slow):
        model_id = deployed.call("POST", "/models", {"name": "slow"}).body["id"]
        slow.now += 60
        now = datetime.now(UTC)
        Baselines.add(model_id, 9, b"x" * 380_000 * 30, rows=1, days=None, source="test", now=now)
        head = Baselines.head(model_id, 9)
        assert head is not None
        assert len(head.payload()) == 380_000 * 30
        batch = Predictions(f"{model_id}#0", "r#large", expires_at=1)
        batch.write_chunks([bytes([number]) * 1000 for number in range(30)], "nonce")
        assert Predictions._joined([batch]) == [b"".join(bytes([number]) * 1000 for number in range(30))]
    assert {"BatchWriteItem", "BatchGetItem"} <= set(slow.hits)
