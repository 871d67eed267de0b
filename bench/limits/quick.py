"""Makes moto's DynamoDB fast and exact enough for tables of thousands of large items."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

from moto.dynamodb.models.dynamo_type import DynamoType, LimitedSizeDict
from moto.dynamodb.models.table import Table


@contextmanager
def quick_moto() -> Iterator[None]:
    """In the block, moto sorts items once for a query, compares texts as texts, and sizes changed items correctly."""
    cast: Any = vars(DynamoType)["cast_value"].fget
    whole = LimitedSizeDict.__setitem__

    def cast_value(value: Any) -> Any:
        return value.value if value.type in ("S", "B") else cast(value)

    def all_items(table: Any) -> list[Any]:
        return [item for items in table.items.values() for item in items.values()]

    def changed(item: Any, name: str, value: Any) -> None:
        # Moto counts the old and the new value of an attribute, and DynamoDB only the new value.
        whole(LimitedSizeDict({other: item[other] for other in item if other != name}), name, value)
        dict.__setitem__(item, name, value)

    with ExitStack() as patched:
        patched.enter_context(mock.patch.object(DynamoType, "cast_value", property(cast_value)))
        patched.enter_context(mock.patch.object(Table, "all_items", all_items))
        patched.enter_context(mock.patch.object(LimitedSizeDict, "__setitem__", changed))
        yield
