"""Fold packed predictions into hourly counts. Each prediction is counted once, even if a fold fails half-way.

Predictions that arrived more than SETTLED ago are folded into the stored counts. Later ones are counted in memory,
for one verdict only.

Stored counts carry a watermark, the last arrival that they include. A fold replaces them only if the watermark is still
the one it has read, and moves the model's cursor after all counts are written. So a fold that stopped after any of its
writes can be repeated, and of two simultaneous folds one stops.

A step folds the next batches in order of arrival, as many as fit in memory. Its counts are written group by group, so
that the counts of few features are in memory at the same time.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import batched

from driftguard.counting.batches import ByHour, count_groups
from driftguard.counting.counts import Counts
from driftguard.counting.layout import groups_of
from driftguard.counting.past import days_without_profile, make_profile, profile_marks, put_profile
from driftguard.counting.profiles import Profile
from driftguard.counting.series import Series, State, read_hours
from driftguard.counting.steps import Arrivals, Step
from driftguard.counting.tables import DAY_LIFE, StoredCounts, day_key, hour_key
from driftguard.models.traffic import Traffic
from driftguard.platform.retries import ConditionFailed
from driftguard.platform.times import hour_of, hour_start, iso
from driftguard.predictions.arrivals import SETTLED
from driftguard.predictions.tables import RECOUNT_DAYS
from driftguard.rows.reading import MAX_AHEAD

KEYS_AT_ONCE = 100
"""Stored counts that are read at the same time, for an item has up to 400 kB."""


class Overtaken(Exception):
    """Another fold of the same model was faster. This fold must stop, and no data are lost."""


def load_state(series: Series, now: datetime) -> State:
    """Return the stored state, or the first state of a new baseline version."""
    item = StoredCounts.state(series.model_id, series.version)
    if item is None:
        return State(cursor=iso(recount_from(now)), profiled_from=0, stored=False)
    return State(
        cursor=str(item.cursor),
        first_hour=_whole(item.first_hour),
        rolled_before=_whole(item.rolled_before),
        last_arrival=item.last_arrival,
        rolled_at=item.rolled_at,
        profiled_from=_whole(item.profiled_from),
        traffic=Traffic.decode(item.traffic),
    )


def recount_from(now: datetime) -> datetime:
    """Return the arrival from which a new baseline version counts.

    The longest window begins on an hour, and the comparison of whole days on a day. So the count begins with the day. A
    prediction can arrive up to MAX_AHEAD before its event time.
    """
    first_day = hour_of(now) // 24 - RECOUNT_DAYS
    return hour_start(first_day * 24) - MAX_AHEAD


def fold(
    series: Series, state: State, now: datetime, may_go_on: Callable[[], bool], arrivals: Arrivals | None = None
) -> tuple[State, bool]:
    """Fold all predictions that have settled. Returns the new state and whether all of them are folded.

    arrivals: the batches after the state's cursor, if the caller needs those that have not settled.
    The fold asks `may_go_on` before each step and after each write, and can stop safely there. Raises Overtaken.
    """
    until = iso(now - SETTLED)
    batches = Arrivals(series, state.cursor, until) if arrivals is None else arrivals
    try:
        while may_go_on():
            step, more = batches.next_step(until)
            if step is not None:
                after = _fold_step(series, state, step, now, may_go_on)
                if after is None:
                    break
                state = after
            if not more:
                return _fill_past(series, _roll_finished_days(series, state, now), now, may_go_on)
        return state, False
    except ConditionFailed as error:
        raise Overtaken from error


def _fold_step(series: Series, state: State, step: Step, now: datetime, may_go_on: Callable[[], bool]) -> State | None:
    """Fold some batches. Returns None if time runs out; the next fold then skips what is already written."""
    hours: set[int] = set()
    for counted in count_groups(series.baseline, step.payloads, len(step.hours)):
        hours.update(*counted.values())
        for _write in _fold_groups(series, state, step, counted, now):
            if not may_go_on():
                return None
    today = hour_of(now) // 24
    days = {hour // 24 for hour in hours}
    finished = {day for day in days if day < (state.rolled_before or 0)}
    for day in sorted(finished):
        _roll_up(series, day, step.reached, now)
        if not may_go_on():
            return None
    first = min(hours, default=None)
    return _advance(
        series,
        state,
        replace(
            state,
            cursor=step.reached,
            first_hour=min((hour for hour in (state.first_hour, first) if hour is not None), default=None),
            rolled_before=state.rolled_before if state.rolled_before is not None else min({*days, today}),
            last_arrival=step.reached,
            rolled_at=iso(now) if finished else state.rolled_at,
            traffic=state.traffic.seen(step.arrival_hours, hours),
        ),
    )


def _fold_groups(series: Series, state: State, step: Step, counted: dict[int, ByHour], now: datetime) -> Iterator[None]:
    """Write the counts of some groups of features. Yields after each write."""
    groups = {group.number: group for group in groups_of(series.baseline)}
    places = sorted((hour, number) for number, by_hour in counted.items() for hour in by_hour)
    rest = _Rest(series, step, list(counted))
    for some in batched(places, KEYS_AT_ONCE, strict=False):
        stored = StoredCounts.at(series.model_id, series.version, some)
        for hour, number in some:
            old = stored.get((hour, number))
            watermark = str(old.watermark) if old is not None else None
            new: Counts | None = counted[number][hour]
            if watermark is not None and watermark > state.cursor:
                # An earlier attempt stopped after this write. Only later arrivals are missing here.
                new = rest.after(watermark)[number].get(hour)
            if new is None:
                continue
            if old is not None:
                new += Counts.decode(groups[number].baseline, {0: old.data})
            StoredCounts.put(
                series.model_id,
                hour_key(series.version, hour, number),
                new.encode(0),
                max(step.reached, watermark or ""),
                read=watermark,
                now=now,
            )
            yield


class _Rest:
    """The counts of the batches of a step that arrived after a watermark. Memory holds those of the last one asked."""

    def __init__(self, series: Series, step: Step, groups: Sequence[int]) -> None:
        self._series, self._step, self._groups = series, step, groups
        self._watermark: str | None = None
        self._counted: dict[int, ByHour] = {}

    def after(self, watermark: str) -> dict[int, ByHour]:
        """Return the counts by group."""
        if watermark != self._watermark:
            self._counted = {number: {} for number in self._groups}
            payloads = self._step.after(watermark)
            if payloads:
                for counted in count_groups(self._series.baseline, payloads, len(self._step.hours), self._groups):
                    self._counted |= counted
            self._watermark = watermark
        return self._counted


def _roll_finished_days(series: Series, state: State, now: datetime) -> State:
    """Roll up the days that ended since the last roll-up. `_fold_step` rolls a day up again when late rows arrive."""
    today = hour_of(now - SETTLED) // 24
    if state.rolled_before is None or state.rolled_before >= today:
        return state
    for day in range(max(state.rolled_before, today - 35), today):
        _roll_up(series, day, state.cursor, now)
    return _advance(series, state, replace(state, rolled_before=today, rolled_at=iso(now)))


def _roll_up(series: Series, day: int, watermark: str, now: datetime) -> None:
    # The day is read before its hours. If another fold writes hours in between, it also changes the day's watermark.
    marks = profile_marks(series, day)
    old = {
        item.place[1]: item for item in StoredCounts.days(series.model_id, series.version, day, day, consistent=True)
    }
    total = Counts.empty(series.baseline)
    profile = Profile.empty(total.layout, day)
    for hour, counts in read_hours(series, day * 24, day * 24 + 23):
        profile += Profile.of(total.layout, day, {hour: counts})
        total += counts
    if not total.rows:
        return
    for group in range(series.groups):
        item = old.get(group)
        StoredCounts.put(
            series.model_id,
            day_key(series.version, day, group),
            total.encode(group),
            watermark,
            read=str(item.watermark) if item is not None else None,
            now=now,
            life=DAY_LIFE,
        )
    put_profile(series, profile, watermark, marks, now)


def _fill_past(series: Series, state: State, now: datetime, may_go_on: Callable[[], bool]) -> tuple[State, bool]:
    """Make the profiles of the days that an older version counted. Returns the new state and whether none is left.

    Each day is recorded, so that the next fold goes on from there.
    """
    for day in days_without_profile(state, hour_of(now) // 24):
        if not may_go_on():
            return state, False
        make_profile(series, day, state.cursor, now)
        state = _advance(series, state, replace(state, profiled_from=day, rolled_at=iso(now)))
    if state.profiled_from != 0 and state.rolled_before is not None:
        state = _advance(series, state, replace(state, profiled_from=0, rolled_at=iso(now)))
    return state, True


def _advance(series: Series, old: State, new: State) -> State:
    StoredCounts.advance(
        series.model_id,
        series.version,
        read=old.cursor if old.stored else None,
        cursor=new.cursor,
        first_hour=new.first_hour,
        rolled_before=new.rolled_before,
        last_arrival=new.last_arrival,
        rolled_at=new.rolled_at,
        profiled_from=new.profiled_from,
        traffic=new.traffic.encode(),
    )
    return replace(new, stored=True)


def _whole(number: float | None) -> int | None:
    return None if number is None else int(number)
