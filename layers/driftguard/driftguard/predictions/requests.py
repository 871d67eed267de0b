"""The identity of logging requests. A retry has the identity of the first attempt."""

import json
import secrets
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from driftguard.models.schemas import ModelReference
from driftguard.platform.errors import BadRequest
from driftguard.platform.planes import little_endian
from driftguard.predictions.keys import Key
from driftguard.predictions.schemas import PredictionBody
from driftguard.rows.logged_columns import SentColumn, SentColumns
from driftguard.rows.reading import id_text


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
    def of_one(cls, body: PredictionBody, idempotency_key: str | None) -> tuple["Request", dict[str, Any]]:
        """Return the request of one prediction, and its fields. The id is a text."""
        # The model is left out: a retry may name it in the other way.
        given = body.model_fields_set - ModelReference.model_fields.keys()
        item = _with_text_id({name: getattr(body, name) for name in sorted(given)})
        own_id = item.get("prediction_id")
        key = Key.of("p", own_id) if _is_id(own_id) else None
        return cls._of(key, idempotency_key, ["one", item]), item

    @classmethod
    def of_rows(
        cls, rows: Sequence[Any], batch_id: str | None, idempotency_key: str | None
    ) -> tuple["Request", list[Any]]:
        """Return the request of a batch, and its rows. Their ids are texts."""
        items = [_with_text_id(row) for row in rows]
        key, same = _batch_key(batch_id, items)
        return cls._of(key, idempotency_key, ["batch", batch_id, same]), items

    @classmethod
    def of_columns(cls, sent: SentColumns, batch_id: str | None, idempotency_key: str | None) -> "Request":
        """Return the request of a batch that came as columns."""
        key = None if batch_id is None else Key.of("b", "id", batch_id)
        order = None
        sent_ids = sent.fields.get("prediction_ids")
        ids = [id_text(value) for value in sent_ids.values] if sent_ids else []
        if batch_id is None and ids and all(map(_is_id, ids)):
            key = Key.of("b", "set", sorted(set(ids)))
            order = sorted(range(len(ids)), key=lambda number: (ids[number], number))
        return cls._of(key, idempotency_key, ["columns", batch_id, _digest(sent, ids, order)])

    @classmethod
    def of_labels(cls, body: Any, batch_id: str | None, idempotency_key: str | None) -> "Request":
        """Return the request of a batch of labels. Equal prediction ids alone make no retry: labels are corrected."""
        key = None if batch_id is None else Key.of("b", "id", batch_id)
        return cls._of(key, idempotency_key, ["labels", batch_id, body])

    @classmethod
    def _of(cls, key: Key | None, idempotency_key: str | None, body: Any) -> "Request":
        """Return the request of a body with an id of its own (`key`), an Idempotency-Key, or both.

        A body with neither is always a new request.
        """
        by_header = Key.of("i", idempotency_key) if idempotency_key else None
        return cls(
            key=key or by_header or Key.of("r", secrets.token_hex(16)),
            also=by_header if key else None,
            body_hash=sha256(_canonical(body).encode()).hexdigest()[:32],
        )


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


def _digest(sent: SentColumns, ids: Sequence[Any], order: Sequence[int] | None) -> str:
    """Return a hash of columns, independent of their order.

    ids: the column of ids, as texts. order: the order of rows that a retry is compared in; None for that of the body.
    """
    columns = [(["features", name], column) for name, column in sent.features.items()]
    columns += [(["fields", name], column) for name, column in sent.fields.items() if name != "prediction_ids"]
    if ids:
        columns.append((["fields", "prediction_ids"], SentColumn(ids, set(map(type, ids)))))
    digest = sha256()
    for name, (values, types) in sorted(columns, key=lambda column: column[0]):
        ordered = values if order is None else [values[number] for number in order]
        kind, content = _content(ordered, types)
        digest.update(repr((*name, kind, len(content))).encode())
        digest.update(content)
    return digest.hexdigest()


def _content(values: Sequence[Any], types: set[type]) -> tuple[str, bytes]:
    """Return the kind of a column and its values as bytes. JSON is for any kind, but takes several times as long."""
    try:
        if types == {float}:
            return "floats", little_endian(array("d", values))
        if types == {int}:
            return "integers", little_endian(array("q", values))
        if types == {bool}:
            return "booleans", bytes(values)
        if types == {str}:
            lengths = little_endian(array("I", map(len, values)))
            return "texts", lengths + "".join(values).encode("utf-8", "surrogatepass")
    except OverflowError:
        pass
    return "values", _canonical(values).encode()
