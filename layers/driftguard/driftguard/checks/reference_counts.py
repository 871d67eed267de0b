"""Reads the reference that a model's performance is compared with, as counts for the model's task."""

import json
from collections.abc import Iterator
from hashlib import sha256

from driftguard.baselines.labelled import unpack_labelled
from driftguard.baselines.references import References
from driftguard.baselines.tables import Baselines
from driftguard.models.tables import Models
from driftguard.models.task import Task, refused_change
from driftguard.performance.batches import Reader
from driftguard.performance.counts import Counts, total
from driftguard.performance.matching import count
from driftguard.performance.tables import Joined
from driftguard.verdicts.performance_report import Reference


def reference_of(model: Models, task: Task, item: References | None, *, keep: bool = True) -> Reference | None:
    """Return the counts of a reference. None if there is none, or if no row of it can be judged with the task.

    The counts are computed once for each reference and task, and kept beside the joined predictions. keep: whether to
    store counts that are not kept yet.
    """
    if item is None:
        return None
    described = json.dumps([task.type, task.positive, task.classes])
    name = f"{int(item.version)}#{sha256(described.encode()).hexdigest()[:16]}"
    data = Joined.reference(model.model_id, name)
    if data is None:
        counts = total(_parts(model, task, item), task.class_count)
        if keep:
            Joined.put_reference(model.model_id, name, counts.encode())
    else:
        counts = Counts.decode(data)
    if not counts.n:
        return None
    return {
        "source": "predictions" if item.source == "predictions" else "baseline",
        "counts": counts,
        "days": None if item.days is None else int(item.days),
    }


def _parts(model: Models, task: Task, item: References) -> Iterator[Counts]:
    if item.baseline_version is None:
        # Counts of another task have other classes.
        if refused_change(Task.model_validate(item.task), task) is None:
            yield from map(Counts.decode, item.counts())
        return
    head = Baselines.head(model.model_id, int(item.baseline_version))
    if head is None:
        raise LookupError(f"model {model.model_id} has no baseline {item.baseline_version}, its reference")
    thresholds = [(since, value) for since, value in model.thresholds or []]
    reader = Reader(model.model_id, task, thresholds)
    for rows in unpack_labelled(head.labelled()):
        pieces = reader.predictions(str(item.created_at), rows, [str(number) for number in range(len(rows))])
        directories, labels = [*pieces.directories.values()], [*pieces.labels.values()]
        yield count(directories, labels, classes=task.class_count, day=0)
