"""Log predictions one by one or in batches, as rows or as columns. A repeated request is stored only once."""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from driftguard.models.names import lacking, warning
from driftguard.models.registry import referred
from driftguard.models.tables import Models
from driftguard.platform.errors import Invalid, TooLarge
from driftguard.predictions.requests import Request
from driftguard.predictions.schemas import MAX_ROWS, BatchBody, BatchLogged, Logged, PredictionBody, RejectedRow
from driftguard.predictions.storing import Valid, store, valid_of
from driftguard.rows.columns import Row, names_of
from driftguard.rows.logged_columns import FIELDS, SentColumns, read
from driftguard.rows.packing import pack_columns
from driftguard.rows.reading import REPEATED_ID, BadRow, RowReader


def log_one(organization_id: str, body: PredictionBody, *, idempotency_key: str | None = None, now: datetime) -> Logged:
    """Store one prediction durably. Raises Invalid, NotFound, and Conflict if the id was used with another body."""
    model = referred(organization_id, body)
    request, item = Request.of_one(body, idempotency_key)
    rows, rejected = _read([item], [["body"]], now)
    answer = store(model, request, valid_of(rows, rejected), rejected, now)
    return Logged(accepted=answer.accepted, prediction_ids=answer.prediction_ids)


def log_batch(
    organization_id: str, body: BatchBody, *, idempotency_key: str | None = None, now: datetime
) -> BatchLogged:
    """Store the valid rows of a batch durably.

    Raises TooLarge, NotFound, Conflict if the id was used with another body, and Invalid if no row is valid.
    """
    if body.columns is not None:
        return _log_columns(organization_id, body, body.columns, idempotency_key, now)
    _check_rows_alone(body)
    sent = body.predictions
    if sent is None:
        raise Invalid.at(["body", "predictions"], "is required: a list of rows, or one of predictions beside `columns`")
    _check_size(len(sent))
    model = referred(organization_id, body)
    if not sent:
        raise Invalid.at(["body", "predictions"], "must have at least one prediction")
    request, items = Request.of_rows(sent, body.batch_id, idempotency_key)
    rows, rejected = _read(items, [["body", "predictions", index] for index in range(len(items))], now)
    answer = store(model, request, valid_of(rows, rejected), rejected, now)
    predicted = any(row.prediction is not None for row in rows)
    return _with_warning(
        answer,
        _unwatched(
            model,
            lambda: names_of(rows),
            lambda names: _valued(rows, names),
            predicted=predicted,
        ),
    )


def _log_columns(
    organization_id: str,
    body: BatchBody,
    features: Mapping[str, Sequence[Any]],
    idempotency_key: str | None,
    now: datetime,
) -> BatchLogged:
    """Store the valid rows of a batch that came as columns. No row is built on the way. Raises like `log_batch`."""
    sent = SentColumns.of(features, {name: getattr(body, name) for name in FIELDS})
    _check_size(sent.rows)
    model = referred(organization_id, body)
    if not sent.rows:
        raise Invalid.at(["body", "columns"], "must have at least one row")
    request = Request.of_columns(sent, body.batch_id, idempotency_key)
    batch, errors = read(sent, now)
    rejected: list[RejectedRow] = [
        {"index": index, "loc": error.loc, "msg": error.msg} for index, error in sorted(errors.items())
    ]
    valid = None
    if batch.times:
        valid = Valid(pack_columns(batch, rejected), batch.ids, batch.times)
    answer = store(model, request, valid, rejected, now)
    return _with_warning(
        answer,
        _unwatched(
            model,
            lambda: batch.features,
            lambda names: {name for name in names if batch.features[name].count(None) < len(batch.features[name])},
            predicted=batch.predictions.count(None) < len(batch.predictions),
        ),
    )


def _check_rows_alone(body: BatchBody) -> None:
    """Raise Invalid if a body without columns has a field that goes with columns."""
    for name in FIELDS:
        if name != "predictions" and getattr(body, name) is not None:
            raise Invalid.at(["body", name], "goes with `columns`; in rows, each row has its own value")


def _check_size(rows: int) -> None:
    if rows > MAX_ROWS:
        raise TooLarge(f"A batch has at most {MAX_ROWS:,} predictions, not {rows:,}. Send smaller batches.")


def _read(
    items: Sequence[Any], places: Sequence[list[str | int]], now: datetime
) -> tuple[list[Row], list[RejectedRow]]:
    """Return the valid rows, and the first wrong place of each invalid row."""
    reader = RowReader(now)
    rows: list[Row] = []
    rejected: list[RejectedRow] = []
    seen: set[str] = set()
    for index, (item, place) in enumerate(zip(items, places, strict=True)):
        try:
            row = reader.logged(item, place)
            if row.prediction_id is not None:
                if row.prediction_id in seen:
                    raise BadRow([*place, "prediction_id"], REPEATED_ID)
                seen.add(row.prediction_id)
            rows.append(row)
        except BadRow as error:
            rejected.append({"index": index, "loc": error.loc, "msg": error.msg})
    return rows, rejected


def _unwatched(
    model: Models,
    names: Callable[[], Iterable[str]],
    valued: Callable[[Sequence[str]], Container[str]],
    *,
    predicted: bool,
) -> list[str]:
    """Return a warning about names with values that the model's baseline lacks. Without a baseline there is none.

    valued: returns those of the given names that have a value in the batch.
    """
    if not model.baseline_names:
        return []
    found = lacking(model.baseline_names, sorted(names()), predicted=predicted)
    if not found:
        return []
    with_value = valued([name for name in found if name != "prediction"])
    named = [name for name in found if name == "prediction" or name in with_value]
    return [warning(named)] if named else []


def _valued(rows: Iterable[Row], names: Iterable[str]) -> set[str]:
    """Return those of the names that have a value in any row. One pass over the rows serves any number of names."""
    return {name for row in rows for name, value in row.features.items() if value is not None}.intersection(names)


def _with_warning(answer: BatchLogged, warnings: Sequence[str]) -> BatchLogged:
    return answer.model_copy(update={"warnings": [*answer.warnings, *warnings]}) if warnings else answer
