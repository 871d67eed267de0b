"""Log labels as rows or as columns. A repeated request is stored only once."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from driftguard.models.tables import Models
from driftguard.performance.label_rows import read_label
from driftguard.performance.schemas import LabelsLogged, LabelsOfModel
from driftguard.platform.errors import Invalid, Location, TooLarge
from driftguard.predictions.keys import labels_of
from driftguard.predictions.requests import Request
from driftguard.predictions.schemas import MAX_ROWS, RejectedRow
from driftguard.predictions.storing import store, valid_of
from driftguard.rows.columns import Row
from driftguard.rows.reading import REPEATED_ID, BadRow

COLUMNS = ("prediction_id", "label", "timestamp", "labelled_at", "outcomes", "withdraw")


def log_labels(
    model: Models, body: LabelsOfModel, *, idempotency_key: str | None = None, now: datetime
) -> LabelsLogged:
    """Store the valid labels of a request durably.

    Raises TooLarge, Conflict if the id was used with another body, and Invalid if every label is wrong.
    """
    items, places = _items(body)
    if len(items) > MAX_ROWS:
        raise TooLarge(f"A request has at most {MAX_ROWS:,} labels, not {len(items):,}. Send several requests.")
    rows, rejected = _read(items, places, model, now)
    unlabelled = len(items) - len(rows) - len(rejected)
    if not rows and not rejected:
        return LabelsLogged(accepted=0, rejected=0, unlabelled=unlabelled, errors=[])
    valid = valid_of(rows, rejected)
    request = Request.of_labels(items, body.batch_id, idempotency_key)
    answer = store(model, request, valid, rejected, now, labels_of(model.model_id))
    return LabelsLogged(
        accepted=answer.accepted,
        rejected=answer.rejected,
        unlabelled=unlabelled,
        errors=answer.errors,
        errors_left_out=answer.errors_left_out,
    )


def _items(body: LabelsOfModel) -> tuple[Sequence[Any], Sequence[Location]]:
    """Return the labels as objects, and the place of each in the body. Raises Invalid."""
    if (body.labels is None) == (body.columns is None):
        raise Invalid.at(["body", "labels"], "send either labels, a list of objects, or columns")
    if body.columns is None:
        if not isinstance(body.labels, list) or not body.labels:
            raise Invalid.at(["body", "labels"], "must be a list of at least one label")
        return body.labels, [["body", "labels", index] for index in range(len(body.labels))]
    columns = body.columns
    if not isinstance(columns, dict) or not columns.keys() <= {*COLUMNS}:
        raise Invalid.at(["body", "columns"], f"must be an object with columns of these names: {', '.join(COLUMNS)}")
    if not isinstance(columns.get("prediction_id"), list) or not columns["prediction_id"]:
        raise Invalid.at(["body", "columns", "prediction_id"], "must be a list of at least one id")
    rows = len(columns["prediction_id"])
    for name, values in columns.items():
        if not isinstance(values, list) or len(values) != rows:
            raise Invalid.at(["body", "columns", name], f"must be a list of {rows:,} values, as `prediction_id` is")
    items = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    return items, [["body", "columns", index] for index in range(rows)]


def _read(
    items: Sequence[Any], places: Sequence[Location], model: Models, now: datetime
) -> tuple[list[Row], list[RejectedRow]]:
    task = model.settings.task
    rows: list[Row] = []
    rejected: list[RejectedRow] = []
    seen: set[str] = set()
    for index, (item, place) in enumerate(zip(items, places, strict=True)):
        try:
            row = read_label(item, place, task, now)
            if row is not None and row.prediction_id in seen:
                raise BadRow([*place, "prediction_id"], REPEATED_ID)
        except BadRow as error:
            rejected.append({"index": index, "loc": error.loc, "msg": error.msg})
            continue
        if row is not None:
            seen.add(str(row.prediction_id))
            rows.append(row)
    return rows, rejected
