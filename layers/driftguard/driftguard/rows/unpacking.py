"""Unpack a batch that `rows.packing` packed, into rows or into columns. `rows.packed_format` describes the format."""

import json
import zlib
from array import array
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import accumulate, compress
from typing import Any

from driftguard.platform.deflating import inflate
from driftguard.platform.planes import array_of, little_endian
from driftguard.platform.serialization import Scalar
from driftguard.rows.buffers import MAX_COUNT, BufferReader, unpack_flags
from driftguard.rows.columns import Column, Columns, Part, Probabilities, Row, columns_of, values_of
from driftguard.rows.packed_format import (
    ENCODINGS,
    HEADER_LENGTH_BYTES,
    KINDS,
    MAX_SCALE,
    ROWS,
    VERSIONS,
    CodesFields,
    Header,
    Integers,
    PartSpec,
    ScaledFields,
    Times,
    Truth,
)

MEMORY_OF_JSON = 40
"""The most memory that rows or a header take as objects, per byte of their JSON."""


def unpack_rows(data: bytes) -> tuple[list[Row], list[dict[str, Any]]]:
    """Return the rows and the list of rejected rows of a packed batch.

    A feature that was null is absent in the result. Raises ValueError if `pack` did not write the data.
    """
    with _what_is_damaged():
        return _unpack_rows(inflate(data[2:])) if _mode(data) == ROWS else _unpack_columns(data)


def _unpack_columns(data: bytes) -> tuple[list[Row], list[dict[str, Any]]]:
    header, buffers, _memory = _open(data)
    count = header.rows
    times = array("q", _unpack_times(header.times, count, buffers))
    features: list[dict[str, Scalar]] = [{} for _ in range(count)]
    for name, column in header.columns:
        for part in map(PartSpec.read, column):
            targets = features if part.mask is None else compress(features, _mask(part.mask, count, buffers))
            for row, value in zip(targets, _values(part, buffers), strict=True):
                row[name] = value
    predictions = _scalars(header.predictions, count, buffers)
    ids = _scalars(header.ids, count, buffers)
    truth = [] if header.truth is None else _unpack_truth(header.truth, count, buffers)
    rows = [
        Row(time / 1000, row, prediction, prediction_id, *rest)
        for time, row, prediction, prediction_id, *rest in zip(times, features, predictions, ids, *truth, strict=True)
    ]
    return rows, header.rejected


def _unpack_truth(truth: Truth, count: int, buffers: BufferReader) -> tuple[list[Any], list[Any], list[Any]]:
    """Return the scores, the probabilities and the labels of all rows."""
    by_class: list[dict[str | int, float]] = [{} for _ in range(count)]
    for name, column in truth.probabilities:
        for row, value in zip(by_class, _scalars(column, count, buffers), strict=True):
            if value is not None:
                row[name] = value
    probabilities = [_probabilities(row) for row in by_class]
    return _scalars(truth.scores, count, buffers), probabilities, _scalars(truth.labels, count, buffers)


def _probabilities(by_class: dict[Any, float]) -> Probabilities | None:
    """Return probabilities as they were sent: a class that is a number is a place in a list."""
    return list(by_class.values()) if 0 in by_class else by_class or None


def columns(data: bytes) -> Columns:
    """Return the packed batch as columns; a column is decoded when it is read.

    Raises ValueError if `pack` did not write the data. Reading a column raises ValueError too.
    """

    def reader(column: list[list[Any]]) -> Callable[[], Column]:
        def read() -> Column:
            with _what_is_damaged():
                return tuple(_part(part, count, buffers) for part in map(PartSpec.read, column))

        return read

    with _what_is_damaged():
        if _mode(data) == ROWS:
            text = inflate(data[2:])
            return columns_of(_unpack_rows(text)[0], MEMORY_OF_JSON * len(text))
        header, buffers, memory = _open(data)
        count = header.rows
        readers = {name: reader(column) for name, column in header.columns}
        return Columns(_unpack_times(header.times, count, buffers), readers, reader(header.predictions), memory)


