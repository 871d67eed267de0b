"""Joins a model's labels with its predictions, and stores the performance report: started from the queue."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from driftguard.alerts.publishing import Publish, publish_pending
from driftguard.alerts.schemas import SCHEDULE
from driftguard.baselines.references import References
from driftguard.checks.labelling import labelling_of
from driftguard.checks.messages import JoinMessage, JoinQueue
from driftguard.checks.performance import Stored, pack
from driftguard.checks.performance_commit import store, verdict_of
from driftguard.checks.reference_counts import reference_of
from driftguard.models.tables import Models
from driftguard.models.task import Task
from driftguard.performance.batches import Reader
from driftguard.performance.counts import Counts, total
from driftguard.performance.joining import Overtaken, step
from driftguard.performance.label_rows import UNDATED
from driftguard.performance.maturing import mature_days
from driftguard.performance.maturity import Day
from driftguard.performance.metrics import names_of
from driftguard.performance.partitions import Done, RunMissing, Watched
from driftguard.performance.searching import WAITING_DAYS, search
from driftguard.performance.tables import DAYS_KEPT, Joined
from driftguard.performance.unsettled import unsettled_days
from driftguard.platform.bulk import delete
from driftguard.platform.ids import new_id
from driftguard.platform.observability import count, logger
from driftguard.platform.retries import ConditionFailed, is_transient
from driftguard.platform.times import DAY, hour_of, iso
from driftguard.verdicts.performance import Judged, judged_with
from driftguard.verdicts.performance_report import Reference, days_by_metric, headline_of, report, status

SHOWN_DAYS = 92
"""Event days in the report, at least. Days that still take labels are always in it."""

RETRY_SECONDS = 30


@dataclass(frozen=True)
class Joiner:
    """Runs joins with the queue, the topic and the time limit of one Lambda invocation."""

    queue: JoinQueue
    time_left: Callable[[], timedelta]
    publish: Publish

    def from_queue(self, message: JoinMessage, receipt_handle: str, now: datetime) -> None:
        """Join the labels of the model that a queue message names.

        Raises transient errors, so that SQS delivers the message again. Other errors are counted and not raised,
        because the schedule sends the next message within an hour.
        """
        try:
            model = Models.one(message.organization_id, message.model_id)
            if model is None or model.settings.task is None:
                return  # The model was deleted or lost its task after the message was sent.
            try:
                done = join(
                    model, now, lambda: self.time_left() > timedelta(0), by_hand=message.by_hand, actor=message.actor
                )
            finally:
                # An earlier join may have stopped before it published its alerts.
                publish_pending(model.model_id, self.publish)
            if not done.complete:
                self.queue.send(message, f"{message.model_id}-{new_id(now)}")
            elif message.request is not None:
                Joined.answer(model.model_id, message.request, now)
        except Overtaken:
            logger.info("another join of this model was faster", extra={"model_id": message.model_id})
        except Exception as error:
            count("JoinsFailed")
            logger.error("join failed", exc_info=error, extra={"model_id": message.model_id})
            if is_transient(error):
                # The queue's own time-out is much longer, and would block the later joins of the model.
                self.queue.give_back(receipt_handle, RETRY_SECONDS)
                raise
        finally:
            # A join can last longer than the delay of an erasure, and would leave behind what it wrote after it.
            if Models.one(message.organization_id, message.model_id) is None:
                delete(Joined.of(message.model_id))


def join(
    model: Models,
    now: datetime,
    may_go_on: Callable[[], bool],
    *,
    by_hand: bool = False,
    actor: str = SCHEDULE,
) -> Done:
    """Join what has arrived, and store the report and its alerts. Raises Overtaken if another join was faster.

    by_hand: join although a pause has not ended, and count the arrivals of the last minutes in memory.
    actor: the name of the API key that asked for the join, or the schedule.
    """
    task = model.settings.task
    if task is None:
        raise ValueError("the model has no task")
    reader = Reader(model.model_id, task, [(since, value) for since, value in model.thresholds or []])
    watched = Watched(model.model_id, model.partition_count, reader, model.settings.label_wait_days)
    done = step(watched, now, may_go_on, forced=by_hand)
    if done.complete:
        try:
            stepped = set(done.days)
            _search(watched, now, done, by_hand=by_hand)
            anyway = by_hand or bool(done.days - stepped)
            _store_report(model, watched, now, done, anyway=anyway, by_hand=by_hand, actor=actor)
        except ConditionFailed as error:
            raise Overtaken from error
    if done.missing:
        count("JoinsFailed")
        logger.error("a run is missing", extra={"model_id": model.model_id, "days": sorted(done.missing)})
    details = {"days": len(done.days), "refused": done.refused, "units": round(done.units), "complete": done.complete}
    logger.info("join", extra={"model_id": model.model_id, **details})
    return done


def _search(model: Watched, now: datetime, done: Done, *, by_hand: bool) -> None:
    """Look once a day for the days of labels that came without a timestamp."""
    last = Joined.search(model.model_id)
    if last is not None and str(last.next_at) > iso(now) and not by_hand:
        return
    before = int(last.before_day) if last is not None and last.before_day is not None else None
    following = search(model, now, before, done)
    Joined.searched(model.model_id, following, iso(now + DAY))


def _store_report(
    model: Models, watched: Watched, now: datetime, done: Done, *, anyway: bool, by_hand: bool, actor: str
) -> None:
    """Store the report and its alerts, unless a report of the same state is stored and not due again.

    anyway: store a new report although the stored one is of the same state.
    """
    state, head = Joined.state(model.model_id), Joined.report_head(model.model_id)
    newest = References.newest(model.model_id)
    version = int(newest.version) if newest is not None else None
    made_of = f"{version or 0}#{int(state.revision) if state is not None else 0}"
    if head is not None and head.made_of == made_of and str(head.next_at) > iso(now) and not anyway:
        return
    unsettled: dict[int, Counts] = {}
    if by_hand:
        try:
            unsettled = unsettled_days(watched, now, done)
        except RunMissing:
            logger.warning("a run is missing, so the last minutes are left out", extra={"model_id": model.model_id})
    settings, task = model.settings, watched.task
    shown = min(max(SHOWN_DAYS, settings.label_wait_days + 2), DAYS_KEPT)
    days = mature_days(model.model_id, settings, now, shown, unsettled)
    reference = reference_of(model, task, newest)
    judged: list[Judged] = []
    if reference is not None:
        judged = judged_with(days, reference["counts"], reference["days"], task, settings)
    stored = _report(model, task, now, days, reference, judged, unsettled, state)
    verdict = verdict_of(
        model,
        days,
        reference,
        judged,
        labelling_of(watched, state, stored["labels"]["delay_hours"]["p90"], now),
        reference_version=version,
        actor=actor,
        now=now,
    )
    store(model, head, pack(stored), verdict, made_of, headline_of(stored["report"]))


def _report(
    model: Models,
    task: Task,
    now: datetime,
    days: Sequence[Day],
    reference: Reference | None,
    judged: Sequence[Judged],
    unsettled: dict[int, Counts],
    state: Joined | None,
) -> Stored:
    today = UNDATED + hour_of(now) // 24
    undated = {
        item.number: Counts.decode(item.counts).tally
        for item in Joined.days(model.model_id, today - WAITING_DAYS, today)
    } | {number: counts.tally for number, counts in unsettled.items() if number >= UNDATED}
    refused = state.progress.refused if state is not None else 0
    outcomes = total((day.counts for day in days), task.class_count).outcomes
    return {
        "report": {**report(days, reference, judged, task, None), "days": []},
        "days": days_by_metric(days, task),
        "names": names_of(task, outcomes),
        "labels": status(days, undated=list(undated.values()), refused=refused, now=now),
    }
