"""Validate rows one by one: logged predictions and baseline rows follow the same rules.

The error of an invalid row names the first wrong place, so that the valid rows of the same request can be kept.
"""

import math
import re
import sys
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from driftguard.platform.errors import FieldError, Location
from driftguard.platform.serialization import UNFIT_IN_NAMES, Scalar
from driftguard.platform.times import hour_of, parse
from driftguard.rows.columns import Row

MAX_FEATURES = 500
MAX_NAME = 128
MAX_STRING = 256
EXACT_INTEGER = 2**53
"""Above this size, a float no longer tells which whole number was sent."""
MAX_AHEAD = timedelta(minutes=15)
MAX_AGE = timedelta(days=21)

_UNFIT_IN_TEXT = re.compile("[\ud800-\udfff]")
VALUES_UNDER_FEATURES = 'values go under `features`: send {"features": {"age": 41}} instead of {"age": 41}'
UNKNOWN_FIELD = "unknown field; values go under `features`"

_LOGGED_FIELDS = frozenset({"features", "prediction", "prediction_id", "timestamp"})
_BASELINE_FIELDS = frozenset({"features", "prediction", "timestamp"})


class BadRow(ValueError):
    """A rejected row: `loc` is the wrong place, `msg` is the reason."""

    def __init__(self, loc: Location, msg: str) -> None:
        super().__init__(msg)
        self.loc = list(loc)
        self.msg = msg

    @property
    def error(self) -> FieldError:
        """The entry in the `errors` of a response."""
        return {"loc": self.loc, "msg": self.msg}


class BaselineRow(NamedTuple):
    """A row of a baseline. `hour` is the hour of its timestamp, counted since 1970; None without a timestamp."""

    features: dict[str, Scalar]
    prediction: Scalar
    hour: int | None


class RowReader:
    """Reads the rows of one request. Rows share most names, so each name is checked only once.

    now: the current time (aware). Timestamps are compared with this time, and rows without a timestamp get it.
    """

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._names: set[str] = set()

    def logged(self, item: Any, loc: Location) -> Row:
        """Return a row to log: features, prediction?, prediction_id?, timestamp?. Raises BadRow with the place."""
        fields = _fields(item, _LOGGED_FIELDS, loc)
        return Row(
            event_time=self._time(fields.get("timestamp"), [*loc, "timestamp"]),
            features=self.features(fields.get("features"), [*loc, "features"]),
            prediction=scalar(fields.get("prediction"), [*loc, "prediction"]),
            prediction_id=prediction_id(fields.get("prediction_id"), [*loc, "prediction_id"]),
        )

    def baseline(self, item: Any, loc: Location) -> BaselineRow:
        """Return a baseline row: features, prediction?, timestamp? (of any age). Raises BadRow with the place."""
        fields = _fields(item, _BASELINE_FIELDS, loc)
        timestamp = fields.get("timestamp")
        return BaselineRow(
            features=self.features(fields.get("features"), [*loc, "features"]),
            prediction=scalar(fields.get("prediction"), [*loc, "prediction"]),
            hour=None if timestamp is None else hour_of(moment(timestamp, [*loc, "timestamp"])),
        )

    def features(self, features: Any, loc: Location) -> dict[str, Scalar]:
        """Return valid features, including nulls. Raises BadRow with the place."""
        if not isinstance(features, dict):
            raise BadRow(loc, "must be an object with a value for each name")
        if len(features) > MAX_FEATURES:
            raise BadRow(loc, f"has {len(features)} features; {MAX_FEATURES} at most")
        if not features.keys() <= self._names:
            for feature in features:
                check_name(feature, [*loc, _shown(feature)])
            self._names.update(features)  # `|=` with the keys of a dict would copy the whole set for each row
        for feature, value in features.items():
            kind = type(value)
            # Every logged value goes through this loop, so the common cases come first.
            if (kind is float or kind is int) and -sys.float_info.max <= value <= sys.float_info.max:
                continue
            if (kind is str and len(value) <= MAX_STRING and value.isascii()) or kind is bool or value is None:
                continue
            scalar(value, [*loc, feature])
        return features

    def _time(self, timestamp: Any, loc: Location) -> float:
        if timestamp is None:
            return self._now.timestamp()
        time = moment(timestamp, loc)
        if time > self._now + MAX_AHEAD:
            raise BadRow(loc, "is more than 15 minutes ahead; check the clock of the sender")
        if time < self._now - MAX_AGE:
            raise BadRow(
                loc,
                "is more than 21 days old; leave such rows out, or send them as a baseline "
                "with PUT /models/{model_id}/baseline",
            )
        return time.timestamp()


