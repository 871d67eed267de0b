"""Validates labels one by one, and turns each into the row that is stored.

A batch of labels is stored in the format of a batch of predictions: the label is the prediction, the event time is the
`timestamp` or else the arrival, and the other fields are features.
"""

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from driftguard.models.task import Task
from driftguard.platform.errors import Location
from driftguard.platform.serialization import Scalar
from driftguard.platform.times import microseconds
from driftguard.rows.columns import Row
from driftguard.rows.reading import MAX_AHEAD, BadRow, check_name, moment, prediction_id, scalar, shown

LABELLED_AT = "labelled_at"
"""Microseconds since the epoch. Absent if the label counts from its arrival."""

WITHDRAW = "withdraw"
UNTIMED = "untimed"
"""True if the label has no timestamp of its own."""

OUTCOME = "outcome:"

UNDATED = 9_000_000
"""Labels whose day is unknown wait under this number plus the day of their arrival."""

MAX_OUTCOMES = 10

_FIELDS = frozenset({"prediction_id", "label", "timestamp", "labelled_at", "outcomes", "withdraw"})


def read_label(item: Any, loc: Location, task: Task | None, now: datetime) -> Row | None:
    """Return the row to store; None if the label is missing. Raises BadRow with the place.

    task: the model's task. Without one, every scalar is accepted.
    """
    if not isinstance(item, dict):
        raise BadRow(loc, "must be an object")
    for name in item:
        if name not in _FIELDS:
            raise BadRow([*loc, shown(name)], "unknown field")
    identifier = _id(item.get("prediction_id"), [*loc, "prediction_id"])
    withdraw = item.get("withdraw")
    if withdraw is not None and not isinstance(withdraw, bool):
        raise BadRow([*loc, "withdraw"], "must be true or false")
    label = item.get("label")
    if withdraw and not is_missing(label):
        raise BadRow([*loc, "withdraw"], "takes a label back; send it without `label`, or send only the new label")
    timestamp = _time(item.get("timestamp"), [*loc, "timestamp"], now)
    labelled_at = _time(item.get("labelled_at"), [*loc, "labelled_at"], now)
    outcomes = _outcomes(item.get("outcomes"), [*loc, "outcomes"])
    if not withdraw:
        if is_missing(label):
            return None
        label = scalar(label, [*loc, "label"])
        if task is not None and task.truth_of(label) is None:
            raise BadRow([*loc, "label"], task.reason())
    features: dict[str, Scalar] = dict(outcomes)
    if labelled_at is not None:
        features[LABELLED_AT] = microseconds(labelled_at)
    if withdraw:
        features[WITHDRAW] = True
    if timestamp is None:
        features[UNTIMED] = True
    return Row((timestamp or now).timestamp(), features, None if withdraw else label, identifier)


def is_missing(label: Any) -> bool:
    """Whether there is no label: null, NaN or an empty cell. A missing label never withdraws a known one."""
    return label is None or label == "" or (isinstance(label, float) and math.isnan(label))


def _id(value: Any, loc: Location) -> str:
    if isinstance(value, float):
        raise BadRow(loc, "must be a string or a whole number; a number with a decimal point is no id")
    text = prediction_id(value, loc)
    if text is None:
        raise BadRow(loc, "is required: the id that the prediction was logged with")
    return text


def _time(value: Any, loc: Location, now: datetime) -> datetime | None:
    if value is None:
        return None
    time = moment(value, loc)
    if time > now + MAX_AHEAD:
        raise BadRow(loc, "is more than 15 minutes ahead; check the clock of the sender")
    return time


def _outcomes(given: Any, loc: Location) -> Mapping[str, float]:
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise BadRow(loc, "must be an object with a number for each name")
    if len(given) > MAX_OUTCOMES:
        raise BadRow(loc, f"has {len(given)} outcomes; {MAX_OUTCOMES} at most")
    found = {}
    for name, value in given.items():
        check_name(name, [*loc, shown(name)])
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise BadRow([*loc, name], "must be a number")
        scalar(value, [*loc, name])
        found[f"{OUTCOME}{name}"] = value
    return found
