"""Store the valid rows of a logging request once, and answer a retry like the first time."""

import itertools
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from driftguard.models.tables import Models
from driftguard.platform.errors import Conflict, Invalid, Unavailable, shown_errors
from driftguard.platform.retries import retrying
from driftguard.platform.sizes import MAX_ITEM_BYTES, chunks
from driftguard.predictions.keys import Key
from driftguard.predictions.requests import Request
from driftguard.predictions.schemas import BatchLogged, RejectedRow
from driftguard.predictions.tables import Predictions
from driftguard.rows.columns import Row, milliseconds
from driftguard.rows.packing import pack
from driftguard.rows.unpacking import unpack_rows

TRIES = 4
ROOM_IN_TRANSACTION = 2000
"""Bytes of data in a head that is written in a transaction. Writes in a transaction cost twice."""


class Valid(NamedTuple):
    """The valid rows of a request as they are stored. times: event times in milliseconds since the epoch."""

    packed: bytes
    ids: Sequence[str | None]
    times: Sequence[int]


def valid_of(rows: Sequence[Row], rejected: Sequence[RejectedRow]) -> Valid | None:
    """Return the valid rows of a request as they are stored; None if there are none."""
    if not rows:
        return None
    return Valid(pack(rows, rejected), [row.prediction_id for row in rows], [milliseconds(row) for row in rows])


def store(
    model: Models,
    request: Request,
    valid: Valid | None,
    rejected: Sequence[RejectedRow],
    now: datetime,
    owner: str | None = None,
) -> BatchLogged:
    """Store rows once. Returns the first response to a retry. Raises Conflict, and Invalid if no row is valid.

    owner: the name that the rows are stored under, by default the model's id.
    """
    owner = owner or model.model_id
    counts = [int(count) for count in model.partitions]
    head = _head(request.key.place(owner, counts[-1]), request, valid, now) if valid else None
    large = valid is not None and len(valid.packed) > _room(request)
    for attempt in retrying(TRIES):
        # The condition of the write covers only the place for the current number of partitions. Places for earlier
        # numbers have to be read.
        everywhere = attempt.number > 0 or head is None or large
        with attempt:
            first = _first_answer(owner, request, counts if everywhere else counts[:-1], counts[-1], now)
            if first is not None:
                return first
            if head is None or valid is None:
                raise Invalid([{"loc": row["loc"], "msg": row["msg"]} for row in rejected])
            if large and not head.chunks:
                head.write_chunks(chunks(valid.packed), secrets.token_hex(8))
            head.commit(now, _marker(owner, request, counts[-1], now))
            return _answer(request.key, str(head.arrived_at), valid.ids, valid.times, rejected)
        # The batch is stored already, perhaps by this attempt if only the response was lost. Or another request is
        # storing the batch at this moment.
    raise Unavailable("The same request is being stored at this moment. Please try again.", retry_after=1)


def _head(place: str, request: Request, valid: Valid, now: datetime) -> Predictions:
    head = Predictions.head(
        place,
        request.key,
        body_hash=request.body_hash,
        rows=len(valid.ids),
        events=(min(valid.times), max(valid.times)),
        made_ids=None in valid.ids,
        now=now,
    )
    if len(valid.packed) <= _room(request):
        head.hold(valid.packed)
    return head


def _room(request: Request) -> int:
    """Return how many bytes of data go into the head."""
    return ROOM_IN_TRANSACTION if request.also else MAX_ITEM_BYTES


def _marker(model_id: str, request: Request, partitions: int, now: datetime) -> Predictions | None:
    if request.also is None:
        return None
    return Predictions.marker(
        request.also.place(model_id, partitions), request.also, body_hash=request.body_hash, now=now
    )


def _first_answer(
    model_id: str, request: Request, counts: Sequence[int], newest: int, now: datetime
) -> BatchLogged | None:
    """Return the response to an earlier attempt, found in the places of these numbers of partitions, or None.

    Raises Conflict if an id was used with another body, and ConditionFailed if another request is storing the id.
    """
    found = [
        item
        for key in (request.key, request.also)
        if key is not None
        for place in {key.place(model_id, count) for count in counts}
        if (item := Predictions.stored(place, key, now)) is not None
    ]
    if any(item.body_hash != request.body_hash for item in found):
        raise Conflict("This id or Idempotency-Key was used before with another body. Use a new one for a new request.")
    head = next((item for item in found if item.rows), None)
    packed = head.payload() if head is not None else None
    if head is None or packed is None:
        return None
    marker = _marker(model_id, request, newest, now)
    if marker is not None and len(found) == 1:
        marker.commit(now)
    rows, rejected = unpack_rows(packed)
    return _answer(
        request.key, str(head.arrived_at), [row.prediction_id for row in rows], list(map(milliseconds, rows)), rejected
    )


def _answer(
    key: Key, arrived_at: str, ids: Sequence[str | None], times: Sequence[int], rejected: Sequence[Any]
) -> BatchLogged:
    errors, left_out = shown_errors(rejected)
    return BatchLogged(
        accepted=len(ids),
        rejected=len(rejected),
        errors=errors,
        errors_left_out=left_out,
        prediction_ids=_ids(key, arrived_at, ids, times, rejected),
        warnings=_warnings(len(ids), len(rejected)),
    )


def _warnings(accepted: int, rejected: int) -> list[str]:
    if not rejected:
        return []
    return [f"{rejected:,} of {accepted + rejected:,} rows were rejected. `errors` has the reason for each of them."]


def ids_of(sk: str, arrived_at: str, rows: Sequence[Row], rejected: Sequence[Any]) -> list[str]:
    """Return the ids of the rows of a stored batch. rejected: those of its rows that were rejected."""
    return _ids(Key.read(sk), arrived_at, [row.prediction_id for row in rows], list(map(milliseconds, rows)), rejected)


def _ids(
    key: Key, arrived_at: str, ids: Sequence[str | None], times: Sequence[int], rejected: Sequence[Any]
) -> list[str]:
    """Return the ids of valid rows. A row without an id gets one from the batch's key, its time and its index."""
    own = [each for each in ids if each is not None]
    if len(own) == len(ids):
        return own
    bad = {row["index"] for row in rejected}
    valid = (index for index in itertools.count() if index not in bad)
    without = [(index, time) for index, time, each in zip(valid, times, ids, strict=False) if each is None]
    made = iter(key.prediction_ids(without, arrived_at))
    return [next(made) if each is None else each for each in ids]
