"""A batch of logged rows as packed columns, in bytes.

Each column is stored by kind of value (number, string, boolean), and each kind in the smallest encoding that gives its
values back: integers or decimals as byte planes of scaled integers, doubles as byte planes, codes into a dictionary,
bits. Every buffer is deflated when that makes it smaller. The format needs nothing but the standard library;
`columns` hands out plain buffers that `numpy.frombuffer` reads without a loop over values.

Layout: a version byte, a mode byte, then
- mode `R` (few rows, or rows with hardly a name in common): deflated JSON of the rows;
- mode `C`: the length of the deflated JSON header (4 bytes, little-endian), the header, the buffers in order.
"""

import json
import math
import sys
import zlib
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate, compress
from operator import eq, sub
from typing import Any, Literal, NamedTuple

type Scalar = float | int | str | bool | None
type Kind = Literal["number", "string", "boolean"]
type Encoding = Literal["integers", "floats", "codes", "flags"]

VERSION = 1
FEW_ROWS = 8
"""Below this many rows a header for each column costs more than it saves."""
SPARSE = 8
"""Rows are kept as rows when their columns would be this many times larger than the values they hold."""
MAX_DICTIONARY = 256
EXACT_INTEGER = 2**53
MAX_SCALE = 22
"""Up to this power of ten and up to 2^53 both sides of the division are exact in float64, here and in numpy alike."""
INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
MAX_COUNT = 1_000_000
"""No batch has as many rows; more are damage."""
MAX_UNPACKED = 1 << 25
"""Bytes to which a piece of a batch may unpack: over twice what a request's 4 MB can come to."""
DEFLATE_FROM = 24
"""Bytes from which deflating a buffer can pay."""

KINDS: dict[str, Kind] = {"n": "number", "s": "string", "b": "boolean"}
ENCODINGS: dict[str, Encoding] = {"i": "integers", "f": "floats", "j": "floats", "d": "codes", "b": "flags"}
BITS_OF_BYTE = [bytes(byte >> bit & 1 for bit in range(8)) for byte in range(256)]


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


def pack(rows: Sequence[Row], rejected: Sequence[Mapping[str, Any]] = ()) -> bytes:
    """Packs valid rows (finite numbers, no nesting) and, beside them, the list of what was rejected (JSON-safe)."""
    names = _names(rows)
    values = sum(len(row.features) for row in rows)
    if len(rows) < FEW_ROWS or len(names) * len(rows) > SPARSE * (values + len(rows)):
        return _pack_rows(rows, rejected)
    buffers = _Buffers()
    header = {
        "n": len(rows),
        "t": _pack_times([_milliseconds(row) for row in rows], buffers),
        "p": _pack_column([row.prediction for row in rows], buffers),
        "i": _pack_column([row.prediction_id for row in rows], buffers),
        "c": [[name, _pack_column([row.features.get(name) for row in rows], buffers)] for name in names],
        "x": list(rejected),
    }
    head = _deflate(_json({**header, "b": buffers.lengths}))
    return b"".join([bytes([VERSION]), b"C", len(head).to_bytes(4, "little"), head, *buffers.stored])


def unpack_rows(data: bytes) -> tuple[list[Row], list[dict[str, Any]]]:
    """The rows and the rejected list that `pack` was given; an absent feature and a null both come back as absent.

    Raises ValueError for anything that `pack` did not make.
    """
    with _what_is_damaged():
        return _unpack_rows(data) if _mode(data) == "R" else _unpack_columns(data)


def _unpack_columns(data: bytes) -> tuple[list[Row], list[dict[str, Any]]]:
    header, buffers = _open(data)
    count = header["n"]
    times = array("q", _unpack_times(header["t"], count, buffers))
    features: list[dict[str, Scalar]] = [{} for _ in range(count)]
    for name, parts in header["c"]:
        for part in parts:
            targets = features if part[2] is None else compress(features, _mask(part, count, buffers))
            for row, value in zip(targets, _values(part, buffers), strict=True):
                row[name] = value
    predictions = _scalars(header["p"], count, buffers)
    ids = _scalars(header["i"], count, buffers)
    rows = [
        Row(time / 1000, row, prediction, prediction_id)
        for time, row, prediction, prediction_id in zip(times, features, predictions, ids, strict=True)
    ]
    return rows, header["x"]


def columns(data: bytes) -> Columns:
    """The packed batch as buffers; a column is decoded when it is asked for.

    Raises ValueError, and so does a column, for anything that `pack` did not make.
    """

    def reader(parts: list[list[Any]]) -> Callable[[], Column]:
        def read() -> Column:
            with _what_is_damaged():
                return tuple(_part(part, count, buffers) for part in parts)

        return read

    with _what_is_damaged():
        if _mode(data) == "R":
            return columns_of(_unpack_rows(data)[0])
        header, buffers = _open(data)
        count = header["n"]
        readers = {name: reader(parts) for name, parts in header["c"]}
        return Columns(_unpack_times(header["t"], count, buffers), readers, reader(header["p"]))


