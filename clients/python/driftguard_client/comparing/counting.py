"""Two samples become a baseline and counts, column by column and without rows in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from driftguard_engine.distributions.baseline import PREDICTION, Baseline
from driftguard_engine.distributions.categories import BOOLEANS
from driftguard_engine.distributions.large import BaselineBuilder, ColumnBuilder
from driftguard_engine.distributions.times import Slots
from driftguard_engine.distributions.weeks import Weeks
from driftguard_engine.rows.columns import Column, Columns

from driftguard_client.columns import names_in, texts_warning
from driftguard_client.comparing.errors import CompareError, unknown_name
from driftguard_client.comparing.sources import Batch, FrameSource, Source
from driftguard_client.comparing.values import Times, parts_of, times_of

TIMESTAMP = "timestamp"
HOUR, DAY = 3_600_000, 86_400_000
"""In milliseconds."""

Progress = Callable[[str, int], None]
"""Takes what is being done and the number of rows so far."""


@dataclass(frozen=True)
class Roles:
    """What each column is. exclude: columns left out. The others are None if there is none."""

    prediction: str | None
    timestamp: str | None
    exclude: frozenset[str]
    label: str | None = None
    score: str | None = None

    @classmethod
    def of(
        cls,
        baseline: Source,
        window: Source,
        *,
        prediction: str | None,
        timestamp: str | None,
        exclude: Iterable[str] = (),
        label: str | None = None,
        score: str | None = None,
    ) -> Roles:
        """Return the roles. Without a name, columns called `prediction` and `timestamp` are what they are called.

        Raises CompareError for a name that the samples lack, and if they have no column in common.
        """
        for source in (baseline, window):
            if prediction is not None and prediction not in source.names:
                raise unknown_name("column", prediction, source.names, _label(source))
        for name in (timestamp, label, score):
            if name is not None and name not in window.names:
                raise unknown_name("column", name, window.names, _label(window))
        every = [*baseline.names, *window.names]
        left_out = names_in(exclude)
        for name in left_out:
            if name not in every:
                raise unknown_name("column", name, dict.fromkeys(every), "The data")
        named = {"prediction": prediction, "timestamp": timestamp, "label": label, "score": score}
        for (one, name), (other, same) in combinations(named.items(), 2):
            if name is not None and name == same:
                raise CompareError(f"Column {name!r} cannot be both the {one} and the {other}.")
        roles = cls(
            prediction=prediction or (PREDICTION if PREDICTION in every and PREDICTION not in named.values() else None),
            timestamp=timestamp or (TIMESTAMP if TIMESTAMP in every and TIMESTAMP not in named.values() else None),
            exclude=frozenset(left_out),
            label=label,
            score=score,
        )
        before, now = roles.features(baseline), roles.features(window)
        if not set(before) & set(now):
            shown = [", ".join(map(repr, names[:5])) or "none" for names in (before, now)]
            raise CompareError(
                f"The baseline and the window have no feature in common. The baseline has: {shown[0]}. "
                f"The window has: {shown[1]}."
            )
        return roles

    def features(self, source: Source) -> list[str]:
        """Return the columns of a sample that are features."""
        left_out = {self.prediction, self.timestamp, self.label, self.score, *self.exclude}
        return [name for name in source.names if name not in left_out]


class Sample(NamedTuple):
    """What is known of a sample beside its values. start, end: its first and last time in milliseconds since 1970."""

    name: str
    rows: int
    days: int | None
    start: int | None
    end: int | None


class Reference(NamedTuple):
    """A baseline, what is known of its sample, and when its values occurred: None if its times tell no hours."""

    baseline: Baseline
    sample: Sample
    weeks: Weeks | None


def baseline_of(source: Source, roles: Roles, progress: Progress) -> tuple[Baseline, Sample]:
    """Return the baseline that the service would build of these rows."""
    found = _reference(source, roles, progress, with_weeks=False)
    return found.baseline, found.sample


def reference_of(source: Source, roles: Roles, progress: Progress, *, before: int | None = None) -> Reference:
    """Return the baseline with its hours of the week. before: the hours of this day and later ones are left out."""
    return _reference(source, roles, progress, with_weeks=True, before=before)


def _reference(
    source: Source, roles: Roles, progress: Progress, *, with_weeks: bool, before: int | None = None
) -> Reference:
    timestamp = roles.timestamp if roles.timestamp in source.names else None

    def build(batches: Iterator[Batch]) -> Reference:
        names, span, warnings = roles.features(source), Span(), list[str]()
        with TemporaryDirectory() as folder:
            builder = BaselineBuilder(Path(folder), before=before)
            for batch in batches:
                slots = None
                if timestamp is not None:
                    times = times_in(batch, timestamp)
                    span.add(times)
                    slots = builder.slots((times // HOUR).tolist()) if with_weeks else None
                for name in names:
                    column = _column(batch, name)
                    _add(builder.column("feature", name), column, slots)
                    if not batch.first_row:
                        warnings += _warnings(name, column)
                if roles.prediction is not None:
                    _add(builder.column("prediction", PREDICTION), _column(batch, roles.prediction), slots)
                builder.count(batch.rows)
                progress(f"Reading {source.name}", builder.rows)
            source.notes.extend(one for one in warnings if one not in source.notes)
            baseline = builder.finish(days=len(span.days) or None)
            return Reference(baseline, span.sample(source.name, baseline.rows), builder.weeks(baseline))

    return source.read(build)


def columns_of(batch: Batch, source: Source, roles: Roles) -> Columns:
    """Return rows as the engine counts them. Without times every row is of the first hour of 1970."""
    timed = roles.timestamp is not None
    times = times_in(batch, str(roles.timestamp)) if timed else np.zeros(batch.rows, np.int64)

    def reader(name: str) -> Callable[[], Column]:
        return lambda: _column(batch, name)

    readers = {name: reader(name) for name in roles.features(source)}
    prediction = (lambda: ()) if roles.prediction is None else reader(roles.prediction)
    return Columns(times.astype("<i8").tobytes(), readers, prediction)


class Span:
    """The times of a sample: its days, its first and its last time."""

    def __init__(self) -> None:
        self.days: set[int] = set()
        self.start: int | None = None
        self.end: int | None = None

    def add(self, times: Times) -> None:
        """Add the times of some rows."""
        if not len(times):
            return
        self.days.update(np.unique(times // DAY).tolist())
        first, last = int(times.min()), int(times.max())
        self.start = first if self.start is None else min(self.start, first)
        self.end = last if self.end is None else max(self.end, last)

    def add_bytes(self, times: bytes) -> Times:
        """Add the times of some rows as the engine holds them, and return them."""
        found: Times = np.frombuffer(times, "<i8").astype(np.int64)
        self.add(found)
        return found

    def sample(self, name: str, rows: int) -> Sample:
        """Return the sample that has these times."""
        return Sample(name, rows, len(self.days) or None, self.start, self.end)


def times_in(batch: Batch, name: str) -> Times:
    """Return the times of a batch. Raises CompareError if it has none."""
    values = batch.column(name)
    if values is None:
        raise CompareError(f"Row {batch.first_row + 1} has no column {name!r}, which holds the times.")
    return times_of(values, name, batch.first_row)


def _label(source: Source) -> str:
    return f"The {source.name}" if isinstance(source, FrameSource) else source.name


def _column(batch: Batch, name: str) -> Column:
    values = batch.column(name)
    return () if values is None else parts_of(values, name, batch.first_row)


def _warnings(name: str, column: Column) -> list[str]:
    """Return what is wrong with a feature's texts, by the first rows."""
    distinct: dict[str, None] = {}
    texts = 0
    for part in column:
        if part.kind == "string":
            texts += part.count
            codes = np.unique(np.frombuffer(part.data, part.dtype)).tolist()
            distinct.update(dict.fromkeys(part.dictionary[code] for code in codes))
    warning = texts_warning(name, sum(part.count for part in column), texts, distinct)
    return [] if warning is None else [warning]


def _add(builder: ColumnBuilder, column: Column, slots: Slots | None) -> None:
    """Add values. slots: the hour of the week of each row, if it is known."""
    for part in column:
        items: npt.NDArray[np.generic] = np.frombuffer(part.data, part.dtype)
        own = slots
        if slots is not None and part.mask is not None:
            own = slots[np.frombuffer(part.mask, np.bool_)]
        if part.kind == "number":
            found = items.astype(np.float64, copy=False)
            builder.add_numbers(found)
            if own is not None:
                builder.times.add_numbers(found, own)
            continue
        names = BOOLEANS if part.kind == "boolean" else part.dictionary
        codes = items.astype(np.int64)
        if own is not None and part.kind == "boolean":
            builder.times.add_flags(codes, own)
        elif own is not None:
            builder.times.add_names(names, codes, own)
        counts = np.bincount(codes, minlength=len(names)).tolist()
        seen: Counter[str] = Counter()
        for name, count in zip(names, counts, strict=True):
            if count:
                seen[name] += count
        if part.kind == "boolean":
            builder.add_booleans(seen)
        else:
            builder.add_names(seen)
