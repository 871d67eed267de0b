"""Predictions: logged one by one or in batches, once however often they are sent, and listed again."""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from driftguard.models.registry import find
from driftguard.models.tables import Models
from driftguard.platform.dynamodb import MAX_ITEM_BYTES, chunks, retrying
from driftguard.platform.errors import BadRequest, Conflict, Invalid, TooLarge, Unavailable
from driftguard.predictions.schemas import MAX_ROWS, BatchBody, BatchLogged, Logged, PredictionBody, RejectedRow
from driftguard.predictions.tables import Key, Predictions
from driftguard.rows.columns import Row
from driftguard.rows.packing import pack
from driftguard.rows.reading import BadRow, RowReader
from driftguard.rows.unpacking import unpack_rows

TRIES = 4
ROOM_IN_TRANSACTION = 2000


@dataclass(frozen=True)
class Request:
    """What makes a logging request the same as another.

    key: what it is stored under. also: the key of an Idempotency-Key that came beside an id. body_hash: of the body,
    however it was written down.
    """

    key: Key
    also: Key | None
    body_hash: str

    @classmethod
    def of(cls, key: Key | None, idempotency_key: str | None, body: Any) -> "Request":
        """The request of a body with an id of its own (`key`), an Idempotency-Key, both or neither: then it is new."""
        by_header = Key.of("i", idempotency_key) if idempotency_key else None
        return cls(
            key=key or by_header or Key.of("r", secrets.token_hex(16)),
            also=by_header if key else None,
            body_hash=sha256(_canonical(body).encode()).hexdigest()[:32],
        )


def log_one(organization_id: str, body: PredictionBody, *, idempotency_key: str | None = None, now: datetime) -> Logged:
    """Store one prediction; it is durable when this returns. Raises Invalid, NotFound, Conflict (id, other body)."""
    model = find(organization_id, body.model_id)
    item = {name: getattr(body, name) for name in sorted(body.model_fields_set) if name != "model_id"}
    own_id = item.get("prediction_id")
    key = Key.of("p", own_id) if _is_id(own_id) else None
    request = Request.of(key, idempotency_key, ["one", item])
    rows, rejected = _read([item], [["body"]], now)
    answer = _store(model, request, rows, rejected, now)
    return Logged(accepted=answer.accepted, prediction_ids=answer.prediction_ids)


def log_batch(
    organization_id: str, body: BatchBody, *, idempotency_key: str | None = None, now: datetime
) -> BatchLogged:
    """Store the good rows of a batch; they are durable when this returns. Raises TooLarge, NotFound, Conflict (same id,
    other body), Invalid when no row is good."""
    items = body.predictions
    if len(items) > MAX_ROWS:
        raise TooLarge(f"A batch has {MAX_ROWS:,} predictions at most, not {len(items):,}.")
    model = find(organization_id, body.model_id)
    if not items:
        raise Invalid.at(["body", "predictions"], "must hold at least one prediction")
    key, same = _batch_key(body.batch_id, items)
    request = Request.of(key, idempotency_key, ["batch", body.batch_id, same])
    rows, rejected = _read(items, [["body", "predictions", index] for index in range(len(items))], now)
    return _store(model, request, rows, rejected, now)


def _batch_key(batch_id: str | None, items: Sequence[Any]) -> tuple[Key | None, Sequence[Any]]:
    """A batch's own key, if it has one, and its rows in the order in which they are compared with a retry's."""
    if batch_id is not None:
        return Key.of("b", "id", batch_id), items
    if all(isinstance(item, dict) and _is_id(item.get("prediction_id")) for item in items):
        ids = sorted({item["prediction_id"] for item in items})
        return Key.of("b", "set", ids), sorted(items, key=lambda item: (item["prediction_id"], _canonical(item)))
    return None, items


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= 128


def _canonical(body: Any) -> str:
    try:
        return json.dumps(body, sort_keys=True, separators=(",", ":"))
    except RecursionError:
        raise BadRequest("The body is nested too deeply.") from None


