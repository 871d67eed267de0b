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
from driftguard.rows.columns import Probabilities, Row

MAX_FEATURES = 500
MAX_NAME = 128
MAX_STRING = 256
MAX_CLASSES = 50
SUM_TOLERANCE = 0.01
"""How far the sum of probabilities may be from 1. Rounded and single-precision numbers do not add up exactly."""
EXACT_INTEGER = 2**53
"""Above this size, a float no longer tells which whole number was sent."""
MAX_AHEAD = timedelta(minutes=15)
MAX_AGE = timedelta(days=21)

_UNFIT_IN_TEXT = re.compile("[\ud800-\udfff]")
VALUES_UNDER_FEATURES = 'values go under `features`: send {"features": {"age": 41}} instead of {"age": 41}'
REPEATED_ID = "occurs earlier in this batch; give each row its own id"
UNKNOWN_FIELD = "unknown field; values go under `features`"

_LOGGED_FIELDS = frozenset({"features", "prediction", "prediction_id", "timestamp", "score", "probabilities", "label"})
_BASELINE_FIELDS = frozenset({"features", "prediction", "timestamp", "score", "probabilities", "label"})


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
    """A row of a baseline. `hour` is the hour of its timestamp, counted since 1970; None without a timestamp.

    score, probabilities, label: as in `rows.columns.Row`.
    """

    features: dict[str, Scalar]
    prediction: Scalar
    hour: int | None
    score: float | None = None
    probabilities: Probabilities | None = None
    label: Scalar = None


class RowReader:
    """Reads the rows of one request. Rows share most names, so each name is checked only once.

    now: the current time (aware). Timestamps are compared with this time, and rows without a timestamp get it.
    """

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._names: set[str] = set()

    def logged(self, item: Any, loc: Location) -> Row:
        """Return a row to log. Raises BadRow with the place.

        Its fields: features, prediction?, prediction_id?, timestamp?, score?, probabilities?, label?.
        """
        fields = _fields(item, _LOGGED_FIELDS, loc)
        return Row(
            event_time=event_time(fields.get("timestamp"), [*loc, "timestamp"], self._now),
            features=self.features(fields.get("features"), [*loc, "features"]),
            prediction=scalar(fields.get("prediction"), [*loc, "prediction"]),
            prediction_id=prediction_id(fields.get("prediction_id"), [*loc, "prediction_id"]),
            score=score(fields.get("score"), [*loc, "score"]),
            probabilities=probabilities(fields.get("probabilities"), [*loc, "probabilities"]),
            label=scalar(fields.get("label"), [*loc, "label"]),
        )

    def baseline(self, item: Any, loc: Location) -> BaselineRow:
        """Return a baseline row. Raises BadRow with the place.

        Its fields: features, prediction?, timestamp? (of any age), score?, probabilities?, label?.
        """
        fields = _fields(item, _BASELINE_FIELDS, loc)
        timestamp = fields.get("timestamp")
        return BaselineRow(
            features=self.features(fields.get("features"), [*loc, "features"]),
            prediction=scalar(fields.get("prediction"), [*loc, "prediction"]),
            hour=None if timestamp is None else hour_of(moment(timestamp, [*loc, "timestamp"])),
            score=score(fields.get("score"), [*loc, "score"]),
            probabilities=probabilities(fields.get("probabilities"), [*loc, "probabilities"]),
            label=scalar(fields.get("label"), [*loc, "label"]),
        )

    def features(self, features: Any, loc: Location) -> dict[str, Scalar]:
        """Return valid features, including nulls. Raises BadRow with the place."""
        if not isinstance(features, dict):
            raise BadRow(loc, "must be an object with a value for each name")
        if len(features) > MAX_FEATURES:
            raise BadRow(loc, f"has {len(features)} features; {MAX_FEATURES} at most")
        if not features.keys() <= self._names:
            for feature in features:
                check_name(feature, [*loc, shown(feature)])
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


def event_time(timestamp: Any, loc: Location, now: datetime) -> float:
    """Return the time of a logged row in seconds since the epoch; `now` without a timestamp. Raises BadRow."""
    if timestamp is None:
        return now.timestamp()
    time = moment(timestamp, loc)
    if time > now + MAX_AHEAD:
        raise BadRow(loc, "is more than 15 minutes ahead; check the clock of the sender")
    if time < now - MAX_AGE:
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
        if not is_unicode(value):
            raise BadRow(loc, "is not valid Unicode")
        return value
    if isinstance(value, (int, float)):
        if not _is_finite(value):
            raise BadRow(loc, _not_finite(value))
        return value
    raise BadRow(loc, "must be a number, a string, a boolean or null, not a nested value")


def score(value: Any, loc: Location) -> float | None:
    """Return the probability of the positive class; None if there is none. Raises BadRow."""
    if value is None:
        return None
    _check_share(value, loc)
    share: float = value
    return share


def probabilities(value: Any, loc: Location) -> Probabilities | None:
    """Return the probabilities of the classes, as an object or a list; None if there are none. Raises BadRow."""
    if value is None:
        return None
    if not isinstance(value, (dict, list)):
        raise BadRow(loc, "must be an object with a number for each class, or a list of numbers")
    if not 1 <= len(value) <= MAX_CLASSES:
        raise BadRow(loc, f"has {len(value)} classes; 1 to {MAX_CLASSES} are possible")
    for name, share in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(name, str):
            scalar(name, [*loc, shown(name)])
        _check_share(share, [*loc, name])
    total = math.fsum(value.values() if isinstance(value, dict) else value)
    if abs(total - 1) > SUM_TOLERANCE * (1 + 1e-9):
        raise BadRow(loc, f"sum to {total:.4g}; probabilities sum to 1, give or take {SUM_TOLERANCE}")
    found: Probabilities = value
    return found


def _check_share(value: Any, loc: Location) -> None:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise BadRow(loc, "must be a number from 0 to 1")
    if not 0 <= value <= 1:
        raise BadRow(loc, "must be a number from 0 to 1" if _is_finite(value) else _not_finite(value))


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
    if not is_unicode(text):
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
        raise BadRow([*loc, shown(unknown)], UNKNOWN_FIELD)
    if "features" not in item:
        raise BadRow([*loc, "features"], "is required")
    return item


def is_unicode(text: str) -> bool:
    """Whether UTF-8 can hold the text."""
    return text.isascii() or not _UNFIT_IN_TEXT.search(text)


def shown(name: str) -> str:
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
