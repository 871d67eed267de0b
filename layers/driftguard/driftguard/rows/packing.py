"""Pack a batch of logged rows into few bytes, column by column. `rows.packed_format` describes the result.

Each column is split by kind of value, and each kind is stored in the shortest encoding that gives back its values
exactly. Packing needs only the standard library.
"""

import math
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import repeat
from operator import sub, truediv
from typing import Any

from driftguard.platform.deflating import compact_json, deflate
from driftguard.platform.planes import SIZE, little_endian
from driftguard.platform.serialization import Scalar
from driftguard.rows.buffers import Buffers, pack_flags
from driftguard.rows.columns import Batch, Kind, Probabilities, Row, milliseconds, names_of, split_by_kind
from driftguard.rows.packed_format import (
    COLUMNS,
    HEADER_LENGTH_BYTES,
    KIND_LETTERS,
    MAX_SCALE,
    ROWS,
    WITH_TRUTH,
    WITHOUT_TRUTH,
    CodesFields,
    Header,
    Integers,
    PartSpec,
    ScaledFields,
    Times,
    Truth,
    Values,
)

FEW_ROWS = 8
"""With fewer rows, a header for each column costs more bytes than columns save."""
SPARSE = 8
"""A batch stays in rows if its columns would have this many times more cells than values."""
MAX_DICTIONARY = 256
EXACT_INTEGER = 2**53
"""Integers below this size are exact in float64."""


def pack(rows: Sequence[Row], rejected: Sequence[Mapping[str, Any]] = ()) -> bytes:
    """Return a packed batch of valid rows.

    The values are finite numbers, strings, booleans or None. `rejected` lists the rejected rows as JSON values.
    """
    names = names_of(rows)
    if len(rows) < FEW_ROWS or _is_sparse(len(names), sum(len(row.features) for row in rows), len(rows)):
        return _pack_rows(rows, rejected)
    return pack_columns(Batch.of(rows, names), rejected)


def pack_columns(batch: Batch, rejected: Sequence[Mapping[str, Any]] = ()) -> bytes:
    """Return a packed batch of valid rows that came as columns. The result is that of `pack` for the same rows."""
    count = len(batch.times)
    with_truth = batch.has_truth
    classes = _classes(batch.probabilities or ()) if with_truth else []
    if count < FEW_ROWS or _is_sparse(len(classes), sum(map(len, filter(None, batch.probabilities or ()))), count):
        return _pack_rows(batch.rows(), rejected)
    buffers = Buffers()
    # The calls below fill `buffers` in the order of the arguments, and the stored bytes depend on that order.
    header = Header(
        rows=count,
        times=_pack_times(batch.times, buffers),
        predictions=_pack_column(batch.predictions, buffers),
        ids=_pack_column(batch.ids, buffers),
        columns=[(name, _pack_column(values, buffers)) for name, values in batch.features.items()],
        rejected=list(rejected),
        lengths=buffers.lengths,
        truth=_pack_truth(batch, classes, buffers) if with_truth else None,
    )
    head = deflate(compact_json(header.stored()))
    length = len(head).to_bytes(HEADER_LENGTH_BYTES, "little")
    version = WITH_TRUTH if with_truth else WITHOUT_TRUTH
    return b"".join([bytes([version]), COLUMNS, length, head, *buffers.stored])


def _is_sparse(names: int, values: int, rows: int) -> bool:
    return names * rows > SPARSE * (values + rows)


def _pack_rows(rows: Sequence[Row], rejected: Sequence[Mapping[str, Any]]) -> bytes:
    with_truth = any(row.has_truth for row in rows)
    listed = [
        [
            *(milliseconds(row), row.features, row.prediction, row.prediction_id),
            *((row.score, row.probabilities, row.label) if with_truth else ()),
        ]
        for row in rows
    ]
    version = WITH_TRUTH if with_truth else WITHOUT_TRUTH
    return bytes([version]) + ROWS + deflate(compact_json([listed, list(rejected)]))


def _classes(column: Iterable[Probabilities | None]) -> list[str | int]:
    """Return the classes of the probabilities: names, and places for those that are lists."""
    found: dict[str | int, None] = {}
    for row in filter(None, column):
        found |= dict.fromkeys(row if isinstance(row, dict) else range(len(row)))
    return list(found)


def _pack_truth(batch: Batch, classes: Sequence[str | int], buffers: Buffers) -> Truth:
    by_class: list[Mapping[Any, float]] = [
        dict(enumerate(row)) if isinstance(row, list) else row or {} for row in batch.probabilities or ()
    ]
    return Truth(
        scores=_pack_column(batch.scores, buffers) if batch.scores else [],
        labels=_pack_column(batch.labels, buffers) if batch.labels else [],
        probabilities=[(name, _pack_column([row.get(name) for row in by_class], buffers)) for name in classes],
    )


