"""Joins predictions with their labels by event day. Each label counts once, even if a step fails half-way.

A step reads what arrived up to SETTLED ago, predictions and labels each after a cursor of its own. It commits every
partition of a day that the arrivals touch, then the sum of each day, and moves the cursors at the end. The counts of a
partition follow from its runs alone, and runs are sets of rows. So a step that stopped after any of its writes can be
repeated, and of two simultaneous steps one stops or repeats what the other has done.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

from driftguard.models.task import Task, refused_change
from driftguard.performance.batches import Reader
from driftguard.performance.days import Arrived, join_day
from driftguard.performance.partitions import Done, Watched
from driftguard.performance.tables import Joined, Progress
from driftguard.platform.bulk import delete
from driftguard.platform.retries import ConditionFailed
from driftguard.platform.times import HOUR, iso
from driftguard.predictions.arrivals import SETTLED
from driftguard.predictions.heads import Head
from driftguard.predictions.keys import labels_of
from driftguard.predictions.storing import ids_of
from driftguard.predictions.tables import RETENTION, Predictions
from driftguard.rows.unpacking import unpack_rows

ROWS_A_STEP = 200_000
UNITS_AN_HOUR = 500
"""Read units that an hourly step may cost on average."""

LONGEST_PAUSE = 24
"""Hours between two steps at most."""


class Overtaken(Exception):
    """Another step of the same model was faster. This step must stop, and no data are lost."""


def step(model: Watched, now: datetime, may_go_on: Callable[[], bool] = lambda: True, *, forced: bool = False) -> Done:
    """Join what has settled since the last step. Raises Overtaken.

    Nothing is left out inside a slice of about ROWS_A_STEP rows, and `may_go_on` is asked between two slices.
    forced: whether the step runs although the pause after an expensive step has not ended.
    """
    done = Done()
    state = Joined.state(model.model_id)
    if not forced and state is not None and state.next_at is not None and state.next_at > iso(now):
        return done
    if state is not None and refused_change(Task.model_validate(state.progress.task), model.task) is not None:
        # The API refuses such a change once there are labels. Predictions alone are read again with the new task.
        delete(Joined.of(model.model_id))
        state = None
    start = iso(now - RETENTION)
    cursors = (str(state.predictions_reached), str(state.labels_reached)) if state is not None else (start, start)
    until = iso(now - SETTLED)
    try:
        while True:
            predictions, more = next_batches(model.model_id, model.partitions, cursors[0], until)
            labels, more_labels = next_batches(labels_of(model.model_id), model.partitions, cursors[1], until)
            if not predictions and not labels:
                return done
            arrived = list(arrived_of(model.reader, predictions, labels, done))
            refused = done.refused
            _join(model, arrived, now, done)
            last = not (more or more_labels)
            cursors = (_reached(predictions) or cursors[0], _reached(labels) or cursors[1])
            state = Joined.advance(
                model.model_id,
                state,
                predictions=cursors[0],
                labels=cursors[1],
                progress=_progress(model, state, arrived, done.refused - refused, now),
                next_at=iso(now + pause_after(done.units)) if last else None,
            )
            if last:
                return done
            if not may_go_on():
                done.complete = False
                return done
    except ConditionFailed as error:
        raise Overtaken from error


def _reached(heads: Sequence[Head]) -> str | None:
    return heads[-1].arrived_at if heads else None


def _progress(
    model: Watched, state: Joined | None, arrived: Sequence[Arrived], refused: int, now: datetime
) -> Progress:
    """Return what all steps together have done. The commit of the cursors makes it exact."""
    before = state.progress if state is not None else Progress({})
    with_labels = [one.arrived_at for one in arrived if one.pieces.labels]
    return Progress(
        task=model.task.model_dump(mode="json", exclude_unset=True),
        labels=before.labels + sum(len(rows) for one in arrived for rows in one.pieces.labels.values()),
        refused=before.refused + refused,
        last_label=max([*with_labels, before.last_label or ""]) or None,
        started=before.started or iso(now),
    )


def pause_after(units: float) -> timedelta:
    """Return the time until the next step: an hour, doubled until the average cost is UNITS_AN_HOUR, at most a day."""
    hours = 1
    while units > UNITS_AN_HOUR * hours and hours < LONGEST_PAUSE:
        hours *= 2
    return min(hours, LONGEST_PAUSE) * HOUR


def next_batches(owner: str, partitions: int, after: str, until: str) -> tuple[list[Head], bool]:
    """Return the next batches in order of arrival, and whether there may be more."""
    heads: list[Head] = []
    rows = 0
    for head in Predictions.arrivals(owner, partitions, after=after, until=until):
        rows += head.rows
        if heads and rows > ROWS_A_STEP:
            return heads, True
        heads.append(head)
    return heads, False


def arrived_of(reader: Reader, predictions: Sequence[Head], labels: Sequence[Head], done: Done) -> Iterator[Arrived]:
    """Read batches of predictions and of labels."""
    for head, payload in Predictions.payloads(predictions):
        done.read(len(payload))
        rows, rejected = unpack_rows(payload)
        ids = ids_of(head.sk, head.arrived_at, rows, rejected)
        yield Arrived("predictions", head.arrived_at, reader.predictions(head.arrived_at, rows, ids))
    for head, payload in Predictions.payloads(labels):
        done.read(len(payload))
        yield Arrived("labels", head.arrived_at, reader.labels(head.arrived_at, unpack_rows(payload)[0]))


def _join(model: Watched, arrived: Sequence[Arrived], now: datetime, done: Done) -> None:
    """Commit what arrived to all days that it belongs to."""
    done.refused += sum(one.pieces.refused for one in arrived)
    for day in sorted({day for one in arrived for day in one.days}):
        join_day(model, day, [one for one in arrived if day in one.days], now, done)
