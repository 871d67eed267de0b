"""Reads the rows of a file of labels as the items of a request."""

import re
from typing import Any

from driftguard.models.task import Task
from driftguard.performance.label_rows import OUTCOME
from driftguard.platform.serialization import Scalar
from driftguard.platform.times import iso
from driftguard.rows.csv_cells import BOOLEANS, number_of, shown, time_of
from driftguard.rows.reading import BadRow
from driftguard.rows.records import Columns, Record

FIELDS = ("prediction_id", "label", "timestamp", "labelled_at", "withdraw")
TIMES = ("timestamp", "labelled_at")

_FLOAT_ID = re.compile(r"[+-]?\d+\.0+|[+-]?\d(\.\d+)?[eE][+-]?\d+", re.ASCII)
"""A whole number that was saved as a float, such as 17.0 or 1e+17. It matches no id of a prediction."""


def columns_of(task: Task | None) -> Columns:
    """Return the columns of a CSV file of labels for a model with this task."""
    regression = task is not None and task.type == "regression"

    def cell(name: str, text: str) -> Any:
        if name == "prediction_id":
            return _id(text)
        if name in TIMES:
            return _time(name, text)
        if name == "withdraw":
            return _flag(text)
        if name == "label":
            return _label(text, numbers=regression)
        return _number(name, text)

    return Columns(
        ("prediction_id",),
        cell,
        lambda name: name in FIELDS or (name.startswith(OUTCOME) and name != OUTCOME),
        f"a file of labels has the columns {', '.join(FIELDS)} and {OUTCOME}<name>; rename or remove the others",
    )


def item_of(record: Record) -> Any:
    """Return a row as the item of a request, with its outcomes as one object. Raises BadRow if it is rejected."""
    item = record.item
    if isinstance(item, BadRow):
        raise item
    if not isinstance(item, dict):
        return item
    named = {name: value for name, value in item.items() if name.startswith(OUTCOME)}
    if not named:
        return item
    if "outcomes" in item:
        raise BadRow(["outcomes"], f"stands beside fields {OUTCOME}<name>; send one of the two")
    rest = {name: value for name, value in item.items() if name not in named}
    return {**rest, "outcomes": {name.removeprefix(OUTCOME): value for name, value in named.items()}}


def _id(text: str) -> str:
    if _FLOAT_ID.fullmatch(text):
        raise BadRow(
            ["prediction_id"],
            f"{shown(text)} is a whole number that was saved with a decimal point; save ids as whole numbers or texts",
        )
    return text


def _time(name: str, text: str) -> str | None:
    if text == "NaT":
        return None
    try:
        return iso(time_of(text))
    except (ValueError, OverflowError):
        raise BadRow(
            [name], f"{shown(text)} is no time; write RFC 3339, such as 2026-11-06T07:26:10Z, or a Unix time"
        ) from None


def _flag(text: str) -> bool:
    if text in ("1", "0"):
        return text == "1"
    if text not in BOOLEANS:
        raise BadRow(["withdraw"], f"{shown(text)} is neither true nor false")
    return BOOLEANS[text]


def _label(text: str, *, numbers: bool) -> Scalar:
    """Return a label. As a class its text is exact: `007` stays a text, and `1` equals the number."""
    number = number_of(text) if numbers else None
    return text if number is None else number


def _number(name: str, text: str) -> float:
    number = number_of(text)
    if number is None:
        raise BadRow([name], f"{shown(text)} is no number; leave the cell empty if the value is missing")
    return number
