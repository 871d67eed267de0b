"""Finds the event day of labels that came without a timestamp, by a daily pass over the open days."""

from datetime import datetime

from driftguard.performance.days import rebuild
from driftguard.performance.label_rows import UNDATED
from driftguard.performance.partitions import Done, Partitions, RunMissing, Watched
from driftguard.performance.runs import Labels
from driftguard.performance.tables import Joined
from driftguard.platform.times import hour_of

UNITS_A_DAY = 2000
"""Read units that a pass may cost."""

WAITING_DAYS = 22
"""Days of arrivals whose labels are looked for."""


def search(model: Watched, now: datetime, before: int | None, done: Done) -> int | None:
    """Look for waiting labels in the open days, newest first. Returns where the next pass goes on; None at the end.

    before: what the last pass returned. A found label is written into its day first and then taken out of the labels
    that wait, so a pass that stopped half-way can be repeated. Raises ConditionFailed if another step was faster.
    """
    today = hour_of(now) // 24
    waits = Joined.days(model.model_id, UNDATED + today - WAITING_DAYS, UNDATED + today)
    places = [(day, head) for day in waits for head in Joined.heads(model.model_id, day.number, int(day.partitions))]
    waiting = [run for day, head in places for run in Partitions(model, day.number, day, done).read(head)[1].values()]
    if not sum(map(len, waiting)):
        return None
    labels = Labels.merge(waiting)
    limit = done.units + UNITS_A_DAY
    placed: list[Labels] = []
    following = None
    for day in reversed(Joined.days(model.model_id, 0, min(today, (before or UNDATED) - 1))):
        if day.takes_until <= now:
            continue
        if done.units > limit:
            following = day.number + 1
            break
        placed += _place(model, day, labels, done)
    if placed:
        _drop(model, places, Labels.merge(placed), done)
    return following


def _place(model: Watched, day: Joined, labels: Labels, done: Done) -> list[Labels]:
    """Commit to a day the labels whose predictions it has, and return them."""
    partitions = Partitions(model, day.number, day, done)
    found = []
    try:
        for head in Joined.heads(model.model_id, day.number, int(day.partitions)):
            some = partitions.place(head.partition, head, labels)
            if len(some):
                found.append(some)
    except RunMissing:
        done.missing.add(day.number)
    if found:
        rebuild(model, day.number, done)
        done.days.add(day.number)
    return found


def _drop(model: Watched, places: list[tuple[Joined, Joined]], placed: Labels, done: Done) -> None:
    """Take labels out of those that wait."""
    for day, head in places:
        Partitions(model, day.number, day, done).drop(head.partition, head, placed)
    for number in sorted({day.number for day, _head in places}):
        rebuild(model, number, done)
