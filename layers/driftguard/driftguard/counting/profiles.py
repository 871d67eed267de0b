"""Counts by hour of the day: of a model's UTC days, and of the week that a baseline's timestamps cover.

Both hold merged groups, see `Layout.merged`: tenths of the baseline for numbers; for categories the 9 most frequent and
the rest.

A stored profile holds one group of GROUP_SIZE features: the format (1 byte), then three pieces, see `platform.pieces`:
rows by hour (24), merged groups (24, features, 10) and flaws (24, features, 4). Arrays are in row-major order.
`distributions.weeks` says how the counts of a baseline are stored.
"""

import math
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from driftguard.counting.counts import Counts
from driftguard.counting.layout import GROUP_SIZE, MERGED, Layout
from driftguard.counting.vectors import wholes
from driftguard.distributions.weeks import Weeks
from driftguard.platform.pieces import pack_piece, planes_of
from driftguard.statistics.arrays import Ints

HOURS = 24
WEEKDAYS = 7

FLAWS = ("missing", "wrong_type", "out_of_range", "new_categories")
"""The kinds of flaws, in the order of `Profile.flaws`."""

FORMAT = 1


@dataclass(frozen=True, eq=False)
class Profile:
    """The counts of F features in one UTC day, or in a part of the day, by hour.

    day: in days since 1970-01-01. rows: int64 (24,), the number of predictions. groups: int64 (24, F, 10), the number
    of values in each merged group. flaws: int64 (24, F, 4), in the order of FLAWS: missing values, values of another
    type, numbers outside the baseline's range, and categories that the baseline does not have.
    """

    day: int
    rows: Ints
    groups: Ints
    flaws: Ints

    @classmethod
    def empty(cls, layout: Layout, day: int) -> "Profile":
        """Return the profile of a day without rows."""
        features = len(layout.features)
        return cls(
            day,
            np.zeros(HOURS, np.int64),
            np.zeros((HOURS, features, MERGED), np.int64),
            np.zeros((HOURS, features, len(FLAWS)), np.int64),
        )

    @classmethod
    def of(cls, layout: Layout, day: int, hours: Mapping[int, Counts]) -> "Profile":
        """Return the profile of one day from counts by hour since 1970. Hours of other days are ignored."""
        profile = cls.empty(layout, day)
        for hour in range(HOURS):
            counts = hours.get(day * HOURS + hour)
            if counts is None or not layout.features:
                continue
            profile.rows[hour] = counts.rows
            profile.groups[hour] = layout.in_groups(counts.bins)
            profile.flaws[hour] = flaws_of(layout, counts)
        return profile

    def __add__(self, other: "Profile") -> "Profile":
        return Profile(self.day, self.rows + other.rows, self.groups + other.groups, self.flaws + other.flaws)

    def encode(self, group: int) -> bytes:
        """Return the profile of one group of features: about 120 bytes per feature for 60 rows per hour."""
        span = span_of(group)
        return bytes([FORMAT]) + packed(self.rows) + packed(self.groups[:, span]) + packed(self.flaws[:, span])

    @classmethod
    def decode(cls, layout: Layout, day: int, groups: Mapping[int, bytes]) -> "Profile":
        """Return the profile that `encode` wrote for each group. Features of other groups have counts of zero.

        Raises ValueError for another format, damaged data, or counts of another baseline.
        """
        profile = cls.empty(layout, day)
        for group, data in groups.items():
            span = span_of(group)
            wanted = [profile.rows, profile.groups[:, span], profile.flaws[:, span]]
            rows, counts, flaws = unpacked(data, FORMAT, [one.shape for one in wanted])
            profile.rows[:] = np.maximum(profile.rows, rows)
            profile.groups[:, span], profile.flaws[:, span] = counts, flaws
        return profile


@dataclass(frozen=True, eq=False)
class Table:
    """The counts of a baseline whose rows have timestamps, by hour of the week in UTC.

    weeks: int64 (7,), the number of days of each weekday that have rows, Monday first.
    groups: int64 (7, 24, F, 10), the sums over these days.
    """

    weeks: Ints
    groups: Ints

    @classmethod
    def of(cls, weeks: Weeks) -> "Table":
        """Return the counts that were stored with a baseline."""
        groups = np.array(weeks.groups, np.int64).reshape(WEEKDAYS, HOURS, weeks.features, MERGED)
        return cls(np.array(weeks.days, np.int64), groups)


def flaws_of(layout: Layout, counts: Counts) -> Ints:
    """Return the flaws among some counts: (F, 4), in the order of FLAWS."""
    outside = counts.bins[layout.starts] + counts.bins[layout.starts + layout.sizes - 1]
    return np.stack(
        [
            counts.missing,
            counts.invalid.sum(axis=1),
            np.where(layout.numeric, outside, 0),
            np.where(layout.numeric, 0, counts.unseen),
        ],
        axis=-1,
    )


def span_of(group: int) -> slice:
    """Return the features of one group."""
    return slice(group * GROUP_SIZE, (group + 1) * GROUP_SIZE)


def packed(counts: Ints) -> bytes:
    """Return the piece of an array of counts."""
    return pack_piece(counts.astype("<i8").tobytes(), int(counts.max(initial=0)))


def unpacked(data: bytes, version: int, shapes: Sequence[tuple[int, ...]]) -> list[Ints]:
    """Return the arrays of the pieces behind the format byte. Raises ValueError for another format or damaged data."""
    if data[:1] != bytes([version]):
        raise ValueError(f"counts of unknown format {data[:1].hex()}; this code reads format {version}")
    place, arrays = 1, []
    try:
        for shape in shapes:
            count = math.prod(shape)
            planes, width, place = planes_of(data, place, count)
            arrays.append(wholes(planes, width, count).reshape(shape))
    except (struct.error, zlib.error) as error:
        raise ValueError(f"damaged counts: {type(error).__name__}: {error}") from error
    if place != len(data):
        raise ValueError(f"damaged counts: {len(data) - place} bytes behind the last piece")
    return arrays
