"""Joins a story on the template's tables in moto, with kills and other joins in between, and compares with pandas."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
import pandas as pd

from bench.labels.story import DAY, MINUTE, SHUFFLED_DAYS, Story, deliveries, start_of
from driftguard.models import registry
from driftguard.models.schemas import NewModel
from driftguard.models.tables import Models
from driftguard.models.task import Task
from driftguard.performance.batches import Reader
from driftguard.performance.counts import CALIBRATION_BINS, Counts
from driftguard.performance.intake import log_labels
from driftguard.performance.joining import Overtaken, step
from driftguard.performance.label_rows import UNDATED
from driftguard.performance.partitions import Watched
from driftguard.performance.schemas import LabelsOfModel
from driftguard.performance.tables import Joined
from driftguard.predictions import intake
from driftguard.predictions.schemas import BatchBody
from driftguard.statistics import scores
from sandbox.calls import Call, intercepted

ORGANIZATION: Final = "acme"
TASK: Final = Task(type="binary", positive=1)
EVERY: Final = timedelta(hours=12)
"""Time between two joins."""
ROWS_A_BATCH: Final = 500
WRITES: Final = frozenset({"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"})


class Killed(BaseException):
    """The process ends here. Nothing may catch it."""


@dataclass
class Faults:
    """How many steps are killed around each of their writes, and how many meet another step."""

    killed: int = 0
    met: int = 0
    kills: int = field(default=0, init=False)
    meetings: int = field(default=0, init=False)


@dataclass(frozen=True)
class Joining:
    """One run of a story with a model of its own."""

    model_id: str
    days: dict[int, Counts]
    faults: Faults
    steps: int


def run(story: Story, name: str, *, seed: int, faults: Faults, say: Callable[[str], None] = lambda _: None) -> Joining:
    """Log a story in the order of its arrivals, and join it every EVERY, with faults at random steps."""
    begin = start_of(story)
    body = NewModel(name=name, settings={"task": TASK.model_dump(exclude_unset=True)})
    model_id = registry.create(ORGANIZATION, body, partitions=4, now=begin).id
    model = registry.find(ORGANIZATION, model_id)
    watched = Watched(model_id, model.partition_count, Reader(model_id, TASK), wait_days=90)
    end = story.rows["at"].iloc[-1].to_pydatetime() + (2 * SHUFFLED_DAYS + 4) * DAY
    steps = -(-(end - begin) // EVERY)
    rng = random.Random(seed)
    with_faults = rng.sample(range(2, steps - 2), min(faults.killed + faults.met, steps - 4))
    killed, met = set(with_faults[: faults.killed]), set(with_faults[faults.killed :])
    labels = deliveries(story, seed)
    sent = 0
    rows = story.rows
    for number in range(steps):
        since, until = begin + number * EVERY, begin + (number + 1) * EVERY
        low, high = (int(rows["at"].searchsorted(pd.Timestamp(moment))) for moment in (since, until))
        while sent < len(labels) and labels[sent][0] < until:
            arrived, batch_id, given = labels[sent]
            _send(model, given, batch_id, arrived)
            sent += 1
        _predict(model_id, rows.iloc[low:high], until)
        now = until + 11 * MINUTE
        if number in killed:
            faults.kills += _killed_step(watched, now)
        elif number in met:
            faults.meetings += _met_step(watched, now, rng)
        else:
            step(watched, now, forced=True)
        if number % 50 == 0:
            say(f"{name}: {number} of {steps} steps, {faults.kills} kills")
    if sent < len(labels):
        raise RuntimeError(f"{len(labels) - sent} batches of labels were not sent")
    counts = {item.number: Counts.decode(item.counts) for item in Joined.days(model_id, 0, UNDATED - 1)}
    return Joining(model_id, counts, faults, steps)


def _predict(model_id: str, rows: pd.DataFrame, now: datetime) -> None:
    for start in range(0, len(rows), ROWS_A_BATCH):
        part = rows.iloc[start : start + ROWS_A_BATCH]
        body = BatchBody.model_validate(
            {
                "model_id": model_id,
                "columns": {"hour": [at.hour for at in part["at"]]},
                "prediction_ids": part["id"].tolist(),
                "scores": part["score"].tolist(),
                "timestamps": [at.isoformat() for at in part["at"]],
            }
        )
        answer = intake.log_batch(ORGANIZATION, body, now=now)
        if answer.accepted != len(part):
            raise RuntimeError(f"predictions were rejected: {answer.errors[:1]}")


def _send(model: Models, rows: Sequence[dict[str, Any]], batch_id: str, now: datetime) -> None:
    answer = log_labels(model, LabelsOfModel(labels=list(rows), batch_id=batch_id), now=now)
    if answer.accepted != len(rows):
        raise RuntimeError(f"labels were rejected: {answer.errors[:1]}")


def _killed_step(watched: Watched, now: datetime) -> int:
    """Kill a step before and after its first, second … write until one ends. Returns the number of kills."""
    kills = number = 0
    while True:
        number += 1
        for after in (False, True):
            if not _dies(watched, now, number, after=after):
                return kills
            kills += 1


def _dies(watched: Watched, now: datetime, last: int, *, after: bool) -> bool:
    """Whether a step dies that is killed around its `last` write. Otherwise it has ended."""
    writes = 0

    def fatal(call: Call) -> Any:
        nonlocal writes
        if call.service != "dynamodb" or call.operation not in WRITES:
            return call.make()
        writes += 1
        if writes != last:
            return call.make()
        if after:
            call.make()
        raise Killed

    try:
        with intercepted(fatal):
            step(watched, now, forced=True)
    except Killed:
        return True
    return False


def _met_step(watched: Watched, now: datetime, rng: random.Random) -> int:
    """Run a whole step in the middle of another one, at a random write. Returns 1 if they met."""
    at, writes, met = rng.randint(1, 6), 0, False

    def meeting(call: Call) -> Any:
        nonlocal writes, met
        if call.service == "dynamodb" and call.operation in WRITES and not met:
            writes += 1
            if writes == at:
                met = True
                step(watched, now, forced=True)
        return call.make()

    try:
        with intercepted(meeting):
            step(watched, now, forced=True)
    except Overtaken:
        step(watched, now, forced=True)
    return int(met)


def differences(story: Story, days: dict[int, Counts]) -> list[str]:
    """Return where the counts of days differ from a group-by of pandas: whole numbers at all, sums beyond 1e-12."""
    table = story.expected
    table["day"] = [at.value // 86_400_000_000_000 for at in table["at"]]
    found = []
    kept = {day: counts for day, counts in days.items() if counts.tally.predictions or counts.tally.labels}
    if set(kept) != set(table["day"]):
        found.append(f"days: {set(kept) ^ set(table['day'])}")
    for day, rows in table.groupby("day"):
        counts = kept.get(int(str(day)))
        if counts is None:
            continue
        whole, sums = _expected(rows)
        measured = {
            "predictions": counts.tally.predictions,
            "labelled": counts.tally.labelled,
            "withdrawn": counts.tally.withdrawn,
            "waiting": counts.tally.waiting,
            "ambiguous": counts.tally.ambiguous,
            "confusion": counts.confusion.tolist(),
            "scores of positives": counts.positives.tolist(),
            "scores of negatives": counts.negatives.tolist(),
            "calibration": counts.calibration.tolist(),
        }
        found += [f"{day}: {name}" for name in whole if whole[name] != measured[name]]
        if not np.allclose(counts.sums[[0, 2]], sums, rtol=1e-12, atol=0):
            found.append(f"{day}: sums {counts.sums} {sums}")
    return found


def _expected(rows: pd.DataFrame) -> tuple[dict[str, Any], list[float]]:
    """Return the whole numbers and the sums of a day by pandas and numpy alone."""
    labelled = rows[rows["labelled"]]
    stored = labelled["score"].astype(np.float32).astype(np.float64)
    truth, named = labelled["label"].astype(int), (labelled["score"] >= TASK.threshold).astype(int)
    confusion = pd.crosstab(truth, named).reindex(index=[0, 1], columns=[0, 1], fill_value=0)
    edges = np.concatenate([[-np.inf], scores.EDGES, [np.inf]])
    tenths = np.ceil((stored * 10).round(9)).clip(1, CALIBRATION_BINS).astype(int) - 1
    whole = {
        "predictions": len(rows),
        "labelled": len(labelled),
        "withdrawn": int((rows["withdrawn"] & rows["label"].notna()).sum()),
        "waiting": 0,
        "ambiguous": 0,
        "confusion": confusion.to_numpy().tolist(),
        "scores of positives": np.histogram(stored[truth == 1], edges)[0].tolist(),
        "scores of negatives": np.histogram(stored[truth == 0], edges)[0].tolist(),
        "calibration": [
            np.bincount(part, minlength=CALIBRATION_BINS).tolist() for part in (tenths, tenths[truth == 1])
        ],
    }
    chance = np.where(truth == 1, stored, 1 - stored).clip(np.finfo(float).eps, 1 - np.finfo(float).eps)
    return whole, [float(((stored - truth) ** 2).sum()), float(-np.log(chance).sum())]


def alike(one: dict[int, Counts], other: dict[int, Counts]) -> list[str]:
    """Return the days whose whole numbers differ between two runs."""
    whole = ("confusion", "negatives", "positives", "calibration", "errors", "delays")
    return [
        str(day)
        for day in sorted(one.keys() | other.keys())
        if day not in one
        or day not in other
        or one[day].tally != other[day].tally
        or any(not np.array_equal(getattr(one[day], name), getattr(other[day], name)) for name in whole)
    ]


def coverage(days: dict[int, Counts]) -> tuple[int, int]:
    """Return the predictions of all days, and those that have a label."""
    return sum(day.tally.predictions for day in days.values()), sum(day.tally.labelled for day in days.values())
