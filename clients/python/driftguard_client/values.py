"""Turn the values of Python, numpy, pandas, polars and pyarrow into what JSON can hold: number, string, boolean, null.

numpy and pandas are never imported here. They are looked up in `sys.modules`, because a value of theirs can only exist
if the caller has imported them.
"""

from __future__ import annotations

import math
import sys
import time

from driftguard_client.errors import RejectedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any, TypeAlias

    Scalar: TypeAlias = float | int | str | bool | None

MAX_FEATURES = 500
MAX_NAME = 128
MAX_STRING = 256
_LARGEST = int(sys.float_info.max)
_KNOWN_NAMES = 10_000
_ABSENT = object()

INFINITE = "is infinite. Log None for a missing value, or leave the row out."
NAIVE = (
    "has no time zone, so its hour is unknown. Use datetime.now(timezone.utc), "
    "or add the zone with value.replace(tzinfo=timezone.utc)."
)
NOT_TEXT = "is not valid Unicode text. Decode or clean the text first."
NOT_A_SCALAR = "must be a number, a text, a boolean or None"


class Cuts:
    """Counts texts that were cut to 256 characters."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0


def plain_features(features: Mapping[str, Any], cuts: Cuts, known: set[str]) -> dict[str, Scalar]:
    """Return a copy of a row's features with plain values. Raises RejectedError.

    known: names that were checked before. New valid names are added.
    """
    result: dict[str, Any] = dict(features) if type(features) is dict else _mapping(features)
    for name, value in result.items():
        kind = type(value)
        # Every logged value passes this loop, so the common cases come first. A finite float minus itself is 0.
        if kind is float:
            if value - value == 0.0:
                continue
        elif kind is str:
            if len(value) <= MAX_STRING and value.isascii():
                continue
        elif kind is bool or value is None or (kind is int and -_LARGEST <= value <= _LARGEST):
            continue
        result[name] = scalar(value, name, cuts)
    if not known.issuperset(result):
        result = _checked_names(result, known)
    if len(result) > MAX_FEATURES:
        raise RejectedError("features", f"has {len(result)} features; {MAX_FEATURES} at most.")
    return result


def scalar(value: Any, column: str, cuts: Cuts) -> Scalar:
    """Return a value as a number, a text, a boolean or None. Raises RejectedError.

    NaN, NA and NaT become None. A text is cut to 256 characters.
    """
    kind = type(value)
    if value is None or kind is bool:
        return value  # type: ignore[no-any-return]
    if kind is float or isinstance(value, float):
        return _finite(float(value), column)
    if kind is int:
        return _integer(value, column)
    if kind is str:
        return _text(value, column, cuts)
    return _other(value, column, cuts)


def milliseconds(value: Any) -> int:
    """Return the time of a row in milliseconds since the epoch; None is now. Raises RejectedError."""
    if value is None:
        return time.time_ns() // 1_000_000
    if is_missing(value):
        raise RejectedError("timestamp", "is missing. Leave the argument out to log the current time.")
    if isinstance(value, str):
        value = _parsed(value)
    offset = getattr(value, "utcoffset", None)
    if offset is None:
        raise RejectedError("timestamp", _not_a_time(value))
    if offset() is None:
        raise RejectedError("timestamp", f"{value} {NAIVE}")
    return math.floor(float(value.timestamp()) * 1000 + 0.5)


def rfc3339(time_ms: int) -> str:
    """Return milliseconds since the epoch as RFC 3339 in UTC, such as `2026-11-06T07:26:10.123Z`."""
    from datetime import datetime, timezone

    seconds, rest = divmod(time_ms, 1000)
    return f"{datetime.fromtimestamp(seconds, timezone.utc).replace(tzinfo=None).isoformat()}.{rest:03d}Z"


def prediction_id(value: Any) -> str | None:
    """Return the caller's id as text; None if there is no id. Raises RejectedError."""
    if value is None or is_missing(value):
        return None
    if type(value) is not str:
        value = _id_text(value)
    if not 1 <= len(value) <= MAX_NAME:
        raise RejectedError("prediction_id", f"has {len(value)} characters; an id has 1 to {MAX_NAME}.")
    if not value.isascii() and _has_surrogates(value):
        raise RejectedError("prediction_id", NOT_TEXT)
    return value  # type: ignore[no-any-return]


