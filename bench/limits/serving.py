"""Answers calls to AWS that come through a socket, with moto.

moto holds all tables in memory, so it must not run in the process whose memory is measured.
"""

import base64
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection, Listener
from pathlib import Path
from typing import Any

from botocore.awsrequest import AWSPreparedRequest
from moto.core.models import DEFAULT_ACCOUNT_ID, botocore_stubber
from moto.dynamodb.models import dynamodb_backends

from sandbox import meter
from sandbox.kinds import kinds

OTHER_ITEM = "an item of "

type Items = dict[str, int]
"""The largest item in bytes, by kind of item."""


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, Items]]:
    """Answer calls that come through a socket, with moto. Use it inside `mock_aws()`. Yields the address."""
    address = str(folder / "aws.socket")
    largest: Items = {}

    def answer(connection: Connection) -> None:
        while True:
            try:
                method, url, headers, body = connection.recv()
            except EOFError:
                return
            request = AWSPreparedRequest(method, url, headers, body, stream_output=False)
            found = botocore_stubber("before-send", request)
            content = b"" if found is None else found.raw.read()
            status, given = (500, {}) if found is None else (found.status_code, dict(found.headers))
            connection.send((status, given, content))
            _note(headers, body, largest)

    def listen() -> None:
        while True:
            try:
                connection = listener.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(connection,), daemon=True).start()

    with Listener(address, "AF_UNIX") as listener:
        threading.Thread(target=listen, daemon=True).start()
        yield address, largest


def _note(headers: Mapping[str, Any], body: Any, largest: Items) -> None:
    """Note the sizes of the items that a call to DynamoDB puts. Items that it changes are left out."""
    target = headers.get("X-Amz-Target", b"")
    operation = (target.decode() if isinstance(target, bytes) else target).rpartition(".")[2]
    if operation not in ("PutItem", "BatchWriteItem", "TransactWriteItems"):
        return
    sent = json.loads(body)
    match operation:
        case "PutItem":
            puts = [(sent["TableName"], sent["Item"])]
        case "BatchWriteItem":
            requests = [(table, one) for table, some in sent["RequestItems"].items() for one in some]
            puts = [(table, one["PutRequest"]["Item"]) for table, one in requests if "PutRequest" in one]
        case _:
            puts = [(one["Put"]["TableName"], one["Put"]["Item"]) for one in sent["TransactItems"] if "Put" in one]
    for table, item in puts:
        _note_item(table, item, largest)


def note_stored(largest: Items) -> None:
    """Note the sizes of all items that are stored now, changed ones included."""
    for region in dynamodb_backends[DEFAULT_ACCOUNT_ID].values():  # `python -m bench` may have set another region
        for table, content in region.tables.items():
            for found in content.all_items():
                _note_item(table, found.to_json()["Attributes"], largest)


def _note_item(table: str, item: Mapping[str, Mapping[str, Any]], largest: Items) -> None:
    name = (table.rpartition("-")[0].rpartition("-")[2] or table).removesuffix("Table").upper()
    for kind in kinds(name, item) or [OTHER_ITEM + name.capitalize()]:
        largest[kind] = max(largest.get(kind, 0), item_bytes(item))


def item_bytes(item: Mapping[str, Mapping[str, Any]]) -> int:
    """Return an item's size as DynamoDB counts it. Its bytes may be encoded, as in a request."""

    def decoded(value: Mapping[str, Any]) -> dict[str, Any]:
        ((kind, content),) = value.items()
        match kind:
            case "B":
                return {kind: content if isinstance(content, bytes) else base64.b64decode(content)}
            case "M":
                return {kind: {name: decoded(part) for name, part in content.items()}}
            case "L":
                return {kind: [decoded(part) for part in content]}
        return {kind: content}

    return meter.item_bytes({name: decoded(value) for name, value in item.items()})
