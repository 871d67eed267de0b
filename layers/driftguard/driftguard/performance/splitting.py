"""Splits each partition of a day into four, when the day has outgrown its number of partitions."""

import numpy as np

from driftguard.performance.ids import partition_of
from driftguard.performance.partitions import Partitions, reached_by
from driftguard.performance.runs import Directory, Labels
from driftguard.performance.stored_runs import encode
from driftguard.performance.tables import Joined
from driftguard.platform.bulk import delete
from driftguard.statistics.arrays import Flags

FACTOR = 4


def split(day: Partitions) -> None:
    """Write the runs and heads of the finer partitions, then exchange the heads in one transaction.

    A new head is stored only while the old head is the one that was read and the number has not changed. The number
    changes only if all old heads are still those that were read. So of two simultaneous splits one stops, and a split
    that stopped half-way is repeated. Raises ConditionFailed and RunMissing.
    """
    partitions = int(day.day.partitions)
    heads = {head.partition: head for head in Joined.heads(day.model.model_id, day.number, partitions)}
    new: set[str] = set()
    for number, head in heads.items():
        directories, labels = day.read(head)
        reached = reached_by(head)
        for finer in range(number * FACTOR, (number + 1) * FACTOR):
            of_directories = (
                [Directory.merge([run.take(_inside(run, finer, partitions * FACTOR)) for run in directories.values()])]
                if directories
                else []
            )
            of_labels = (
                [Labels.merge([run.take(_inside(run, finer, partitions * FACTOR)) for run in labels.values()])]
                if labels
                else []
            )
            newest = max(reached.values())
            names = [name for run in of_directories for name in day.write(encode(run), newest)]
            label_names = [name for run in of_labels for name in day.write(encode(run), newest)]
            new |= {*names, *label_names}
            item = day.head(
                finer, reached, (names, label_names), (of_directories, of_labels), partitions=partitions * FACTOR
            )
            day.done.written(item.size + day.day.size + head.size, in_transaction=True)
            item.commit_part(day.day, head)
    day.day.refine(partitions * FACTOR, heads)
    old = {name for head in heads.values() for name in (*(head.directory_runs or ()), *(head.label_runs or ()))}
    # A partition whose rows all lie in one quarter has a run of the same name before and after.
    delete(Joined.runs_named(day.model.model_id, day.number, sorted(old - new)))


def _inside(run: Directory | Labels, partition: int, partitions: int) -> Flags:
    return np.equal(partition_of(run.hashes, partitions), partition)