def probabilities(value: Any, cuts: Cuts) -> list[Scalar] | dict[str, Scalar] | None:
    """Return a row of `predict_proba`: a list in the order of the classes, or a number for each class."""
    if value is None:
        return None
    if hasattr(value, "items"):
        return {_class_name(name): scalar(one, "probabilities", cuts) for name, one in value.items()}
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        if len(value) == 1 and isinstance(value[0], (list, tuple)):
            value = value[0]  # predict_proba of one row has the shape (1, classes)
        return [scalar(one, "probabilities", cuts) for one in value]
    raise RejectedError(
        "probabilities", "must be a row of predict_proba: a list of numbers, or a number for each class."
    )


def is_missing(value: Any) -> bool:
    """Return whether a value is None, NaN, NA or NaT."""
    if value is None:
        return True
    if isinstance(value, float):
        return math.isnan(value)
    pandas = sys.modules.get("pandas")
    if pandas is not None and (value is getattr(pandas, "NA", _ABSENT) or value is getattr(pandas, "NaT", _ABSENT)):
        return True
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, (numpy.datetime64, numpy.timedelta64)):
        return bool(numpy.isnat(value))
    return False


def _finite(value: float, column: str) -> float | None:
    if value - value == 0.0:
        return value
    if math.isnan(value):
        return None
    raise RejectedError(column, INFINITE)


def _integer(value: int, column: str) -> int:
    if -_LARGEST <= value <= _LARGEST:
        return value
    raise RejectedError(column, "is a whole number beyond 1.8e308, which no float can hold.")


def _text(value: str, column: str, cuts: Cuts) -> str:
    if not value.isascii() and _has_surrogates(value):
        raise RejectedError(column, NOT_TEXT)
    if len(value) > MAX_STRING:
        cuts.count += 1
        return value[:MAX_STRING]
    return value


