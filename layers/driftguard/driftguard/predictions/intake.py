"""Log predictions one by one or in batches. A repeated request is stored only once."""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from driftguard.models.names import lacking, warning
from driftguard.models.registry import referred
from driftguard.models.schemas import ModelReference
from driftguard.models.tables import Models
from driftguard.platform.errors import BadRequest, Conflict, Invalid, TooLarge, Unavailable, shown_errors
from driftguard.platform.retries import retrying
from driftguard.platform.sizes import MAX_ITEM_BYTES, chunks
from driftguard.predictions.keys import Key
from driftguard.predictions.schemas import MAX_ROWS, BatchBody, BatchLogged, Logged, PredictionBody, RejectedRow
from driftguard.predictions.tables import Predictions
from driftguard.rows.columns import Row
from driftguard.rows.packing import pack
from driftguard.rows.reading import BadRow, RowReader, id_text
from driftguard.rows.unpacking import unpack_rows

TRIES = 4
ROOM_IN_TRANSACTION = 2000
"""Bytes of data in a head that is written in a transaction. Writes in a transaction cost twice."""


@dataclass(frozen=True)
class Request:
    """The identity of a logging request. A retry has the same identity.

    key: the key of the stored batch. also: the key of an Idempotency-Key that was sent in addition to an id.
    body_hash: hash of the body, independent of spaces and the order of fields.
    """

    key: Key
    also: Key | None
    body_hash: str

    @classmethod
    def of(cls, key: Key | None, idempotency_key: str | None, body: Any) -> "Request":
        """Return the request of a body with an id of its own (`key`), an Idempotency-Key, or both.

        A body with neither is always a new request.
        """
        by_header = Key.of("i", idempotency_key) if idempotency_key else None
        return cls(
            key=key or by_header or Key.of("r", secrets.token_hex(16)),
            also=by_header if key else None,
            body_hash=sha256(_canonical(body).encode()).hexdigest()[:32],
        )


def log_one(organization_id: str, body: PredictionBody, *, idempotency_key: str | None = None, now: datetime) -> Logged:
    """Store one prediction durably. Raises Invalid, NotFound, and Conflict if the id was used with another body."""
    model = referred(organization_id, body)
    # The model is left out: a retry may name it in the other way.
    given = body.model_fields_set - ModelReference.model_fields.keys()
    item = _with_text_id({name: getattr(body, name) for name in sorted(given)})
    own_id = item.get("prediction_id")
    key = Key.of("p", own_id) if _is_id(own_id) else None
    request = Request.of(key, idempotency_key, ["one", item])
    rows, rejected = _read([item], [["body"]], now)
    answer = _store(model, request, rows, rejected, now)
    return Logged(accepted=answer.accepted, prediction_ids=answer.prediction_ids)


def log_batch(
    organization_id: str, body: BatchBody, *, idempotency_key: str | None = None, now: datetime
) -> BatchLogged:
    """Store the valid rows of a batch durably.

    Raises TooLarge, NotFound, Conflict if the id was used with another body, and Invalid if no row is valid.
    """
    if len(body.predictions) > MAX_ROWS:
        raise TooLarge(
            f"A batch has at most {MAX_ROWS:,} predictions, not {len(body.predictions):,}. Send smaller batches."
        )
    items = [_with_text_id(item) for item in body.predictions]
    model = referred(organization_id, body)
    if not items:
        raise Invalid.at(["body", "predictions"], "must have at least one prediction")
    key, same = _batch_key(body.batch_id, items)
    request = Request.of(key, idempotency_key, ["batch", body.batch_id, same])
    rows, rejected = _read(items, [["body", "predictions", index] for index in range(len(items))], now)
    answer = _store(model, request, rows, rejected, now)
    return answer.model_copy(update={"warnings": [*answer.warnings, *_unwatched(model, rows)]})


def _batch_key(batch_id: str | None, items: Sequence[Any]) -> tuple[Key | None, Sequence[Any]]:
    """Return a batch's own key, or None, and its rows in the order that a retry is compared in."""
    if batch_id is not None:
        return Key.of("b", "id", batch_id), items
    if all(isinstance(item, dict) and _is_id(item.get("prediction_id")) for item in items):
        ids = sorted({item["prediction_id"] for item in items})
        return Key.of("b", "set", ids), sorted(items, key=lambda item: (item["prediction_id"], _canonical(item)))
    return None, items


