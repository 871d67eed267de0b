"""Reads and writes all items of a stack's tables: the files of a backup, and the proof that they are of one moment."""

import base64
import gzip
import hashlib
import json
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import batched
from pathlib import Path
from typing import Any, Final

AT_ONCE: Final = 25
"""Items of one BatchWriteItem."""
MODULUS: Final = 1 << 256
ROUNDS: Final = 10

type Item = dict[str, Any]


@dataclass(frozen=True)
class Content:
    """What a table holds: the number of items, and a digest that does not depend on their order."""

    items: int = 0
    digest: int = 0

    def __add__(self, line: str) -> "Content":
        hashed = int.from_bytes(hashlib.sha256(line.encode()).digest())
        return Content(self.items + 1, (self.digest + hashed) % MODULUS)

    def dump(self) -> dict[str, Any]:
        """Return the content as JSON values."""
        return {"items": self.items, "digest": f"{self.digest:064x}"}

    @classmethod
    def load(cls, stored: Mapping[str, Any]) -> "Content":
        """Restore the output of `dump`."""
        return cls(int(stored["items"]), int(stored["digest"], 16))


def scan(dynamodb: Any, table: str) -> Iterator[Item]:
    """Yield all items of a table, with strongly consistent reads."""
    for page in dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
        yield from page["Items"]


def line_of(item: Item) -> str:
    """Return an item as one line of JSON. Equal items give equal lines."""
    return json.dumps({name: _outward(value) for name, value in item.items()}, sort_keys=True, separators=(",", ":"))


def item_of(line: str) -> Item:
    """Restore the output of `line_of`."""
    return {name: _inward(value) for name, value in json.loads(line).items()}


def _outward(value: dict[str, Any]) -> dict[str, Any]:
    ((kind, content),) = value.items()
    match kind:
        case "B":
            return {kind: base64.b64encode(content).decode()}
        case "BS":
            return {kind: sorted(base64.b64encode(part).decode() for part in content)}
        case "SS" | "NS":
            return {kind: sorted(content)}  # the order of a set has no meaning
        case "M":
            return {kind: {name: _outward(part) for name, part in content.items()}}
        case "L":
            return {kind: [_outward(part) for part in content]}
    return value


def _inward(value: dict[str, Any]) -> dict[str, Any]:
    ((kind, content),) = value.items()
    match kind:
        case "B":
            return {kind: base64.b64decode(content)}
        case "BS":
            return {kind: [base64.b64decode(part) for part in content]}
        case "M":
            return {kind: {name: _inward(part) for name, part in content.items()}}
        case "L":
            return {kind: [_inward(part) for part in content]}
    return value


def save(items: Iterable[Item], path: Path) -> Content:
    """Write items to a file. Returns what it holds."""
    content = Content()
    with gzip.open(path, "wt", encoding="utf-8", newline="\n") as file:
        for item in items:
            line = line_of(item)
            file.write(f"{line}\n")
            content += line
    return content


def read(path: Path) -> Iterator[Item]:
    """Yield the items of a file."""
    with gzip.open(path, "rt", encoding="utf-8", newline="\n") as file:
        for line in file:
            yield item_of(line)


def content_of(items: Iterable[Item]) -> Content:
    """Return the content of a table or of a file."""
    content = Content()
    for item in items:
        content += line_of(item)
    return content


def put(dynamodb: Any, table: str, items: Iterable[Item]) -> Content:
    """Store items in batches. Returns what was written."""
    content = Content()

    def requests() -> Iterator[dict[str, Any]]:
        nonlocal content
        for item in items:
            content += line_of(item)
            yield {"PutRequest": {"Item": item}}

    _write(dynamodb, table, requests())
    return content


def delete(dynamodb: Any, table: str, keys: Iterable[Item]) -> None:
    """Delete items by key in batches."""
    _write(dynamodb, table, ({"DeleteRequest": {"Key": key}} for key in keys))


def keys_of(dynamodb: Any, table: str) -> Iterator[Item]:
    """Yield the keys of all items of a table."""
    schema = [part["AttributeName"] for part in dynamodb.describe_table(TableName=table)["Table"]["KeySchema"]]
    for item in scan(dynamodb, table):
        yield {name: item[name] for name in schema}


def _write(dynamodb: Any, table: str, requests: Iterable[dict[str, Any]]) -> None:
    for batch in batched(requests, AT_ONCE, strict=False):
        left = list(batch)
        for attempt in range(ROUNDS):
            left = dynamodb.batch_write_item(RequestItems={table: left})["UnprocessedItems"].get(table, [])
            if not left:
                break
            time.sleep(min(5.0, 0.1 * 2**attempt))
        else:
            raise RuntimeError(f"DynamoDB keeps refusing writes to {table}. Run the command again.")
