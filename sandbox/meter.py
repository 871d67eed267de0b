"""Counts what a block of the product's code asks of AWS: DynamoDB's units, calls by service, and time of its own.

Units by DynamoDB's published rules, from the items themselves as they are before and after each write: a write unit a
kilobyte begun, for the table and again for every index whose entry changes, twice in a transaction; a read unit four
kilobytes begun, half of one when read eventually consistent. The tables behind it are the template's own, in moto.
"""

import math
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from unittest import mock

from botocore.client import BaseClient

WRITES = {"PutItem": "Put", "UpdateItem": "Update", "DeleteItem": "Delete"}

type Item = Mapping[str, Mapping[str, Any]]


@dataclass
class Usage:
    """What a block used. own_seconds: processor time outside of calls to AWS."""

    write_units: float = 0.0
    read_units: float = 0.0
    calls: Counter[str] = field(default_factory=Counter)
    own_seconds: float = 0.0
    written: Counter[str] = field(default_factory=Counter)


@contextmanager
def metered() -> Iterator[Usage]:
    """Count what the block does; moto's own work is taken out of its time."""
    usage = Usage()
    original = BaseClient._make_api_call  # type: ignore[attr-defined]
    inside = 0.0

    def counted(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        nonlocal inside
        begun = time.process_time()
        service = client.meta.service_model.service_name
        usage.calls[f"{service}:{operation}"] += 1

        def raw(name: str, **arguments: Any) -> Any:
            return original(client, name, arguments)

        try:
            if service != "dynamodb":
                return original(client, operation, parameters)
            before = [_stored(raw, write) for write in _writes(operation, parameters)]
            answer = original(client, operation, parameters)
            factor = 2 if operation.startswith("Transact") else 1
            for write, old in zip(_writes(operation, parameters), before, strict=True):
                units = factor * write_units(_indexes(raw, write[0]), old, _stored(raw, write))
                usage.write_units += units
                usage.written[_kind(write)] += round(units)
            usage.read_units += _read_units(raw, operation, parameters, answer)
            return answer
        finally:
            inside += time.process_time() - begun

    begun = time.process_time()
    with mock.patch.object(BaseClient, "_make_api_call", counted):
        yield usage
    usage.own_seconds = time.process_time() - begun - inside


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
    """Units of one write outside of a transaction that turned `old` into `new` (empty: there is none)."""
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
    """Table and key of each item that a call writes."""
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


def _stored(raw: Any, write: tuple[str, Item]) -> Item:
    item: Item = raw("GetItem", TableName=write[0], Key=write[1], ConsistentRead=True).get("Item", {})
    return item


_DESCRIBED: dict[str, list[dict[str, Any]]] = {}


def _indexes(raw: Any, table: str) -> list[dict[str, Any]]:
    if table not in _DESCRIBED:
        found = raw("DescribeTable", TableName=table)["Table"]
        _DESCRIBED[table] = [*found.get("LocalSecondaryIndexes", []), *found.get("GlobalSecondaryIndexes", [])]
    return _DESCRIBED[table]


def _read_units(raw: Any, operation: str, parameters: Mapping[str, Any], answer: Mapping[str, Any]) -> float:
    match operation:
        case "GetItem":
            return _units(item_bytes(answer.get("Item", {})), parameters.get("ConsistentRead", False))
        case "BatchGetItem":
            total = 0.0
            for table, request in parameters["RequestItems"].items():
                consistent = request.get("ConsistentRead", False)
                found = answer["Responses"].get(table, [])
                total += sum(_units(item_bytes(item), consistent) for item in found)
                total += _units(0, consistent) * (len(request["Keys"]) - len(found))
            return total
        case "Query":
            # What is read is charged whole, whatever a projection or a filter leaves of it.
            bare = ("ProjectionExpression", "FilterExpression", "Select")
            whole = raw("Query", **{name: value for name, value in parameters.items() if name not in bare})
            if "IndexName" in parameters:
                index = next(
                    part
                    for part in _indexes(raw, parameters["TableName"])
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
