"""What the checks of a model have found, as they are stored and shown.

A report is kept small, since each check stores it anew: pictures of even bars keep their ends alone, and shares are
whole numbers, the window's as differences from the baseline's.
"""

import json
import zlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from driftguard.checks.tables import History
from driftguard.models.statuses import Statuses
from driftguard.models.tables import Models
from driftguard.platform.errors import NotFound
from driftguard.platform.paging import ID, Page, decode_key, encode_cursor

TRIES = 3

SHARE_UNITS = 10**5
"""Shares in a picture are rounded to one part in so many."""


def pack(report: Mapping[str, Any]) -> bytes:
    """A report as it is stored. Raises ValueError when it holds NaN or infinity."""
    features = [{**one, "histogram": _pack_picture(one["histogram"])} for one in report["features"]]
    return zlib.compress(_json({**report, "features": features}), 6)


def unpack(data: bytes) -> dict[str, Any]:
    """The report that `pack` was given, bit by bit."""
    report: dict[str, Any] = json.loads(zlib.decompress(data))
    for feature in report["features"]:
        feature["histogram"] = _unpack_picture(feature["histogram"])
    return report


def pack_row(report: Mapping[str, Any]) -> bytes:
    """What the history keeps of a report."""
    features = report["features"]
    row = {
        "checked_at": report["checked_at"],
        "status": report["status"],
        "preliminary": report["preliminary"],
        "drift_score": report["drift_score"],
        "p_value": report["p_value"],
        "drifted_features": [feature["name"] for feature in features if feature["drifted"]],
        "n_window": report["n_window"],
        "baseline_version": report["baseline_version"],
        "feature_scores": {feature["name"]: feature["drift_score"] for feature in features},
    }
    return zlib.compress(_json(row), 6)


def last(model: Models) -> dict[str, Any]:
    """The last check's full report. Raises NotFound before the first."""
    for _try in range(TRIES):
        status = Statuses.one(model.organization_id, model.model_id)
        if status.report_id is None:
            break
        data = History.report(model.model_id, str(status.report_slot), status.report_id, int(status.report_chunks))
        if data is not None:  # else two checks have ended since: the status names a newer report by now
            return unpack(data)
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


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()


def _pack_picture(picture: Mapping[str, Any]) -> list[Any]:
    """Labels or ends, the baseline's shares, and what the window's differ by; as they are where they would change."""
    labels = picture.get("categories", picture.get("edges"))
    before, after = (_whole(picture[sample]) for sample in ("baseline", "window"))
    kind = "categories" if "categories" in picture else "edges"
    if kind == "edges" and len(labels) > 2 and labels == even_ends(labels[0], labels[-1], len(labels) - 1):
        kind, labels = "even", [labels[0], labels[-1], len(labels) - 1]
    return [kind, labels, before, [there - here for here, there in zip(before, after, strict=True)]]


def _unpack_picture(packed: Sequence[Any]) -> dict[str, Any]:
    kind, labels, before, change = packed
    after = [here + more for here, more in zip(before, change, strict=True)]
    if kind == "even":
        kind, labels = "edges", even_ends(*labels)
    return {kind: labels, "baseline": _shares(before), "window": _shares(after)}


def even_ends(low: float, high: float, bars: int) -> list[float]:
    """The ends of so many bars of one width from low to high."""
    return [low * (1 - place / bars) + high * (place / bars) for place in range(bars + 1)]


def _whole(shares: Sequence[float]) -> list[int]:
    return [round(share * SHARE_UNITS) for share in shares]


def _shares(whole: Sequence[int]) -> list[float]:
    return [units / SHARE_UNITS for units in whole]
