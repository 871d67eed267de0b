"""List logged predictions."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from driftguard.models.registry import find
from driftguard.platform.errors import Invalid
from driftguard.platform.paging import Page, decode_cursor, encode_cursor
from driftguard.platform.serialization import MAX_ANSWER_BYTES, to_json
from driftguard.platform.times import in_milliseconds, iso
from driftguard.predictions.heads import Head
from driftguard.predictions.keys import TIMED
from driftguard.predictions.storing import ids_of
from driftguard.predictions.tables import Predictions
from driftguard.rows.columns import Row, milliseconds
from driftguard.rows.unpacking import unpack_rows

ROWS_READ_A_PAGE = 50_000
BATCHES_READ_A_PAGE = 500
BATCHES_SEEN_A_PAGE = 10_000
ARRIVED_AT = re.compile(rf"[0-9TZ:.-]{{27}}#[0-9a-f]{{16}}({re.escape(TIMED)})?")


def list_logged(
    organization_id: str,
    model_id: str,
    *,
    limit: int,
    cursor: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
) -> Page[dict[str, Any]]:
    """Return a page of logged predictions, newest arrival first. The rows of a batch keep their order.

    start, end: return only events from `start` (inclusive) to `end` (exclusive).

    A page stops before 5 MB and after a bounded number of batches. A page can therefore have fewer than `limit` items,
    or none, and still have a next page. Raises NotFound, Invalid.
    """
    model = find(organization_id, model_id)
    if start is not None and end is not None and start >= end:
        raise Invalid.at(["query", "end"], "must be after start")
    since, skip = decode_cursor("predictions", model_id, cursor, _is_position) or (None, 0)
    heads = Predictions.around(model_id, model.partition_count, start, end, until=since or "~")
    chosen, following = _choose(heads, start, end)
    items: list[dict[str, Any]] = []
    size = 2
    for head, packed in Predictions.payloads(chosen, rows_at_once=max(limit, 500)):
        rows, rejected = unpack_rows(packed)
        ids = ids_of(head.sk, head.arrived_at, rows, rejected)
        for number, (row, prediction_id) in enumerate(zip(rows, ids, strict=True)):
            if (head.arrived_at == since and number < skip) or not _within(row, start, end):
                continue
            item = _view(row, prediction_id)
            # The gateway has the limit. It receives the response as a JSON string inside JSON, with escaped quotes.
            size += len(json.dumps(to_json(item))) - 1
            if len(items) == limit or (items and size > MAX_ANSWER_BYTES):
                return Page(items, encode_cursor("predictions", model_id, [head.arrived_at, number]))
            items.append(item)
    return Page(items, encode_cursor("predictions", model_id, [following.arrived_at, 0]) if following else None)


def _is_position(position: Any) -> bool:
    """Whether a cursor holds a position: the `arrived_at` of a batch, and how many of its rows came before."""
    match position:
        case [str() as arrived_at, int() as number]:
            return number >= 0 and ARRIVED_AT.fullmatch(arrived_at) is not None
    return False


def _choose(heads: Iterator[Head], start: datetime | None, end: datetime | None) -> tuple[list[Head], Head | None]:
    """Return the batches that a page reads, and the batch that the next page starts with."""
    chosen: list[Head] = []
    rows = 0
    for seen, head in enumerate(heads):
        if seen >= BATCHES_SEEN_A_PAGE or len(chosen) >= BATCHES_READ_A_PAGE or rows >= ROWS_READ_A_PAGE:
            return chosen, head
        if head.overlaps(start, end):
            chosen.append(head)
            rows += head.rows
    return chosen, None


def _within(row: Row, start: datetime | None, end: datetime | None) -> bool:
    time = milliseconds(row)
    return (start is None or time >= in_milliseconds(start)) and (end is None or time < in_milliseconds(end))


def _view(row: Row, prediction_id: str) -> dict[str, Any]:
    truth = {"score": row.score, "probabilities": row.probabilities, "label": row.label}
    return {
        "prediction_id": prediction_id,
        "timestamp": iso(datetime.fromtimestamp(row.event_time, UTC)),
        "features": row.features,
        "prediction": row.prediction,
        **{name: value for name, value in truth.items() if value is not None},
    }
