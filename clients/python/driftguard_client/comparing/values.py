"""The values of one column: from Arrow arrays or Python values to the engine's buffers, and to times."""

import math
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from driftguard_engine.rows.columns import Column, Part, plain_column
from driftguard_engine.rows.csv_cells import time_of
from driftguard_engine.rows.reading import MAX_STRING

from driftguard_client.columns import times_advice, times_reason
from driftguard_client.comparing.errors import CompareError

Values = Any
"""A pyarrow Array or ChunkedArray, or a list of Python values."""

Times = npt.NDArray[np.int64]
"""Milliseconds since 1970."""

UNKNOWN = ("NAType", "NaTType")
"""The types of pandas.NA and pandas.NaT, by name, since pandas need not be installed."""

KINDS = {"halffloat": "<f2", "float": "<f4", "double": "<f8"} | {
    f"{sign}int{bits}": f"<{sign or 'i'}{bits // 8}" for sign in ("", "u") for bits in (8, 16, 32, 64)
}
"""numpy's names of Arrow's numbers."""


def numpy_of(array: pa.Array) -> npt.NDArray[Any]:
    """Return the values of an array of numbers. Where the array has a null, the value is arbitrary.

    pyarrow's own conversion imports pandas, which takes seconds.
    """
    kind = np.dtype(KINDS[str(array.type)])
    data = array.buffers()[1]
    if not len(array) or data is None:
        return np.zeros(len(array), kind)
    return np.frombuffer(data, kind, count=len(array), offset=array.offset * kind.itemsize)


def _valid(array: pa.Array) -> npt.NDArray[np.bool_]:
    if not array.null_count:
        return np.ones(len(array), np.bool_)
    return numpy_of(array.is_valid().cast(pa.uint8())).astype(np.bool_)


def is_array(values: Values) -> bool:
    """Return whether the values are Arrow's."""
    return isinstance(values, (pa.Array, pa.ChunkedArray))


def parts_of(values: Values, name: str, first_row: int = 0) -> Column:
    """Return the values of a column as the engine's buffers.

    name: the column, for errors. first_row: the number of rows before these values. Raises CompareError.
    """
    if not is_array(values):
        return plain_column([_scalar(value, name, first_row + place) for place, value in enumerate(values)])
    array = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    kind = array.type
    if pa.types.is_null(kind):
        return ()
    if pa.types.is_dictionary(kind):
        if not _is_text(kind.value_type):
            return parts_of(array.dictionary_decode(), name, first_row)
        return _texts(array)
    if _is_text(kind):
        return _texts(array.dictionary_encode())
    if pa.types.is_boolean(kind):
        return _booleans(array)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _numbers(array, name, first_row)
    if pa.types.is_temporal(kind):
        raise CompareError(times_reason(name, f"times or durations ({kind})"))
    raise CompareError(
        f"Column {name!r} holds values of type {kind}. Only numbers, texts and booleans can be compared. "
        "Convert the column or exclude it."
    )


def scalars_of(values: Values, name: str, first_row: int = 0) -> list[Any]:
    """Return the values of a column as numbers, texts, booleans and None. Raises CompareError."""
    found = values.to_pylist() if is_array(values) else values
    return [_scalar(value, name, first_row + place) for place, value in enumerate(found)]


def times_of(values: Values, name: str, first_row: int = 0) -> Times:
    """Return the times of a column. A time without an offset is in UTC. Raises CompareError.

    Accepted are timestamps, dates, texts in ISO 8601, and Unix times in seconds, milliseconds, micro- or nanoseconds.
    """
    if not is_array(values):
        return _plain_times(values, name, first_row)
    array = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    if array.null_count:
        row = first_row + int(np.flatnonzero(~_valid(array))[0])
        raise CompareError(f"Column {name!r}, row {row + 1}: the time is missing. Leave out rows without a time.")
    if pa.types.is_timestamp(array.type) or pa.types.is_date(array.type):
        unit = pa.timestamp("ms", tz=getattr(array.type, "tz", None))
        exact: Times = numpy_of(array.cast(unit, safe=False).cast(pa.int64())).astype(np.int64)
        return exact
    distinct = array if pa.types.is_dictionary(array.type) else array.dictionary_encode()
    known = _plain_times(distinct.dictionary.to_pylist(), name, first_row, by_row=False)
    places = numpy_of(distinct.indices)
    found: Times = known[places]
    return found


def _is_text(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or getattr(pa.types, "is_string_view", _never)(kind)
    )


