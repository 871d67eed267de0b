"""What all tables share: their attributes, the connection, and transactions."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, ClassVar, Self

from pynamodb.attributes import JSONAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.connection import Connection
from pynamodb.exceptions import DoesNotExist, GetError, TransactWriteError
from pynamodb.models import Model
from pynamodb.transactions import TransactWrite

from driftguard.platform.environment import Environment
from driftguard.platform.retries import MOST_ROUNDS, THROTTLED_CODES, ConditionFailed, Throttled, is_conflict, pause

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
