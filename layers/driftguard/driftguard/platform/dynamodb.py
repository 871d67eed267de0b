"""What all tables share: connection, transactions, conditional writes, retries and errors."""

import bisect
import json
import random
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import batched, groupby
from typing import Any, ClassVar, Self, cast

import botocore.exceptions
from pynamodb.attributes import JSONAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.connection import Connection
from pynamodb.exceptions import DoesNotExist, GetError, PutError, TransactWriteError, UpdateError
from pynamodb.models import Model
from pynamodb.transactions import TransactWrite

from driftguard.platform.environment import Environment

CONDITION_FAILED = "ConditionalCheckFailedException"

MAX_ITEM_BYTES = 380_000
"""Bytes of payload in one item. DynamoDB allows 400 kB including keys and attribute names."""

FIRST_PAUSE = 0.02
LONGEST_PAUSE = 1.0
"""Seconds between two tries of a conditional write. The pause doubles from the first to the longest."""


WRITE_AT_ONCE = 25
"""Items of one BatchWriteItem."""

MOST_ROUNDS = 20
"""Rounds of a batch that DynamoDB does not process whole. They last about 7 seconds."""

THROTTLED_CODES = ("ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded")

LONGEST_ASCII = 10_000
"""Characters of JSON that is stored in ASCII."""

KEYS = ["pk", "sk"]
"""The attributes that a query reads to delete items."""


class Table(Model):
    """One kind of items in a table of the stack.

    table_setting: the `<NAME>` of the environment variable `<NAME>_TABLE`.
    keep: how long history is kept.
    """

    table_setting: ClassVar[str]
    keep: ClassVar[timedelta]

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    expires_at = NumberAttribute(null=True)

    @classmethod
    def find(cls, pk: str, sk: str, *, consistent: bool = True) -> Self | None:
        """Return the item with this key, or None."""
        try:
            return cls.get(pk, sk, consistent_read=consistent)
        except DoesNotExist:
            return None

    @classmethod
    def _batch_get_page(cls, keys_to_get: Any, consistent_read: Any, attributes_to_get: Any) -> tuple[list[Any], None]:
        """Read a batch, and what DynamoDB leaves unprocessed again after growing random pauses. Raises Throttled."""
        found: list[Any] = []
        for number in range(MOST_ROUNDS):
            if number:
                time.sleep(pause(number))
            try:
                page, keys_to_get = super()._batch_get_page(keys_to_get, consistent_read, attributes_to_get)  # type: ignore[no-untyped-call]
            except GetError as error:
                if error.cause_response_code in THROTTLED_CODES:
                    continue
                raise
            found += page
            if not keys_to_get:
                return found, None
        raise Throttled


class Json(JSONAttribute):
    """JSON that is stored in ASCII while it is short, and else in UTF-8.

    A letter takes at most 4 bytes in UTF-8 and up to 12 bytes as escapes in ASCII.
    """

    def serialize(self, value: Any) -> str | None:
        if value is None:
            return None
        text = json.dumps(value)
        if len(text) <= LONGEST_ASCII:
            return text
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


class Options:
    """Options that the Meta of each table inherits. The time-outs are shorter than those of the functions."""

    table_name: Any = None
    connect_timeout_seconds = 2
    read_timeout_seconds = 8
    max_retry_attempts = 4


_connection: Connection | None = None
_names: set[str] = set()


def connect(environment: Environment) -> None:
    """Bind every table class to the table name in `environment`. A repeated call costs nothing.

    All tables share one client, because creating a client costs 0.15 s of CPU on a cold start. If several classes
    share a table, the client learns the keys of its indexes from the class that declares the indexes.
    """
    global _connection  # noqa: PLW0603  one client per process is intended
    Table.keep = timedelta(days=environment.history_retention_days)
    for table in sorted(Table.__subclasses__(), key=lambda table: not table._indexes):
        name = environment.table(table.table_setting)
        if name is None or (table.Meta.table_name == name and table._connection is not None):
            continue
        table.Meta.table_name = name
        own = table._get_connection()
        if _connection is None:
            _connection = own.connection
        elif name not in _names:
            _connection.add_meta_table(own.get_meta_table())
        _names.add(name)
        own.connection = _connection


def disconnect() -> None:
    """Forget the client and the table names, so that a process can connect to another stack."""
    global _connection  # noqa: PLW0603
    _connection = None
    _names.clear()
    for table in Table.__subclasses__():
        table.Meta.table_name = ""
        table._connection = None


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


class Throttled(Exception):
    """DynamoDB left items of a batch unprocessed in every one of many rounds. A later try can succeed."""


