"""Writes and deletes many items in batches, without conditions."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import batched, groupby
from typing import Any

from pynamodb.exceptions import PutError

from driftguard.platform.dynamodb import Table
from driftguard.platform.retries import MOST_ROUNDS, THROTTLED_CODES, Throttled, pause

WRITE_AT_ONCE = 25
"""Items of one BatchWriteItem."""


def delete(items: Iterable[Table], may_go_on: Callable[[], bool] | None = None) -> bool:
    """Delete items in batches. Returns whether all are deleted, which is False only if `may_go_on` said no.

    Raises Throttled as `put` does if there is no `may_go_on`.
    """
    return _write(items, may_go_on, lambda item: {"DeleteRequest": {"Key": item._get_keys()}})  # type: ignore[no-untyped-call]  # PynamoDB has no types here


def put(items: Iterable[Table]) -> None:
    """Store items in batches without conditions. Raises Throttled if DynamoDB leaves items unprocessed for long."""
    _write(items, None, lambda item: {"PutRequest": {"Item": item.serialize()}})


def _write(
    items: Iterable[Table], may_go_on: Callable[[], bool] | None, request: Callable[[Table], dict[str, Any]]
) -> bool:
    for table, same in groupby(items, lambda item: item.__class__):
        for batch in batched(same, WRITE_AT_ONCE, strict=False):
            if not _write_batch(table, [request(item) for item in batch], may_go_on):
                return False
    return True


def _write_batch(table: type[Table], requests: list[dict[str, Any]], may_go_on: Callable[[], bool] | None) -> bool:
    """Write a batch, and what DynamoDB leaves unprocessed again after growing random pauses."""
    rounds = 0
    while requests:
        if may_go_on is not None and not may_go_on():
            return False
        if rounds:
            if may_go_on is None and rounds == MOST_ROUNDS:
                raise Throttled
            time.sleep(pause(rounds))
        left = _batch_write_once(table, requests)
        rounds = rounds + 1 if len(left) == len(requests) or may_go_on is None else 1
        requests = left
    return True


def _batch_write_once(table: type[Table], requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the requests that DynamoDB left unprocessed: all of them if it refused the whole batch for its load."""
    try:
        answer = table._get_connection().batch_write_item(
            put_items=[request["PutRequest"]["Item"] for request in requests if "PutRequest" in request],
            delete_items=[request["DeleteRequest"]["Key"] for request in requests if "DeleteRequest" in request],
        )
    except PutError as error:
        if error.cause_response_code in THROTTLED_CODES:
            return requests
        raise
    left: list[dict[str, Any]] = answer.get("UnprocessedItems", {}).get(table.Meta.table_name, [])
    return left


def in_turn[T](sources: Iterable[Iterable[T]]) -> Iterator[T]:
    """Yield one thing of each source in turn, so that the partitions behind the sources share the load."""
    waiting = deque(iter(source) for source in sources)
    while waiting:
        source = waiting.popleft()
        for thing in source:
            yield thing
            waiting.append(source)
            break
