"""Measures a block of code: DynamoDB's read and write units, calls to AWS by service, and the code's own CPU time.

Units follow DynamoDB's published rules and are computed from the items before and after each write. A write takes one
unit for each started kilobyte, in the table and in every index whose entry changes. A transaction doubles the units.
A read takes one unit for each started 4 kilobytes, or half a unit if the read is eventually consistent. The tables are
the template's own, in moto.
"""

import math
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from sandbox.calls import Call, intercepted

WRITES = {"PutItem": "Put", "UpdateItem": "Update", "DeleteItem": "Delete"}

type Item = Mapping[str, Mapping[str, Any]]


@dataclass
class Usage:
    """What a block used. `own_seconds` is CPU time outside calls to AWS, `written` is write units by kind of item."""

    write_units: float = 0.0
    read_units: float = 0.0
    calls: Counter[str] = field(default_factory=Counter)
    own_seconds: float = 0.0
    written: Counter[str] = field(default_factory=Counter)

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.write_units + other.write_units,
            self.read_units + other.read_units,
            self.calls + other.calls,
            self.own_seconds + other.own_seconds,
            self.written + other.written,
        )


@contextmanager
def metered() -> Iterator[Usage]:
    """Measure the block. CPU time that moto uses is not counted."""
    usage = Usage()
    inside = 0.0

    def counted(call: Call) -> Any:
        nonlocal inside
        begun = time.process_time()
        usage.calls[f"{call.service}:{call.operation}"] += 1
        try:
            return _counted(call, usage) if call.service == "dynamodb" else call.make()
        finally:
            inside += time.process_time() - begun

    begun = time.process_time()
    with intercepted(counted):
        yield usage
    usage.own_seconds = time.process_time() - begun - inside


def _counted(call: Call, usage: Usage) -> Any:
    """Make a call to DynamoDB and add its units to `usage`."""
    writes = _writes(call.operation, call.parameters)
    before = [_stored(call, write) for write in writes]
    answer = call.make()
    factor = 2 if call.operation.startswith("Transact") else 1
    for write, old in zip(writes, before, strict=True):
        units = factor * write_units(_indexes(call, write[0]), old, _stored(call, write))
        usage.write_units += units
        usage.written[_kind(write)] += round(units)
    usage.read_units += _read_units(call, answer)
    return answer


def written_items(call: Call) -> list[tuple[str, Item]]:
    """Return the kind and the stored state of each item that a call has written. Call it after the call."""
    return [(_kind(write), _stored(call, write)) for write in _writes(call.operation, call.parameters)]


def item_bytes(item: Item) -> int:
    """An item's size as DynamoDB counts it."""
    return sum(len(name.encode()) + _value_bytes(value) for name, value in item.items())


def _value_bytes(value: Mapping[str, Any]) -> int:
    ((kind, content),) = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "B":
            return len(content)
        case "N":
            return (len(content.strip("-").replace(".", "")) + 1) // 2 + 1
        case "M":
            return 3 + sum(1 + len(name.encode()) + _value_bytes(part) for name, part in content.items())
        case "L":
            return 3 + sum(1 + _value_bytes(part) for part in content)
        case _:
            return 1


def write_units(indexes: list[dict[str, Any]], old: Item, new: Item) -> int:
    """Units of a write that turned `old` into `new`, outside of a transaction. An empty item means that none exists."""
    units = max(1, math.ceil(max(item_bytes(old), item_bytes(new)) / 1024))
    for index in indexes:
        was, now = _entry(index, old), _entry(index, new)
        if was == now:
            continue
        keys = [part["AttributeName"] for part in index["KeySchema"]]
        moved = was and now and any(was[key] != now[key] for key in keys)
        sides = [was, now] if moved else [max(was, now, key=item_bytes)]
        units += sum(math.ceil(item_bytes(side) / 1024) for side in sides)
    return units


