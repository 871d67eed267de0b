"""Starts checks: on request through the API, and from the queue."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus

from driftguard.alerts.publishing import Publish
from driftguard.alerts.schemas import SCHEDULE
from driftguard.checks.check import check, look
from driftguard.checks.messages import CheckMessage, LookMessage, Queues, go_on, record_failure
from driftguard.checks.schemas import Queued
from driftguard.checks.task import Busy, Result, Task
from driftguard.models.tables import Models
from driftguard.platform.errors import Conflict
from driftguard.platform.ids import new_id
from driftguard.platform.observability import logger
from driftguard.platform.retries import is_transient
from driftguard.verdicts.shapes import Report

BY_HAND = timedelta(seconds=20)
"""Time limit of a check through the API. The rest is queued, because API Gateway waits at most 29 seconds."""

MARGIN = timedelta(seconds=8)
"""Time reserved for testing, storing and publishing after the last folding step."""

BUSY_RETRY_SECONDS = 30


@dataclass(frozen=True)
class Worker:
    """Runs checks with the queues, the publisher and the time limit of one Lambda invocation."""

    queues: Queues
    publish: Publish
    keep: timedelta
    time_left: Callable[[], timedelta]

    def check(
        self, model: Models, tick: str | None, now: datetime, request: str | None = None, actor: str = SCHEDULE
    ) -> Result:
        """Check a model, and record the check in the log."""
        begun = time.perf_counter()
        result = check(Task(model, now, tick, self.time_left, self.publish, self.keep, request, actor))
        took = (time.perf_counter() - begun) * 1000
        report = result.report
        found = {
            "status": report and report["status"],
            "drift_score": report and report["drift_score"],
            "n_window": report and report["n_window"],
            "baseline_version": report and report["baseline_version"],
        }
        made = {"outcome": result.outcome, "finished": result.finished, "idle": result.idle}
        logger.info("check", extra={"model_id": model.model_id, **made, **found, "milliseconds": round(took)})
        return result

    def look(self, model: Models, tick: str, now: datetime) -> bool:
        """Return whether the model is idle. Its run is recorded then."""
        return look(Task(model, now, tick, self.time_left, self.publish, self.keep), tick)


def clock(milliseconds_left: Callable[[], int], at_most: timedelta) -> Callable[[], timedelta]:
    """Return a function that returns the time left for a check.

    The time left is the function's remaining time minus MARGIN, and at most `at_most` from now.
    """
    begun = time.monotonic()

    def left() -> timedelta:
        mine = timedelta(milliseconds=milliseconds_left()) - MARGIN
        return min(mine, at_most - timedelta(seconds=time.monotonic() - begun))

    return left


def by_hand(model: Models, worker: Worker, now: datetime, actor: str) -> tuple[int, Report | Queued]:
    """Check a model for an API request. Returns 200 and the report, or 202 if the rest of the check is queued.

    Raises Conflict while another check of the model runs.
    """
    try:
        result = worker.check(model, None, now, actor=actor)
    except Busy as busy:
        raise Conflict(
            f"Another check of this model is running. Try again in {busy.seconds} seconds.", retry_after=busy.seconds
        ) from None
    if result.finished and result.report is not None:
        return HTTPStatus.OK, result.report
    rest = CheckMessage(
        organization_id=model.organization_id, model_id=model.model_id, tick=None, request=new_id(now), actor=actor
    )
    go_on(worker.queues, rest, now)
    return HTTPStatus.ACCEPTED, Queued(model_id=model.model_id)


def from_queue(message: CheckMessage, worker: Worker, receipt_handle: str, now: datetime) -> None:
    """Check the model that a queue message names.

    Raises transient errors, so that SQS delivers the message again. Other errors are recorded as a failed check and
    not raised, because the schedule checks the model again after 15 minutes.
    """
    logger.append_keys(organization_id=message.organization_id, tick=message.tick)
    try:
        model = Models.one(message.organization_id, message.model_id)
        if model is None:
            return  # The model was deleted after the message was sent.
        if not worker.check(model, message.tick, now, message.request, message.actor).finished:
            go_on(worker.queues, message, now)
    except Busy as busy:
        worker.queues.give_back(receipt_handle, min(busy.seconds, BUSY_RETRY_SECONDS))
        raise
    except Exception as error:
        record_failure(message, error, now)
        if is_transient(error):
            # The queue's own time-out is much longer, and would block the later checks of the model.
            worker.queues.give_back(receipt_handle, BUSY_RETRY_SECONDS)
            raise
    finally:
        logger.remove_keys(["organization_id", "tick"])


def look_at(message: LookMessage, worker: Worker, receipt_handle: str, now: datetime) -> None:
    """Look at the models that a queue message names, and queue the check of each that is not idle.

    A model whose look fails gets a check, which records what fails. Raises transient errors of the queue, so that SQS
    delivers the message again.
    """
    busy = []
    for key in message.models:
        model = Models.one(key.organization_id, key.model_id)
        if model is None or model.erasing:
            continue  # The model was deleted after the message was sent.
        if not _is_idle(model, worker, message.tick, now):
            busy.append(model)
    logger.info("looks", extra={"tick": message.tick, "models": len(message.models), "busy": len(busy)})
    try:
        for model in busy:
            worker.queues.send_scheduled(model, message.tick)
    except Exception:
        worker.queues.give_back(receipt_handle, BUSY_RETRY_SECONDS)
        raise


def _is_idle(model: Models, worker: Worker, tick: str, now: datetime) -> bool:
    try:
        return worker.look(model, tick, now)
    except Exception as error:  # noqa: BLE001  # the check meets the same error, and records it
        logger.warning("look failed", exc_info=error, extra={"model_id": model.model_id})
        return False