def in_turn[T](sources: Iterable[Iterable[T]]) -> Iterator[T]:
    """Yield one thing of each source in turn, so that the partitions behind the sources share the load."""
    waiting = deque(iter(source) for source in sources)
    while waiting:
        source = waiting.popleft()
        for thing in source:
            yield thing
            waiting.append(source)
            break


@contextmanager
def transaction() -> Iterator[TransactWrite]:
    """Write everything that the block adds, or nothing.

    Raises ConditionFailed if a condition does not hold or another transaction is writing one of the items.
    """
    if _connection is None:
        raise RuntimeError("no table is connected; call connect() first")
    try:
        with TransactWrite(connection=_connection) as write:
            yield write
    except TransactWriteError as error:
        if is_conflict(error):
            raise ConditionFailed from error
        raise


class ConditionFailed(Exception):
    """The condition of a write does not hold: the item has changed."""


@contextmanager
def conditional() -> Iterator[None]:
    """Raise ConditionFailed if the condition of a single put or update in the block does not hold."""
    try:
        yield
    except (PutError, UpdateError) as error:
        if error.cause_response_code == CONDITION_FAILED:
            raise ConditionFailed from error
        raise


class Try:
    """One try of `retrying`. Its block swallows ConditionFailed; every other error passes through."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.succeeded = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> bool:
        self.succeeded = error is None
        return isinstance(error, ConditionFailed)


def retrying(tries: int) -> Iterator[Try]:
    """Yield the tries of a conditional write, with growing random pauses between them.

    The caller leaves the loop after the first success. Without pauses, writers that compete would collide again.

    for attempt in retrying(4):
        with attempt:
            return item.replace()
        item = ...  # what is stored now
    raise Conflict(...)
    """
    for number in range(tries):
        if number:
            time.sleep(pause(number))
        yield Try(number)


def pause(number: int) -> float:
    """Return the seconds to wait before the repetition `number`, counted from 1: random, and longer each time."""
    return random.uniform(0, min(LONGEST_PAUSE, FIRST_PAUSE * 2.0**number))  # noqa: S311  spreads retries, no secret


def is_conflict(error: TransactWriteError) -> bool:
    """Whether a transaction failed because of a condition or another transaction, not because of a fault."""
    codes = [reason.code for reason in error.cancellation_reasons if reason is not None]
    if not codes:
        return error.cause_response_code in ("TransactionConflictException", "TransactionInProgressException")
    return all(code in ("None", "ConditionalCheckFailed", "TransactionConflict") for code in codes)


def is_transient(error: BaseException) -> bool:
    """Whether a later retry can succeed: after throttling, time-outs and faults of AWS."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, (botocore.exceptions.ConnectionError, botocore.exceptions.HTTPClientError)):
            return True
        if isinstance(seen, Throttled):
            return True
        if isinstance(seen, botocore.exceptions.ClientError) and _may_pass(cast("dict[str, Any]", seen.response)):
            return True
        # PynamoDB's error lacks the HTTP status; botocore's error behind it has the status.
        seen = seen.__cause__ or seen.__context__
    return False


def _may_pass(answer: dict[str, Any]) -> bool:
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    code = answer.get("Error", {}).get("Code", "")
    return status >= 500 or "Throttl" in code or code in TRANSIENT_CODES


TRANSIENT_CODES = {
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "LimitExceededException",
    "TransactionConflictException",
    "TransactionCanceledException",
    "TransactionInProgressException",
    "ServiceUnavailable",
    "InternalServerError",
}


def chunks(data: bytes, size: int = MAX_ITEM_BYTES) -> list[bytes]:
    """Cut `data` into pieces that fit an item. Returns at least one piece, which may be empty."""
    return [data[start : start + size] for start in range(0, len(data), size)] or [b""]


def squeeze(text: str) -> bytes:
    """Compress a long text for storage."""
    return zlib.compress(text.encode(), 6)


def unsqueeze(data: bytes) -> str:
    """Return the text that `squeeze` compressed."""
    return zlib.decompress(data).decode()


def first_of[T](things: Iterable[T], most: int, size: Callable[[T], int], most_bytes: int) -> list[T]:
    """Return the first things: at most `most`, and none after those whose sizes together pass `most_bytes`."""
    found: list[T] = []
    total = 0
    for thing in things:
        found.append(thing)
        total += size(thing)
        if len(found) == most or total > most_bytes:
            break
    return found


def longest_fit(most: int, size: Callable[[int], int], limit: int) -> int:
    """Return the largest count, at most `most`, whose size is at most `limit`. `size` must not fall with the count."""
    if size(most) <= limit:
        return most
    return max(0, bisect.bisect_right(range(most), limit, key=size) - 1)
