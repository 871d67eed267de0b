"""Turns logged batches of predictions and of labels into rows of the directory and the labels of days."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NamedTuple

import numpy as np

from driftguard.models.task import Task, Thresholds, threshold_at
from driftguard.performance.ids import Hashes, hashes_of
from driftguard.performance.label_rows import LABELLED_AT, OUTCOME, UNDATED, UNTIMED, WITHDRAW
from driftguard.performance.runs import NO_CLASS, Directory, Kind, Labels, arrival_of
from driftguard.platform.serialization import Scalar
from driftguard.rows.columns import Row
from driftguard.statistics.arrays import Floats, Ints

DAY_US = 86_400_000_000
HOUR_US = 3_600_000_000
HINT_AGE = timedelta(days=400)
"""An id is a hint of the day only if its time is at most this old."""

_ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}", re.IGNORECASE)
_UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE)
_CROCKFORD = {letter: number for number, letter in enumerate("0123456789ABCDEFGHJKMNPQRSTVWXYZ")}


class _Given(NamedTuple):
    """A label as it was sent, with its event day. A label of None is withdrawn."""

    prediction_id: str
    label: Scalar
    day: int
    labelled_at: int
    place: int
    fields: Mapping[str, Scalar]


@dataclass(frozen=True)
class Pieces:
    """What one batch adds to days. refused: labels that the task does not know."""

    arrived_at: str
    directories: Mapping[int, Directory] = field(default_factory=dict)
    labels: Mapping[int, Labels] = field(default_factory=dict)
    refused: int = 0


@dataclass(frozen=True)
class Reader:
    """Reads the batches of one model with a task."""

    model_id: str
    task: Task
    thresholds: Thresholds = ()

    @property
    def kind(self) -> Kind:
        """What the task predicts."""
        return "numbers" if self.task.type == "regression" else "classes"

    def predictions(self, arrived_at: str, rows: Sequence[Row], ids: Sequence[str]) -> Pieces:
        """Return what a batch of predictions adds. A row's own label counts from its event time."""
        times = np.array([round(row.event_time * 1e6) for row in rows], np.int64)
        days = times // DAY_US
        directory = self._directory(arrived_at, rows, hashes_of(self.model_id, ids), times)
        own = [place for place, row in enumerate(rows) if row.label is not None]
        given = [_Given(ids[place], rows[place].label, int(days[place]), int(times[place]), place, {}) for place in own]
        labels, refused = self._labels(arrived_at, given)
        return Pieces(arrived_at, {int(day): directory.take(days == day) for day in np.unique(days)}, labels, refused)

    def labels(self, arrived_at: str, rows: Sequence[Row]) -> Pieces:
        """Return what a batch of labels adds."""
        arrived = arrival_of(arrived_at)[0]
        given = [
            _Given(
                str(row.prediction_id),
                None if row.features.get(WITHDRAW) else row.prediction,
                _day_of(row, arrived),
                int(row.features.get(LABELLED_AT) or arrived),
                place,
                row.features,
            )
            for place, row in enumerate(rows)
        ]
        labels, refused = self._labels(arrived_at, given)
        return Pieces(arrived_at, {}, labels, refused)

    def _directory(self, arrived_at: str, rows: Sequence[Row], hashes: Hashes, times: Ints) -> Directory:
        hours = (times % DAY_US // HOUR_US).astype(np.uint8)
        if self.kind == "numbers":
            numbers = [self.task.number_of(row.prediction) for row in rows]
            return Directory(hashes, hours, np.full(len(rows), NO_CLASS, np.uint8), np.array(numbers, np.float64))
        threshold = threshold_at(self.thresholds, arrived_at, self.task.threshold)
        codes = [self.task.predicted(row.prediction, row.score, row.probabilities, threshold) for row in rows]
        scores: list[float | None] = [None] * len(rows)
        if self.task.type == "binary":
            scores = [self.task.score_of(row.score, row.prediction) for row in rows]
        return Directory(
            hashes,
            hours,
            np.array([NO_CLASS if code is None else code for code in codes], np.uint8),
            np.array(scores, np.float64).astype(np.float32),
        )

    def _labels(self, arrived_at: str, given: Sequence[_Given]) -> tuple[dict[int, Labels], int]:
        """Return labels by day, and how many the task does not know. A label of None is withdrawn."""
        truths = [None if one.label is None else self.task.truth_of(one.label) for one in given]
        kept = [
            (one, truth) for one, truth in zip(given, truths, strict=True) if one.label is None or truth is not None
        ]
        if not kept:
            return {}, len(given)
        ones = [one for one, _truth in kept]
        time, key = arrival_of(arrived_at)
        numbers = np.array([0.0 if truth is None else truth for _one, truth in kept])
        withdrawn = np.array([one.label is None for one in ones])
        classes = np.zeros(len(ones)) if self.kind == "numbers" else numbers
        names = {name for one in ones for name in one.fields if name.startswith(OUTCOME)}
        everything = Labels(
            self.kind,
            hashes_of(self.model_id, (one.prediction_id for one in ones)),
            np.where(withdrawn, NO_CLASS, classes).astype(np.uint8),
            numbers if self.kind == "numbers" else np.zeros(0),
            np.array([one.labelled_at for one in ones], np.int64),
            np.full(len(ones), time, np.int64),
            np.full(len(ones), key, np.uint64),
            np.array([one.place for one in ones], np.int64),
            {name.removeprefix(OUTCOME): _numbers(one.fields.get(name) for one in ones) for name in sorted(names)},
        )
        days = np.array([one.day for one in ones], np.int64)
        return {int(day): everything.take(days == day) for day in np.unique(days)}, len(given) - len(kept)


def _numbers(values: Iterable[Scalar]) -> Floats:
    return np.array([value if isinstance(value, (int, float)) else np.nan for value in values], np.float64)


def _day_of(row: Row, arrived: int) -> int:
    """Return the event day of a label: of its timestamp, of the time in its id, or UNDATED and the arrival's day."""
    if not row.features.get(UNTIMED):
        return round(row.event_time * 1e6) // DAY_US
    hint = time_in(str(row.prediction_id))
    if hint is not None and arrived - HINT_AGE // timedelta(microseconds=1) <= hint <= arrived + HOUR_US:
        return hint // DAY_US
    return UNDATED + arrived // DAY_US


def time_in(prediction_id: str) -> int | None:
    """Return the time in a ULID or a UUID of version 7, in microseconds since the epoch; None for any other id."""
    if _ULID.fullmatch(prediction_id):
        milliseconds = 0
        for letter in prediction_id[:10].upper():
            milliseconds = milliseconds * 32 + _CROCKFORD[letter]
        return milliseconds * 1000
    if _UUID7.fullmatch(prediction_id):
        return int(prediction_id[:8] + prediction_id[9:13], 16) * 1000
    return None
