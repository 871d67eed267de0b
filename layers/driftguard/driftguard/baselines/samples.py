"""Read and validate the values of a baseline: rows, columns, or logged predictions."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from sys import getsizeof
from typing import Any

from driftguard.baselines import schemas
from driftguard.models.tables import Models
from driftguard.models.task import Task
from driftguard.platform.errors import FieldError, Invalid, Location
from driftguard.platform.serialization import Scalar
from driftguard.platform.times import HOUR, hour_of, in_milliseconds
from driftguard.predictions.tables import RECOUNT_DAYS, Predictions
from driftguard.rows.columns import Row, milliseconds
from driftguard.rows.labelled import can_be_compared, labelled_row, labelled_rows
from driftguard.rows.reading import BadRow, BaselineRow, RowReader, check_name, moment, scalar, score
from driftguard.rows.unpacking import unpack_rows

MAX_BASELINE_ROWS = 500_000
MAX_BASELINE_VALUES = 4_000_000
"""An API call builds a baseline of this size in pure Python within 28 seconds. Upload larger baselines as a file."""

MAX_BASELINE_TEXT = 300_000_000
"""Bytes in memory of the different texts of a baseline that consists of logged predictions."""

ENTRY_BYTES = 100
"""Memory of a text beside itself."""

MAX_ERRORS = 100


@dataclass(frozen=True)
class Sample:
    """The values of a baseline: one sequence per feature, all of equal length.

    days: number of days that the values come from; None if unknown.
    hours: the hour of each row, counted since 1970, None for a row without a timestamp; empty without timestamps.
    labelled: the rows with a label, without their features.
    """

    columns: Mapping[str, Sequence[Any]]
    predictions: Sequence[Any] | None
    days: int | None
    source: str
    hours: Sequence[int | None] = ()
    labelled: Sequence[Row] = ()


def row_sample(rows: Sequence[Any], now: datetime, task: Task | None = None) -> Sample:
    """Return rows as columns. Raises Invalid with every invalid row, at most 100.

    task: the model's task. Without one, every label is accepted.
    """
    if not rows:
        raise Invalid.at(["body", "rows"], "must have at least one row")
    reader = RowReader(now)
    errors, names, read = [], dict[str, None](), list[BaselineRow]()
    for index, row in enumerate(rows):
        try:
            good = reader.baseline(row, ["body", "rows", index])
            check_label(good.label, ["body", "rows", index, "label"], task)
        except BadRow as error:
            errors.append(error.error)
            if len(errors) == MAX_ERRORS:
                break
            continue
        names.update(dict.fromkeys(good.features))
        read.append(good)
    if errors:
        raise Invalid(errors)
    _check_width(names, ["body", "rows"])
    columns = {name: [row.features.get(name) for row in read] for name in names}
    hours = [row.hour for row in read]
    found = (labelled_row(row.prediction, row.label, row.score, row.probabilities) for row in read)
    labelled = _comparable([row for row in found if row is not None], ["body", "rows"])
    return Sample(columns, _known([row.prediction for row in read]), _days(hours), "inline", hours, labelled)


def column_sample(body: schemas.BaselineBody, task: Task | None = None) -> Sample:
    """Validate columns value by value. Raises Invalid with the wrong places, at most 100. task: as in `row_sample`."""
    errors: list[FieldError] = []
    columns, predictions, labels = body.columns or {}, body.predictions, body.labels
    beside = [predictions, body.timestamps, labels, body.scores]
    lengths = {len(values) for values in [*columns.values(), *beside] if values is not None}
    if lengths in (set(), {0}):
        raise Invalid.at(["body", "columns"], "must have at least one row")
    if len(lengths) > 1:
        raise Invalid.at(["body", "columns"], "all columns must have the same length")
    _check_width(columns, ["body", "columns"])
    named = [(["body", "columns", name], values) for name, values in columns.items()]
    if predictions is not None:
        named.append((["body", "predictions"], predictions))
    try:
        for name in columns:
            check_name(name, ["body", "columns", name[:128]])
    except BadRow as error:
        raise Invalid([error.error]) from None
    for place, values in named:
        for index, value in enumerate(values):
            try:
                scalar(value, [*place, index])
            except BadRow as error:
                errors.append(error.error)
                if len(errors) == MAX_ERRORS:
                    raise Invalid(errors) from None
    hours = _each(body.timestamps, ["body", "timestamps"], _hour, errors)
    scores = _each(body.scores, ["body", "scores"], score, errors)
    _each(labels, ["body", "labels"], lambda label, loc: check_label(scalar(label, loc), loc, task), errors)
    if errors:
        raise Invalid(errors)
    labelled = _comparable(labelled_rows(labels or (), predictions, scores), ["body", "labels"])
    return Sample(columns, _known(predictions or []), _days(hours), "inline", hours, labelled)


def _each[T](
    values: Sequence[Any] | None, place: Location, read: Callable[[Any, Location], T], errors: list[FieldError]
) -> list[T]:
    """Return each value as `read` reads it. Adds the wrong ones to `errors`, up to MAX_ERRORS."""
    found: list[T] = []
    for index, value in enumerate(values or ()):
        try:
            found.append(read(value, [*place, index]))
        except BadRow as error:
            errors.append(error.error)
            if len(errors) == MAX_ERRORS:
                raise Invalid(errors) from None
    return found


def _hour(timestamp: Any, loc: Location) -> int | None:
    return None if timestamp is None else hour_of(moment(timestamp, loc))


def check_label(label: Scalar, loc: Location, task: Task | None) -> None:
    """Raise BadRow if the task does not know a label. A missing label is no error."""
    if task is not None and label is not None and label != "" and task.truth_of(label) is None:
        raise BadRow(loc, task.reason())


def _comparable(labelled: Sequence[Row], loc: Location) -> Sequence[Row]:
    """Return the rows with a label. Raises Invalid if none of them has anything to compare the label with."""
    if labelled and not any(map(can_be_compared, labelled)):
        raise Invalid.at(loc, "has labels but no predictions and no scores to compare them with; send one of both")
    return labelled


def _days(hours: Iterable[int | None]) -> int | None:
    """Return the number of UTC days in the hours; None if no hour is known."""
    return len({hour // 24 for hour in hours if hour is not None}) or None


def logged_sample(model: Models, period: schemas.FromPredictions) -> Sample:
    """Return the predictions with event times from start to before end. Raises Invalid for none or too many."""
    place = ["body", "from_predictions"]
    columns: dict[str, list[Any]] = {}
    predictions: list[Any] = []
    hours: list[int | None] = []
    labelled: list[Row] = []
    texts = _Texts()
    for row in _logged(model, period):
        features = {name: texts.once(value) for name, value in row.features.items()}
        prediction = texts.once(row.prediction)
        count = len(predictions)
        if count >= MAX_BASELINE_ROWS or count * len(columns) > MAX_BASELINE_VALUES or texts.size > MAX_BASELINE_TEXT:
            raise Invalid.at(place, "has more predictions than one baseline can hold; choose a shorter time range")
        for name in features:
            if name not in columns:
                columns[name] = [None] * count
        for name, values in columns.items():
            values.append(features.get(name))
        predictions.append(prediction)
        hours.append(int(row.event_time // HOUR.total_seconds()))
        known = labelled_row(prediction, texts.once(row.label), row.score, row.probabilities)
        if known is not None:
            labelled.append(known)
    if not predictions:
        raise Invalid.at(place, "no prediction has an event time between start and end; choose another time range")
    _check_width(columns, place)
    source = f"predictions {period.start:%Y-%m-%dT%H:%MZ} to {period.end:%Y-%m-%dT%H:%MZ}"
    if len(labelled) < model.settings.min_labels:
        labelled = []  # too few to judge by: an earlier reference for the performance stays in force
    return Sample(columns, _known(predictions), _days(hours), source, hours, labelled)


class _Texts:
    """The different texts of a sample, each kept once. size: their bytes in memory."""

    def __init__(self) -> None:
        self.size = 0
        self._known: dict[str, str] = {}

    def once(self, value: Any) -> Any:
        """Return the first text that equals the value, or a value that is no text as it is."""
        if type(value) is not str:
            return value
        kept = self._known.get(value)
        if kept is None:
            kept = self._known[value] = value
            self.size += getsizeof(value) + ENTRY_BYTES
        return kept


def _logged(model: Models, period: schemas.FromPredictions) -> Iterator[Row]:
    start, end = in_milliseconds(period.start), in_milliseconds(period.end)
    heads = Predictions.by_event(model.model_id, model.partition_count, period.start, period.end)
    for _head, payload in Predictions.payloads(heads):
        rows, _rejected = unpack_rows(payload)
        for row in rows:
            if start <= milliseconds(row) < end:
                yield row


def counted_from(model: Models, now: datetime) -> int | None:
    """Return the first day of which a new baseline's counts will contain the model's own rows; None without rows."""
    newest = Predictions.around(model.model_id, model.partition_count, None, None)
    return None if next(newest, None) is None else hour_of(now) // 24 - RECOUNT_DAYS


def _known(predictions: Sequence[Any]) -> Sequence[Any] | None:
    """Return the predictions; None if no row has a prediction."""
    return predictions if any(value is not None for value in predictions) else None


def _check_width(names: Mapping[str, Any], place: Sequence[str]) -> None:
    if len(names) > 500:
        raise Invalid.at(place, f"has {len(names)} features; 500 at most")
