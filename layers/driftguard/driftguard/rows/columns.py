"""A batch of rows, and the same rows as columns of plain buffers."""

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any, Literal, NamedTuple

from driftguard.rows.planes import array_of, little_endian

type Scalar = float | int | str | bool | None
type Kind = Literal["number", "string", "boolean"]
type Encoding = Literal["integers", "floats", "codes", "flags"]
KINDS: dict[str, Kind] = {"n": "number", "s": "string", "b": "boolean"}
ENCODINGS: dict[str, Encoding] = {"i": "integers", "f": "floats", "j": "floats", "d": "codes", "b": "flags"}


class Row(NamedTuple):
    """One logged prediction: `event_time` in seconds since the epoch, kept to the millisecond."""

    event_time: float
    features: dict[str, Scalar]
    prediction: Scalar
    prediction_id: str | None


@dataclass(frozen=True, slots=True)
class Part:
    """The values of one kind in one column, as buffers that `numpy.frombuffer` reads.

    kind: what the values are.
    mask: one byte a row of the batch, 1 where the row has a value of this kind; None when every row has one.
    count: number of values, in row order, rows without one left out.
    encoding: how `data` (`count` items of type `dtype`, little-endian) stands for them:
      integers: value = (offset + step·item) / divisor, the bracket in int64 (unsigned items may wrap, which comes out
        right), the division in float64 and only when divisor is not 1;
      floats: the values as float64;
      codes: value = dictionary[item];
      flags: 1 is true, 0 is false.
    """

    kind: Kind
    mask: bytes | None
    count: int
    encoding: Encoding
    data: bytes
    dtype: str
    offset: int = 0
    step: int = 1
    divisor: int = 1
    dictionary: Sequence[Any] = ()


type Column = tuple[Part, ...]
"""A column's parts, one for each kind of value in it; a row that no part covers has a missing value."""


class Columns:
    """A packed batch, column by column.

    rows: number of rows.
    times: event time of each row, milliseconds since the epoch, int64 little-endian.
    names: the features that at least one row has a value for, in the order of their first appearance.
    """

    def __init__(self, times: bytes, readers: Mapping[str, Callable[[], Column]], prediction: Callable[[], Column]):
        self.rows = len(times) // 8
        self.times = times
        self.names = list(readers)
        self._readers = readers
        self._prediction = prediction

    def feature(self, name: str) -> Column:
        """The column of one feature; empty when no row has a value for it."""
        reader = self._readers.get(name)
        return reader() if reader else ()

    @property
    def prediction(self) -> Column:
        """The column of predictions; empty when no row has one."""
        return self._prediction()


def columns_of(rows: Sequence[Row]) -> Columns:
    """The same view of rows that are not packed."""
    times = array("q", [milliseconds(row) for row in rows])

    def reader(name: str) -> Callable[[], Column]:
        return lambda: _plain_column([row.features.get(name) for row in rows])

    readers = {name: reader(name) for name in names_of(rows)}
    return Columns(little_endian(times), readers, lambda: _plain_column([row.prediction for row in rows]))


def names_of(rows: Iterable[Row]) -> list[str]:
    names: dict[str, None] = {}
    for row in rows:
        names |= dict.fromkeys(row.features)
    return list(names)


def milliseconds(row: Row) -> int:
    return round(row.event_time * 1000)


def split_by_kind(values: Sequence[Scalar]) -> Iterator[tuple[str, list[Any], list[bool] | None]]:
    """The values of each kind, with a mask of the rows that have them (None: all)."""
    types = set(map(type, values))
    for letter, members in (("n", {int, float}), ("s", {str}), ("b", {bool})):
        if types <= members:
            yield letter, list(values), None
        elif types & members:
            mask = [type(value) in members for value in values]
            yield letter, list(compress(values, mask)), mask


def values_of(part: Part) -> list[Any]:
    """The values of a part in row order, without numpy."""
    items = array_of(part.data, part.dtype)
    match part.encoding:
        case "floats":
            return list(items)
        case "flags":
            return [item == 1 for item in items]
        case "codes":
            return [part.dictionary[int(item)] for item in items]
    values = [part.offset + part.step * int(item) for item in items]
    return values if part.divisor == 1 else [value / part.divisor for value in values]


def _plain_column(values: Sequence[Scalar]) -> Column:
    return tuple(
        _plain_part(letter, present, None if mask is None else bytes(mask))
        for letter, present, mask in split_by_kind(values)
    )


def _plain_part(letter: str, values: list[Any], mask: bytes | None) -> Part:
    kind = KINDS[letter]
    if letter == "n":
        return Part(kind, mask, len(values), "floats", little_endian(array("d", values)), "<f8")
    if letter == "b":
        return Part(kind, mask, len(values), "flags", bytes(values), "<u1")
    distinct = list(dict.fromkeys(values))
    codes = {value: code for code, value in enumerate(distinct)}
    data = little_endian(array("I", [codes[value] for value in values]))
    return Part(kind, mask, len(values), "codes", data, "<u4", dictionary=distinct)
