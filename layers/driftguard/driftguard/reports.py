"""What the checks of a model have found, as they stored it."""

import json
import zlib
from datetime import datetime, timedelta
from typing import Any

from driftguard.errors import NotFound
from driftguard.http import ID, Page, decode_key, encode_cursor
from driftguard.tables.history import History
from driftguard.tables.models import Models, Statuses

TRIES = 3


def last(model: Models) -> dict[str, Any]:
    """The last check's full report. Raises NotFound before the first."""
    for _try in range(TRIES):
        status = Statuses.one(model.organization_id, model.model_id)
        if status.report_id is None:
            break
        data = History.report(model.model_id, str(status.report_slot), status.report_id, int(status.report_chunks))
        if data is not None:  # else two checks have ended since: the status names a newer report by now
            report: dict[str, Any] = json.loads(zlib.decompress(data))
            return report
    raise NotFound("The model has no report yet.")


def history(model: Models, *, days: int | None, cursor: str | None, limit: int, now: datetime) -> Page[dict[str, Any]]:
    """One row a check, newest first."""
    before = decode_key("history", model.model_id, cursor, f"h#[0-9TZ:.-]{{27}}#{ID}")
    since = now - timedelta(days=days) if days else None
    items = History.newest(model.model_id, since=since, before=before, limit=limit)
    rows: list[dict[str, Any]] = [json.loads(zlib.decompress(item.row)) for item in items]
    keys = {id(row): item.sk for row, item in zip(rows, items, strict=True)}
    return Page(
        rows,
        encode_cursor("history", model.model_id, items[-1].sk) if len(items) == limit else None,
        lambda row: encode_cursor("history", model.model_id, keys[id(row)]),
    )