@contextmanager
def _what_is_damaged() -> Iterator[None]:
    """Turn the many errors that damaged bytes can cause into ValueError."""
    try:
        yield
    except (LookupError, TypeError, ArithmeticError, RecursionError, AttributeError, MemoryError, zlib.error) as error:
        raise ValueError(f"damaged batch: {type(error).__name__}: {error}") from error


def _mode(data: bytes) -> bytes:
    if data[0] not in VERSIONS:
        raise ValueError(f"packed batch of unknown version {data[0]}; this code reads versions up to {VERSIONS[-1]}")
    return bytes([data[1]])


def _open(data: bytes) -> tuple[Header, BufferReader, int]:
    """Return the header of a batch in columns, its buffers, and the memory that both take at most."""
    start = 2 + HEADER_LENGTH_BYTES
    end = start + int.from_bytes(data[2:start], "little")
    text = inflate(data[start:end])
    header = Header.read(json.loads(text))
    if type(header.rows) is not int or not 0 <= header.rows <= MAX_COUNT:
        raise ValueError("damaged batch: the header has no valid number of rows")
    memory = len(data) + 8 * header.rows + MEMORY_OF_JSON * len(text)
    return header, BufferReader(data, end, header.lengths), memory


def _unpack_rows(text: bytes) -> tuple[list[Row], list[dict[str, Any]]]:
    rows, rejected = json.loads(text)
    return [
        Row(time / 1000, {name: value for name, value in features.items() if value is not None}, *others)
        for time, features, *others in rows
    ], rejected


def _unpack_times(times: Times, count: int, buffers: BufferReader) -> bytes:
    if times.start is None:
        return little_endian(array("q", _integers(times.integers, count, buffers)))
    steps = _integers(times.integers, count - 1, buffers)
    return little_endian(array("q", accumulate(steps, initial=times.start)))


def _mask(number: int, count: int, buffers: BufferReader) -> bytes:
    return unpack_flags(buffers[number], count)


def _integers(spec: Integers, count: int, buffers: BufferReader) -> Iterable[int]:
    data, dtype = buffers.integers(spec.first, spec.width, count)
    return [spec.offset + spec.step * item for item in array_of(data, dtype)]


def _part(spec: PartSpec, rows: int, buffers: BufferReader) -> Part:
    """Return the part as buffers. Integers beyond int64 become floats there, unlike in `_values`."""
    kind, encoding, count, first = KINDS[spec.kind], ENCODINGS[spec.encoding], spec.length, spec.first
    mask = None if spec.mask is None else _mask(spec.mask, rows, buffers)
    match spec.encoding:
        case "i":
            scaled = ScaledFields(*spec.fields)
            if not 0 <= scaled.scale <= MAX_SCALE:
                raise ValueError(f"damaged batch: a scale of {scaled.scale}")
            data, dtype = buffers.integers(first, scaled.width, count)
            return Part(kind, mask, count, encoding, data, dtype, scaled.offset, scaled.step, 10**scaled.scale)
        case "d":
            data, dtype = buffers.integers(first + 1, CodesFields(*spec.fields).width, count)
            return Part(kind, mask, count, encoding, data, dtype, dictionary=json.loads(buffers[first]))
        case "b":
            return Part(kind, mask, count, encoding, unpack_flags(buffers[first], count), "<u1")
        case "f":
            return Part(kind, mask, count, encoding, buffers.integers(first, 8, count)[0], "<f8")
    return Part(kind, mask, count, encoding, little_endian(array("d", json.loads(buffers[first]))), "<f8")


def _values(spec: PartSpec, buffers: BufferReader) -> list[Any]:
    """Return the values of a part exactly as they were packed."""
    if spec.encoding == "j":
        values: list[Any] = json.loads(buffers[spec.first])
        return values
    return values_of(_part(spec._replace(mask=None), 0, buffers))


def _scalars(column: list[list[Any]], count: int, buffers: BufferReader) -> list[Any]:
    scalars: list[Any] = [None] * count
    for part in map(PartSpec.read, column):
        values = _values(part, buffers)
        if part.mask is None:
            return values
        for index, value in zip(compress(range(count), _mask(part.mask, count, buffers)), values, strict=True):
            scalars[index] = value
    return scalars
