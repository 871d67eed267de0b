"""Conditional writes, their retries, and which errors of DynamoDB a later retry may not get."""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self, cast

import botocore.exceptions
from pynamodb.exceptions import PutError, TransactWriteError, UpdateError

CONDITION_FAILED = "ConditionalCheckFailedException"

FIRST_PAUSE = 0.02
LONGEST_PAUSE = 1.0
"""Seconds between two tries of a conditional write. The pause doubles from the first to the longest."""

MOST_ROUNDS = 20
"""Rounds of a batch that DynamoDB does not process whole. They last about 7 seconds."""

THROTTLED_CODES = ("ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded")

TRANSIENT_CODES = {
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "LimitExceededException",
    "TransactionConflictException",
    "TransactionCanceledException",
    "TransactionInProgressException",
    "ServiceUnavailable",
    "InternalServerError",
}


class ConditionFailed(Exception):
    """The condition of a write does not hold: the item has changed."""


class Throttled(Exception):
    """DynamoDB left items of a batch unprocessed in every one of many rounds. A later try can succeed."""


@contextmanager
def conditional() -> Iterator[None]:
    """Raise ConditionFailed if the condition of a single put or update in the block does not hold."""
    try:
        yield
    except (PutError, UpdateError) as error:
        if error.cause_response_code == CONDITION_FAILED:
            raise ConditionFailed from error
        raise


class Try:
    """One try of `retrying`. Its block swallows ConditionFailed; every other error passes through."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.succeeded = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> bool:
        self.succeeded = error is None
        return isinstance(error, ConditionFailed)


def retrying(tries: int) -> Iterator[Try]:
    """Yield the tries of a conditional write, with growing random pauses between them.

    The caller leaves the loop after the first success. Without pauses, writers that compete would collide again.

    for attempt in retrying(4):
        with attempt:
            return item.replace()
        item = ...  # what is stored now
    raise Conflict(...)
    """
    for number in range(tries):
        if number:
            time.sleep(pause(number))
        yield Try(number)


def pause(number: int) -> float:
    """Return the seconds to wait before the repetition `number`, counted from 1: random, and longer each time."""
    return random.uniform(0, min(LONGEST_PAUSE, FIRST_PAUSE * 2.0**number))  # noqa: S311  spreads retries, no secret


def is_conflict(error: TransactWriteError) -> bool:
    """Whether a transaction failed because of a condition or another transaction, not because of a fault."""
    codes = [reason.code for reason in error.cancellation_reasons if reason is not None]
    if not codes:
        return error.cause_response_code in ("TransactionConflictException", "TransactionInProgressException")
    return all(code in ("None", "ConditionalCheckFailed", "TransactionConflict") for code in codes)


def is_transient(error: BaseException) -> bool:
    """Whether a later retry can succeed: after throttling, time-outs and faults of AWS."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, (botocore.exceptions.ConnectionError, botocore.exceptions.HTTPClientError)):
            return True
        if isinstance(seen, Throttled):
            return True
        if isinstance(seen, botocore.exceptions.ClientError) and _may_pass(cast("dict[str, Any]", seen.response)):
            return True
        # PynamoDB's error lacks the HTTP status; botocore's error behind it has the status.
        seen = seen.__cause__ or seen.__context__
    return False


def _may_pass(answer: dict[str, Any]) -> bool:
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    code = answer.get("Error", {}).get("Code", "")
    return status >= 500 or "Throttl" in code or code in TRANSIENT_CODES
