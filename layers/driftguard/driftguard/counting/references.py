"""Holds each day of a model's past against its reference and against the day before, hour by hour.

Two groupings say which days are alike. In the grouping `each` only equal weekdays are alike. In the grouping `work`
Monday to Friday are alike, and so are Saturdays and Sundays.

Shapes: D = REACH days of the past, T = TARGETS days that are held against a reference, H = 24 hours, F features, C = 15
components, U = 5 units. Days, hours and weekdays are UTC.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from driftguard.counting.knowledge import REACH, UNITS, held_against, sizes_of
from driftguard.counting.layout import MERGED, Layout
from driftguard.counting.profiles import FLAWS, HOURS, WEEKDAYS, Profile, Table
from driftguard.statistics import dispersion
from driftguard.statistics.arrays import Flags, Floats, Ints
from driftguard.statistics.dispersion import Scatter
from driftguard.statistics.stratified import Comparison

FIRST, LAST = 28, 4
"""The reference days of a day are FIRST to LAST days before it, both included."""

LEVEL_DAYS = 7
"""The level of a day is taken from this many days before it."""

OWN_FIRST, OWN_LAST = 32, 5
"""Days whose differences from their reference give φ and ρ. The latest days are left out: they may have drifted."""

TARGETS = OWN_FIRST + LEVEL_DAYS + 1
"""Days that have a reference: the day itself, which comes last, and back to the level of the first own day."""

OWN = slice(TARGETS - 1 - OWN_FIRST, TARGETS - OWN_LAST)
"""The days of φ and ρ among the targets."""

PAIRS = 28
"""Pairs of neighbouring days. The latest one is the day before yesterday and yesterday."""

WORKING = 5
"""Monday to Friday, the first five weekdays, are working days."""

EPOCH_WEEKDAY = 3
"""The weekday of 1970-01-01, a Thursday."""


@dataclass(frozen=True)
class Past:
    """The past of F features, as float64. Days that are bad, or before the first whole day, have counts of zero.

    groups: (D, H, F, 10). flaws, sizes: (D, H, F, 4), the counts of flaws, and the values that they are counted among.
    table: (7, H, F, 10), by weekday. table_days: (7, F), its number of days. Both are zero without a table.
    weekdays: (D + 1,), of each day and of the day that is learned about, Monday is 0.
    """

    numeric: Flags
    day: int
    first_day: int
    groups: Floats
    flaws: Floats
    sizes: Floats
    table: Floats
    table_days: Floats
    weekdays: Ints

    @classmethod
    def of(
        cls,
        layout: Layout,
        day: int,
        first_day: int,
        profiles: Mapping[int, Profile],
        table: Table | None,
        bad: Mapping[int, Flags],
        part: slice,
    ) -> "Past":
        """Return the past of the features in `part`."""
        numeric = layout.numeric[part]
        groups = np.zeros((REACH, HOURS, len(numeric), MERGED))
        flaws = np.zeros((REACH, HOURS, len(numeric), len(FLAWS)))
        for place in range(max(first_day - day + REACH, 0), REACH):
            past_day = day - REACH + place
            if past_day in profiles:
                good = ~bad[past_day][part] if past_day in bad else np.ones(len(numeric), np.bool_)
                groups[place] = profiles[past_day].groups[:, part] * good[:, None]
                flaws[place] = profiles[past_day].flaws[:, part] * good[:, None]
        counts = np.zeros((WEEKDAYS, HOURS, len(numeric), MERGED))
        weeks = np.zeros((WEEKDAYS, len(numeric)))
        if table is not None:
            counts[:] = table.groups[:, :, part]
            weeks[:] = table.weeks[:, None] * (counts.sum(axis=(1, 3)) > 0)
        weekdays = (np.arange(day - REACH, day + 1) + EPOCH_WEEKDAY) % WEEKDAYS
        sizes = sizes_of(groups.sum(axis=-1), flaws)
        return cls(numeric, day, first_day, groups, flaws, sizes, counts, weeks, weekdays)

    @property
    def filled(self) -> Floats:
        """1 where a feature has values of a unit on a day, else 0: (D, F, U)."""
        values = self.groups.sum(axis=(1, 3))
        return (np.concatenate([values[..., None], self.sizes.sum(axis=1)], axis=-1) > 0).astype(np.float64)

    @property
    def rows_in_six_hours(self) -> Floats:
        """The mean number of values in six hours of the last 28 days: (F,)."""
        recent = self.groups[-FIRST:].sum(axis=(1, 3))
        return recent.sum(axis=0) / np.maximum((recent > 0).sum(axis=0), 1) * (dispersion.BLOCK / HOURS)

    @property
    def since(self) -> tuple[Ints, Ints]:
        """The first day on which a feature had a reference, so far as it is known, and the next one from `day` on.

        Both are (F,). A day that nothing is known about is taken for a day without values, except `day` itself.
        """
        values = self.filled[..., 0] > 0
        first = self.day - REACH + np.where(values.any(axis=0), values.argmax(axis=0), REACH)
        ahead = [values[REACH - back :: -WEEKDAYS][: FIRST // WEEKDAYS].any(axis=0) for back in range(WEEKDAYS, 0, -1)]
        soonest = self.day + np.where(np.any(ahead, axis=0), np.argmax(ahead, axis=0), WEEKDAYS)
        timed = self.table_days.any(axis=0)
        return np.where(timed, min(self.day, self.first_day), first + WEEKDAYS), soonest

    def reference(self, *, work: bool) -> "Reference":
        """Return the reference of each target day."""
        groups, flaws, sizes, own_days = (
            self._summed(one, work=work) for one in (self.groups, self.flaws, self.sizes, self.filled)
        )
        days = own_days.copy()
        weekdays, of_table = self.weekdays[-TARGETS:], np.zeros(groups.shape[:-1])
        early = np.arange(self.day - TARGETS + 1, self.day + 1) < self.first_day + FIRST
        if self.table_days.any() and early.any():
            kinds = np.eye(WEEKDAYS)
            if work:
                kinds[:WORKING, :WORKING] = 1
            alike = kinds[weekdays] * early[:, None]
            added = np.tensordot(alike, self.table, 1)
            groups, of_table = groups + added, added.sum(axis=-1)
            days[..., 0] += alike @ self.table_days
        return Reference(groups, flaws, sizes, days, own_days[..., 0], of_table)

    def _summed(self, values: Floats, *, work: bool) -> Floats:
        """Return the sums of values (D, …) over the reference days of each target day: (T, …)."""
        shifts = range(0, FIRST - LAST, WEEKDAYS)
        same: Floats = sum((values[shift : shift + TARGETS] for shift in shifts), np.zeros(()))
        if not work:
            return same
        working = self.weekdays < WORKING
        running = np.zeros((len(values) + 1, *values.shape[1:]))
        np.cumsum(np.where(_over(working[:-1], values), values, 0.0), axis=0, out=running[1:])
        length = FIRST - LAST + 1
        total = running[length : length + TARGETS] - running[:TARGETS]
        return np.where(_over(working[-TARGETS:], same), total, same)

    def days(self, reference: "Reference") -> "Days":
        """Return each target day held against its reference. The last one, `day` itself, has no counts."""
        past = slice(REACH - TARGETS + 1, None)
        found = held_against(
            self.numeric,
            (self.groups[past], self.flaws[past], self.sizes[past]),
            (reference.groups[:-1], reference.flaws[:-1], reference.sizes[:-1]),
        )
        spread = found.e.sum(axis=1) ** 2 * (1 + 1 / np.maximum(reference.days[:-1], 1))
        return Days.of(found, spread, dispersion.scatter(found.u[OWN], found.v[OWN]))

    def pairs(self) -> "Days":
        """Return the pairs of neighbouring days, each day held against the day before."""
        groups = self.groups[-PAIRS - 1 :].copy()
        days = np.ones((PAIRS + 1, len(self.numeric), UNITS))
        for place in range(PAIRS + 1):
            past_day = self.day - PAIRS - 1 + place
            if self.first_day - WEEKDAYS <= past_day < self.first_day:
                weekday = (past_day + EPOCH_WEEKDAY) % WEEKDAYS
                groups[place] = self.table[weekday]
                days[place, :, 0] = np.maximum(self.table_days[weekday], 1)
        flaws, sizes = self.flaws[-PAIRS - 1 :], self.sizes[-PAIRS - 1 :]
        found = held_against(self.numeric, (groups[1:], flaws[1:], sizes[1:]), (groups[:-1], flaws[:-1], sizes[:-1]))
        spread = found.e.sum(axis=1) * (1 / days[1:] + 1 / days[:-1])
        return Days.of(found, spread, dispersion.scatter(found.u, found.v))


@dataclass(frozen=True)
class Reference:
    """The references of T days.

    groups, flaws, sizes: by hour, as in `Past`. days: (T, F, U), the number of days in a reference. own_days: (T, F),
    the same without the table. of_table: (T, H, F), how many values come from the table.
    """

    groups: Floats
    flaws: Floats
    sizes: Floats
    days: Floats
    own_days: Floats
    of_table: Floats

    def last(self, number: int) -> "Reference":
        """Return the references of the last target days."""
        return Reference(
            *(
                one[-number:].copy()
                for one in (self.groups, self.flaws, self.sizes, self.days, self.own_days, self.of_table)
            )
        )


@dataclass(frozen=True)
class Days:
    """Days, each held against its reference or against the day before.

    u, v: (T, F, C). e: (T, F, U). spread: (T, F, U), ΣE²(1 + 1/k) of days, and b of pairs.
    scatter: (F, C), of the hours, over all days that count for φ. counted: (F, C), the number of these days.
    """

    u: Floats
    v: Floats
    e: Floats
    spread: Floats
    scatter: Scatter
    counted: Floats

    @classmethod
    def of(cls, found: Comparison, spread: Floats, scatter: Scatter) -> "Days":
        """Return the sums over hours of a comparison by day and hour."""
        u, v, e = (one.sum(axis=1) for one in (found.u, found.v, found.e))
        return cls(u, v, e, spread, scatter.summed(), (scatter.df1 > 0).sum(axis=0).astype(np.float64))

    @classmethod
    def join(cls, parts: Sequence["Days"]) -> "Days":
        """Return the days of all features from those of some features each."""
        u, v, e, spread = (
            np.concatenate([getattr(part, name) for part in parts], axis=1) for name in ("u", "v", "e", "spread")
        )
        scatter = Scatter(
            *(np.concatenate([getattr(part.scatter, name) for part in parts]) for name in ("z1", "df1", "z6", "df6"))
        )
        return cls(u, v, e, spread, scatter, np.concatenate([part.counted for part in parts]))


def _over(flags: Flags, values: Floats) -> Flags:
    """Return flags of the first axis in a shape that broadcasts with the values."""
    shaped: npt.NDArray[np.bool_] = flags.reshape(-1, *[1] * (values.ndim - 1))
    return shaped
