"""Commits rows to the partitions of one event day: the runs first, then the head that lists them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np

from driftguard.models.task import Task
from driftguard.performance.batches import Reader
from driftguard.performance.matching import count
from driftguard.performance.runs import Directory, Labels
from driftguard.performance.stored_runs import decode_directory, decode_labels, encode
from driftguard.performance.tables import Joined
from driftguard.platform.bulk import delete
from driftguard.statistics.arrays import Flags

MOST_RUNS = 32
"""Runs of a kind that a head lists. The next commit merges more runs into one.

A merger rewrites all rows of a partition. Days whose labels arrive within two weeks need none.
"""

WRITE_COST = 5
"""Read units that a write unit costs."""

type Source = Literal["predictions", "labels"]


class RunMissing(Exception):
    """A head lists a run that is not there. The counts of its day must stay as they are."""


@dataclass(frozen=True)
class Watched:
    """The model whose labels are joined. partitions: of its batches. wait_days: the setting `label_wait_days`."""

    model_id: str
    partitions: int
    reader: Reader
    wait_days: int

    @property
    def task(self) -> Task:
        """The model's task."""
        return self.reader.task


@dataclass
class Done:
    """What a step has done.

    days: the days it has changed. missing: those that it left alone because a run is missing. refused: labels of
    unknown values or of days that take no labels any more. units: read units. complete: whether nothing is left.
    """

    days: set[int] = field(default_factory=set)
    missing: set[int] = field(default_factory=set)
    refused: int = 0
    units: float = 0.0
    complete: bool = True

    def read(self, size: int, *, consistent: bool = True) -> None:
        """Count a read."""
        self.units += max(1, -(-size // 4096)) / (1 if consistent else 2)

    def written(self, size: int, *, in_transaction: bool = False) -> None:
        """Count a write."""
        self.units += max(1, -(-size // 1024)) * WRITE_COST * (2 if in_transaction else 1)


class Fresh(NamedTuple):
    """What one batch adds to one partition."""

    source: Source
    arrived_at: str
    directory: Directory | None
    labels: Labels | None


@dataclass(frozen=True)
class Partitions:
    """Reads and writes the runs and heads of one day."""

    model: Watched
    number: int
    day: Joined
    done: Done

    def add(self, partition: int, head: Joined | None, fresh: Sequence[Fresh]) -> None:
        """Commit to one partition what arrived after the arrivals that its head has reached.

        Raises ConditionFailed and RunMissing.
        """
        reached = reached_by(head)
        new = [one for one in fresh if one.arrived_at > reached[one.source]]
        if not new:
            return
        for one in new:
            reached[one.source] = max(reached[one.source], one.arrived_at)
        directories, labels = self.read(head)
        more_directories = [one.directory for one in new if one.directory is not None]
        more_labels = [one.labels for one in new if one.labels is not None]
        newest = max(reached.values())
        names, label_names = list(directories), list(labels)
        if more_directories:
            whole = len(names) >= MOST_RUNS
            run = Directory.merge([*(directories.values() if whole else ()), *more_directories])
            names = [*([] if whole else names), *self.write(encode(run), newest)]
        if more_labels:
            whole = len(label_names) >= MOST_RUNS
            labels_run = Labels.merge([*(labels.values() if whole else ()), *more_labels])
            label_names = [*([] if whole else label_names), *self.write(encode(labels_run), newest)]
        item = self.head(
            partition,
            reached,
            (names, label_names),
            ([*directories.values(), *more_directories], [*labels.values(), *more_labels]),
        )
        self.commit(item, head)
        dropped = (directories.keys() | labels.keys()) - {*names, *label_names}
        # Nothing lists these runs any more. A step that stops here leaves them until the day expires.
        delete(Joined.runs_named(self.model.model_id, self.number, sorted(dropped)))

    def head(
        self,
        partition: int,
        reached: Mapping[Source, str],
        names: tuple[list[str], list[str]],
        runs: tuple[list[Directory], list[Labels]],
        *,
        partitions: int | None = None,
    ) -> Joined:
        """Return a head with the counts of its runs, not stored yet. partitions: those of the day by default."""
        number = int(self.day.partitions) if partitions is None else partitions
        item = Joined.head(self.model.model_id, self.number, number, partition)
        item.directory_runs, item.label_runs = names
        item.predictions_reached, item.labels_reached = reached["predictions"] or None, reached["labels"] or None
        item.counts = count(*runs, classes=self.model.task.class_count, day=self.number).encode()
        return item

    def commit(self, item: Joined, head: Joined | None) -> None:
        """Store a head in place of the one that was read. Raises ConditionFailed."""
        self.done.written(item.size, in_transaction=head is None)
        if head is None:
            # The check of the day's number of partitions costs as much as a write of the day.
            self.done.written(self.day.size, in_transaction=True)
        item.commit(self.day, head)

    def read(self, head: Joined | None) -> tuple[dict[str, Directory], dict[str, Labels]]:
        """Return the runs that a head lists. Raises RunMissing."""
        if head is None:
            return {}, {}
        self.done.read(head.size)
        names, label_names = list(head.directory_runs or ()), list(head.label_runs or ())
        data = Joined.runs(self.model.model_id, self.number, [*names, *label_names])
        for name in (*names, *label_names):
            if name not in data:
                raise RunMissing(name)
            self.done.read(len(data[name]), consistent=False)
        return (
            {name: decode_directory(data[name]) for name in names},
            {name: decode_labels(data[name]) for name in label_names},
        )

    def write(self, pieces: Sequence[bytes], reached: str) -> list[str]:
        """Store runs, and return their names. reached: the last arrival in them."""
        for data in pieces:
            self.done.written(len(data))
        return [Joined.put_run(self.model.model_id, self.day, self.number, data, reached) for data in pieces]

    def place(self, partition: int, head: Joined, waiting: Labels) -> Labels:
        """Commit to one partition those of some labels whose predictions it has, and return them.

        Labels that the partition has already are returned, too. Raises ConditionFailed and RunMissing.
        """
        directories, labels = self.read(head)
        known = np.concatenate([np.zeros(0, np.uint64), *(run.hashes for run in directories.values())])
        found = waiting.take(np.isin(waiting.hashes, known))
        before = Labels.merge([Labels.empty(waiting.kind), *labels.values()])
        new = Labels.merge([before, found])
        if len(new) == len(before):
            return found
        reached = reached_by(head)
        whole = len(labels) >= MOST_RUNS
        # The name of the run has the arrivals of its rows, because the head's arrivals stay the same.
        names = self.write(encode(new if whole else found), f"{max(reached.values())} {found.arrived.max()}")
        item = self.head(
            partition,
            reached,
            (list(head.directory_runs or ()), [*([] if whole else labels), *names]),
            ([*directories.values()], [*labels.values(), found]),
        )
        self.commit(item, head)
        delete(Joined.runs_named(self.model.model_id, self.number, sorted(labels.keys() - {*names}) if whole else []))
        return found

    def drop(self, partition: int, head: Joined, placed: Labels) -> None:
        """Take labels that are in their day now out of one partition. Raises ConditionFailed and RunMissing."""
        _directories, labels = self.read(head)
        kept = [run.take(~_among(run, placed)) for run in labels.values()]
        if sum(map(len, kept)) == sum(map(len, labels.values())):
            return
        left = [Labels.merge(kept)]
        reached = reached_by(head)
        names = self.write([data for run in left for data in encode(run)], f"{max(reached.values())} left")
        item = self.head(partition, reached, ([], names), ([], left))
        self.commit(item, head)
        delete(Joined.runs_named(self.model.model_id, self.number, sorted(labels.keys() - {*names})))


def _among(rows: Labels, others: Labels) -> Flags:
    """Whether each label is one of the others: of the same id, batch and place."""
    keys = set(
        zip(others.hashes.tolist(), others.arrived.tolist(), others.key.tolist(), others.index.tolist(), strict=True)
    )
    own = zip(rows.hashes.tolist(), rows.arrived.tolist(), rows.key.tolist(), rows.index.tolist(), strict=True)
    return np.fromiter((key in keys for key in own), np.bool_, len(rows))


def reached_by(head: Joined | None) -> dict[Source, str]:
    """Return the last arrivals that a head includes."""
    if head is None:
        return {"predictions": "", "labels": ""}
    return {"predictions": head.predictions_reached or "", "labels": head.labels_reached or ""}
