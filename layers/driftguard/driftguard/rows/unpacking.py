"""Reads what `rows.packing` wrote."""

import json
import zlib
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate, compress
from typing import Any

from driftguard.platform.deflating import inflate
from driftguard.rows.columns import ENCODINGS, KINDS, Column, Columns, Part, Row, Scalar, columns_of, values_of
from driftguard.rows.packing import MAX_SCALE, VERSION
from driftguard.rows.planes import MAX_COUNT, Reader, array_of, flags, join_planes, little_endian


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


def _mode(data: bytes) -> str:
    if data[0] != VERSION:
        raise ValueError(f"packed batch of unknown version {data[0]}")
    return chr(data[1])


def _open(data: bytes) -> tuple[dict[str, Any], Reader]:
    start = 6 + int.from_bytes(data[2:6], "little")
    header = json.loads(inflate(data[6:start]))
    if type(header["n"]) is not int or not 0 <= header["n"] <= MAX_COUNT:
        raise ValueError("damaged batch: no number of rows")
    return header, Reader(data, start, header["b"])


def _unpack_rows(data: bytes) -> tuple[list[Row], list[dict[str, Any]]]:
    rows, rejected = json.loads(inflate(data[2:]))
    return [
        Row(time / 1000, {name: value for name, value in features.items() if value is not None}, prediction, key)
        for time, features, prediction, key in rows
    ], rejected


def _unpack_times(spec: list[Any], count: int, buffers: Reader) -> bytes:
    first, *integers = spec
    if first is None:
        return little_endian(array("q", _integers(integers, count, buffers)))
    return little_endian(array("q", accumulate(_integers(integers, count - 1, buffers), initial=first)))


def _mask(part: list[Any], count: int, buffers: Reader) -> bytes:
    return flags(buffers[part[2]], count)


def _integers(spec: Sequence[int], count: int, buffers: Reader) -> Iterable[int]:
    first, offset, step, width = spec
    data, dtype = join_planes(first, width, count, buffers)
    return [offset + step * item for item in array_of(data, dtype)]


def _part(spec: list[Any], rows: int, buffers: Reader) -> Part:
    letter, encoding, masked, count, first, *rest = spec
    mask = None if masked is None else _mask(spec, rows, buffers)
    kind, name = KINDS[letter], ENCODINGS[encoding]
    match encoding:
        case "i":
            scale, offset, step, width = rest
            if not 0 <= scale <= MAX_SCALE:
                raise ValueError("damaged batch: no such scale")
            data, dtype = join_planes(first, width, count, buffers)
            return Part(kind, mask, count, name, data, dtype, offset, step, 10**scale)
        case "d":
            data, dtype = join_planes(first + 1, rest[0], count, buffers)
            return Part(kind, mask, count, name, data, dtype, dictionary=json.loads(buffers[first]))
        case "b":
            return Part(kind, mask, count, name, flags(buffers[first], count), "<u1")
        case "f":
            return Part(kind, mask, count, name, join_planes(first, 8, count, buffers)[0], "<f8")
    return Part(kind, mask, count, name, little_endian(array("d", json.loads(buffers[first]))), "<f8")


def _values(spec: list[Any], buffers: Reader) -> list[Any]:
    """The values of one stored part, exactly (a view by `_part` has integers beyond int64 as floats)."""
    if spec[1] == "j":
        values: list[Any] = json.loads(buffers[spec[4]])
        return values
    return values_of(_part([*spec[:2], None, *spec[3:]], 0, buffers))


def _scalars(parts: list[list[Any]], count: int, buffers: Reader) -> list[Any]:
    scalars: list[Any] = [None] * count
    for part in parts:
        values = _values(part, buffers)
        if part[2] is None:
            return values
        for index, value in zip(compress(range(count), _mask(part, count, buffers)), values, strict=True):
            scalars[index] = value
    return scalars
