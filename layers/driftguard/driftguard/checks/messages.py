"""Sends the messages of checks and joins to their queues, and records failed checks."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import batched
from typing import Any

from pydantic import BaseModel, TypeAdapter

from driftguard.alerts.schemas import SCHEDULE
from driftguard.checks.resting import may_rest
from driftguard.checks.tables import Runs
from driftguard.models.schemas import EraseMessage
from driftguard.models.statuses import Statuses
from driftguard.models.tables import Models
from driftguard.platform.ids import new_id
from driftguard.platform.observability import count, logger
from driftguard.predictions.heads import BATCH_GET

SEND_AT_ONCE = 10
LOOKS_AT_ONCE = 10
"""Models that one message has looked at. One message per model costs as much as the look itself."""
TICK = timedelta(minutes=15)


class ModelKey(BaseModel):
    """Names a model."""

    organization_id: str
    model_id: str


class CheckMessage(ModelKey):
    """The body of a message in the check queue."""

    tick: str | None
    request: str | None = None
    """The id of an API request whose check continues in the queue. A repeated delivery with this id does nothing."""
    actor: str = SCHEDULE


class LookMessage(BaseModel):
    """The body of a message in the check queue that names models of which probably none needs a check."""

    tick: str
    models: list[ModelKey]


_MESSAGE: TypeAdapter[CheckMessage | LookMessage] = TypeAdapter(CheckMessage | LookMessage)


def read_message(body: str) -> CheckMessage | LookMessage:
    """Return the message of the check queue with this body. Raises ValidationError for any other body."""
    return _MESSAGE.validate_json(body)


class JoinMessage(ModelKey):
    """The body of a message in the join queue."""

    by_hand: bool = False
    """Whether the join runs although a pause has not ended, and counts what arrived in the last minutes."""
    request: str | None = None
    """The id of an API request that waits for the join."""
    actor: str = SCHEDULE


class Incomplete(Exception):
    """SQS did not accept all messages. Sending all messages again is harmless."""


@dataclass(frozen=True)
class Queues:
    """The SQS client and the URLs of the queues."""

    sqs: Any
    check_url: str
    erase_url: str = ""

    def send_check(self, message: CheckMessage, deduplication_id: str) -> None:
        """Queue one check. SQS delivers the checks of one model in order."""
        self.sqs.send_message(QueueUrl=self.check_url, **_fifo_entry(message, deduplication_id))

    def send_scheduled(self, model: Models, tick: str) -> None:
        """Queue the check of a model that the schedule took for idle."""
        self.sqs.send_message(QueueUrl=self.check_url, **check_entry(model, tick))

    def give_back(self, receipt_handle: str, seconds: int) -> None:
        """Return a message to the check queue, to be delivered again after `seconds`."""
        self.sqs.change_message_visibility(
            QueueUrl=self.check_url, ReceiptHandle=receipt_handle, VisibilityTimeout=seconds
        )


@dataclass(frozen=True)
class JoinQueue:
    """The SQS client and the URL of the join queue."""

    sqs: Any
    url: str

    def send(self, message: JoinMessage, deduplication_id: str) -> None:
        """Queue one join of labels. SQS delivers the joins of one model in order."""
        self.sqs.send_message(QueueUrl=self.url, **_fifo_entry(message, deduplication_id))

    def send_by_hand(self, model: Models, now: datetime, actor: str = SCHEDULE) -> str:
        """Queue a join that a person has asked for. Returns the id of the request.

        actor: the name of the person's API key.
        """
        request = new_id(now)
        message = JoinMessage(**_ids(model), by_hand=True, request=request, actor=actor)
        self.send(message, f"{model.model_id}-{request}")
        return request

    def give_back(self, receipt_handle: str, seconds: int) -> None:
        """Return a message to the queue, to be delivered again after `seconds`."""
        self.sqs.change_message_visibility(QueueUrl=self.url, ReceiptHandle=receipt_handle, VisibilityTimeout=seconds)


def schedule(queues: Queues, tick: str, now: datetime) -> int:
    """Queue a check of every active model and the erasure of every deleted model. Returns the number of messages.

    Models that are probably idle share messages. A repetition with the same tick is harmless. Raises Incomplete if SQS
    did not accept every message.
    """
    Runs.start(tick, now)
    sent = failed = 0
    turn = int(now.timestamp() // TICK.total_seconds())
    for models in batched(Models.to_check(turn), BATCH_GET, strict=False):
        active = [model for model in models if not model.erasing]
        resting = {model.model_id for model, status in Statuses.of_models(active) if may_rest(status, now)}
        checks = [check_entry(model, tick) for model in active if model.model_id not in resting]
        looks = batched([model for model in active if model.model_id in resting], LOOKS_AT_ONCE, strict=False)
        erasures = [{"MessageBody": EraseMessage(**_ids(model)).model_dump_json()} for model in models if model.erasing]
        entries = [*checks, *(_look_entry(each, tick) for each in looks)]
        for url, messages in ((queues.check_url, entries), (queues.erase_url, erasures)):
            accepted, refused = _send(queues, url, messages)
            sent, failed = sent + accepted, failed + refused
    if failed:
        raise Incomplete(f"SQS accepted only {sent} of {sent + failed} messages. Lambda retries the run.")
    return sent


def schedule_joins(queue: JoinQueue, tick: str, now: datetime, *, by_hand: bool = False) -> int:
    """Queue the joins of this tick. Returns the number of messages. Raises Incomplete, as `schedule` does.

    Each model with a task has one join an hour. by_hand: queue a join of all models.
    """
    turn = None if by_hand else int(now.timestamp() // TICK.total_seconds())
    entries = (
        _fifo_entry(JoinMessage(**_ids(model), by_hand=by_hand), f"{tick}-{model.model_id}")
        for model in Models.to_join(turn)
    )
    sent, failed = _send(queue, queue.url, entries)
    if failed:
        raise Incomplete(f"SQS accepted only {sent} of {sent + failed} joins. Lambda retries the run.")
    return sent


def _send(through: Queues | JoinQueue, url: str, entries: Iterable[dict[str, str]]) -> tuple[int, int]:
    """Send messages, as many at once as SQS takes. Returns how many it accepted and how many it refused."""
    accepted = refused = 0
    for some in batched(entries, SEND_AT_ONCE, strict=False):
        numbered = [{"Id": str(number), **entry} for number, entry in enumerate(some)]
        answer = through.sqs.send_message_batch(QueueUrl=url, Entries=numbered)
        accepted += len(answer.get("Successful", []))
        refused += len(answer.get("Failed", []))
    return accepted, refused


def record_failure(message: CheckMessage, error: BaseException, now: datetime) -> None:
    """Record a failed check and its reason in the log, in a metric and in the record of the run."""
    count("ChecksFailed")
    reason = f"{type(error).__name__}: {error}"[:500]
    logger.error("check failed", exc_info=error, extra={"model_id": message.model_id, "reason": reason})
    if message.tick:
        Runs.fail(message.organization_id, message.tick, message.model_id, now, reason)


def go_on(queues: Queues, message: CheckMessage, now: datetime) -> None:
    """Queue the rest of a check that ran out of time."""
    queues.send_check(message, f"{message.model_id}-{new_id(now)}")


def _ids(model: Models) -> dict[str, str]:
    return {"organization_id": model.organization_id, "model_id": model.model_id}


def check_entry(model: Models, tick: str) -> dict[str, str]:
    """Return the entry of a model's scheduled check. The queue takes it once for each tick."""
    return _fifo_entry(CheckMessage(**_ids(model), tick=tick), f"{tick}-{model.model_id}")


def _look_entry(models: Sequence[Models], tick: str) -> dict[str, str]:
    first = models[0].model_id
    return {
        "MessageBody": LookMessage(tick=tick, models=[ModelKey(**_ids(model)) for model in models]).model_dump_json(),
        # A group of its own, because a check of the first model does not have to wait for the others' looks.
        "MessageGroupId": f"looks-{first}",
        "MessageDeduplicationId": f"{tick}-looks-{first}",
    }


def _fifo_entry(message: CheckMessage | JoinMessage, deduplication_id: str) -> dict[str, str]:
    return {
        "MessageBody": message.model_dump_json(),
        "MessageGroupId": message.model_id,
        "MessageDeduplicationId": deduplication_id,
    }