def moment(timestamp: Any, loc: Location) -> datetime:
    """Return the aware UTC time of a row's timestamp. Raises BadRow."""
    if not isinstance(timestamp, str):
        raise BadRow(loc, "must be a string in RFC 3339 format, such as 2026-11-06T07:26:10Z")
    try:
        return parse(timestamp)
    except ValueError as error:
        raise BadRow(loc, str(error)) from None


def scalar(value: Any, loc: Location) -> Scalar:
    """Return a valid value: number, string, boolean or null. Raises BadRow."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        if len(value) > MAX_STRING:
            raise BadRow(loc, f"has {len(value)} characters; {MAX_STRING} at most")
        if _UNFIT_IN_TEXT.search(value):
            raise BadRow(loc, "is not valid Unicode")
        return value
    if isinstance(value, (int, float)):
        if not _is_finite(value):
            raise BadRow(loc, _not_finite(value))
        return value
    raise BadRow(loc, "must be a number, a string, a boolean or null, not a nested value")


def check_name(name: str, loc: Location) -> None:
    """Raise BadRow if the name is not valid for a feature."""
    if not 1 <= len(name) <= MAX_NAME:
        raise BadRow(loc, f"has {len(name)} characters; a name has 1 to {MAX_NAME}")
    if UNFIT_IN_NAMES.search(name):
        raise BadRow(loc, "a name must not contain control characters or invalid Unicode")


def prediction_id(value: Any, loc: Location) -> str | None:
    """Return the client's id of a prediction; None if there is no id. Raises BadRow."""
    if value is None:
        return None
    text = id_text(value)
    if not isinstance(text, str):
        raise BadRow(loc, "must be a string or a whole number")
    if not 1 <= len(text) <= MAX_NAME:
        raise BadRow(loc, f"has {len(text)} characters; an id has 1 to {MAX_NAME}")
    if _UNFIT_IN_TEXT.search(text):
        raise BadRow(loc, "is not valid Unicode")
    return text


def id_text(value: Any) -> Any:
    """Return a whole number as the text that an id is kept as, and any other value as it is.

    JSON has one type of numbers, so 7 and 7.0 are the same id.
    """
    if isinstance(value, float) and value.is_integer() and abs(value) <= EXACT_INTEGER:
        return str(int(value))
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _fields(item: Any, known: frozenset[str], loc: Location) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise BadRow(loc, "must be an object")
    unknown = next((field for field in item if field not in known), None)
    if unknown is not None and "features" not in item:
        raise BadRow(loc, VALUES_UNDER_FEATURES)
    if unknown is not None:
        raise BadRow([*loc, _shown(unknown)], UNKNOWN_FIELD)
    if "features" not in item:
        raise BadRow([*loc, "features"], "is required")
    return item


def _shown(name: str) -> str:
    """Return any name in a form that a response can show."""
    return _UNFIT_IN_TEXT.sub("\ufffd", name[:MAX_NAME])


def _not_finite(value: float) -> str:
    if isinstance(value, float) and math.isnan(value):
        return "NaN is not valid here. Send null for a missing value."
    return "Infinity is not a finite number, nor is a number beyond 1.8e308. Send null for a missing value."


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:
        return False
