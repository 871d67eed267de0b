"""The counts of a history by short spans of time, compressed, and the sums that the checks of a replay need."""

from __future__ import annotations

import pickle
import zlib
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import Any

import numpy as np
from driftguard_engine.counting.batches import count
from driftguard_engine.counting.counts import Counts
from driftguard_engine.counting.profiles import Profile
from driftguard_engine.distributions.baseline import Baseline
from driftguard_engine.rows.columns import Columns

from driftguard_client.comparing.slicing import Ordered

HOUR = 3_600_000
"""In milliseconds."""

ROWS_AT_ONCE = 500_000
CELLS_AT_ONCE = 20_000_000
"""Counts that are made at a time, before they are compressed: 160 MB."""


class History:
    """Counts by span of time.

    span: the length of a span in milliseconds; it divides an hour. rows: all rows.
    """

    def __init__(self, baseline: Baseline, span: int) -> None:
        self.baseline = baseline
        self.span = span
        self.rows = 0
        self._packed: dict[int, bytes] = {}
        self._nothing = Counts.empty(baseline)
        self._per_day = 24 * HOUR // span
        self._hours: list[int] = []
        self._sums: dict[tuple[int, int], Counts] = {}

    def clear(self) -> None:
        """Forget all counts, so that the same rows can be read again in another way."""
        self.rows = 0
        self._packed.clear()
        self._sums.clear()

    def add(self, batches: Iterable[Columns]) -> None:
        """Count batches. Rows may come in any order; they are counted fastest in the order of their times."""
        most = max(1, CELLS_AT_ONCE // max(len(self._nothing.bins), 1))
        for some in _gathered(batches):
            ordered = [Ordered(batch) for batch in some]
            slots = np.unique(np.concatenate([one.times // self.span for one in ordered]))
            for first in range(0, len(slots), most):
                self._count(ordered, int(slots[first]), int(slots[min(first + most, len(slots)) - 1]) + 1)
            self.rows += sum(len(one.times) for one in ordered)
        self._hours = sorted({slot * self.span // HOUR for slot in self._packed})

    @property
    def first_hour(self) -> int:
        """The first hour with rows, counted since 1970."""
        return self._hours[0]

    @property
    def end(self) -> int:
        """The end of the last span with rows, in milliseconds since 1970."""
        return (max(self._packed) + 1) * self.span

    def hours_before(self, time: int, days: int) -> list[int]:
        """Return the hours with rows that began before a time, of the last so many days."""
        hour = -(-time // HOUR)
        return self._filled(hour - days * 24, hour)

    def last_before(self, time: int) -> int | None:
        """Return the end of the last span with rows that ended by a time."""
        slot = time // self.span
        hours = self.hours_before(time, 1 << 20)
        for hour in reversed(hours[-2:]):
            for place in range(min((hour + 1) * HOUR // self.span, slot) - 1, hour * HOUR // self.span - 1, -1):
                if place in self._packed:
                    return (place + 1) * self.span
        return None

    def between(self, start: int, end: int) -> Counts:
        """Return the counts of the spans from `start` to before `end`, in milliseconds since 1970.

        Whole days, and sums that begin or end at the same time as before, are kept.
        """
        first, last = start // self.span, end // self.span
        first_day, end_day = -(-first // self._per_day), last // self._per_day
        if first_day >= end_day:
            return self._since(first, last)
        return (
            self._until(first, first_day * self._per_day)
            + self._days(first_day, end_day)
            + self._since(end_day * self._per_day, last)
        )

    def day(self, day: int) -> Counts:
        """Return the counts of one day, counted since 1970."""
        return self._since(day * self._per_day, (day + 1) * self._per_day)

    def profile(self, day: int, end: int | None = None) -> Profile:
        """Return the counts of one day by its hours. end: leaves out later rows, in milliseconds since 1970."""
        hours = {}
        for hour in self._filled(day * 24, day * 24 + 24):
            last = (hour + 1) * HOUR if end is None else min((hour + 1) * HOUR, end)
            if hour * HOUR < last:
                hours[hour] = self._since(hour * HOUR // self.span, last // self.span)
        return Profile.of(self._nothing.layout, day, hours)

    @property
    def days(self) -> list[int]:
        """The days with rows, counted since 1970."""
        return sorted({hour // 24 for hour in self._hours})

    def forget_before(self, start: int) -> None:
        """Drop kept sums that begin before a time."""
        slot = start // self.span
        self._sums = {key: sums for key, sums in self._sums.items() if key[0] >= slot}

    def _filled(self, first: int, end: int) -> list[int]:
        """Return the hours with rows from `first` to before `end`."""
        return self._hours[bisect_left(self._hours, first) : bisect_left(self._hours, end)]

    def _days(self, first: int, end: int) -> Counts:
        key = (first * self._per_day, end * self._per_day)
        if key not in self._sums:
            total = self._nothing
            for day in range(first, end):
                total = total + self.day(day)
            self._sums[key] = total
        return self._sums[key]

    def _since(self, first: int, last: int) -> Counts:
        """Return a sum that grows at its end."""
        return self._sum(first, last, range(last - 1, first - 1, -1), lambda end: (first, end))

    def _until(self, first: int, last: int) -> Counts:
        """Return a sum that shrinks at its start, up to the end of a day, from the shorter sums that follow."""
        if (first, last) not in self._sums:
            total = self._nothing
            # All later starts of this day will be asked for, so their sums are made and kept together.
            for slot in range(last - 1, first - 1, -1):
                if slot in self._packed:
                    total = total + self._unpacked(slot)
                if slot * self.span % HOUR == 0:
                    self._sums[slot, last] = total
            self._sums[first, last] = total
        return self._sums[first, last]

    def _sum(self, first: int, last: int, ends: range, key: Any) -> Counts:
        todo = []
        total = self._nothing
        for slot in ends:
            known = self._sums.get(key(slot + 1))
            if known is not None:
                total = known
                break
            if slot in self._packed:
                todo.append(slot)
        for slot in reversed(todo):
            total = total + self._unpacked(slot)
        if last > first:
            self._sums[first, last] = total
        return total

    def _count(self, ordered: Iterable[Ordered], first: int, end: int) -> None:
        def parts() -> Iterator[Columns]:
            for one in ordered:
                begin, stop = np.searchsorted(one.times, [first * self.span, end * self.span]).tolist()
                if stop > begin:
                    # The engine counts by the hour. Each span takes the place of an hour.
                    yield one.between(begin, stop, one.times[begin:stop] // self.span * HOUR)

        for slot, counts in count(self.baseline, parts()).items():
            known = self._packed.get(slot)
            self._packed[slot] = _packed(counts if known is None else counts + self._unpacked(slot))

    def _unpacked(self, slot: int) -> Counts:
        values = pickle.loads(zlib.decompress(self._packed[slot]))  # noqa: S301  written by this process
        places, numbers = values["bins"]
        bins = np.zeros(len(self._nothing.bins), np.int64)
        bins[places] = numbers
        return Counts(**{**values, "bins": bins, "layout": self._nothing.layout})


def _packed(counts: Counts) -> bytes:
    values = {one.name: getattr(counts, one.name) for one in fields(counts) if one.name != "layout"}
    places = np.flatnonzero(counts.bins)
    values["bins"] = places.astype(np.uint32), counts.bins[places]
    return zlib.compress(pickle.dumps(values, protocol=5), 1)


def _gathered(batches: Iterable[Columns]) -> Iterator[list[Columns]]:
    """Yield batches together, so that rows of one span are counted in few steps."""
    some: list[Columns] = []
    rows = 0
    for batch in batches:
        some.append(batch)
        rows += batch.rows
        if rows >= ROWS_AT_ONCE:
            yield some
            some, rows = [], 0
    if some:
        yield some
