"""Count the rows of packed batches by hour.

Batches are joined before counting, and all hours of a feature are counted together. Each numpy call then handles many
values. If the counts of all features and hours do not fit in memory, the groups of features are counted in turn.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from driftguard.counting.counts import FIELDS, KINDS, NAME_LENGTH, RECENT_NAMES, Counts, Names, later, latest
from driftguard.counting.edges import Codes
from driftguard.counting.layout import Group, groups_of, layout_of
from driftguard.counting.notes import Notes, note_examples, note_unwatched
from driftguard.distributions.baseline import Baseline
from driftguard.distributions.categories import BOOLEANS
from driftguard.rows.columns import Columns, Part
from driftguard.rows.unpacking import columns
from driftguard.statistics.arrays import Floats, Ints

ROWS_AT_ONCE = 50_000
BYTES_AT_ONCE = 100_000_000
"""Memory of the batches that are joined."""

COUNT_BYTES = 128_000_000
"""Memory of the counts of several groups. The counts of one group alone may take more: 400 MB for 21 days."""

NAME_BYTES, NOTE_BYTES = 2_100, 1_000
"""Memory of the latest names of a feature, and of the examples of its values of another type."""

HOUR = 3_600_000
"""In milliseconds."""

LATEST_ROWS = 50
"""The latest rows of an hour, among which the latest names are looked for first."""

EXACT = 2**53
WIDE = 2**64 - 1

KIND_OF_TYPE = dict(zip(("numeric", "categorical", "boolean"), range(len(KINDS)), strict=True))


type ByHour = dict[int, Counts]
"""Counts by hour of event time, in hours since 1970-01-01T00:00Z."""


def count(baseline: Baseline, batches: Iterable[Columns]) -> ByHour:
    """Return the counts of all batches."""
    return _count([Group(0, baseline, baseline)], batches)[0]


def count_groups(
    baseline: Baseline, payloads: Sequence[bytes], hours: int, groups: Sequence[int] | None = None
) -> Iterator[dict[int, ByHour]]:
    """Yield the counts of packed batches by group. Each result has the groups that fit in memory together.

    hours: how many hours the rows have at most. groups: the wanted groups; None for all.
    """
    wanted = [group for group in groups_of(baseline) if groups is None or group.number in groups]
    for some in _fitting(wanted, hours):
        yield _count(some, map(columns, payloads))


def hour_bytes(baseline: Baseline) -> int:
    """Return the memory that the counts of one hour take at most."""
    layout = layout_of(baseline)
    numbers = len(layout.bins) + FIELDS * len(layout.features)
    return layout.bins.itemsize * numbers + NOTE_BYTES * len(layout.features) + NAME_BYTES * len(layout.categories)


def _fitting(groups: Sequence[Group], hours: int) -> Iterator[list[Group]]:
    """Yield the groups in order, as many together as fit in COUNT_BYTES, and at least one."""
    some: list[Group] = []
    size = 0
    for group in groups:
        own = hours * hour_bytes(group.baseline)
        if some and size + own > COUNT_BYTES:
            yield some
            some, size = [], 0
        some.append(group)
        size += own
    yield some


def _count(groups: Sequence[Group], batches: Iterable[Columns]) -> dict[int, ByHour]:
    counted: dict[int, ByHour] = {group.number: {} for group in groups}
    for batches_at_once in _chunks(batches):
        rows = _Rows(batches_at_once)
        for group in groups:
            _add(counted[group.number], _Chunk(group, rows).count())
    return counted


def _add(by_hour: ByHour, counted: Iterator[tuple[int, Counts]]) -> None:
    known = bool(by_hour)
    for hour, counts in counted:
        if hour in by_hour:
            by_hour[hour] += counts
        else:
            # Counts of a chunk are parts of large arrays. A copy lets the arrays go.
            by_hour[hour] = counts.copy() if known else counts


def _chunks(batches: Iterable[Columns]) -> Iterator[list[Columns]]:
    chunk: list[Columns] = []
    rows = size = 0
    for batch in batches:
        if not batch.rows:
            continue
        chunk.append(batch)
        rows += batch.rows
        size += batch.memory
        if rows >= ROWS_AT_ONCE or size >= BYTES_AT_ONCE:
            yield chunk
            chunk, rows, size = [], 0, 0
    if chunk:
        yield chunk


class _Rows:
    """The times of the rows of some batches. The slot of a row is the index of its hour."""

    def __init__(self, batches: Sequence[Columns]) -> None:
        self.batches = batches
        self.times = [np.frombuffer(batch.times, "<i8").astype(np.int64, copy=False) for batch in batches]
        self.hours, self.slot = np.unique(np.concatenate(self.times) // HOUR, return_inverse=True)
        self.slots = np.split(self.slot, np.cumsum([batch.rows for batch in batches])[:-1])
        self.in_order = bool(np.all(self.slot[1:] >= self.slot[:-1]))


class _Chunk:
    """The counts of some batches. The arrays are those of Counts, with a first axis of hours."""

    def __init__(self, group: Group, rows: _Rows) -> None:
        layout = layout_of(group.baseline)
        self.group = group
        self.layout = layout
        self.batches, self.times, self.hours = rows.batches, rows.times, rows.hours
        self.slot, self.slots, self.in_order = rows.slot, rows.slots, rows.in_order
        hours, features = len(self.hours), len(layout.features)
        self.bins = np.zeros((hours, len(layout.bins)), np.int64)
        self.invalid = np.zeros((hours, features, len(KINDS)), np.int64)
        self.total, self.squares = np.zeros((hours, features)), np.zeros((hours, features))
        self.least, self.greatest = np.full((hours, features), np.inf), np.full((hours, features), -np.inf)
        self.beyond = np.zeros((hours, features))
        self.unseen = np.zeros((hours, features), np.int64)
        self.recent: list[dict[int, Names]] = [{} for _hour in self.hours]
        self.notes = [Notes() for _hour in self.hours]

    def count(self) -> Iterator[tuple[int, Counts]]:
        """Yield every hour with its counts."""
        for index in range(len(self.layout.features)):
            self._count_feature(index)
        if self.group.number == 0:
            whole = layout_of(self.group.whole)
            note_unwatched(self.notes, whole.names, self.batches, self.slots, predictions=not whole.predicted)
        rows = np.bincount(self.slot)
        for place, hour in enumerate(self.hours.tolist()):
            counts = Counts(
                layout=self.layout,
                rows=int(rows[place]),
                bins=self.bins[place],
                missing=np.zeros(len(self.layout.features), np.int64),
                invalid=self.invalid[place],
                total=self.total[place],
                squares=self.squares[place],
                least=self.least[place],
                greatest=self.greatest[place],
                beyond=self.beyond[place],
                unseen=self.unseen[place],
                recent=self.recent[place],
                notes=self.notes[place],
            )
            counts.missing[:] = counts.rows - counts.present - counts.invalid.sum(axis=1)
            yield hour, counts

    def _count_feature(self, index: int) -> None:
        feature = self.layout.features[index]
        wanted = KIND_OF_TYPE[feature.type]
        codes = self.layout.categories.get(index)
        parts: list[_Values] = []
        for batch, times, slot in zip(self.batches, self.times, self.slots, strict=True):
            for part in batch.prediction if feature.role == "prediction" else batch.feature(feature.name):
                rows = None if part.mask is None else np.frombuffer(part.mask, np.bool_)
                where = slot if rows is None else slot[rows]
                kind = KINDS.index(part.kind)
                if kind != wanted:
                    self.invalid[:, index, kind] += np.bincount(where, minlength=len(self.hours))
                    note_examples(self.notes, index, part, where, times if rows is None else times[rows])
                    continue
                parts.append(_Values(part, where, times if rows is None else times[rows]))
        if not parts:
            return
        slots = [values.slot for values in parts]
        complete = len(parts) == len(self.batches) and all(map(_same, slots, self.slots))
        slot = self.slot if complete else np.concatenate(slots)
        if codes is None:
            numbers = np.concatenate([_numbers(values.part) for values in parts])
            self._add_moments(index, numbers, slot)
            joined = self.layout.numbers[index].find(numbers)
            self._count_rounded(index, numbers, joined, slot)
        else:
            joined = np.concatenate([*self._codes(index, codes, parts)])
        size = int(self.layout.sizes[index])
        table = np.bincount(slot * size + joined, minlength=len(self.hours) * size)
        self.bins[:, self.layout.span(index)] = table.reshape(-1, size)

    def _count_rounded(self, index: int, values: Floats, bins: Ints, slot: Ints) -> None:
        own = self.layout.rounded.get(index)
        if own is not None:
            held = own[bins]
            rounded = (values != held) & (held == held)  # noqa: PLR0124  NaN is the only value that differs from itself
            if rounded.any():
                self.unseen[:, index] = np.bincount(slot[rounded], minlength=len(self.hours))

    def _add_moments(self, index: int, values: Floats, slot: Ints) -> None:
        if not self.in_order:
            order = np.argsort(slot, kind="stable")
            values, slot = values[order], slot[order]
        sizes = np.bincount(slot, minlength=len(self.hours))
        places = np.flatnonzero(sizes)
        starts = (np.cumsum(sizes) - sizes)[places]
        with np.errstate(over="ignore", invalid="ignore"):
            self.total[places, index] = np.add.reduceat(values, starts)
            self.squares[places, index] = np.add.reduceat(values * values, starts)
        least, greatest = np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts)
        self.least[places, index], self.greatest[places, index] = least, greatest
        edges = self.layout.numbers[index].values
        if len(edges) and (least.min() < edges[0] or greatest.max() > edges[-1]):
            with np.errstate(over="ignore"):
                distances = np.maximum(np.maximum(edges[0] - values, values - edges[-1]), 0)
                self.beyond[places, index] = np.add.reduceat(distances, starts)

    def _codes(self, index: int, codes: Codes, parts: Sequence["_Values"]) -> Iterator[Ints]:
        """Yield the bins of each part's values."""
        names = [_names(values.part) for values in parts]
        bins, unseen = codes.find([*chain.from_iterable(names)])
        end = 0
        for values, own in zip(parts, names, strict=True):
            start, end = end, end + len(own)
            items = np.frombuffer(values.part.data, values.part.dtype)
            new = unseen[start:end][items]
            if new.any():
                slot = values.slot[new]
                self.unseen[:, index] += np.bincount(slot, minlength=len(self.hours))
                for place, seen in _latest_names(own, items[new], slot, values.times[new]):
                    recent = self.recent[place]
                    recent[index] = latest(later(recent.get(index, {}), seen))
            yield bins[start:end][items]


