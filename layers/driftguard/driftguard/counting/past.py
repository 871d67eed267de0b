"""The stored past of a model: the profiles of its days, and the knowledge that a check needs of one day.

A profile is stored with the counts of its day, under the same protocol, see `folding`. It stays when the hours of the
day have expired.

Knowledge is derived from profiles, so it needs no protocol: each part names what it was made of (`made_of`). A reader
takes parts that agree with each other and with the state of the model. If parts are missing or old, the check makes the
knowledge again.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from hashlib import blake2b
from itertools import groupby
from typing import NamedTuple

import numpy as np

from driftguard.counting.knowledge import REACH, Knowledge
from driftguard.counting.layout import layout_of
from driftguard.counting.learning import learn
from driftguard.counting.profiles import Profile, Table
from driftguard.counting.series import Series, State, read_hours
from driftguard.counting.tables import (
    KNOWLEDGE_LIFE,
    LIFE,
    PROFILE_LIFE,
    StoredCounts,
    knowledge_key,
    profile_key,
)
from driftguard.platform.sizes import chunks
from driftguard.platform.times import HOUR, iso
from driftguard.statistics.arrays import Flags

EVERY = HOUR
"""Knowledge of a day is made again at most this often. Late rows and new bad days can change it."""

MADE_BY = 1
"""Rises when `learn` returns something else for the same past, so that stored knowledge is made again."""

TABLE_DAYS = 28 + REACH
"""Days after a model's first whole day in which the baseline's hours of the week can be a reference."""


class _Parts(NamedTuple):
    """Stored knowledge of a day. made_of: see `_made_of`. made_at: when."""

    knowledge: Knowledge
    made_of: str
    made_at: str

    @classmethod
    def read(cls, series: Series, day: int, *, consistent: bool) -> "_Parts | None":
        """Return the stored knowledge of a day; None if parts are missing or do not belong together."""
        items = list(StoredCounts.knowledge(series.model_id, series.version, day, consistent=consistent))
        if len({item.made_of for item in items}) != 1:
            return None
        groups = {group: list(parts) for group, parts in groupby(items, lambda item: item.place[1])}
        complete = all(len(parts) >= int(parts[0].pieces) for parts in groups.values())
        if len(groups) < series.groups or not complete:
            return None
        data = {group: b"".join(part.data for part in parts[: int(parts[0].pieces)]) for group, parts in groups.items()}
        known = Knowledge.decode(layout_of(series.baseline), day, data)
        return cls(known, str(items[0].made_of), min(str(item.made_at) for item in items))


def put_profile(series: Series, profile: Profile, watermark: str, read: Mapping[int, str], now: datetime) -> None:
    """Store a day's profile. Raises ConditionFailed if another fold has replaced it.

    watermark: the last arrival that the profile includes. read: the watermarks of the stored groups before the hours
    of the day were read.
    """
    for group in range(series.groups):
        StoredCounts.put(
            series.model_id,
            profile_key(series.version, profile.day, group),
            profile.encode(group),
            watermark,
            read=read.get(group),
            now=now,
            life=PROFILE_LIFE,
        )


def profile_marks(series: Series, day: int) -> dict[int, str]:
    """Return the watermarks of the stored profile of a day by group."""
    items = StoredCounts.profiles(series.model_id, series.version, day, day, consistent=True)
    return {item.place[1]: str(item.watermark) for item in items}


def read_profiles(series: Series, first: int, last: int, *, consistent: bool = True) -> dict[int, Profile]:
    """Return the profiles of the days from `first` to `last`, both included, that have rows."""
    layout = layout_of(series.baseline)
    items = StoredCounts.profiles(series.model_id, series.version, first, last, consistent=consistent)
    return {
        day: Profile.decode(layout, day, {item.place[1]: item.data for item in of_day})
        for day, of_day in groupby(items, lambda item: item.place[0])
    }


def days_without_profile(state: State, today: int) -> range:
    """Return the days whose profiles are still to be made from hours, the latest first.

    Counts that an older version stored have no profiles. All hours of a day live for one day less than LIFE.
    """
    if state.profiled_from == 0 or state.rolled_before is None or state.first_hour is None:
        return range(0)
    start = state.rolled_before if state.profiled_from is None else state.profiled_from
    return range(start - 1, max(state.first_hour // 24, today - LIFE.days + 1) - 1, -1)


def make_profile(series: Series, day: int, watermark: str, now: datetime) -> None:
    """Make the profile of a finished day from its hours. Raises ConditionFailed as `put_profile` does."""
    marks = profile_marks(series, day)
    layout = layout_of(series.baseline)
    profile = Profile.empty(layout, day)
    for hour, counts in read_hours(series, day * 24, day * 24 + 23):
        profile += Profile.of(layout, day, {hour: counts})
    if profile.rows.any():
        put_profile(series, profile, watermark, marks, now)


def known_on(
    series: Series,
    state: State,
    day: int,
    first_day: int,
    table: Callable[[], Table | None],
    bad: Mapping[int, Flags],
    now: datetime,
) -> Knowledge:
    """Return what is known at the start of a day, and store it if it is new.

    Args:
        series, state: the model's counts.
        day: in days since 1970, at most `state.rolled_before`.
        first_day: the first whole day with counts.
        table: reads the baseline's counts by hour of the week, if its rows have timestamps.
        bad: by day, the features for which the day says nothing about what is normal.
        now: the time of the check.
    """
    made_of = _made_of(state, day, first_day, bad)
    # Parts that a replica does not have yet look like missing or old parts, so the second read decides.
    for consistent in (False, True):
        parts = _Parts.read(series, day, consistent=consistent)
        if parts is not None and parts.made_of == made_of:
            return parts.knowledge
    if parts is not None and parts.made_at > iso(now - EVERY):
        return parts.knowledge
    profiles = read_profiles(series, day - REACH, day - 1)
    known = learn(
        layout_of(series.baseline), day, profiles, table() if day - first_day < TABLE_DAYS else None, bad, first_day
    )
    _store(series, known, made_of, now)
    return known


def _made_of(state: State, day: int, first_day: int, bad: Mapping[int, Flags]) -> str:
    """Return a digest of everything that knowledge depends on. Each change of a finished day changes `rolled_at`."""
    digest = blake2b(f"{MADE_BY} {first_day} {state.rolled_at}".encode(), digest_size=12)
    for number in sorted(bad):
        if day - REACH <= number < day and bad[number].any():
            digest.update(number.to_bytes(4, "little") + np.packbits(bad[number]).tobytes())
    return digest.hexdigest()


def _store(series: Series, known: Knowledge, made_of: str, now: datetime) -> None:
    for group in range(series.groups):
        pieces = chunks(known.encode(group))
        for number, piece in enumerate(pieces):
            StoredCounts(
                series.model_id,
                knowledge_key(series.version, known.day, group, number),
                data=piece,
                made_of=made_of,
                made_at=iso(now),
                pieces=len(pieces),
                expires_at=int((now + KNOWLEDGE_LIFE).timestamp()),
            ).save()
