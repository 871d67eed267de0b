"""Build baselines from more rows than fit in memory, with the same result as `distributions.baseline.build`.

Each chunk of rows writes its distinct numbers, sorted and counted, to files in a working folder. At the end the files
are merged range by range. Only the values that bins and quantiles need are read back.
"""

import math
from array import array
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate, islice, takewhile
from pathlib import Path
from sys import getsizeof
from typing import Any

import numpy as np

from driftguard.distributions.baseline import PREDICTION, Baseline, FeatureBaseline, Role, feature_type
from driftguard.distributions.categories import (
    BOOLEANS,
    CELLS,
    MAX_CATEGORIES,
    Categories,
    booleans,
    categories,
    cell_of,
    digest_of,
)
from driftguard.distributions.numbers import Numbers, numbers, to_double
from driftguard.distributions.times import Slots, Spool, Times
from driftguard.distributions.weeks import Calendar, Weeks
from driftguard.platform.serialization import Scalar
from driftguard.statistics.arrays import Floats, Ints

NUMBERS = (int, float)
"""Compared by exact type, because a Python bool is also an int."""

PAIRS_AT_ONCE = 4_000_000
"""Distinct numbers, summed over the chunks, that are merged at a time: 64 MB, and a few times that for sorting."""

MAX_NAMES = 400_000
KEPT_NAMES = 200_000
"""Categories that a feature with more than MAX_NAMES keeps: the most frequent. All others are only counted by hash
cell, so the baseline cannot tell their values from new values."""

MAX_NAME_BYTES = 400_000_000
"""Memory of the categories of all features together: about 2,000,000 names of usual length."""

FEWEST_NAMES = 2_000
KEPT_NAME_BYTES = 200_000_000
"""Categories that each feature keeps if all features together exceed MAX_NAME_BYTES. All features together then keep at
most KEPT_NAME_BYTES. Only files with hundreds of id columns have so many, and nobody compares ids as categories."""

ENTRY_BYTES = 130
"""Memory of a category beside its text."""


