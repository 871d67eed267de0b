"""The labels of two samples: the task that they make, and the counts of which performance is computed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import compress
from typing import Any, TypeVar

import numpy as np
from driftguard_engine.models.task import MAX_CLASSES, Task, canonical
from driftguard_engine.performance.counts import Counts
from driftguard_engine.performance.matching import count_labelled
from driftguard_engine.performance.runs import NO_CLASS

from driftguard_client.comparing.counting import DAY, Roles, times_in
from driftguard_client.comparing.errors import CompareError
from driftguard_client.comparing.sources import Batch, Source
from driftguard_client.comparing.values import scalars_of

T = TypeVar("T")


class Labelled:
    """The rows of a sample that have a label: label, prediction, score, day and place of each."""

    def __init__(self, source: Source, roles: Roles) -> None:
        self.name = source.name
        self.labels: list[Any] = []
        self.predictions: list[Any] = []
        self.scores: list[Any] = []
        self.days: list[int] = []
        self.places: list[int] = []
        self._roles = roles
        self._timestamp = roles.timestamp if roles.timestamp in source.names else None

    def add(self, batch: Batch) -> None:
        """Add the rows of a batch. Raises CompareError for a score that is no probability."""
        roles = self._roles
        labels = _column(batch, roles.label)
        known = [value is not None and value != "" for value in labels]
        scores = _column(batch, roles.score)
        for place, score in enumerate(scores):
            if score is not None and (isinstance(score, (bool, str)) or not 0 <= score <= 1):
                row = batch.first_row + place + 1
                raise CompareError(f"Column {roles.score!r}, row {row}: {score!r} is no probability from 0 to 1.")
        self.labels += compress(labels, known)
        self.predictions += compress(_column(batch, roles.prediction), known)
        self.scores += compress(scores, known)
        self.places += compress(range(batch.first_row, batch.first_row + batch.rows), known)
        if self._timestamp is not None:
            self.days += compress((times_in(batch, self._timestamp) // DAY).tolist(), known)

    def counts(self, task: Task) -> list[Counts]:
        """Return the counts of each day, oldest first; of all rows together without times. Raises CompareError."""
        truth = self._truth(task)
        predicted, values = self._predicted(task)
        if self._timestamp is None:
            return [count_labelled(task.class_count, predicted, values, truth)] if self.labels else []
        days = np.array(self.days, np.int64)
        rows = [days == day for day in np.unique(days)]
        return [count_labelled(task.class_count, predicted[own], values[own], truth[own]) for own in rows]

    def _truth(self, task: Task) -> Any:
        codes = {value: task.truth_of(value) for value in set(self.labels)}
        for value, code in codes.items():
            if code is None:
                row = self.places[self.labels.index(value)] + 1
                raise CompareError(
                    f"Column {self._roles.label!r} of {self.name}, row {row}: the label {value!r} {task.reason()}."
                )
        return np.array([codes[value] for value in self.labels], np.float64 if task.type == "regression" else np.uint8)

    def _predicted(self, task: Task) -> tuple[Any, Any]:
        """Return the predicted class of each row, and its score or the predicted number."""
        if task.type == "regression":
            numbers = [task.number_of(value) for value in self.predictions]
            values = np.array([np.nan if one is None else one for one in numbers], np.float64)
            return np.full(len(values), NO_CLASS, np.uint8), values
        known: dict[tuple[Any, Any], int | None] = {}
        classes = np.full(len(self.labels), NO_CLASS, np.uint8)
        values = np.full(len(self.labels), np.nan)
        for place, (prediction, score) in enumerate(zip(self.predictions, self.scores, strict=True)):
            pair = (prediction, None if score is None else score >= task.threshold)
            if pair not in known:
                known[pair] = task.predicted(prediction, score, None, task.threshold)
            code = known[pair]
            if code is not None:
                classes[place] = code
            if task.type == "binary":
                found = task.score_of(score, prediction)
                values[place] = np.nan if found is None else found
        return classes, values


class Tapped:
    """A source whose labels are collected while it is read. labelled: those of the last reading."""

    def __init__(self, source: Source, roles: Roles) -> None:
        self.name = source.name
        self.names = source.names
        self.labelled = Labelled(source, roles)
        self._source = source
        self._roles = roles
        self._is_labelled = roles.label in source.names

    @property
    def notes(self) -> list[str]:
        """How the rows were read."""
        return self._source.notes

    def read(self, consume: Callable[[Iterator[Batch]], T]) -> T:
        """Return what `consume` makes of all batches."""

        def collect(batches: Iterator[Batch]) -> T:
            self.labelled = Labelled(self._source, self._roles)
            return consume(self._noted(batches) if self._is_labelled else batches)

        return self._source.read(collect)

    def _noted(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        for batch in batches:
            self.labelled.add(batch)
            yield batch


def task_of(given: Task | None, samples: Sequence[Labelled], *, has_score: bool) -> Task:
    """Return the task of the settings, or the one that the labels make. Raises CompareError if they make none.

    0 and 1 or booleans are binary with 1 as the positive label. Other numbers of more than MAX_CLASSES kinds, or with
    decimals, are a regression. Everything else is multiclass.
    """
    if given is not None:
        return given
    labels = set().union(*(sample.labels for sample in samples))
    names = {canonical(value): value for value in labels}
    if names.keys() <= {"0", "1"}:
        return Task(type="binary", positive=1)
    if has_score:
        raise CompareError(
            "The labels are not 0 and 1, so it is unknown which one the score is for. Set the task in --config: "
            '[settings.task] type = "binary", positive = "…"; in Python: settings={"task": {…}}.'
        )
    numbers = not any(isinstance(value, (str, bool)) for value in labels)
    if numbers and (len(names) > MAX_CLASSES or not all(float(value).is_integer() for value in labels)):
        return Task(type="regression")
    if len(names) > MAX_CLASSES:
        raise CompareError(f"The labels have {len(names)} classes; {MAX_CLASSES} at most. Is this the right column?")
    return Task(type="multiclass", classes=[names[name] for name in sorted(names)])


def _column(batch: Batch, name: str | None) -> list[Any]:
    values = None if name is None else batch.column(name)
    return [None] * batch.rows if values is None or name is None else scalars_of(values, name, batch.first_row)
