"""Predictions or labels of one model that are sent together, and the bodies of their requests.

A body follows from the batch alone: the same rows and the same id always give the same bodies. A retry, also by another
process after a crash, is therefore the same request, and the service stores it once.
"""

from __future__ import annotations

import json

from driftguard_client.values import MAX_FEATURES, rfc3339

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    Row = list[Any]

MAX_BODY = 3_800_000
"""Bytes of JSON in one request. The service takes 4,000,000."""
ID, TIME, FEATURES, PREDICTION, SCORE, PROBABILITIES, LABEL = range(7)
"""The positions in a row."""
_COLUMNS = (
    ("predictions", PREDICTION),
    ("scores", SCORE),
    ("probabilities", PROBABILITIES),
    ("labels", LABEL),
    ("prediction_ids", ID),
)


LABEL_ID, LABEL_VALUE, LABEL_TIME, LABELLED_AT, OUTCOMES, WITHDRAW = range(6)
"""The positions in a label."""


class Kind:
    """What a batch holds. width: the number of values of a row. path: where it is sent to."""

    __slots__ = ("key", "path", "suffix", "what", "width")

    def __init__(self, key: str, path: str, suffix: str, width: int, what: str) -> None:
        self.key = key
        self.path = path
        self.suffix = suffix
        self.width = width
        self.what = what


ROWS = Kind("", "/predictions/batch", ".rows", 7, "Logging predictions")
LABELS = Kind("labels ", "/labels", ".labels", 6, "Sending labels")
KINDS = {kind.suffix: kind for kind in (ROWS, LABELS)}


class Body:
    """The body of one request, and the number of its rows."""

    __slots__ = ("batch_id", "content", "rows")

    def __init__(self, batch_id: str, content: bytes, rows: int) -> None:
        self.batch_id = batch_id
        self.content = content
        self.rows = rows


def bodies(kind: Kind, batch_id: str, model: dict[str, str], rows: Sequence[Row]) -> Iterator[Body]:
    """Yield the requests of a batch: one, unless the rows do not fit together into a request.

    model: `{"model": name}` or `{"model_id": id}`.
    """
    groups, columns = (_groups(rows), _columns) if kind is ROWS else (_distinct(rows), _label_columns)
    for number, group in enumerate(groups):
        yield from _sized(columns, batch_id if len(groups) == 1 else f"{batch_id}.{number}", model, group)


def _groups(rows: Sequence[Row]) -> list[list[Row]]:
    """Return the rows in groups with at most 500 names each."""
    groups: list[list[Row]] = [[]]
    names: set[str] = set()
    for row in rows:
        features = row[FEATURES]
        if not names.issuperset(features):
            if len(names.union(features)) > MAX_FEATURES:
                groups.append([])
                names = set()
            names.update(features)
        groups[-1].append(row)
    return groups


def _distinct(labels: Sequence[Row]) -> list[list[Row]]:
    """Return labels in groups without a repeated id. A request must not have two labels of one prediction."""
    groups: list[list[Row]] = [[]]
    ids: set[str] = set()
    for label in labels:
        if label[LABEL_ID] in ids:
            groups.append([])
            ids = set()
        ids.add(label[LABEL_ID])
        groups[-1].append(label)
    return groups


def _sized(
    columns: Callable[[list[Row]], dict[str, Any]], batch_id: str, model: dict[str, str], rows: list[Row]
) -> Iterator[Body]:
    content = json.dumps(
        {**model, "batch_id": batch_id, **columns(rows)}, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()
    if len(content) <= MAX_BODY or len(rows) == 1:
        yield Body(batch_id, content, len(rows))
        return
    half = len(rows) // 2
    yield from _sized(columns, f"{batch_id}-0", model, rows[:half])
    yield from _sized(columns, f"{batch_id}-1", model, rows[half:])


def _columns(rows: list[Row]) -> dict[str, Any]:
    names: dict[str, None] = {}
    for row in rows:
        names.update(dict.fromkeys(row[FEATURES]))
    content: dict[str, Any] = {"columns": {name: [row[FEATURES].get(name) for row in rows] for name in names}}
    for key, position in _COLUMNS:
        values = [row[position] for row in rows]
        if any(value is not None for value in values):
            content[key] = values
    content["timestamps"] = [rfc3339(row[TIME]) for row in rows]
    return content


def _label_columns(labels: list[Row]) -> dict[str, Any]:
    columns: dict[str, Any] = {"prediction_id": [label[LABEL_ID] for label in labels]}
    for name, position in (("label", LABEL_VALUE), ("outcomes", OUTCOMES), ("withdraw", WITHDRAW)):
        values = [label[position] for label in labels]
        if any(value is not None for value in values):
            columns[name] = values
    for name, position in (("timestamp", LABEL_TIME), ("labelled_at", LABELLED_AT)):
        times = [label[position] for label in labels]
        if any(time is not None for time in times):
            columns[name] = [None if time is None else rfc3339(time) for time in times]
    return {"columns": columns}
