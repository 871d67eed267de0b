"""Commits what arrived for one event day: the partitions that it touches, then the sum of the day."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from driftguard.performance.batches import Pieces
from driftguard.performance.counts import Counts, total
from driftguard.performance.ids import MOST_ROWS_A_PARTITION, PARTITIONS, partition_of, partitions_for
from driftguard.performance.label_rows import UNDATED
from driftguard.performance.partitions import Done, Fresh, Partitions, RunMissing, Source, Watched
from driftguard.performance.runs import Directory, Labels
from driftguard.performance.splitting import split
from driftguard.performance.tables import Joined, end_of
from driftguard.platform.retries import ConditionFailed, retrying

TRIES = 6

WAIT_OF_UNDATED = 22
"""Days that a label waits whose event day is unknown: the oldest prediction that can still arrive, and a day."""


class Arrived(NamedTuple):
    """A batch, and what it adds to each day."""

    source: Source
    arrived_at: str
    pieces: Pieces

    @property
    def days(self) -> set[int]:
        """The event days of its rows."""
        return {*self.pieces.directories, *self.pieces.labels}


def join_day(model: Watched, number: int, arrived: Sequence[Arrived], now: datetime, done: Done) -> None:
    """Commit what arrived for a day. Raises ConditionFailed if another step was faster."""
    day = _opened(model, number, arrived, now)
    if day is None:
        done.refused += sum(len(one.pieces.labels.get(number, ())) for one in arrived)
        return
    done.days.add(number)
    try:
        _commit_partitions(model, number, day, arrived, done)
        counts = rebuild(model, number, done)
        if (
            counts.tally.predictions
            > MOST_ROWS_A_PARTITION * int(day.partitions)
            < MOST_ROWS_A_PARTITION * PARTITIONS[-1]
        ):
            split(Partitions(model, number, day, done))
    except RunMissing:
        done.missing.add(number)


def _opened(model: Watched, number: int, arrived: Sequence[Arrived], now: datetime) -> Joined | None:
    """Return the day's item, stored if it is new. None if labels alone arrived and the day takes no labels any more.

    The first step that meets a day chooses its number of partitions.
    """
    wait = timedelta(days=WAIT_OF_UNDATED if number >= UNDATED else model.wait_days)
    day = Joined.day(model.model_id, number)
    predicted = sum(len(one.pieces.directories.get(number, ())) for one in arrived)
    ends = end_of(number) + wait if day is None else day.takes_until
    if now >= ends and not predicted:
        return None
    if day is not None:
        return day
    labelled = sum(len(one.pieces.labels.get(number, ())) for one in arrived)
    before = Joined.day(model.model_id, number - 1)
    rows = max(predicted, labelled, Counts.decode(before.counts).tally.predictions if before is not None else 0)
    empty = Counts.empty(model.task.class_count).encode()
    try:
        return Joined.open_day(model.model_id, number, partitions_for(rows), wait, empty)
    except ConditionFailed:
        return Joined.day(model.model_id, number)


def _commit_partitions(model: Watched, number: int, day: Joined, arrived: Sequence[Arrived], done: Done) -> None:
    partitions = int(day.partitions)
    fresh: dict[int, list[Fresh]] = {}
    for one in arrived:
        directories = _by_partition(one.pieces.directories.get(number), partitions)
        labels = _by_partition(one.pieces.labels.get(number), partitions)
        for partition in directories.keys() | labels.keys():
            fresh.setdefault(partition, []).append(
                Fresh(one.source, one.arrived_at, directories.get(partition), labels.get(partition))
            )
    heads = Joined.some_heads(model.model_id, number, partitions, sorted(fresh))
    for partition, rows in sorted(fresh.items()):
        Partitions(model, number, day, done).add(partition, heads.get(partition), rows)


def _by_partition[T: (Directory, Labels)](run: T | None, partitions: int) -> dict[int, T]:
    if run is None:
        return {}
    places = partition_of(run.hashes, partitions)
    return {partition: run.take(places == partition) for partition in sorted(set(places.tolist()))}


def rebuild(model: Watched, number: int, done: Done) -> Counts:
    """Store the sum of a day's heads as the counts of the day, and return it. Raises ConditionFailed.

    The day is read before its heads. If another step changes a head in between, it also rebuilds the day.
    """
    for attempt in retrying(TRIES):
        day = Joined.day(model.model_id, number)
        if day is None:
            break
        heads = Joined.heads(model.model_id, number, int(day.partitions))
        counts = total((Counts.decode(head.counts) for head in heads), model.task.class_count)
        for item in (day, *heads):
            done.read(item.size)
        data = counts.encode()
        if data == day.counts:
            return counts
        with attempt:
            done.written(len(data))
            day.replace_counts(data)
            return counts
    raise ConditionFailed