def _read(
    items: Sequence[Any], places: Sequence[list[str | int]], now: datetime
) -> tuple[list[Row], list[RejectedRow]]:
    """The good rows, and of each bad one the first wrong place."""
    reader = RowReader(now)
    rows: list[Row] = []
    rejected: list[RejectedRow] = []
    seen: set[str] = set()
    for index, (item, place) in enumerate(zip(items, places, strict=True)):
        try:
            row = reader.logged(item, place)
            if row.prediction_id is not None:
                if row.prediction_id in seen:
                    raise BadRow([*place, "prediction_id"], "occurs before in this batch")
                seen.add(row.prediction_id)
            rows.append(row)
        except BadRow as error:
            rejected.append({"index": index, "loc": error.loc, "msg": error.msg})
    return rows, rejected


def _store(
    model: Models, request: Request, rows: Sequence[Row], rejected: Sequence[RejectedRow], now: datetime
) -> BatchLogged:
    """Store rows once, or answer as the first time. Raises Conflict, Invalid when there is nothing to store."""
    counts = [int(count) for count in model.partitions]
    place = request.key.place(model.model_id, counts[-1])
    packed = pack(rows, rejected) if rows else b""
    head = _head(place, request, rows, packed, now) if rows else None
    large = len(packed) > _room(request)
    for attempt in retrying(TRIES):
        # A condition guards the newest place; what lies in the places of fewer partitions has to be looked for.
        everywhere = attempt.number > 0 or head is None or large
        with attempt:
            first = _first_answer(model.model_id, request, counts if everywhere else counts[:-1], counts[-1], now)
            if first is not None:
                return first
            if head is None:
                raise Invalid([{"loc": row["loc"], "msg": row["msg"]} for row in rejected])
            if large and not head.chunks:
                head.write_chunks(chunks(packed), secrets.token_hex(8))
            head.commit(now, _marker(model.model_id, request, counts[-1], now))
            return _answer(request.key, rows, rejected)
        # Stored before, by this very try when only its answer was lost, or being stored right now.
    raise Unavailable("The same request is being stored right now.", retry_after=1)


def _head(place: str, request: Request, rows: Sequence[Row], packed: bytes, now: datetime) -> Predictions:
    times = [round(row.event_time * 1000) for row in rows]
    head = Predictions.head(
        place, request.key, body_hash=request.body_hash, rows=len(rows), events=(min(times), max(times)), now=now
    )
    if len(packed) <= _room(request):
        head.hold(packed)
    return head


def _room(request: Request) -> int:
    """How many bytes of data go into the head. A transaction's items cost twice, so with one only little does."""
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
    """What an earlier try was answered, None when there was none in the places of these numbers of partitions. Raises
    Conflict when an id came with another body, ConditionFailed when it is coming with one right now."""
    found = [
        item
        for key in (request.key, request.also)
        if key is not None
        for place in {key.place(model_id, count) for count in counts}
        if (item := Predictions.stored(place, key, now)) is not None
    ]
    if any(item.body_hash != request.body_hash for item in found):
        raise Conflict("This id or Idempotency-Key was used before, with another body.")
    head = next((item for item in found if item.rows), None)
    packed = head.payload() if head is not None else None
    if packed is None:
        return None
    marker = _marker(model_id, request, newest, now)
    if marker is not None and len(found) == 1:
        marker.commit(now)
    rows, rejected = unpack_rows(packed)
    return _answer(request.key, rows, rejected)


def _answer(key: Key, rows: Sequence[Row], rejected: Sequence[Any]) -> BatchLogged:
    return BatchLogged(
        accepted=len(rows),
        rejected=len(rejected),
        errors=list(rejected),
        prediction_ids=_ids(key, rows, rejected),
    )


def _ids(key: Key, rows: Sequence[Row], rejected: Sequence[Any]) -> list[str]:
    """The rows' ids: their own, or made from the batch's key and their index in it."""
    bad = {row["index"] for row in rejected}
    indexes = (index for index in range(len(rows) + len(bad)) if index not in bad)
    return [row.prediction_id or key.prediction_id(index) for row, index in zip(rows, indexes, strict=True)]