def _never(_kind: pa.DataType) -> bool:
    return False


def _numbers(array: pa.Array, name: str, first_row: int) -> Column:
    if pa.types.is_decimal(array.type):
        array = array.cast(pa.float64())
    found = numpy_of(array).astype(np.float64, copy=False)
    missing = np.isnan(found)
    infinite = np.isinf(found)
    if array.null_count:
        missing |= ~_valid(array)
        infinite &= ~missing
    if infinite.any():
        raise _not_finite(name, first_row + int(infinite.argmax()))
    if not missing.any():
        return (Part("number", None, len(found), "floats", found.tobytes(), "<f8"),)
    present = found[~missing]
    if not len(present):
        return ()
    return (Part("number", (~missing).tobytes(), len(present), "floats", present.tobytes(), "<f8"),)


def _booleans(array: pa.Array) -> Column:
    return _part("boolean", _valid(array), numpy_of(array.cast(pa.uint8())), "flags", "<u1")


def _texts(array: pa.DictionaryArray) -> Column:
    mask = _valid(array)
    codes = np.where(mask, numpy_of(array.indices), 0).astype("<u4")
    found = array.dictionary.to_pylist()
    if None in found:  # a null may be an entry of the dictionary
        mask &= np.array([text is not None for text in found])[codes]
    names = ["" if text is None else text[:MAX_STRING] for text in found]
    return _part("string", mask, codes, "codes", "<u4", names)


def _part(
    kind: Any,
    mask: npt.NDArray[np.bool_],
    items: npt.NDArray[Any],
    encoding: Any,
    dtype: str,
    names: Sequence[str] = (),
) -> Column:
    whole = bool(mask.all())
    present = items if whole else items[mask]
    if not len(present):
        return ()
    return (
        Part(
            kind, None if whole else mask.tobytes(), len(present), encoding, present.tobytes(), dtype, dictionary=names
        ),
    )


def _scalar(value: Any, name: str, row: int) -> Any:
    """Return a Python value as the engine knows it: a number, a text, a boolean or None. Raises CompareError."""
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool) or type(value).__name__ in UNKNOWN:
        return value if isinstance(value, bool) else None
    if isinstance(value, str):
        return value[:MAX_STRING].encode("utf-8", "replace").decode()
    if isinstance(value, (int, float, Decimal)):
        number = _float(value)
        if math.isnan(number):
            return None
        if math.isinf(number):
            raise _not_finite(name, row)
        return number
    if isinstance(value, (date, time, timedelta)):
        raise CompareError(f"Column {name!r}, row {row + 1}: {value!r} is a time. {times_advice(name)}")
    raise CompareError(
        f"Column {name!r}, row {row + 1}: a value of type {type(value).__name__} cannot be compared. "
        "Convert the column to numbers, texts or booleans, or exclude it."
    )


def _float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _not_finite(name: str, row: int) -> CompareError:
    return CompareError(
        f"Column {name!r}, row {row + 1}: infinity is not a finite number. Replace it or leave the value out."
    )


def _plain_times(values: Iterable[Any], name: str, first_row: int, *, by_row: bool = True) -> Times:
    """by_row: the values are one per row, so that an error can name the row."""
    known: dict[Any, int] = {}
    found = []
    for row, value in enumerate(values):
        if value not in known:
            try:
                known[value] = _milliseconds(value)
            except (ValueError, OverflowError, TypeError):
                place = f", row {first_row + row + 1}" if by_row else ""
                shown = repr(value)[:60]
                raise CompareError(
                    f"Column {name!r}{place}: {shown} is not a time. Use a time such as 2026-11-06T07:26:10Z, a date, "
                    "or a Unix time, or choose another timestamp column."
                ) from None
        found.append(known[value])
    return np.array(found, np.int64)


def _milliseconds(value: Any) -> int:
    if isinstance(value, datetime):
        moment = value
    elif isinstance(value, date):
        moment = datetime(value.year, value.month, value.day)  # noqa: DTZ001  read as UTC like every time without offset
    elif isinstance(value, bool) or value is None:
        raise TypeError("not a time")
    else:
        moment = time_of(value if isinstance(value, str) else repr(float(value)))
    offset: Callable[[], timedelta | None] = moment.utcoffset
    seconds = (moment.replace(tzinfo=None) - datetime(1970, 1, 1)) - (offset() or timedelta(0))  # noqa: DTZ001  both in UTC
    return seconds // timedelta(milliseconds=1)