class _Values(NamedTuple):
    """The values of one part of a batch with the slots and times of their rows."""

    part: Part
    slot: Ints
    times: Ints


def _names(part: Part) -> Sequence[str]:
    return BOOLEANS if part.encoding == "flags" else part.dictionary


def _same(first: Ints, second: Ints) -> bool:
    return first is second


def _numbers(part: Part) -> Floats:
    values: Floats
    items = np.frombuffer(part.data, part.dtype)
    if part.encoding == "floats":
        return items.astype(np.float64, copy=False)
    if part.encoding == "codes":
        distinct: Floats = np.array(list(map(float, part.dictionary)), np.float64)
        values = distinct[items]
        return values
    # In float64 if both terms are exact. Their sum is then rounded once, like the integer itself.
    if abs(part.offset) <= EXACT and part.step * int(np.iinfo(items.dtype).max) <= EXACT:
        values = items.astype(np.float64)
        values *= float(part.step)
        values += float(part.offset)
    else:
        # Unsigned arithmetic wraps around to the right int64, whatever the step.
        wide = items.astype(np.uint64) * np.uint64(part.step & WIDE) + np.uint64(part.offset & WIDE)
        values = wide.view(np.int64).astype(np.float64)
    if part.divisor != 1:
        values /= float(part.divisor)
    return values