def _entry(index: dict[str, Any], item: Item) -> Item:
    keys = {part["AttributeName"] for part in index["KeySchema"]} | {"pk", "sk"}
    if not keys <= set(item):
        return {}
    if index["Projection"]["ProjectionType"] == "ALL":
        return item
    kept = keys | set(index["Projection"].get("NonKeyAttributes", []))
    return {name: value for name, value in item.items() if name in kept}


def _writes(operation: str, parameters: Mapping[str, Any]) -> list[tuple[str, Item]]:
    """The table and key of each item that a call writes."""
    if operation in WRITES:
        source = parameters.get("Item") or parameters["Key"]
        return [(parameters["TableName"], _key(source))]
    if operation == "TransactWriteItems":
        parts = [part for entry in parameters["TransactItems"] for part in entry.values()]
        return [(part["TableName"], _key(part.get("Item") or part["Key"])) for part in parts]
    if operation == "BatchWriteItem":
        return [
            (table, _key(entry["PutRequest"]["Item"] if "PutRequest" in entry else entry["DeleteRequest"]["Key"]))
            for table, entries in parameters["RequestItems"].items()
            for entry in entries
        ]
    return []


def _key(item: Item) -> Item:
    return {"pk": item["pk"], "sk": item["sk"]}


def _kind(write: tuple[str, Item]) -> str:
    table = write[0].rpartition("-")[0].rpartition("-")[2] or write[0]
    return f"{table} {write[1]['sk']['S'].partition('#')[0][:10]}"


def _stored(call: Call, write: tuple[str, Item]) -> Item:
    item: Item = call.ask("GetItem", TableName=write[0], Key=write[1], ConsistentRead=True).get("Item", {})
    return item


_DESCRIBED: dict[str, list[dict[str, Any]]] = {}


def _indexes(call: Call, table: str) -> list[dict[str, Any]]:
    if table not in _DESCRIBED:
        found = call.ask("DescribeTable", TableName=table)["Table"]
        _DESCRIBED[table] = [*found.get("LocalSecondaryIndexes", []), *found.get("GlobalSecondaryIndexes", [])]
    return _DESCRIBED[table]


def _read_units(call: Call, answer: Mapping[str, Any]) -> float:
    parameters = call.parameters
    match call.operation:
        # DynamoDB charges for whole items, even if a projection or a filter removes parts of them.
        case "GetItem":
            if "ProjectionExpression" in parameters:
                answer = call.ask("GetItem", TableName=parameters["TableName"], Key=parameters["Key"])
            return _units(item_bytes(answer.get("Item", {})), parameters.get("ConsistentRead", False))
        case "BatchGetItem":
            total = 0.0
            requests = parameters["RequestItems"]
            if any("ProjectionExpression" in request for request in requests.values()):
                whole = {table: {"Keys": request["Keys"]} for table, request in requests.items()}
                answer = call.ask("BatchGetItem", RequestItems=whole)
            for table, request in requests.items():
                consistent = request.get("ConsistentRead", False)
                found = answer["Responses"].get(table, [])
                total += sum(_units(item_bytes(item), consistent) for item in found)
                total += _units(0, consistent) * (len(request["Keys"]) - len(found))
            return total
        case "Query":
            bare = ("ProjectionExpression", "FilterExpression", "Select")
            whole = call.ask("Query", **{name: value for name, value in parameters.items() if name not in bare})
            if "IndexName" in parameters:
                index = next(
                    part
                    for part in _indexes(call, parameters["TableName"])
                    if part["IndexName"] == parameters["IndexName"]
                )
                sizes = [item_bytes(_entry(index, item)) for item in whole["Items"]]
            else:
                sizes = [item_bytes(item) for item in whole["Items"]]
            return _units(sum(sizes), parameters.get("ConsistentRead", False))
        case _:
            return 0.0


@cache
def _units(size: int, consistent: bool) -> float:
    return max(1, math.ceil(size / 4096)) * (1.0 if consistent else 0.5)