def _has_surrogates(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return True
    return False


def _other(value: Any, column: str, cuts: Cuts) -> Scalar:
    """Return a value of a type that is neither built into JSON nor common."""
    import datetime
    import enum

    if isinstance(value, enum.Enum):
        return scalar(value.value, column, cuts)
    if is_missing(value):
        return None
    if isinstance(value, int):
        return _integer(int(value), column)
    if isinstance(value, str):
        return _text(str(value), column, cuts)
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return _finite(value.total_seconds(), column)
    if isinstance(value, (bytes, bytearray, memoryview)):
        raise RejectedError(column, f"is {type(value).__name__}. Decode it to text with value.decode().")
    if isinstance(value, complex):
        raise RejectedError(column, "is a complex number. Log its real and its imaginary part as two features.")
    return _foreign(value, column, cuts)


def _foreign(value: Any, column: str, cuts: Cuts) -> Scalar:
    """Return a value of numpy, pandas, decimal, fractions, uuid, or an array with one element."""
    module = type(value).__module__.partition(".")[0]
    name = type(value).__name__
    if module in {"decimal", "fractions", "_pydecimal"}:
        return _float_of(value, column)
    if module == "uuid" or (module == "pandas" and name in {"Period", "Interval"}):
        return str(value)
    if module == "numpy" and name in {"datetime64", "timedelta64"}:
        return str(value) if name == "datetime64" else float(value / type(value)(1, "s"))
    if module == "numpy" and name in {"longdouble", "float128", "float96"}:
        return _float_of(value, column)
    item = getattr(value, "item", None)
    if callable(item) and _elements(value) == 1:
        inner = item()
        if type(inner) is not type(value):
            return scalar(inner, column, cuts)
    if _elements(value) is not None or isinstance(value, (list, tuple, set, dict)):
        raise RejectedError(column, f"is a {name}, but {NOT_A_SCALAR}. Give each element a feature name of its own.")
    if hasattr(value, "as_py"):  # a scalar of pyarrow
        return scalar(value.as_py(), column, cuts)
    raise RejectedError(column, f"is a {module}.{name}, but {NOT_A_SCALAR}. Convert it before logging.")


def _elements(value: Any) -> int | None:
    """Return the number of elements of an array or a tensor; None if the value has no shape."""
    shape = getattr(value, "shape", None)
    if shape is None:
        return None
    try:
        return math.prod(int(length) for length in shape)
    except (TypeError, ValueError):
        return None


def _float_of(value: Any, column: str) -> float | None:
    try:
        number = float(value)
    except (OverflowError, ValueError):
        raise RejectedError(column, f"{value!s:.60} is not a finite number that a float can hold.") from None
    return _finite(number, column)


def _mapping(features: Any) -> dict[str, Any]:
    if hasattr(features, "items") and hasattr(features, "keys"):
        try:
            return dict(features.items())
        except (TypeError, ValueError):
            pass
    name = type(features).__name__
    if hasattr(features, "columns"):
        raise RejectedError(
            "features", f"is a {name}. Use log_frame(frame) for frames, or log one row as a dictionary."
        )
    raise RejectedError("features", f"is a {name}, without names. Pass dict(zip(names, row, strict=True)) instead.")


def _checked_names(features: dict[Any, Scalar], known: set[str]) -> dict[str, Scalar]:
    result = {name if type(name) is str else str(name): value for name, value in features.items()}
    if len(result) != len(features):
        raise RejectedError("features", "has two names that are the same as text. Rename one of them.")
    for name in result:
        check_name(name)
    if len(known) < _KNOWN_NAMES:
        known.update(result)
    return result


def check_name(name: str) -> None:
    """Raise RejectedError if the service does not take a feature of this name."""
    if not 1 <= len(name) <= MAX_NAME:
        raise RejectedError(
            name[:40] or "features", f"the name has {len(name)} characters; a name has 1 to {MAX_NAME}."
        )
    if not name.isprintable() and (
        any(ord(one) < 32 or 127 <= ord(one) < 160 for one in name) or _has_surrogates(name)
    ):
        raise RejectedError(repr(name[:40]), "the name contains control characters. Rename the feature.")


def _class_name(name: Any) -> str:
    if type(name) is str:
        return name
    if isinstance(name, bool) or type(name).__name__ in {"bool", "bool_"}:
        return "true" if name else "false"
    return str(name)


def _id_text(value: Any) -> str:
    item = getattr(value, "item", None)
    if callable(item) and _elements(value) == 1:
        value = item()
    if isinstance(value, bool) or not (isinstance(value, (str, int)) or type(value).__name__ == "UUID"):
        if isinstance(value, float) and value.is_integer():
            return str(int(value))
        raise RejectedError("prediction_id", f"is a {type(value).__name__}; an id is a text or a whole number.")
    return str(value)


def _parsed(text: str) -> Any:
    import re
    from datetime import datetime

    try:
        # Before Python 3.11, fromisoformat reads neither Z nor fractions of other than 3 or 6 digits.
        digits = re.sub(r"\.(\d+)", lambda found: "." + found[1][:6].ljust(6, "0"), text, count=1)
        return datetime.fromisoformat(f"{digits[:-1]}+00:00" if digits[-1:] in {"Z", "z"} else digits)
    except ValueError:
        raise RejectedError(
            "timestamp", f"{text[:40]!r} is not an RFC 3339 time such as 2026-11-06T07:26:10Z."
        ) from None


def _not_a_time(value: Any) -> str:
    if type(value).__name__ == "datetime64":
        return f"{value} {NAIVE} For numpy: pandas.Timestamp(value, tz='UTC')."
    if isinstance(value, (int, float)) or hasattr(value, "item"):
        return f"{value} is a number. For seconds since 1970 use datetime.fromtimestamp(value, timezone.utc)."
    return f"is a {type(value).__name__}; use a datetime with a time zone."


def class_values(names: Iterable[Any]) -> list[str]:
    """Return the names of classes as texts, as `probabilities` has them."""
    return [_class_name(name) for name in names]
