"""Faults of AWS's API: a call fails, or only a part of it happens. Everything above botocore is real."""

import copy
import random
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError, ReadTimeoutError
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends

from sandbox import meter
from sandbox.calls import Call, intercepted

WRITES = {"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"}


type Fault = Callable[[Call], Any]
"""Decides what happens to a call, and returns or raises what its caller receives."""


@contextmanager
def calls_to_aws(fault: Fault) -> Iterator[None]:
    """In the block, every call to DynamoDB, SNS and SQS goes through the fault."""

    def through(call: Call) -> Any:
        return fault(call) if call.service in ("dynamodb", "sns", "sqs") else call.make()

    with intercepted(through):
        yield


def passed(call: Call) -> Any:
    """No fault."""
    return call.make()


def refused(code: str, status: int) -> Fault:
    """The call never happens."""

    def fault(call: Call) -> Any:
        answer: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
        raise ClientError(answer, call.operation)

    return fault


def as_strict_as_aws(call: Call) -> Any:
    """Refuse a range whose end is before its start, as DynamoDB does. Moto returns an empty result instead."""
    condition = re.search(r"BETWEEN (:\w+) AND (:\w+)", str(call.parameters.get("KeyConditionExpression", "")))
    if condition:
        first, last = (call.parameters["ExpressionAttributeValues"][name]["S"] for name in condition.groups())
        if last.encode() < first.encode():
            return refused("ValidationException", 400)(call)
    return call.make()


MOST_ITEM_BYTES = 400 * 1024
MOST_TRANSACTION_BYTES = 4 * 1024**2
MOST_SNS_BYTES = 256 * 1024


@dataclass
class Sizes:
    """Refuses items, transactions and messages that AWS would refuse. `largest` has the largest size per kind."""

    largest: dict[str, int] = field(default_factory=dict)

    def __call__(self, call: Call) -> Any:
        if call.service == "sns" and call.operation == "Publish":
            attributes = "".join(f"{name}String{entry['StringValue']}" for name, entry in _attributes(call).items())
            self._note(call, "message", len((call.parameters["Message"] + attributes).encode()), MOST_SNS_BYTES)
        if call.operation not in WRITES:
            return call.make()
        answer = call.make()
        items = meter.written_items(call)
        for kind, item in items:
            self._note(call, kind, meter.item_bytes(item), MOST_ITEM_BYTES)
        if call.operation == "TransactWriteItems":
            self._note(call, "transaction", sum(meter.item_bytes(item) for _, item in items), MOST_TRANSACTION_BYTES)
        return answer

    def _note(self, call: Call, kind: str, size: int, most: int) -> None:
        self.largest[kind] = max(self.largest.get(kind, 0), size)
        if size > most:
            answer: Any = {
                "Error": {"Code": "ValidationException", "Message": f"{kind} has {size} bytes"},
                "ResponseMetadata": {"HTTPStatusCode": 400},
            }
            raise ClientError(answer, call.operation)


def _attributes(call: Call) -> Any:
    return call.parameters.get("MessageAttributes", {})


def answer_lost(call: Call) -> Any:
    """The call happens, but its answer is lost."""
    call.make()
    raise ReadTimeoutError(endpoint_url="https://dynamodb.example")


@dataclass
class Sometimes:
    """Applies the fault to a share of all calls. `hits` lists them."""

    fault: Fault
    share: float
    seed: int
    hits: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def __call__(self, call: Call) -> Any:
        if self._random.random() >= self.share:
            return call.make()
        self.hits.append(f"{call.service}:{call.operation}")
        return self.fault(call)


@dataclass
class Partial:
    """Leaves all but one item of some batches unprocessed, as AWS does under load. `hits` lists those batches.

    One item is always processed, because DynamoDB refuses a batch of which it can process nothing.
    """

    share: float
    seed: int
    hits: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def __call__(self, call: Call) -> Any:
        match call.operation:
            case "BatchWriteItem":
                return self._write(call)
            case "BatchGetItem":
                return self._get(call)
            case "SendMessageBatch":
                return self._send(call)
        return call.make()

    def _parted(self, call: Call, things: list[Any]) -> tuple[list[Any], list[Any]]:
        """The items that are processed, and the others."""
        if len(things) < 2 or self._random.random() >= self.share:
            return things, []
        self.hits.append(call.operation)
        shuffled = self._random.sample(things, len(things))
        return shuffled[:1], shuffled[1:]

    def _write(self, call: Call) -> Any:
        ((table, requests),) = call.parameters["RequestItems"].items()
        done, left = self._parted(call, requests)
        answer = call.make({**call.parameters, "RequestItems": {table: done}})
        assert not answer.get("UnprocessedItems")
        return {**answer, "UnprocessedItems": {table: left} if left else {}}

    def _get(self, call: Call) -> Any:
        ((table, request),) = call.parameters["RequestItems"].items()
        done, left = self._parted(call, request["Keys"])
        answer = call.make({**call.parameters, "RequestItems": {table: {**request, "Keys": done}}})
        assert not answer.get("UnprocessedKeys")
        return {**answer, "UnprocessedKeys": {table: {**request, "Keys": left}} if left else {}}

    def _send(self, call: Call) -> Any:
        done, left = self._parted(call, call.parameters["Entries"])
        answer = call.make({**call.parameters, "Entries": done})
        failed = [{"Id": entry["Id"], "SenderFault": False, "Code": "ServiceUnavailable"} for entry in left]
        return {**answer, "Failed": [*answer.get("Failed", []), *failed]}


