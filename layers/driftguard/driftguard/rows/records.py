"""Rows of a file one by one, such as labels, in place of columns of many rows."""

from collections.abc import Callable
from typing import Any, NamedTuple


class Record(NamedTuple):
    """A row of a file: the number of its first line, and its value, or the BadRow that rejects it."""

    line: int
    item: Any


class Columns(NamedTuple):
    """The columns that a CSV file of records may have.

    required: those that it must have. cell: turns the text of a cell into a value. It is called with the name of the
    column, never for a missing value, and may raise BadRow. known: whether a name is one of the columns.
    what: what to say about any other column.
    """

    required: tuple[str, ...]
    cell: Callable[[str, str], Any]
    known: Callable[[str], bool]
    what: str