class BaselineBuilder:
    """Builds a baseline from chunks of tens of thousands of rows.

    The result differs from `distributions.baseline.build` only if a feature has more than MAX_NAMES categories or those
    of all features together exceed MAX_NAME_BYTES. Such a baseline has no digests, and a category that was dropped
    before it became frequent has some of its values in its hash cell.
    """

    def __init__(self, folder: Path, *, before: int | None = None) -> None:
        self.rows = 0
        self._folder = folder
        self._features: dict[tuple[Role, str], ColumnBuilder] = {}
        self._calendar = Calendar(before)
        self._spool = Spool()

    def add(
        self,
        columns: Mapping[str, Sequence[Scalar]],
        predictions: Sequence[Scalar] | None = None,
        *,
        rows: int | None = None,
        hours: Sequence[int | None] = (),
        places: Mapping[str, Sequence[int]] | None = None,
    ) -> None:
        """Add a chunk: columns of equal length, and the predictions of the same rows.

        rows: the number of rows. If given, columns may leave out missing values.
        hours, places: as in `rows.chunks.Chunk`. The times are those of all rows of the chunk, or none.
        Chunks may have different features. Raises ValueError if the columns differ in length without `rows`.
        """
        lengths = {len(values) for values in [*columns.values(), *([] if predictions is None else [predictions])]}
        if rows is None and len(lengths) > 1:
            raise ValueError(f"the columns of a baseline must have equal length; these have {sorted(lengths)} values")
        slots = self.slots(hours)
        for name, values in columns.items():
            column = self.column("feature", name)
            column.add(values)
            if len(slots):
                own = places.get(name) if places else None
                column.times.add(values, slots if own is None else slots[np.asarray(own, np.int64)])
        if predictions is not None:
            column = self.column("prediction", PREDICTION)
            column.add(predictions)
            if len(slots):
                column.times.add(predictions, slots)
        self.count(max(lengths, default=0) if rows is None else rows)

    def slots(self, hours: Sequence[int | None]) -> Slots:
        """Add the hours of rows, counted since 1970, and return their hours of the week."""
        return np.frombuffer(self._calendar.add(hours), np.uint8)

    def count(self, rows: int) -> None:
        """End a chunk of rows whose values were added column by column."""
        self.rows += rows
        if sum(column.name_bytes for column in self._features.values()) > MAX_NAME_BYTES:
            for column in self._features.values():
                column.keep_names(FEWEST_NAMES, KEPT_NAME_BYTES // len(self._features))

    def finish(
        self, *, days: int | None = None, progress: Callable[[int, int], None] = lambda _done, _all: None
    ) -> Baseline:
        """Return the baseline of all rows. Calls `progress` after each feature with the features done and in total."""
        features = []
        columns = sorted(self._features.items(), key=lambda item: item[0][0] == "prediction")
        for done, ((role, name), column) in enumerate(columns, 1):
            feature = column.finish(name, role, self.rows)
            if role == "feature" or feature.missing < feature.rows:
                features.append(feature)
            progress(done, len(columns))
        return Baseline(self.rows, days, tuple(features))

    def weeks(self, baseline: Baseline, *, progress: Callable[[], None] = lambda: None) -> Weeks | None:
        """Return when the values of the finished baseline occurred; None if the rows' times tell no hours.

        Calls `progress` after each feature.
        """
        if not self._calendar.tells_hours:
            return None
        tallies = []
        for feature in baseline.features:
            tallies.append(self._features[feature.role, feature.name].times.tally(feature))
            progress()
        return self._calendar.weeks(tallies)

    def column(self, role: Role, name: str) -> "ColumnBuilder":
        """Return the values of one feature so far, to add more."""
        key = (role, name)
        if key not in self._features:
            path = self._folder / f"{len(self._features)}"
            self._features[key] = ColumnBuilder(_Runs(path), Times(path, self._spool))
        return self._features[key]


class ColumnBuilder:
    """The values of one feature while a baseline is built."""

    def __init__(self, runs: "_Runs", times: Times) -> None:
        self.times = times
        self.name_bytes = 0
        self._runs = runs
        self._numbers = 0
        self._odd = 0
        self._strings = 0
        self._forgotten: array[int] | None = None
        self._names: Counter[str] = Counter()
        self._booleans: Counter[str] = Counter()

    def add(self, values: Sequence[Scalar]) -> None:
        """Add values of any kind."""
        kinds = set(map(type, values))
        if kinds & {int, float}:
            # mypy does not narrow a type by `type(value) in`.
            given = [to_double(value) for value in values if type(value) in NUMBERS]  # type: ignore[arg-type]
            self.add_numbers(np.array(given, np.float64))
        if str in kinds:
            self.add_names(Counter(value for value in values if isinstance(value, str)))
        if bool in kinds:
            self.add_booleans(Counter(BOOLEANS[value] for value in values if isinstance(value, bool)))

    def add_numbers(self, found: Floats) -> None:
        """Add numbers. Those that are not finite count as invalid."""
        finite = found[np.isfinite(found)]
        self._numbers += len(found)
        self._odd += len(found) - len(finite)
        self._runs.add(finite)

    def add_names(self, seen: Mapping[str, int]) -> None:
        """Add texts: the number of values of each category."""
        self._strings += sum(seen.values())
        self.name_bytes += sum(map(_name_bytes, seen.keys() - self._names.keys()))
        self._names.update(seen)
        if len(self._names) > MAX_NAMES:
            self.keep_names(KEPT_NAMES, MAX_NAME_BYTES)

    def add_booleans(self, seen: Mapping[str, int]) -> None:
        """Add booleans: the number of values of each of BOOLEANS."""
        self._booleans.update(seen)

    def keep_names(self, count: int, size: int) -> None:
        """Keep only the most frequent categories: at most `count`, and as many as fit in `size` bytes."""
        ranked = self._names.most_common()
        sizes = accumulate(_name_bytes(name) for name, _values in ranked)
        count = max(MAX_CATEGORIES, sum(1 for _size in takewhile(size.__ge__, islice(sizes, count))))
        if len(ranked) <= count:
            return
        forgotten = self._forgotten or array("Q", bytes(8 * CELLS))
        for name, values in ranked[count:]:
            forgotten[cell_of(digest_of(name))] += values
        self._forgotten, self._names = forgotten, Counter(dict(ranked[:count]))
        self.name_bytes = sum(map(_name_bytes, self._names))

    def finish(self, name: str, role: Role, rows: int) -> FeatureBaseline:
        flags = self._booleans.total()
        filled = self._numbers + self._strings + flags
        kind = feature_type(self._numbers, self._strings, flags)
        values: Numbers | Categories
        if kind == "numeric":
            values, present = self._runs.merge(), self._numbers - self._odd
        elif kind == "categorical":
            values, present = categories(self._names, self._forgotten), self._strings
        else:
            values, present = booleans(self._booleans), flags
        self._runs.remove()
        self._names = Counter()
        return FeatureBaseline(name, role, kind, rows, rows - filled, filled - present, values)


def _name_bytes(name: str) -> int:
    return getsizeof(name) + ENTRY_BYTES


class _Runs:
    """Sorted runs of distinct numbers with their counts, in files."""

    def __init__(self, path: Path) -> None:
        self._values = path.with_suffix(".values")
        self._counts = path.with_suffix(".counts")
        self._merged = path.with_suffix(".merged")
        self._cumulative = path.with_suffix(".cumulative")
        self._ends: list[int] = []

    def add(self, found: Floats) -> None:
        """Append a run of finite numbers."""
        if not len(found):
            return
        values, counts = np.unique(found, return_counts=True)
        with self._values.open("ab") as file:
            file.write(values.tobytes())
        with self._counts.open("ab") as file:
            file.write(counts.astype(np.int64).tobytes())
        self._ends.append((self._ends[-1] if self._ends else 0) + len(values))

    def merge(self) -> Numbers:
        """Return the distribution of all runs together."""
        if not self._ends:
            return numbers([], [], total=0.0, squares=0.0)
        values, counts = self._open(self._values, np.float64), self._open(self._counts, np.int64)
        runs = [values[start:end] for start, end in zip([0, *self._ends], self._ends, strict=False)]
        tallies = [counts[start:end] for start, end in zip([0, *self._ends], self._ends, strict=False)]
        totals, squares, before = [], [], 0
        with self._merged.open("wb") as merged, self._cumulative.open("wb") as cumulative:
            low = [0] * len(runs)
            for splitter in [*self._splitters(runs), math.inf]:
                high = [int(run.searchsorted(splitter, side="right")) for run in runs]
                distinct, tally = _join(
                    [run[a:b] for run, a, b in zip(runs, low, high, strict=True)],
                    [some[a:b] for some, a, b in zip(tallies, low, high, strict=True)],
                )
                low = high
                running = np.cumsum(tally) + before
                before = int(running[-1]) if len(running) else before
                merged.write(distinct.tobytes())
                cumulative.write(running.tobytes())
                with np.errstate(over="ignore", invalid="ignore"):
                    totals.append(float((distinct * tally).sum()))
                    squares.append(float((distinct * distinct * tally).sum()))
        return numbers(
            self._open(self._merged, np.float64),
            self._open(self._cumulative, np.int64),
            total=sum(totals),
            squares=sum(squares),
        )

    def remove(self) -> None:
        """Delete the files."""
        for path in (self._values, self._counts, self._merged, self._cumulative):
            path.unlink(missing_ok=True)

    def _splitters(self, runs: Sequence[Floats]) -> list[float]:
        """Return numbers that split the runs into ranges of about PAIRS_AT_ONCE."""
        parts = -(-self._ends[-1] // PAIRS_AT_ONCE)
        step = max(1, self._ends[-1] // (parts * 1000))
        sample = np.sort(np.concatenate([run[step // 2 :: step] for run in runs]))
        places = [len(sample) * part // parts for part in range(1, parts)]
        return sorted({float(sample[place]) for place in places}) if len(sample) else []

    @staticmethod
    def _open(path: Path, dtype: type[Any]) -> Any:
        return np.memmap(path, dtype=dtype, mode="r")


def _join(values: Sequence[Floats], counts: Sequence[Ints]) -> tuple[Floats, Ints]:
    """Return the distinct values of several sorted runs, with their counts."""
    together, tally = np.concatenate(values), np.concatenate(counts)
    distinct, places = np.unique(together, return_inverse=True)
    return distinct, np.bincount(places, weights=tally, minlength=len(distinct)).astype(np.int64)
