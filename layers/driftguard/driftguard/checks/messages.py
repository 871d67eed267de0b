"""Checks as messages: the schedule sends one a model, the queue brings it to the check, and every end is recorded."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import batched
from typing import Any

from pydantic import BaseModel

from driftguard.checks.tables import Runs
from driftguard.models.schemas import EraseMessage
from driftguard.models.tables import Models
from driftguard.platform.ids import new_id
from driftguard.platform.observability import count, logger

SEND_AT_ONCE = 10
TICK = timedelta(minutes=15)


class CheckMessage(BaseModel):
    """The body of a message in the check queue."""

    organization_id: str
    model_id: str
    tick: str | None
    request: str | None = None
    """Names the rest of a check by hand, so that its message is one check however often it comes."""


class Incomplete(Exception):
    """Some messages were not taken by SQS; sending all of them again is harmless."""


@dataclass(frozen=True)
class Queues:
    """SQS's client and where the messages go."""

    sqs: Any
    check_url: str
    erase_url: str = ""

    def send_check(self, message: CheckMessage, deduplication_id: str) -> None:
        """Queue one check, behind whatever of the same model waits already."""
        self.sqs.send_message(QueueUrl=self.check_url, **_check_entry(message, deduplication_id))

    def give_back(self, receipt_handle: str, seconds: int) -> None:
        """Let a message of the check queue come again in so many seconds."""
        self.sqs.change_message_visibility(
            QueueUrl=self.check_url, ReceiptHandle=receipt_handle, VisibilityTimeout=seconds
        )


def schedule(queues: Queues, tick: str, now: datetime) -> int:
    """Queue a check of every model that is to be checked, and the erasing of what was deleted; returns how many.

    Repeating it with the same tick is harmless. Raises Incomplete when SQS did not take every message.
    """
    Runs.start(tick, now)
    sent = failed = 0
    turn = int(now.timestamp() // TICK.total_seconds())
    for models in batched(Models.to_check(turn), SEND_AT_ONCE, strict=False):
        checks = [
            {"Id": str(number), **_check_entry(CheckMessage(**_ids(model), tick=tick), f"{tick}-{model.model_id}")}
            for number, model in enumerate(models)
            if not model.erasing
        ]
        erasures = [
            {"Id": str(number), "MessageBody": EraseMessage(**_ids(model)).model_dump_json()}
            for number, model in enumerate(models)
            if model.erasing
        ]
        for url, entries in ((queues.check_url, checks), (queues.erase_url, erasures)):
            if entries:
                answer = queues.sqs.send_message_batch(QueueUrl=url, Entries=entries)
                sent += len(answer.get("Successful", []))
                failed += len(answer.get("Failed", []))
    count("ChecksScheduled", sent)
    if failed:
        raise Incomplete(f"SQS took {sent} messages of {sent + failed}")
    return sent


def record_failure(message: CheckMessage, error: BaseException, now: datetime) -> None:
    """Say in the log, in a metric and in the run's record that a check failed, and why."""
    count("ChecksFailed")
    reason = f"{type(error).__name__}: {error}"[:500]
    logger.error("check failed", exc_info=error, extra={"model_id": message.model_id, "reason": reason})
    if message.tick:
        Runs.fail(message.organization_id, message.tick, message.model_id, now, reason)


def go_on(queues: Queues, message: CheckMessage, now: datetime) -> None:
    """Queue the rest of a check that ran out of time at a safe point."""
    queues.send_check(message, f"{message.model_id}-{new_id(now)}")


def _ids(model: Models) -> dict[str, str]:
    return {"organization_id": model.organization_id, "model_id": model.model_id}


def _check_entry(message: CheckMessage, deduplication_id: str) -> dict[str, str]:
    return {
        "MessageBody": message.model_dump_json(),
        "MessageGroupId": message.model_id,
        "MessageDeduplicationId": deduplication_id,
    }
