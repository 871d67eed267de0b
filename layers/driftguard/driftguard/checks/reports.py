"""Packs reports for storage, and reads the last report and the history of a model.

Every check stores a report, so reports are packed tightly: column by column, and by bzip2, which takes a fifth less
than deflate. A histogram with bars of equal width keeps only the two
outer ends. Shares are whole numbers, and the window's shares are differences from the baseline's.
"""

import bz2
import json
import zlib
from collections.abc import Mapping, Sequence, Set
from datetime import datetime, timedelta
from typing import Any, Final, cast

from driftguard.alerts.schemas import Histogram
from driftguard.checks.schemas import HistoryRow
from driftguard.checks.tables import MOST_ROW_BYTES, History
from driftguard.distributions.baseline import key_of
from driftguard.models.settings import Reference
from driftguard.models.statuses import Statuses
from driftguard.models.tables import Models
from driftguard.platform.errors import Conflict, NotFound
from driftguard.platform.paging import ID, Page, decode_key, encode_cursor
from driftguard.platform.sizes import MAX_ITEM_BYTES, longest_fit
from driftguard.verdicts.bounds import bounded
from driftguard.verdicts.shapes import Compared, ComparedFeature, QualityResult, Report, ReportFeature, TypeChange

TRIES = 3

SHARE_UNITS = 10**5
"""Shares in a histogram are stored as multiples of 1 / SHARE_UNITS."""


BZ2: Final = b"BZh"
"""The first bytes of a packed report. Reports of version 0.1 are deflated JSON with one object per feature."""

LACKING: Final[dict[str, Any]] = {
    **dict.fromkeys(["direction", "at", "mean", "range", "expected_by_chance", "wasserstein_error_bound"]),
    **dict.fromkeys(["part", "sudden", "matched", "window_start"]),
    "new_categories": [],
}
"""Defaults for fields of a feature that a stored report lacks: it is older than the field, or all features have it."""

LACKING_IN_REPORT: Final[dict[str, Any]] = {
    "unwatched": None,
    "unwatched_more": None,
    "notes": [],
    "histograms_left_out": 0,
    "reference": None,
}
LACKING_IN_ROW: Final[dict[str, Any]] = {"features_left_out": 0, "replayed": False}
LACKING_IN_TYPE_CHANGE: Final[dict[str, Any]] = {"expected": None, "example": None}
LACKING_IN_QUALITY: Final[dict[str, Any]] = {"threshold": None, "hours": None, "surprise": None}


def pack(report: Report) -> bytes:
    """Return a report as bytes for storage. Raises ValueError if the report contains NaN or infinity."""
    features = [
        {
            **one,
            "histogram": _pack_picture(one["histogram"]),
            "data_quality": [_without(test, LACKING_IN_QUALITY) for test in one["data_quality"]],
        }
        for one in report["features"]
    ]
    stored: dict[str, Any] = {**report, "features": _columns(features)}
    del stored["reference"]  # most reports have none, and even a null costs bytes
    if report["reference"] is not None:
        stored["reference"] = {**report["reference"], "features": _columns(report["reference"]["features"])}
    return bz2.compress(_json(stored))


def unpack(data: bytes) -> Report:
    """Restore the report from the output of `pack`. Reports of older versions get defaults for missing fields."""
    if data.startswith(BZ2):
        stored: Any = json.loads(bz2.decompress(data))
        stored["features"] = _rows(stored["features"])
        if stored.get("reference"):
            compared = [
                _in_order(ComparedFeature, {**LACKING, **one}) for one in _rows(stored["reference"]["features"])
            ]
            stored["reference"] = _in_order(Compared, {**stored["reference"], "features": compared})
    else:  # version 0.1
        stored = json.loads(zlib.decompress(data))
    features = [_unpack_feature(one) for one in stored["features"]]
    return bounded(cast("Report", _in_order(Report, {**LACKING_IN_REPORT, **stored, "features": features})))


