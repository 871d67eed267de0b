"""Counts what arrived in the last minutes in memory, as if it were joined already. Nothing is stored."""

from collections.abc import Sequence
from datetime import datetime

from driftguard.performance.counts import Counts, total
from driftguard.performance.days import Arrived
from driftguard.performance.ids import partition_of
from driftguard.performance.joining import arrived_of, next_batches
from driftguard.performance.matching import count
from driftguard.performance.partitions import Done, Partitions, Watched, reached_by
from driftguard.performance.runs import Directory, Labels
from driftguard.performance.tables import Joined
from driftguard.platform.times import iso
from driftguard.predictions.keys import labels_of
from driftguard.predictions.tables import RETENTION


def unsettled_days(model: Watched, now: datetime, done: Done) -> dict[int, Counts]:
    """Return the counts of the days that batches after the last step belong to. Raises RunMissing."""
    state = Joined.state(model.model_id)
    start = iso(now - RETENTION)
    cursors = (str(state.predictions_reached), str(state.labels_reached)) if state is not None else (start, start)
    predictions, _more = next_batches(model.model_id, model.partitions, cursors[0], iso(now))
    labels, _more = next_batches(labels_of(model.model_id), model.partitions, cursors[1], iso(now))
    arrived = list(arrived_of(model.reader, predictions, labels, done))
    days = sorted({day for one in arrived for day in one.days})
    return {day: _counts(model, day, [one for one in arrived if day in one.days], now, done) for day in days}


def _counts(model: Watched, number: int, arrived: Sequence[Arrived], now: datetime, done: Done) -> Counts:
    classes = model.task.class_count
    day = Joined.day(model.model_id, number)
    if day is None:
        directories = [one.pieces.directories[number] for one in arrived if number in one.pieces.directories]
        labels = [one.pieces.labels[number] for one in arrived if number in one.pieces.labels]
        return count(directories, labels, classes=classes, day=number)
    if day.takes_until <= now and not any(number in one.pieces.directories for one in arrived):
        return Counts.decode(day.counts)
    size = int(day.partitions)
    heads = {head.partition: head for head in Joined.heads(model.model_id, number, size)}
    partitions = Partitions(model, number, day, done)
    return total(
        (_partition(partitions, place, size, heads.get(place), arrived) for place in range(size)),
        classes,
    )


def _partition(
    partitions: Partitions, place: int, size: int, head: Joined | None, arrived: Sequence[Arrived]
) -> Counts:
    """Return the counts of one partition with what arrived after the arrivals that its head has reached."""
    number, classes = partitions.number, partitions.model.task.class_count
    reached = reached_by(head)
    new = [one for one in arrived if one.arrived_at > reached[one.source]]
    directories: list[Directory] = []
    labels: list[Labels] = []
    for one in new:
        directory, some = one.pieces.directories.get(number), one.pieces.labels.get(number)
        if directory is not None:
            directories.append(directory.take(partition_of(directory.hashes, size) == place))
        if some is not None:
            labels.append(some.take(partition_of(some.hashes, size) == place))
    if not sum(map(len, directories)) + sum(map(len, labels)):
        return Counts.decode(head.counts) if head is not None else Counts.empty(classes)
    stored, stored_labels = partitions.read(head)
    return count([*stored.values(), *directories], [*stored_labels.values(), *labels], classes=classes, day=number)