@contextmanager
def _what_is_damaged() -> Iterator[None]:
    """Stored bytes that are not what they should be fail in many ways, all of which mean the same."""
    try:
        yield
    except (LookupError, TypeError, ArithmeticError, RecursionError, AttributeError, MemoryError, zlib.error) as error:
        raise ValueError(f"damaged batch: {type(error).__name__}: {error}") from error


def _inflate(data: bytes) -> bytes:
    unpacker = zlib.decompressobj(-15)
    unpacked = unpacker.decompress(data, MAX_UNPACKED)
    if not unpacker.eof:
        raise ValueError("damaged batch: cut off, or larger than any that was logged")
    return unpacked


def columns_of(rows: Sequence[Row]) -> Columns:
    """The same view of rows that are not packed."""
    times = array("q", [_milliseconds(row) for row in rows])

    def reader(name: str) -> Callable[[], Column]:
        return lambda: _plain_column([row.features.get(name) for row in rows])

    readers = {name: reader(name) for name in _names(rows)}
    return Columns(_little(times), readers, lambda: _plain_column([row.prediction for row in rows]))


class _Buffers:
    """Buffers being written: each stored as it is or deflated (its length then negative)."""

    def __init__(self) -> None:
        self.stored: list[bytes] = []
        self.lengths: list[int] = []

    def add(self, data: bytes) -> int:
        """Stores a buffer and returns how many bytes it takes."""
        deflated = _deflate(data) if len(data) >= DEFLATE_FROM else data
        smaller = len(deflated) < len(data)
        self.stored.append(deflated if smaller else data)
        self.lengths.append(-len(deflated) if smaller else len(data))
        return len(self.stored[-1])

    def extend(self, other: "_Buffers") -> None:
        self.stored += other.stored
        self.lengths += other.lengths

    @property
    def size(self) -> int:
        return sum(map(len, self.stored))


class _Reader:
    """The buffers of a packed batch by number."""

    def __init__(self, data: bytes, start: int, lengths: Sequence[int]):
        self._data = data
        self._lengths = lengths
        self._starts = list(accumulate(map(abs, lengths), initial=start))

    def __getitem__(self, number: int) -> bytes:
        stored = self._data[self._starts[number] : self._starts[number + 1]]
        return _inflate(stored) if self._lengths[number] < 0 else stored


def _names(rows: Iterable[Row]) -> list[str]:
    names: dict[str, None] = {}
    for row in rows:
        names |= dict.fromkeys(row.features)
    return list(names)


def _milliseconds(row: Row) -> int:
    return round(row.event_time * 1000)


def _mode(data: bytes) -> str:
    if data[0] != VERSION:
        raise ValueError(f"packed batch of unknown version {data[0]}")
    return chr(data[1])


def _open(data: bytes) -> tuple[dict[str, Any], _Reader]:
    start = 6 + int.from_bytes(data[2:6], "little")
    header = json.loads(_inflate(data[6:start]))
    if type(header["n"]) is not int or not 0 <= header["n"] <= MAX_COUNT:
        raise ValueError("damaged batch: no number of rows")
    return header, _Reader(data, start, header["b"])


def _pack_rows(rows: Sequence[Row], rejected: Sequence[Mapping[str, Any]]) -> bytes:
    body = [[[_milliseconds(row), row.features, row.prediction, row.prediction_id] for row in rows], list(rejected)]
    return bytes([VERSION]) + b"R" + _deflate(_json(body))


def _unpack_rows(data: bytes) -> tuple[list[Row], list[dict[str, Any]]]:
    rows, rejected = json.loads(_inflate(data[2:]))
    return [
        Row(time / 1000, {name: value for name, value in features.items() if value is not None}, prediction, key)
        for time, features, prediction, key in rows
    ], rejected


def _pack_times(times: list[int], buffers: _Buffers) -> list[Any]:
    steps = list(map(sub, times[1:], times))
    # In order of time, as most batches are, the steps between the rows are far smaller than the times.
    if steps and min(steps) >= 0:
        return [times[0], *_pack_integers(steps, buffers)]
    return [None, *_pack_integers(times, buffers)]


def _unpack_times(spec: list[Any], count: int, buffers: _Reader) -> bytes:
    first, *integers = spec
    if first is None:
        return _little(array("q", _integers(integers, count, buffers)))
    return _little(array("q", accumulate(_integers(integers, count - 1, buffers), initial=first)))