def _latest_names(
    names: Sequence[str], items: npt.NDArray[np.unsignedinteger], slot: Ints, times: Ints
) -> Iterator[tuple[int, Names]]:
    """Yield, per slot, the names that were seen last and their times. items: indices into `names`."""
    kept = _latest_rows(names, items, slot, times)
    slot, times = slot[kept], times[kept]
    used, used_of_items = np.unique(items[kept], return_inverse=True)
    short = [names[item][:NAME_LENGTH] for item in used.tolist()]
    ranked = sorted(set(short))
    rank = {name: number for number, name in enumerate(ranked)}
    ranks_of_items = np.array([rank[name] for name in short], np.int64)[used_of_items]
    pairs, inverse = np.unique(slot * len(ranked) + ranks_of_items, return_inverse=True)
    last = np.full(len(pairs), np.iinfo(np.int64).min)
    np.maximum.at(last, inverse, times)
    places, ranks = np.divmod(pairs, len(ranked))
    for place in np.unique(places):
        here = np.flatnonzero(places == place)
        yield int(place), latest({ranked[ranks[pair]]: int(last[pair]) for pair in here.tolist()})


def _latest_rows(names: Sequence[str], items: npt.NDArray[np.unsignedinteger], slot: Ints, times: Ints) -> Ints:
    """Return the rows of each slot that can hold one of its latest names. Most rows of a batch of ids are left out."""
    kept = []
    for place in np.unique(slot):
        rows = np.flatnonzero(slot == place)
        if len(rows) > LATEST_ROWS:
            ages = times[rows]
            late = rows[ages >= np.partition(ages, -LATEST_ROWS)[-LATEST_ROWS]]
            if len({names[item][:NAME_LENGTH] for item in items[late].tolist()}) >= RECENT_NAMES:
                rows = late
        kept.append(rows)
    return np.concatenate(kept)