def _pack_times(times: Sequence[int], buffers: Buffers) -> Times:
    steps = list(map(sub, times[1:], times))
    # Most batches are in order of time. The steps between rows are then far smaller than the times.
    if steps and min(steps) >= 0:
        return Times(times[0], *_pack_integers(steps, buffers))
    return Times(None, *_pack_integers(times, buffers))


def _pack_column(values: Sequence[Scalar], buffers: Buffers) -> list[list[Any]]:
    return [_pack_part(*part, buffers).stored() for part in split_by_kind(values)]


def _pack_part(kind: Kind, values: list[Any], mask: list[bool] | None, buffers: Buffers) -> PartSpec:
    encoding, first, fields = _PACKERS[kind](values, buffers)
    masked = None if mask is None else buffers.add(pack_flags(mask))
    return PartSpec(KIND_LETTERS[kind], encoding, masked, len(values), first, fields)


def _pack_numbers(values: list[float], buffers: Buffers) -> Values:
    plain = Buffers()
    packed = _pack_plain_numbers(values, plain)
    most = min(MAX_DICTIONARY, len(values) // 2)
    # A dictionary takes one plane too, so it cannot be shorter than integers in one plane.
    short = packed.encoding == "i" and len(plain.stored) <= 1
    if not short and len(set(values[: most + 1])) <= most and len(distinct := set(values)) <= most:
        coded = Buffers()
        by_dictionary = _pack_codes(values, sorted(distinct), coded)
        if coded.size < plain.size:
            return by_dictionary._replace(first=buffers.extend(coded))
    return packed._replace(first=buffers.extend(plain))


def _pack_plain_numbers(values: list[float], buffers: Buffers) -> Values:
    scaled = _scaled(values)
    if scaled:
        integers, scale = scaled
        first, *fields = _pack_integers(integers, buffers)
        return Values("i", first, ScaledFields(scale, *fields))
    try:
        floats = array("d", values)
    except OverflowError:
        return Values("j", buffers.add(compact_json(values)))
    if set(map(type, values)) == {float} or floats.tolist() == values:
        return Values("f", buffers.add_planes(little_endian(floats), SIZE))
    return Values("j", buffers.add(compact_json(values)))


def _scaled(values: list[float]) -> tuple[list[int], int] | None:
    """Return the values as integers over a power of ten, and its exponent; None if that does not give them back."""
    with suppress(TypeError, OverflowError):
        array("q", values)  # fails at the first value that is no integer of 64 bits
        whole: list[Any] = values
        return whole, 0
    if int in set(map(type, values[:8])) and set(map(type, values)) == {int}:
        return None
    if not _are_exact(values[:1], _decimals(values[0])):
        return None
    scale = -1
    # The first few values have the scale of most columns. All values are examined only if those were not enough.
    for sample in (values[:8], values):
        last, scale = scale, max(map(_decimals, sample))
        if scale == last or not _are_exact(sample, scale) or not _are_exact(values, scale):
            return None
        power = float(10**scale)
        integers = list(map(round, map(power.__mul__, values)))
        if list(map(truediv, integers, repeat(power))) == values:
            return integers, scale
    return None


def _are_exact(values: list[float], scale: int) -> bool:
    """Whether float64 holds the values times 10^scale, as whole numbers, exactly."""
    return scale <= MAX_SCALE and bool(max(map(abs, values)) * 10**scale < EXACT_INTEGER)


def _decimals(value: float) -> int:
    """Return the digits after the decimal point in the shortest text that gives the number back."""
    if value == int(value):
        return 0
    mantissa, _, exponent = repr(value).partition("e")
    return max(0, len(mantissa.partition(".")[2]) - int(exponent or 0))


def _pack_integers(values: Sequence[int], buffers: Buffers) -> Integers:
    first = len(buffers.stored)
    offset = min(values)
    items = [value - offset for value in values] if offset else values
    # The first few numbers have no common divisor in most columns.
    step = 1 if math.gcd(*items[:8]) == 1 else math.gcd(*items) or 1
    if step > 1:
        items = [item // step for item in items]
    return Integers(first, offset, step, buffers.add_integers(items))


def _pack_codes(values: Sequence[Any], distinct: Sequence[Any], buffers: Buffers) -> Values:
    first = buffers.add(compact_json(distinct))
    codes = dict(zip(distinct, range(len(distinct)), strict=True))
    return Values("d", first, CodesFields(buffers.add_integers(list(map(codes.__getitem__, values)))))


def _pack_strings(values: list[str], buffers: Buffers) -> Values:
    return _pack_codes(values, list(dict.fromkeys(values)), buffers)


def _pack_booleans(values: list[bool], buffers: Buffers) -> Values:
    return Values("b", buffers.add(pack_flags(values)))


_PACKERS: dict[Kind, Callable[[list[Any], Buffers], Values]] = {
    "number": _pack_numbers,
    "string": _pack_strings,
    "boolean": _pack_booleans,
}