def _pack_column(values: Sequence[Scalar], buffers: _Buffers) -> list[list[Any]]:
    return [
        [letter, encoding, None if mask is None else _add_mask(mask, buffers), len(present), *spec]
        for letter, present, mask in _split(values)
        for encoding, *spec in [_PACKERS[letter](present, buffers)]
    ]


def _split(values: Sequence[Scalar]) -> Iterator[tuple[str, list[Any], list[bool] | None]]:
    """The values of each kind, with a mask of the rows that have them (None: all)."""
    types = set(map(type, values))
    for letter, members in (("n", {int, float}), ("s", {str}), ("b", {bool})):
        if types <= members:
            yield letter, list(values), None
        elif types & members:
            mask = [type(value) in members for value in values]
            yield letter, list(compress(values, mask)), mask


def _add_mask(mask: list[bool], buffers: _Buffers) -> int:
    buffers.add(_bits(mask))
    return len(buffers.stored) - 1


def _mask(part: list[Any], count: int, buffers: _Reader) -> bytes:
    return _flags(buffers[part[2]], count)


def _bits(flags: Iterable[bool]) -> bytes:
    digits = "".join("1" if flag else "0" for flag in flags)
    return int(digits[::-1], 2).to_bytes((len(digits) + 7) // 8, "little")


def _flags(bits: bytes, count: int) -> bytes:
    return b"".join([BITS_OF_BYTE[byte] for byte in bits])[:count]


# Each packer returns an encoding letter, the number of its first buffer and what else reading them back takes.


def _pack_numbers(values: list[float], buffers: _Buffers) -> list[Any]:
    candidates: list[tuple[_Buffers, list[Any]]] = []
    plain = _Buffers()
    candidates.append((plain, _pack_plain_numbers(values, plain)))
    distinct = set(values)
    if len(distinct) <= min(MAX_DICTIONARY, len(values) // 2):
        coded = _Buffers()
        candidates.append((coded, _pack_codes(values, sorted(distinct), coded)))
    chosen, (encoding, *spec) = min(candidates, key=lambda candidate: candidate[0].size)
    first = len(buffers.stored)
    buffers.extend(chosen)
    return [encoding, first, *spec]


def _pack_plain_numbers(values: list[float], buffers: _Buffers) -> list[Any]:
    scaled = _scaled(values)
    if scaled:
        integers, scale = scaled
        return ["i", scale, *_pack_integers(integers, buffers)[1:]]
    if all(map(eq, map(_float, values), values)):
        data = _little(array("d", values))
        for plane in range(8):
            buffers.add(data[plane::8])
        return ["f"]
    buffers.add(_json(values))
    return ["j"]


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.nan


def _scaled(values: list[float]) -> tuple[list[int], int] | None:
    """The values as integers over a power of ten, and its exponent; None when that does not give them back exactly."""
    if set(map(type, values)) == {int}:
        integers: list[Any] = values
        return (integers, 0) if min(integers) >= INT64_MIN and max(integers) <= INT64_MAX else None
    largest = max(map(abs, values))
    scale = -1
    # A few values give most columns' scale; only when they mislead are all of them looked at.
    for sample in (values[:8], values):
        last, scale = scale, max(map(_decimals, sample))
        if scale == last or scale > MAX_SCALE or largest * 10**scale >= EXACT_INTEGER:
            return None
        power = 10**scale
        integers = [round(value * power) for value in values]
        if all(map(eq, [integer / power for integer in integers], values)):
            return integers, scale
    return None


def _decimals(value: float) -> int:
    """Digits after the decimal point in the shortest text that gives the number back."""
    if value == int(value):
        return 0
    mantissa, _, exponent = repr(value).partition("e")
    return max(0, len(mantissa.partition(".")[2]) - int(exponent or 0))


def _pack_integers(values: Sequence[int], buffers: _Buffers) -> list[Any]:
    """Returns [first buffer, offset, step, width]; one buffer a byte of the unsigned (value - offset) / step."""
    first = len(buffers.stored)
    offset = min(values)
    items = [value - offset for value in values]
    step = math.gcd(*items) or 1
    if step > 1:
        items = [item // step for item in items]
    return [first, offset, step, _add_planes(items, buffers)]


def _add_planes(items: list[int], buffers: _Buffers) -> int:
    width = (max(items).bit_length() + 7) // 8
    data = _little(array("Q", items))
    for plane in range(width):
        buffers.add(data[plane::8])
    return width


def _pack_codes(values: Sequence[Any], distinct: Sequence[Any], buffers: _Buffers) -> list[Any]:
    buffers.add(_json(distinct))
    codes = {value: code for code, value in enumerate(distinct)}
    return ["d", _add_planes([codes[value] for value in values], buffers)]


def _pack_strings(values: list[str], buffers: _Buffers) -> list[Any]:
    first = len(buffers.stored)
    encoding, width = _pack_codes(values, list(dict.fromkeys(values)), buffers)
    return [encoding, first, width]


def _pack_booleans(values: list[bool], buffers: _Buffers) -> list[Any]:
    buffers.add(_bits(values))
    return ["b", len(buffers.stored) - 1]


_PACKERS: dict[str, Callable[[list[Any], _Buffers], list[Any]]] = {
    "n": _pack_numbers,
    "s": _pack_strings,
    "b": _pack_booleans,
}


def _integers(spec: Sequence[int], count: int, buffers: _Reader) -> Iterable[int]:
    first, offset, step, width = spec
    data, dtype = _join_planes(first, width, count, buffers)
    return [offset + step * item for item in _array(data, dtype)]


def _join_planes(first: int, width: int, count: int, buffers: _Reader) -> tuple[bytes, str]:
    if not 0 <= width <= 8 or count > MAX_COUNT:
        raise ValueError("damaged batch: no such numbers")
    size = next(size for size in (1, 2, 4, 8) if size >= width)
    data = bytearray(size * count)
    for plane in range(width):
        data[plane::size] = buffers[first + plane]
    return bytes(data), f"<u{size}"


def _part(spec: list[Any], rows: int, buffers: _Reader) -> Part:
    letter, encoding, masked, count, first, *rest = spec
    mask = None if masked is None else _mask(spec, rows, buffers)
    kind, name = KINDS[letter], ENCODINGS[encoding]
    match encoding:
        case "i":
            scale, offset, step, width = rest
            if not 0 <= scale <= MAX_SCALE:
                raise ValueError("damaged batch: no such scale")
            data, dtype = _join_planes(first, width, count, buffers)
            return Part(kind, mask, count, name, data, dtype, offset, step, 10**scale)
        case "d":
            data, dtype = _join_planes(first + 1, rest[0], count, buffers)
            return Part(kind, mask, count, name, data, dtype, dictionary=json.loads(buffers[first]))
        case "b":
            return Part(kind, mask, count, name, _flags(buffers[first], count), "<u1")
        case "f":
            return Part(kind, mask, count, name, _join_planes(first, 8, count, buffers)[0], "<f8")
    return Part(kind, mask, count, name, _little(array("d", json.loads(buffers[first]))), "<f8")


def _values(spec: list[Any], buffers: _Reader) -> list[Any]:
    """The values of one stored part, exactly (a view by `_part` has integers beyond int64 as floats)."""
    if spec[1] == "j":
        values: list[Any] = json.loads(buffers[spec[4]])
        return values
    return values_of(_part([*spec[:2], None, *spec[3:]], 0, buffers))


def values_of(part: Part) -> list[Any]:
    """The values of a part in row order, without numpy."""
    items = _array(part.data, part.dtype)
    match part.encoding:
        case "floats":
            return list(items)
        case "flags":
            return [item == 1 for item in items]
        case "codes":
            return [part.dictionary[int(item)] for item in items]
    values = [part.offset + part.step * int(item) for item in items]
    return values if part.divisor == 1 else [value / part.divisor for value in values]


def _scalars(parts: list[list[Any]], count: int, buffers: _Reader) -> list[Any]:
    scalars: list[Any] = [None] * count
    for part in parts:
        values = _values(part, buffers)
        if part[2] is None:
            return values
        for index, value in zip(compress(range(count), _mask(part, count, buffers)), values, strict=True):
            scalars[index] = value
    return scalars


def _plain_column(values: Sequence[Scalar]) -> Column:
    return tuple(
        _plain_part(letter, present, None if mask is None else bytes(mask)) for letter, present, mask in _split(values)
    )


def _plain_part(letter: str, values: list[Any], mask: bytes | None) -> Part:
    kind = KINDS[letter]
    if letter == "n":
        return Part(kind, mask, len(values), "floats", _little(array("d", values)), "<f8")
    if letter == "b":
        return Part(kind, mask, len(values), "flags", bytes(values), "<u1")
    distinct = list(dict.fromkeys(values))
    codes = {value: code for code, value in enumerate(distinct)}
    data = _little(array("I", [codes[value] for value in values]))
    return Part(kind, mask, len(values), "codes", data, "<u4", dictionary=distinct)


_TYPECODES = {"<u1": "B", "<u2": "H", "<u4": "I", "<u8": "Q", "<f8": "d"}


def _array(data: bytes, dtype: str) -> "array[Any]":
    items: array[Any] = array(_TYPECODES[dtype], data)
    if sys.byteorder == "big":
        items.byteswap()
    return items


def _little(items: "array[Any]") -> bytes:
    if sys.byteorder == "big":
        items = items[:]
        items.byteswap()
    return items.tobytes()


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()


def _deflate(data: bytes) -> bytes:
    return zlib.compress(data, 6, -15)