def _columns(features: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the fields of all features, one list per field. Equal fields side by side compress better.

    Fields that have their default in all features are left out. The comparisons with the past are columns themselves,
    and a column of equal values is its value.
    """
    if not features:
        return {}
    columns: dict[str, Any] = {name: [feature[name] for feature in features] for name in features[0]}
    sudden = columns.get("sudden", ())
    columns = {
        name: values
        for name, values in columns.items()
        if name not in LACKING or any(v != LACKING[name] for v in values)
    }
    if sudden and None not in sudden:
        fields = {name: [one[name] for one in sudden] for name in sudden[0]}
        columns["sudden"] = {
            name: values[0] if values.count(values[0]) == len(values) else values for name, values in fields.items()
        }
    return columns


def _rows(columns: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the features again, one dict per feature."""
    count = len(columns.get("name", ()))
    if isinstance(columns.get("sudden"), dict):
        fields = {
            name: values if isinstance(values, list) else [values] * count for name, values in columns["sudden"].items()
        }
        columns["sudden"] = [dict(zip(fields, values, strict=True)) for values in zip(*fields.values(), strict=True)]
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _without(values: Any, defaults: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that differ from their defaults."""
    return {name: value for name, value in values.items() if name not in defaults or value != defaults[name]}


def _unpack_feature(stored: dict[str, Any]) -> ReportFeature:
    feature = _in_order(ReportFeature, {**LACKING, **stored, "histogram": _unpack_picture(stored["histogram"])})
    feature["data_quality"] = [
        _in_order(QualityResult, {**LACKING_IN_QUALITY, **one}) for one in stored.get("data_quality", [])
    ]
    if stored.get("type_change"):
        feature["type_change"] = _in_order(TypeChange, {**LACKING_IN_TYPE_CHANGE, **stored["type_change"]})
    return cast("ReportFeature", feature)


def _in_order(shape: type, fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields in the order of a typed dictionary, so that a stored report has the bytes of a fresh one."""
    return {name: fields[name] for name in shape.__annotations__ if name in fields}


def pack_row(row: HistoryRow) -> bytes:
    """Return a row of the history as bytes for storage.

    If the names are too long for one item, the features with the lowest scores are left out and counted.
    """
    scores, drifted = row["feature_scores"], set(row["drifted_features"])
    ranked = sorted(scores, key=lambda name: (name not in drifted, -(scores[name] or 0.0)))

    def packed(count: int) -> bytes:
        return zlib.compress(_json(_with_features(row, set(ranked[:count]))), 6)

    return packed(longest_fit(len(ranked), lambda count: len(packed(count)), MAX_ITEM_BYTES))


def unpack_row(data: bytes) -> HistoryRow:
    """Restore a row. Rows of older versions lack some fields and get their defaults."""
    row: Any = {**LACKING_IN_ROW, **json.loads(zlib.decompress(data))}
    return cast("HistoryRow", row)


def row_of(report: Report) -> HistoryRow:
    """Return a report's row for the history."""
    return {
        "checked_at": report["checked_at"],
        "status": report["status"],
        "preliminary": report["preliminary"],
        "drift_score": report["drift_score"],
        "p_value": report["p_value"],
        "drifted_features": report["drifted_features"],
        "n_window": report["n_window"],
        "baseline_version": report["baseline_version"],
        "feature_scores": {key_of(one["name"], one["role"]): one["drift_score"] for one in report["features"]},
        "features_left_out": 0,
        "replayed": False,
    }


def _with_features(row: HistoryRow, names: Set[str]) -> dict[str, Any]:
    """Return the row with the features in `names`, as it is stored."""
    scores = {name: score for name, score in row["feature_scores"].items() if name in names}
    kept = {
        **row,
        "drifted_features": [name for name in row["drifted_features"] if name in names],
        "feature_scores": scores,
        "features_left_out": len(row["feature_scores"]) - len(scores),
    }
    return _without(kept, {"replayed": False})


def last(model: Models, reference: Reference | None = None) -> Report:
    """Return the full report of the last check.

    reference: what the report must also compare with; None for what the check compared with.
    Raises NotFound before the first check, and Conflict if the check did not compare with `reference`.
    """
    report = _last(model)
    compared = report["reference"]
    if reference is None or (compared is not None and compared["source"] == reference):
        return report
    if reference == "training":
        return {**report, "reference": None}
    raise Conflict(
        f"The last check did not compare with {reference}. GET …/compare?reference={reference} compares now. To have "
        f"it in each report, set the model's `reference` to {reference}."
    )


def _last(model: Models) -> Report:
    for _try in range(TRIES):
        status = Statuses.one(model.organization_id, model.model_id)
        if status.report_id is None:
            break
        data = History.report(model.model_id, str(status.report_slot), status.report_id, int(status.report_chunks))
        if data is not None:  # None: two later checks replaced this report, so read the status again.
            return unpack(data)
    raise NotFound("The model has no report yet. The first check creates it.")


def history(model: Models, *, days: int | None, cursor: str | None, limit: int, now: datetime) -> Page[HistoryRow]:
    """Return a page of the model's history, one row per check, newest first."""
    before = decode_key("history", model.model_id, cursor, f"h#[0-9TZ:.-]{{27}}#{ID}")
    since = now - timedelta(days=days) if days else None
    items = History.newest(model.model_id, since=since, before=before, limit=limit)
    more = len(items) == limit or sum(len(item.row) for item in items) > MOST_ROW_BYTES
    rows = [unpack_row(item.row) for item in items]
    keys = {id(row): item.sk for row, item in zip(rows, items, strict=True)}
    return Page(
        rows,
        encode_cursor("history", model.model_id, items[-1].sk) if more else None,
        lambda row: encode_cursor("history", model.model_id, keys[id(row)]),
    )


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), allow_nan=False, ensure_ascii=False).encode()


def _pack_picture(picture: Histogram) -> list[Any]:
    """Return the kind, the labels or edges, the baseline's shares, and the window's differences from them.

    Edges are shortened to [low, high, number of bars] only if `even_ends` restores them exactly.
    """
    before, after = _whole(picture["baseline"]), _whole(picture["window"])
    labels: list[Any]
    if picture["categories"] is not None:
        kind, labels = "categories", [*picture["categories"]]
    else:
        kind, labels = "edges", [*(picture["edges"] or [])]
        if len(labels) > 2 and labels == even_ends(labels[0], labels[-1], len(labels) - 1):
            kind, labels = "even", [labels[0], labels[-1], len(labels) - 1]
    return [kind, labels, before, [there - here for here, there in zip(before, after, strict=True)]]


def _unpack_picture(packed: Sequence[Any]) -> Histogram:
    kind, labels, before, change = packed
    after = [here + more for here, more in zip(before, change, strict=True)]
    if kind == "even":
        kind, labels = "edges", even_ends(*labels)
    edges, categories = (None, labels) if kind == "categories" else (labels, None)
    return {"edges": edges, "categories": categories, "baseline": _shares(before), "window": _shares(after)}


def even_ends(low: float, high: float, bars: int) -> list[float]:
    """Return the ends of `bars` bars of equal width from low to high."""
    return [low * (1 - place / bars) + high * (place / bars) for place in range(bars + 1)]


def _whole(shares: Sequence[float]) -> list[int]:
    # Shares are multiples of the unit but for rounding errors, so this is `round`, in half the time.
    return [int(share * SHARE_UNITS + 0.5) for share in shares]


def _shares(whole: Sequence[int]) -> list[float]:
    return [units / SHARE_UNITS for units in whole]
