"""What the tables share: their names from the settings, one client, and errors that say what happened."""

import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import groupby
from typing import Any, ClassVar, Self, cast

import botocore.exceptions
from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.connection import Connection
from pynamodb.exceptions import DoesNotExist, PutError, TransactWriteError, UpdateError
from pynamodb.models import Model
from pynamodb.transactions import TransactWrite

from driftguard.platform.environment import Settings

CONDITION_FAILED = "ConditionalCheckFailedException"

MAX_ITEM_BYTES = 380_000
"""Payload kept in one item; DynamoDB stops at 400 kB with keys and names."""


KEYS = ["pk", "sk"]
"""What a query reads that only finds items, for instance to delete them."""


class Table(Model):
    """A table of the stack. `table_setting` is the `<NAME>` of the variable `<NAME>_TABLE`; `keep` is how long what has
    ended is kept."""

    table_setting: ClassVar[str]
    keep: ClassVar[timedelta]

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    expires_at = NumberAttribute(null=True)

    @classmethod
    def find(cls, pk: str, sk: str, *, consistent: bool = True) -> Self | None:
        """The item under this key, or None; strongly consistent unless said otherwise."""
        try:
            return cls.get(pk, sk, consistent_read=consistent)
        except DoesNotExist:
            return None


class Options:
    """The options each table's own Meta takes over; short time-outs, since a function's life is short too."""

    table_name: Any = None
    connect_timeout_seconds = 2
    read_timeout_seconds = 8
    max_retry_attempts = 4


_connection: Connection | None = None
_names: set[str] = set()


def connect(settings: Settings) -> None:
    """Bind every table class to the name in `settings`; cheap when nothing changed.

    All tables share one client, because creating a client costs 0.15 s of CPU on a cold start. If several classes
    share a table, the client learns the keys of its indexes from the class that declares the indexes.
    """
    global _connection  # noqa: PLW0603  one client a process is the point
    Table.keep = timedelta(days=settings.history_retention_days)
    for table in sorted(Table.__subclasses__(), key=lambda table: not table._indexes):
        name = settings.table(table.table_setting)
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
    """Forget the client and the names; for tests that start another stack in the same process."""
    global _connection  # noqa: PLW0603
    _connection = None
    _names.clear()
    for table in Table.__subclasses__():
        table.Meta.table_name = ""
        table._connection = None


def delete(items: Iterable[Table]) -> None:
    """Delete items in batches."""
    for table, same in groupby(items, lambda item: item.__class__):
        with table.batch_write() as batch:
            for item in same:
                batch.delete(item)


@contextmanager
def transaction() -> Iterator[TransactWrite]:
    """All the writes of the block, or none. Raises ConditionFailed when a condition does not hold or another
    transaction holds an item."""
    if _connection is None:
        raise RuntimeError("no table is connected")
    try:
        with TransactWrite(connection=_connection) as write:
            yield write
    except TransactWriteError as error:
        if is_conflict(error):
            raise ConditionFailed from error
        raise


class ConditionFailed(Exception):
    """A conditional write found the item in another state."""


@contextmanager
def conditional() -> Iterator[None]:
    """Turn a failed condition of a single put, update or delete into ConditionFailed."""
    try:
        yield
    except (PutError, UpdateError) as error:
        if error.cause_response_code == CONDITION_FAILED:
            raise ConditionFailed from error
        raise


class Try:
    """One try of `retrying`. As a context manager it ends quietly when a condition fails; other errors pass through."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> bool:
        return isinstance(error, ConditionFailed)


def retrying(tries: int) -> Iterator[Try]:
    """Up to `tries` tries of a conditional write, numbered from 0. The caller leaves the loop when one succeeds.

    for attempt in retrying(4):
        with attempt:
            return item.replace()
        item = ...  # what is stored now
    raise Conflict(...)
    """
    return map(Try, range(tries))


def is_conflict(error: TransactWriteError) -> bool:
    """Whether a transaction failed on a condition or on another transaction, rather than on a fault."""
    codes = [reason.code for reason in error.cancellation_reasons if reason is not None]
    if not codes:
        return error.cause_response_code in ("TransactionConflictException", "TransactionInProgressException")
    return all(code in ("None", "ConditionalCheckFailed", "TransactionConflict") for code in codes)


def is_transient(error: BaseException) -> bool:
    """Whether trying again later may help: throttling, time-outs and faults on AWS's side, not our own mistakes."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, (botocore.exceptions.ConnectionError, botocore.exceptions.HTTPClientError)):
            return True
        if isinstance(seen, PutError) and seen.cause is None:
            return True  # PynamoDB has given up on what DynamoDB left unprocessed of a batch
        if isinstance(seen, botocore.exceptions.ClientError) and _may_pass(cast("dict[str, Any]", seen.response)):
            return True
        # PynamoDB wraps botocore's error and leaves the status behind, so the cause is looked at as well.
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
    """`data` cut into pieces that each fit an item; at least one, possibly empty."""
    return [data[start : start + size] for start in range(0, len(data), size)] or [b""]


def squeeze(text: str) -> bytes:
    """A text as it is stored when it may be long."""
    return zlib.compress(text.encode(), 6)


def unsqueeze(data: bytes) -> str:
    """The text that `squeeze` made smaller."""
    return zlib.decompress(data).decode()
