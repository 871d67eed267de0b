"""Fold packed predictions into hourly counts. Each prediction is counted once, even if a fold fails half-way.

Predictions that arrived more than SETTLED ago are folded into the stored counts. Later ones are counted in memory,
for one verdict only.

Stored counts carry a watermark, the last arrival that they include. A fold replaces them only if the watermark is still
the one it has read, and moves the model's cursor after all counts are written. So a fold that stopped after any of its
writes can be repeated, and of two simultaneous folds one stops.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from driftguard.counting.batches import count
from driftguard.counting.counts import Counts
from driftguard.counting.series import Fresh, Series, State, read_hours
from driftguard.counting.tables import StoredCounts, day_key, hour_key
from driftguard.models.traffic import NO_TRAFFIC, Traffic
from driftguard.platform.dynamodb import ConditionFailed
from driftguard.platform.times import DAY, hour_of, hour_start, iso, parse
from driftguard.predictions.tables import RECOUNT_DAYS, Head, Predictions
from driftguard.rows.columns import Columns
from driftguard.rows.reading import MAX_AHEAD
from driftguard.rows.unpacking import columns

SETTLED = timedelta(minutes=10)
"""Longer than a writer runs plus the error of its clock. Later predictions get an arrival after now - SETTLED."""

ROWS_A_STEP = 200_000
HEADS_A_STEP = 1000


class Overtaken(Exception):
    """Another fold of the same model was faster. This fold must stop, and no data are lost."""


def load_state(series: Series, now: datetime) -> State:
    """Return the stored state, or the first state of a new baseline version."""
    item = StoredCounts.state(series.model_id, series.version)
    if item is None:
        return State(cursor=iso(recount_from(now)), stored=False)
    return State(
        cursor=str(item.cursor),
        first_hour=_whole(item.first_hour),
        rolled_before=_whole(item.rolled_before),
        last_arrival=item.last_arrival,
        rolled_at=item.rolled_at,
        traffic=Traffic.decode(item.traffic),
    )


def recount_from(now: datetime) -> datetime:
    """Return the arrival from which a new baseline version counts.

    The longest window begins on an hour, and the comparison of whole days on a day. So the count begins with the day. A
    prediction can arrive up to MAX_AHEAD before its event time.
    """
    first_day = hour_of(now) // 24 - RECOUNT_DAYS
    return hour_start(first_day * 24) - MAX_AHEAD


def fold(series: Series, state: State, now: datetime, may_go_on: Callable[[], bool]) -> tuple[State, bool]:
    """Fold all predictions that have settled. Returns the new state and whether all of them are folded.

    The fold asks `may_go_on` before each step, and can stop safely after each step. Raises Overtaken.
    """
    until = iso(now - SETTLED)
    try:
        while may_go_on():
            heads, more = _next_heads(series, state.cursor, until)
            if heads:
                state = _fold_step(series, state, heads, now)
            if not more:
                return _roll_finished_days(series, state, now), True
        return state, False
    except ConditionFailed as error:
        raise Overtaken from error


def count_fresh(series: Series, after: str, now: datetime, may_go_on: Callable[[], bool]) -> Fresh | None:
    """Count the predictions that arrived after the cursor `after`, in memory. Returns None if time runs out."""
    by_hour: dict[int, Counts] = {}
    last_arrival = None
    traffic = NO_TRAFFIC
    until = iso(now + DAY)
    while may_go_on():
        heads, more = _next_heads(series, after, until)
        if heads:
            after = last_arrival = heads[-1].arrived_at
        counted = count(series.baseline, _decoded(heads))
        for hour, counts in counted.items():
            by_hour[hour] = by_hour[hour] + counts if hour in by_hour else counts
        traffic = traffic.seen(_arrival_hours(heads), counted)
        if not more:
            return Fresh(by_hour, last_arrival, traffic)
    return None


def _next_heads(series: Series, after: str, until: str) -> tuple[list[Head], bool]:
    """Return the next batches of one step in order of arrival, and whether there may be more."""
    heads: list[Head] = []
    rows = 0
    for head in Predictions.arrivals(series.model_id, series.partitions, after=after, until=until):
        rows += head.rows
        if heads and rows > ROWS_A_STEP:
            return heads, True
        heads.append(head)
        if len(heads) == HEADS_A_STEP:
            return heads, True
    return heads, False


def _decoded(heads: Sequence[Head]) -> Iterable[Columns]:
    for _head, payload in Predictions.payloads(heads):
        yield columns(payload)


def _arrival_hours(heads: Iterable[Head]) -> set[int]:
    return {hour_of(arrival_time(head.arrived_at)) for head in heads}


def arrival_time(arrived_at: str) -> datetime:
    """Return the time of arrival from a batch's `arrived_at` key."""
    return parse(arrived_at.partition("#")[0])


def _fold_step(series: Series, state: State, heads: Sequence[Head], now: datetime) -> State:
    reached = heads[-1].arrived_at
    batches = [(head.arrived_at, columns(payload)) for head, payload in Predictions.payloads(heads)]
    counted = count(series.baseline, [batch for _arrived, batch in batches])
    stored = StoredCounts.of_hours(series.model_id, series.version, sorted(counted), series.groups)
    later: dict[str, dict[int, Counts]] = {}
    for hour, counts in sorted(counted.items()):
        for group in range(series.groups):
            old = stored.get((hour, group))
            watermark = str(old.watermark) if old is not None else None
            new: Counts | None = counts
            if watermark is not None and watermark > state.cursor:
                # An earlier attempt stopped after this write. Only later arrivals are missing here.
                if watermark not in later:
                    rest = [batch for arrived, batch in batches if arrived > watermark]
                    later[watermark] = count(series.baseline, rest) if rest else {}
                new = later[watermark].get(hour)
            if new is None:
                continue
            if old is not None:
                new = new + Counts.decode(series.baseline, {group: old.data})
            StoredCounts.put(
                series.model_id,
                hour_key(series.version, hour, group),
                new.encode(group),
                max(reached, watermark or ""),
                read=watermark,
                now=now,
            )
    today = hour_of(now) // 24
    days = {hour // 24 for hour in counted}
    finished = {day for day in days if day < (state.rolled_before or 0)}
    for day in sorted(finished):
        _roll_up(series, day, reached, now)
    first = min(counted, default=None)
    return _advance(
        series,
        state,
        replace(
            state,
            cursor=reached,
            first_hour=min((hour for hour in (state.first_hour, first) if hour is not None), default=None),
            rolled_before=state.rolled_before if state.rolled_before is not None else min({*days, today}),
            last_arrival=reached,
            rolled_at=iso(now) if finished else state.rolled_at,
            traffic=state.traffic.seen(_arrival_hours(heads), counted),
        ),
    )


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
    old = {
        item.place[1]: item for item in StoredCounts.days(series.model_id, series.version, day, day, consistent=True)
    }
    hours = read_hours(series, day * 24, day * 24 + 23)
    if not hours:
        return
    total = Counts.empty(series.baseline)
    for counts in hours.values():
        total = total + counts
    for group in range(series.groups):
        item = old.get(group)
        StoredCounts.put(
            series.model_id,
            day_key(series.version, day, group),
            total.encode(group),
            watermark,
            read=str(item.watermark) if item is not None else None,
            now=now,
        )


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
        traffic=new.traffic.encode(),
    )
    return replace(new, stored=True)


def _whole(number: float | None) -> int | None:
    return None if number is None else int(number)
