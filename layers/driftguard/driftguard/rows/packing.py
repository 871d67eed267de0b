"""A batch of logged rows as packed columns, in bytes.

Each column is stored by kind of value (number, string, boolean), and each kind in the smallest encoding that gives its
values back: integers or decimals as byte planes of scaled integers, doubles as byte planes, codes into a dictionary,
bits. Every buffer is deflated when that makes it smaller. The format needs nothing but the standard library;
`columns` hands out plain buffers that `numpy.frombuffer` reads without a loop over values.

Layout: a version byte, a mode byte, then
- mode `R` (few rows, or rows with hardly a name in common): deflated JSON of the rows;
- mode `C`: the length of the deflated JSON header (4 bytes, little-endian), the header, the buffers in order.
"""

import math
from array import array
from collections.abc import Callable, Mapping, Sequence
from operator import eq, sub
from typing import Any

from driftguard.platform.deflating import compact_json, deflate
from driftguard.rows.columns import Row, Scalar, milliseconds, names_of, split_by_kind
from driftguard.rows.planes import Buffers, add_planes, bits, little_endian

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


def pack(rows: Sequence[Row], rejected: Sequence[Mapping[str, Any]] = ()) -> bytes:
    """Packs valid rows (finite numbers, no nesting) and, beside them, the list of what was rejected (JSON-safe)."""
    names = names_of(rows)
    values = sum(len(row.features) for row in rows)
    if len(rows) < FEW_ROWS or len(names) * len(rows) > SPARSE * (values + len(rows)):
        return _pack_rows(rows, rejected)
    buffers = Buffers()
    header = {
        "n": len(rows),
        "t": _pack_times([milliseconds(row) for row in rows], buffers),
        "p": _pack_column([row.prediction for row in rows], buffers),
        "i": _pack_column([row.prediction_id for row in rows], buffers),
        "c": [[name, _pack_column([row.features.get(name) for row in rows], buffers)] for name in names],
        "x": list(rejected),
    }
    head = deflate(compact_json({**header, "b": buffers.lengths}))
    return b"".join([bytes([VERSION]), b"C", len(head).to_bytes(4, "little"), head, *buffers.stored])


def _pack_rows(rows: Sequence[Row], rejected: Sequence[Mapping[str, Any]]) -> bytes:
    body = [[[milliseconds(row), row.features, row.prediction, row.prediction_id] for row in rows], list(rejected)]
    return bytes([VERSION]) + b"R" + deflate(compact_json(body))


def _pack_times(times: list[int], buffers: Buffers) -> list[Any]:
    steps = list(map(sub, times[1:], times))
    # In order of time, as most batches are, the steps between the rows are far smaller than the times.
    if steps and min(steps) >= 0:
        return [times[0], *_pack_integers(steps, buffers)]
    return [None, *_pack_integers(times, buffers)]


def _pack_column(values: Sequence[Scalar], buffers: Buffers) -> list[list[Any]]:
    return [
        [letter, encoding, None if mask is None else _add_mask(mask, buffers), len(present), *spec]
        for letter, present, mask in split_by_kind(values)
        for encoding, *spec in [_PACKERS[letter](present, buffers)]
    ]


def _add_mask(mask: list[bool], buffers: Buffers) -> int:
    buffers.add(bits(mask))
    return len(buffers.stored) - 1


# Each packer returns an encoding letter, the number of its first buffer and what else reading them back takes.


def _pack_numbers(values: list[float], buffers: Buffers) -> list[Any]:
    candidates: list[tuple[Buffers, list[Any]]] = []
    plain = Buffers()
    candidates.append((plain, _pack_plain_numbers(values, plain)))
    distinct = set(values)
    if len(distinct) <= min(MAX_DICTIONARY, len(values) // 2):
        coded = Buffers()
        candidates.append((coded, _pack_codes(values, sorted(distinct), coded)))
    chosen, (encoding, *spec) = min(candidates, key=lambda candidate: candidate[0].size)
    first = len(buffers.stored)
    buffers.extend(chosen)
    return [encoding, first, *spec]


def _pack_plain_numbers(values: list[float], buffers: Buffers) -> list[Any]:
    scaled = _scaled(values)
    if scaled:
        integers, scale = scaled
        return ["i", scale, *_pack_integers(integers, buffers)[1:]]
    if all(map(eq, map(_float, values), values)):
        data = little_endian(array("d", values))
        for plane in range(8):
            buffers.add(data[plane::8])
        return ["f"]
    buffers.add(compact_json(values))
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


def _pack_integers(values: Sequence[int], buffers: Buffers) -> list[Any]:
    """Returns [first buffer, offset, step, width]; one buffer a byte of the unsigned (value - offset) / step."""
    first = len(buffers.stored)
    offset = min(values)
    items = [value - offset for value in values]
    step = math.gcd(*items) or 1
    if step > 1:
        items = [item // step for item in items]
    return [first, offset, step, add_planes(items, buffers)]


def _pack_codes(values: Sequence[Any], distinct: Sequence[Any], buffers: Buffers) -> list[Any]:
    buffers.add(compact_json(distinct))
    codes = {value: code for code, value in enumerate(distinct)}
    return ["d", add_planes([codes[value] for value in values], buffers)]


def _pack_strings(values: list[str], buffers: Buffers) -> list[Any]:
    first = len(buffers.stored)
    encoding, width = _pack_codes(values, list(dict.fromkeys(values)), buffers)
    return [encoding, first, width]


def _pack_booleans(values: list[bool], buffers: Buffers) -> list[Any]:
    buffers.add(bits(values))
    return ["b", len(buffers.stored) - 1]


_PACKERS: dict[str, Callable[[list[Any], Buffers], list[Any]]] = {
    "n": _pack_numbers,
    "s": _pack_strings,
    "b": _pack_booleans,
}
