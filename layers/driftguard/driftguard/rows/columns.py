"""A batch of rows: row by row, column by column, and as columns of plain buffers."""

from array import array
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any, Literal, NamedTuple

from driftguard.platform.planes import array_of, little_endian
from driftguard.platform.serialization import Scalar

type Kind = Literal["number", "string", "boolean"]
type Encoding = Literal["integers", "floats", "codes", "flags"]
type Probabilities = dict[str, float] | list[float]
"""The probabilities of the classes: by class, or in the order of the model's classes."""


class Row(NamedTuple):
    """One logged prediction. `event_time` is in seconds since the epoch and keeps its milliseconds.

    score: the probability of the positive class. label: the true value, if it is already known.
    """

    event_time: float
    features: dict[str, Scalar]
    prediction: Scalar
    prediction_id: str | None
    score: float | None = None
    probabilities: Probabilities | None = None
    label: Scalar = None

    @property
    def has_truth(self) -> bool:
        """Whether the row has a score, probabilities or a label."""
        return self.score is not None or self.probabilities is not None or self.label is not None


class Batch(NamedTuple):
    """Logged predictions column by column, before they are packed. Every sequence has one value for each row.

    times: event times in milliseconds since the epoch. features: values by feature, None where a row has no value.
    The last three are None if no row has such a value, or hold None where a row has none.
    """

    times: Sequence[int]
    features: Mapping[str, Sequence[Scalar]]
    predictions: Sequence[Scalar]
    ids: Sequence[str | None]
    scores: Sequence[float | None] | None = None
    probabilities: Sequence[Probabilities | None] | None = None
    labels: Sequence[Scalar] | None = None

    @classmethod
    def of(cls, rows: Sequence[Row], names: Iterable[str]) -> "Batch":
        """Return the columns of rows. names: the features, in order."""
        batch = cls(
            times=[milliseconds(row) for row in rows],
            features={name: [row.features.get(name) for row in rows] for name in names},
            predictions=[row.prediction for row in rows],
            ids=[row.prediction_id for row in rows],
        )
        if not any(row.has_truth for row in rows):
            return batch
        return batch._replace(
            scores=[row.score for row in rows],
            probabilities=[row.probabilities for row in rows],
            labels=[row.label for row in rows],
        )

    @property
    def has_truth(self) -> bool:
        """Whether any row has a score, probabilities or a label."""
        columns = (self.scores, self.probabilities, self.labels)
        return any(value is not None for column in columns for value in column or ())

    def without(self, rows: Container[int]) -> "Batch":
        """Return the batch without the rows of these numbers."""
        kept = [number not in rows for number in range(len(self.times))]

        def cut[T](column: Sequence[T]) -> list[T]:
            return list(compress(column, kept))

        return Batch(
            cut(self.times),
            {name: cut(values) for name, values in self.features.items()},
            cut(self.predictions),
            cut(self.ids),
            self.scores and cut(self.scores),
            self.probabilities and cut(self.probabilities),
            self.labels and cut(self.labels),
        )

    def rows(self) -> list[Row]:
        """Return the rows of the columns."""
        count = len(self.times)
        names = list(self.features)
        values = zip(*self.features.values(), strict=True) if names else iter([()] * count)
        nothing = [None] * count
        return [
            Row(time / 1000, dict(zip(names, features, strict=True)), *others)
            for time, features, *others in zip(
                self.times,
                values,
                self.predictions,
                self.ids,
                self.scores or nothing,
                self.probabilities or nothing,
                self.labels or nothing,
                strict=True,
            )
        ]


@dataclass(frozen=True, slots=True)
class Part:
    """The values of one kind in one column, as buffers that `numpy.frombuffer` reads without a loop.

    kind: the kind of the values.
    mask: one byte per row of the batch, 1 if the row has a value of this kind. None if every row has such a value.
    count: number of values. They are in row order, without the rows that have no value of this kind.
    encoding: how the values follow from `data`, which holds `count` little-endian items of type `dtype`:
      integers: value = (offset + step·item) / divisor. The sum is in int64; unsigned items may wrap around and still
        give the right sum. The division is in float64 and is left out if divisor is 1;
      floats: value = item, a float64;
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
"""The parts of a column, one for each kind of value. A row that no part covers has a missing value."""


class Columns:
    """A batch, column by column.

    rows: number of rows.
    times: event time of each row in milliseconds since the epoch, as little-endian int64.
    names: the features with at least one value, in the order of first appearance.
    memory: the bytes that the batch takes until a column is read, at most.
    """

    def __init__(
        self,
        times: bytes,
        readers: Mapping[str, Callable[[], Column]],
        prediction: Callable[[], Column],
        memory: int = 0,
    ):
        self.memory = memory
        self.rows = len(times) // 8
        self.times = times
        self.names = list(readers)
        self._readers = readers
        self._prediction = prediction

    def feature(self, name: str) -> Column:
        """Return the column of one feature; the column is empty if no row has a value."""
        reader = self._readers.get(name)
        return reader() if reader else ()

    @property
    def prediction(self) -> Column:
        """The column of predictions; the column is empty if no row has a prediction."""
        return self._prediction()


def columns_of(rows: Sequence[Row], memory: int = 0) -> Columns:
    """Return rows that are not packed as columns. memory: the bytes that the rows take."""
    times = array("q", [milliseconds(row) for row in rows])

    def reader(name: str) -> Callable[[], Column]:
        return lambda: plain_column([row.features.get(name) for row in rows])

    readers = {name: reader(name) for name in names_of(rows)}
    return Columns(little_endian(times), readers, lambda: plain_column([row.prediction for row in rows]), memory)


def names_of(rows: Iterable[Row]) -> list[str]:
    """Return the names of all features, in the order of first appearance."""
    names: dict[str, None] = {}
    for row in rows:
        if not row.features.keys() <= names.keys():
            names |= dict.fromkeys(row.features)
    return list(names)


def milliseconds(row: Row) -> int:
    """Return the event time in milliseconds since the epoch."""
    return round(row.event_time * 1000)


def split_by_kind(values: Sequence[Scalar]) -> Iterator[tuple[Kind, list[Any], list[bool] | None]]:
    """Yield the values of each kind, with a mask of the rows that have such a value; None stands for all rows."""
    types = set(map(type, values))
    kinds: tuple[tuple[Kind, set[type]], ...] = (("number", {int, float}), ("string", {str}), ("boolean", {bool}))
    for kind, members in kinds:
        if types <= members:
            yield kind, list(values), None
        elif types & members:
            mask = [type(value) in members for value in values]
            yield kind, list(compress(values, mask)), mask


def values_of(part: Part) -> list[Any]:
    """Return the values of a part in row order, without numpy."""
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


def plain_column(values: Sequence[Scalar]) -> Column:
    """Return one column of values that are not packed."""
    return tuple(
        _plain_part(kind, present, None if mask is None else bytes(mask))
        for kind, present, mask in split_by_kind(values)
    )


def _plain_part(kind: Kind, values: list[Any], mask: bytes | None) -> Part:
    if kind == "number":
        return Part(kind, mask, len(values), "floats", little_endian(array("d", values)), "<f8")
    if kind == "boolean":
        return Part(kind, mask, len(values), "flags", bytes(values), "<u1")
    distinct = list(dict.fromkeys(values))
    codes = {value: code for code, value in enumerate(distinct)}
    data = little_endian(array("I", [codes[value] for value in values]))
    return Part(kind, mask, len(values), "codes", data, "<u4", dictionary=distinct)
