"""Validate logged predictions that are sent as columns. The rules and the reasons are those of `rows.reading`.

A column whose values are all plain is checked as a whole. Its values are read one by one only if that check fails.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from math import isfinite
from typing import Any, Final, NamedTuple

from driftguard.platform.errors import FieldError, Invalid, Location
from driftguard.platform.serialization import UNFIT_IN_NAMES, Scalar
from driftguard.platform.times import in_milliseconds
from driftguard.rows import reading
from driftguard.rows.columns import Batch
from driftguard.rows.reading import MAX_AGE, MAX_AHEAD, MAX_FEATURES, MAX_NAME, MAX_STRING, REPEATED_ID, BadRow, moment

FIELDS: Final = ("timestamps", "predictions", "prediction_ids", "scores", "probabilities", "labels")
"""The columns beside the features, in the order in which a row is checked."""

_NUMBERS: Final = {float, int}
_PLAIN: Final = {float, int, str, bool, type(None)}


class SentColumn(NamedTuple):
    """The values of one column, and their types, which each step of the way asks for."""

    values: Sequence[Any]
    types: set[type]


@dataclass(frozen=True)
class SentColumns:
    """The columns of a request, all of one length. `fields` has those of FIELDS that were sent."""

    features: Mapping[str, SentColumn]
    fields: Mapping[str, SentColumn]

    @classmethod
    def of(cls, features: Mapping[str, Sequence[Any]], fields: Mapping[str, Sequence[Any] | None]) -> "SentColumns":
        """Return the columns of a body. Raises Invalid with each wrong name, and with each column of another length."""
        sent = cls(
            {name: SentColumn(values, set(map(type, values))) for name, values in features.items()},
            {name: SentColumn(values, set(map(type, values))) for name, values in fields.items() if values is not None},
        )
        if len(features) > MAX_FEATURES:
            raise Invalid.at(["body", "columns"], f"has {len(features)} features; {MAX_FEATURES} at most")
        errors = [*_wrong_names(features), *sent._wrong_lengths()]
        if errors:
            raise Invalid(errors)
        return sent

    @property
    def all(self) -> Iterator[tuple[list[str | int], Sequence[Any]]]:
        """Each column with its place in the body, the features first."""
        for name, column in self.features.items():
            yield ["body", "columns", name], column.values
        for name, column in self.fields.items():
            yield ["body", name], column.values

    @property
    def rows(self) -> int:
        """The number of rows."""
        return next((len(values) for _place, values in self.all), 0)

    def _wrong_lengths(self) -> list[FieldError]:
        first = next(iter(self.all), None)
        if first is None:
            return []
        name, length = first[0][-1], len(first[1])
        return [
            {"loc": place, "msg": f"has {len(values):,} values, but {name} has {length:,}; send one value per row"}
            for place, values in self.all
            if len(values) != length
        ]


def _wrong_names(names: Iterable[str]) -> list[FieldError]:
    errors = []
    for name in names:
        # This condition is `reading.check_name`, without a call for each good name.
        if not 1 <= len(name) <= MAX_NAME or UNFIT_IN_NAMES.search(name):
            try:
                reading.check_name(name, ["body", "columns", reading.shown(name)])
            except BadRow as error:
                errors.append(error.error)
    return errors


def read(sent: SentColumns, now: datetime) -> tuple[Batch, dict[int, BadRow]]:
    """Return the valid rows, and the first wrong place of each invalid row by its number.

    now: the current time (aware). Timestamps are compared with this time, and rows without a timestamp get it.
    """
    columns, given = _Reader(), sent.fields
    # The order of these calls decides which place of a row with several wrong values is named.
    times = _read_times(given.get("timestamps"), sent.rows, now, columns)
    features = {
        name: columns.read(column, ["body", "columns", name], _are_plain, reading.scalar)
        for name, column in sent.features.items()
    }
    nothing = SentColumn([None] * sent.rows, {type(None)})
    batch = Batch(
        times,
        features,
        columns.read(given.get("predictions", nothing), ["body", "predictions"], _are_plain, reading.scalar),
        columns.read(given.get("prediction_ids", nothing), ["body", "prediction_ids"], _are_ids, reading.prediction_id),
    )
    if "scores" in given:
        batch = batch._replace(scores=columns.read(given["scores"], ["body", "scores"], _never, reading.score))
    if "probabilities" in given:
        shares = columns.read(given["probabilities"], ["body", "probabilities"], _never, reading.probabilities)
        batch = batch._replace(probabilities=shares)
    if "labels" in given:
        batch = batch._replace(labels=columns.read(given["labels"], ["body", "labels"], _are_plain, reading.scalar))
    columns.reject_repeated(batch.ids)
    return batch.without(columns.errors) if columns.errors else batch, columns.errors


@dataclass
class _Reader:
    """Reads columns and collects the first error of each row, by the number of the row."""

    errors: dict[int, BadRow] = field(default_factory=dict)

    def read[T](
        self,
        column: SentColumn,
        place: Location,
        are_good: Callable[[SentColumn], bool],
        read_one: Callable[[Any, Location], T],
    ) -> Sequence[T]:
        """Return the values as `read_one` returns them. An invalid row has any value.

        are_good: whether all values are valid as they are. It may miss some valid columns.
        """
        if are_good(column):
            return column.values
        found: list[Any] = []
        for number, value in enumerate(column.values):
            if number in self.errors:
                found.append(None)
                continue
            try:
                found.append(read_one(value, [*place, number]))
            except BadRow as error:
                self.errors[number] = error
                found.append(None)
        return found

    def reject_repeated(self, ids: Sequence[str | None]) -> None:
        """Reject rows whose id an earlier valid row of the batch has."""
        seen: set[str] = set()
        for number, prediction_id in enumerate(ids):
            if prediction_id is None or number in self.errors:
                continue
            if prediction_id in seen:
                self.errors[number] = BadRow(["body", "prediction_ids", number], REPEATED_ID)
            seen.add(prediction_id)


def _read_times(column: SentColumn | None, rows: int, now: datetime, columns: _Reader) -> list[int]:
    """Return event times in milliseconds since the epoch. An invalid row has any time."""
    if column is None:
        return [in_milliseconds(now)] * rows
    place = ["body", "timestamps"]
    try:
        times = [moment(value, place) for value in column.values]
    except BadRow:
        times = []
    if times and min(times) >= now - MAX_AGE and max(times) <= now + MAX_AHEAD:
        return list(map(in_milliseconds, times))
    read_one = partial(reading.event_time, now=now)
    return [round((time or 0) * 1000) for time in columns.read(column, place, _never, read_one)]


def _never(_column: SentColumn) -> bool:
    return False


def _are_plain(column: SentColumn) -> bool:
    """Whether all values are valid for a feature."""
    values, types = column
    if not types <= _PLAIN:
        return False
    texts = values if types == {str} else [value for value in values if type(value) is str] if str in types else ()
    if texts and not _are_texts(texts):
        return False
    if not types & _NUMBERS:
        return True
    if types <= _NUMBERS:
        numbers: Sequence[Scalar] = values
    else:
        numbers = [value for value in values if type(value) in _NUMBERS]
    try:
        # One value that is not finite makes the sum not finite. The sum takes a tenth of the time.
        return isfinite(sum(numbers)) or all(map(isfinite, numbers))  # type: ignore[arg-type]  # chosen above
    except OverflowError:
        return False


def _are_texts(texts: Sequence[str]) -> bool:
    return max(map(len, texts)) <= MAX_STRING and reading.is_unicode("".join(texts))


def _are_ids(column: SentColumn) -> bool:
    """Whether all values are valid ids of predictions, as text or missing."""
    values, types = column
    if types == {type(None)}:
        return True
    return types == {str} and 1 <= min(map(len, values)) <= max(map(len, values)) <= MAX_NAME and _are_texts(values)
