"""Where rows come from: data frames, tables and mappings of columns. `files` reads files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

import pyarrow as pa

from driftguard_client.comparing.errors import CompareError
from driftguard_client.comparing.values import Values

T = TypeVar("T")


class Batch(NamedTuple):
    """Some rows. column: returns the values of one column, None if these rows have no such column.

    first_row: the number of rows before them.
    """

    rows: int
    first_row: int
    column: Callable[[str], Values | None]


class Source(Protocol):
    """Rows in batches. name: what a report calls them. names: their columns. notes: how they were read."""

    name: str
    names: list[str]

    @property
    def notes(self) -> list[str]: ...

    def read(self, consume: Callable[[Iterator[Batch]], T]) -> T:
        """Return what `consume` makes of all batches. It may be called again with other batches of the same rows."""
        ...


class FrameSource:
    """The rows of something in memory, in one batch, so that each column is converted once and alone."""

    def __init__(self, name: str, columns: Mapping[str, Callable[[], Values]], rows: int) -> None:
        self.name = name
        self.names = list(columns)
        self.notes: list[str] = []
        self._columns = columns
        self._rows = rows
        if not columns:
            raise CompareError(f"The {name} has no columns.")
        if not rows:
            raise CompareError(f"The {name} has no rows.")

    def read(self, consume: Callable[[Iterator[Batch]], T]) -> T:
        def column(name: str) -> Values | None:
            found = self._columns.get(name)
            return None if found is None else found()

        return consume(iter([Batch(self._rows, 0, column)]))


def opened(data: Any, name: str, options: Any = None) -> Source:
    """Return the rows of a data frame, a table, a mapping of columns, a list of dicts, or a file.

    options: how CSV files are read.

    name: `baseline` or `window`, for errors. Raises CompareError if the data are none of these.
    """
    if isinstance(data, (str, os.PathLike)):
        from driftguard_client.comparing.files import file_source

        return file_source(data, options)
    library = type(data).__module__.split(".", maxsplit=1)[0]
    if library == "pandas" and hasattr(data, "columns"):
        return _pandas(data, name)
    if library == "polars":
        return _polars(data, name)
    if isinstance(data, (pa.Table, pa.RecordBatch)):
        return _table(pa.table(data), name)
    if isinstance(data, Mapping):
        return _mapping(data, name)
    if library == "numpy" and getattr(getattr(data, "dtype", None), "names", None):
        return _mapping({field: data[field] for field in data.dtype.names}, name)
    if isinstance(data, Sequence) and data and all(isinstance(row, Mapping) for row in data):
        names = list(dict.fromkeys(key for row in data for key in row))
        return _mapping({key: [row.get(key) for row in data] for key in names}, name)
    if hasattr(data, "__arrow_c_stream__"):
        return _table(pa.table(data), name)
    raise CompareError(
        f"The {name} is a {type(data).__name__}. Pass a data frame, an Arrow table, a dict of columns, or a path."
    )


def _pandas(data: Any, name: str) -> Source:
    names = [str(column) for column in data.columns]
    if getattr(data.columns, "nlevels", 1) > 1:
        raise CompareError(f"The {name} has columns with several levels. Give each column one name.")
    _check_distinct(names, name)

    def reader(place: int) -> Callable[[], Values]:
        return lambda: _converted(data.iloc[:, place], from_pandas=True)

    return FrameSource(name, {column: reader(place) for place, column in enumerate(names)}, len(data))


def _polars(data: Any, name: str) -> Source:
    if hasattr(data, "collect"):
        data = data.collect()
    if not hasattr(data, "get_column"):
        raise CompareError(f"The {name} is a polars {type(data).__name__}. Pass a polars DataFrame.")

    def reader(column: str) -> Callable[[], Values]:
        def read() -> Values:
            series = data.get_column(column)
            # polars keeps texts that repeat as categories or enums, which Arrow knows as dictionaries
            return series.to_list() if str(series.dtype) == "Object" else series.to_arrow()

        return read

    return FrameSource(name, {column: reader(column) for column in data.columns}, data.height)


def _table(data: pa.Table, name: str) -> Source:
    _check_distinct(data.column_names, name)

    def reader(place: int) -> Callable[[], Values]:
        return lambda: data.column(place)

    columns = {column: reader(place) for place, column in enumerate(data.column_names)}
    return FrameSource(name, columns, data.num_rows)


def _mapping(data: Mapping[Any, Any], name: str) -> Source:
    lengths = {}
    for key, values in data.items():
        if not hasattr(values, "__len__") or isinstance(values, (str, bytes)):
            raise CompareError(
                f"Column {str(key)!r} of the {name} is a {type(values).__name__}. Pass a list of values."
            )
        if getattr(values, "ndim", 1) != 1:
            raise CompareError(f"Column {str(key)!r} of the {name} has {values.ndim} dimensions. Pass one per column.")
        lengths[str(key)] = len(values)
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{key!r} has {length}" for key, length in list(lengths.items())[:3])
        raise CompareError(f"The columns of the {name} differ in length: {shown} values.")
    _check_distinct([str(key) for key in data], name)

    def reader(key: Any) -> Callable[[], Values]:
        return lambda: _converted(data[key], from_pandas=hasattr(data[key], "iloc"))

    return FrameSource(name, {str(key): reader(key) for key in data}, max(lengths.values(), default=0))


def _converted(values: Any, *, from_pandas: bool) -> Values:
    """Return values as an Arrow array; a list if Arrow has no type that holds them all."""
    if isinstance(values, (pa.Array, pa.ChunkedArray)):
        return values
    try:
        found = pa.array(values, from_pandas=True if from_pandas else None)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return list(values)
    # A list of integers and texts, for example, has no such type. pyarrow also reads numpy's objects as bytes or times.
    return found


def _check_distinct(names: Sequence[str], name: str) -> None:
    seen: set[str] = set()
    for column in names:
        if column in seen:
            raise CompareError(f"Two columns of the {name} are called {column!r}. Give each column its own name.")
        seen.add(column)