@dataclass
class Stale:
    """Answers reads without strong consistency as if the writes of the last `behind` calls had not happened.

    Reads of a global index are always answered so. `hits` lists the reads whose stale answer differed.
    """

    behind: int
    hits: list[str] = field(default_factory=list)
    _calls: int = 0
    _before: list[tuple[int, dict[str, Any]]] = field(default_factory=list)

    def __call__(self, call: Call) -> Any:
        if call.service != "dynamodb":
            return call.make()
        self._calls += 1
        if call.operation in WRITES:
            tables = copy.deepcopy(tables_of_moto())
            self._before.append((self._calls, tables))
            return call.make()
        now = call.make()
        if self._strong(call):
            return now
        self._before = [entry for entry in self._before if entry[0] > self._calls - self.behind]
        if not self._before:
            return now
        with as_it_was(self._before[0][1]):
            then = call.make()
        kept = ("Item", "Items", "Responses")
        if [now.get(name) for name in kept] != [then.get(name) for name in kept]:
            self.hits.append(f"{call.operation}:{call.parameters.get('IndexName', 'table')}")
        return then

    def catch_up(self) -> None:
        """Let the replicas catch up with all writes."""
        self._before.clear()

    @staticmethod
    def _strong(call: Call) -> bool:
        if call.operation == "BatchGetItem":
            return all(request.get("ConsistentRead") for request in call.parameters["RequestItems"].values())
        return bool(call.parameters.get("ConsistentRead"))


@dataclass
class Throttled:
    """Limits the items that are written to or read from one partition in a second, as AWS does.

    Time is the fault's own: `sleep` lets it pass, and so does each call. `hits` lists the calls that were throttled.
    """

    items_a_second: float
    now: float = 0.0
    hits: list[str] = field(default_factory=list)
    _free_at: dict[tuple[str, str], float] = field(default_factory=dict)

    def sleep(self, seconds: float) -> None:
        """Let time pass. Tests put this in the place of `time.sleep`."""
        self.now += seconds

    def __call__(self, call: Call) -> Any:
        self.now += 0.01
        if call.service != "dynamodb":
            return call.make()
        if call.operation == "BatchWriteItem":
            return self._write(call)
        if call.operation == "BatchGetItem":
            return self._get(call)
        keys = [
            (call.parameters["TableName"], item["pk"]["S"])
            for item in (call.parameters.get("Item"), call.parameters.get("Key"))
            if item
        ]
        for key in keys:
            # Botocore itself repeats a refused call three times.
            for pause in (0.1, 0.4, 1.0):
                if self._admit(key):
                    break
                self.now += pause
            else:
                self._refuse(call)
        return call.make()

    def _refuse(self, call: Call) -> None:
        self.hits.append(call.operation)
        refused("ProvisionedThroughputExceededException", 400)(call)

    def _admit(self, partition: tuple[str, str]) -> bool:
        """Whether the partition can take one more item now. A second's items can come at once."""
        free_at = max(self._free_at.get(partition, 0.0), self.now - 1.0)
        if free_at > self.now:
            return False
        self._free_at[partition] = free_at + 1 / self.items_a_second
        return True

    def _write(self, call: Call) -> Any:
        ((table, requests),) = call.parameters["RequestItems"].items()
        done: list[Any] = []
        left: list[Any] = []
        for request in requests:
            item = request["PutRequest"]["Item"] if "PutRequest" in request else request["DeleteRequest"]["Key"]
            (done if self._admit((table, item["pk"]["S"])) else left).append(request)
        if not done:
            self._refuse(call)
        if left:
            self.hits.append(call.operation)
        answer = call.make({**call.parameters, "RequestItems": {table: done}})
        return {**answer, "UnprocessedItems": {table: left} if left else {}}

    def _get(self, call: Call) -> Any:
        ((table, request),) = call.parameters["RequestItems"].items()
        done: list[Any] = []
        left: list[Any] = []
        for key in request["Keys"]:
            (done if self._admit((table, key["pk"]["S"])) else left).append(key)
        if not done:
            self._refuse(call)
        if left:
            self.hits.append(call.operation)
        answer = call.make({**call.parameters, "RequestItems": {table: {**request, "Keys": done}}})
        return {**answer, "UnprocessedKeys": {table: {**request, "Keys": left}} if left else {}}


class Killed(BaseException):
    """The process has died. No handler catches this, and no later call of the process reaches AWS."""


@dataclass
class Killer:
    """Ends the process before or after call number `at`, counted from 1. `made` lists the operations called."""

    at: int = 0
    after: bool = False
    made: list[str] = field(default_factory=list)
    dead: bool = False

    def __call__(self, call: Call) -> Any:
        if self.dead:
            raise Killed
        self.made.append(call.operation)
        if len(self.made) != self.at:
            return call.make()
        self.dead = True
        if self.after:
            call.make()
        raise Killed


def tables_of_moto() -> dict[str, Any]:
    """Moto's tables with all their items. Copy them before you keep them."""
    tables: dict[str, Any] = dynamodb_backends[DEFAULT_ACCOUNT_ID]["eu-west-1"].tables
    return tables


@contextmanager
def as_it_was(tables: dict[str, Any]) -> Iterator[None]:
    """In the block, DynamoDB contains these tables."""
    backend = dynamodb_backends[DEFAULT_ACCOUNT_ID]["eu-west-1"]
    current, backend.tables = backend.tables, tables
    try:
        yield
    finally:
        backend.tables = current


def put_back(tables: dict[str, Any]) -> None:
    """Restore DynamoDB to a copy of its tables."""
    dynamodb_backends[DEFAULT_ACCOUNT_ID]["eu-west-1"].tables = copy.deepcopy(tables)


def meanwhile(operation: str, action: Callable[[], Any]) -> Fault:
    """Run the action just before the first call of this operation."""
    done = False

    def fault(call: Call) -> Any:
        nonlocal done
        if call.operation == operation and not done:
            done = True
            action()
        return call.make()

    return fault