def _with_text_id(item: Any) -> Any:
    """Return a row with its id as text, so that a retry with the same id in another form is the same request."""
    if not isinstance(item, dict) or isinstance(item.get("prediction_id"), str | None):
        return item
    return {**item, "prediction_id": id_text(item["prediction_id"])}


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= 128


def _canonical(body: Any) -> str:
    try:
        return json.dumps(body, sort_keys=True, separators=(",", ":"))
    except RecursionError:
        raise BadRequest("The body is nested too deeply. A row has plain values only.") from None


def _read(
    items: Sequence[Any], places: Sequence[list[str | int]], now: datetime
) -> tuple[list[Row], list[RejectedRow]]:
    """Return the valid rows, and the first wrong place of each invalid row."""
    reader = RowReader(now)
    rows: list[Row] = []
    rejected: list[RejectedRow] = []
    seen: set[str] = set()
    for index, (item, place) in enumerate(zip(items, places, strict=True)):
        try:
            row = reader.logged(item, place)
            if row.prediction_id is not None:
                if row.prediction_id in seen:
                    raise BadRow([*place, "prediction_id"], "occurs earlier in this batch; give each row its own id")
                seen.add(row.prediction_id)
            rows.append(row)
        except BadRow as error:
            rejected.append({"index": index, "loc": error.loc, "msg": error.msg})
    return rows, rejected


def _store(
    model: Models, request: Request, rows: Sequence[Row], rejected: Sequence[RejectedRow], now: datetime
) -> BatchLogged:
    """Store rows once. Returns the first response to a retry. Raises Conflict, and Invalid if no row is valid."""
    counts = [int(count) for count in model.partitions]
    place = request.key.place(model.model_id, counts[-1])
    packed = pack(rows, rejected) if rows else b""
    head = _head(place, request, rows, packed, now) if rows else None
    large = len(packed) > _room(request)
    for attempt in retrying(TRIES):
        # The condition of the write covers only the place for the current number of partitions. Places for earlier
        # numbers have to be read.
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
        # The batch is stored already, perhaps by this attempt if only the response was lost. Or another request is
        # storing the batch at this moment.
    raise Unavailable("The same request is being stored at this moment. Please try again.", retry_after=1)


def _head(place: str, request: Request, rows: Sequence[Row], packed: bytes, now: datetime) -> Predictions:
    times = [round(row.event_time * 1000) for row in rows]
    head = Predictions.head(
        place, request.key, body_hash=request.body_hash, rows=len(rows), events=(min(times), max(times)), now=now
    )
    if len(packed) <= _room(request):
        head.hold(packed)
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
    if packed is None:
        return None
    marker = _marker(model_id, request, newest, now)
    if marker is not None and len(found) == 1:
        marker.commit(now)
    rows, rejected = unpack_rows(packed)
    return _answer(request.key, rows, rejected)


def _answer(key: Key, rows: Sequence[Row], rejected: Sequence[Any]) -> BatchLogged:
    errors, left_out = shown_errors(rejected)
    return BatchLogged(
        accepted=len(rows),
        rejected=len(rejected),
        errors=errors,
        errors_left_out=left_out,
        prediction_ids=ids_of(key, rows, rejected),
        warnings=_warnings(len(rows), len(rejected)),
    )


def _warnings(accepted: int, rejected: int) -> list[str]:
    if not rejected:
        return []
    return [f"{rejected:,} of {accepted + rejected:,} rows were rejected. `errors` has the reason for each of them."]


def _unwatched(model: Models, rows: Sequence[Row]) -> list[str]:
    """Return a warning about names with values that the model's baseline lacks. Without a baseline there is none."""
    if not model.baseline_names:
        return []
    predicted = any(row.prediction is not None for row in rows)
    names = lacking(model.baseline_names, sorted(set().union(*(row.features for row in rows))), predicted=predicted)
    empty = {name for name in names if name != "prediction" and all(row.features.get(name) is None for row in rows)}
    named = [name for name in names if name not in empty]
    return [warning(named)] if named else []


def ids_of(key: Key, rows: Sequence[Row], rejected: Sequence[Any]) -> list[str]:
    """Return the ids of the rows. A row without an id gets one from the batch's key and the row's index."""
    bad = {row["index"] for row in rejected}
    indexes = (index for index in range(len(rows) + len(bad)) if index not in bad)
    return [row.prediction_id or key.prediction_id(index) for row, index in zip(rows, indexes, strict=True)]
