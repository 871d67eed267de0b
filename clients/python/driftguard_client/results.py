"""What the service answers, as dataclasses. Fields that a newer service adds are in `to_dict()`."""

from __future__ import annotations

import sys
from dataclasses import MISSING, dataclass, field, fields
from html import escape
from typing import Any, ClassVar, TypeVar

from driftguard_client.errors import DriftGuardError

_R = TypeVar("_R", bound="Result")

MOST_LINES = 20
"""Results of a list that are printed."""


@dataclass
class Result:
    """The base of all results."""

    _nested: ClassVar[dict[str, type[Result]]] = {}
    raw: dict[str, Any] = field(default_factory=dict, repr=False, compare=False, kw_only=True)

    @classmethod
    def from_answer(cls: type[_R], content: dict[str, Any]) -> _R:
        """Return the result of a response's content. Fields that the content lacks get their default, or None."""
        known: dict[str, Any] = {}
        for one in fields(cls):
            if one.name == "raw":
                continue
            if one.name in content:
                known[one.name] = cls._value(one.name, content[one.name])
            elif one.default is MISSING and one.default_factory is MISSING:
                known[one.name] = None
        return cls(**known, raw=content)

    @classmethod
    def _value(cls, name: str, value: Any) -> Any:
        nested = cls._nested.get(name)
        if nested is not None and isinstance(value, list):
            return [nested.from_answer(one) for one in value]
        return value

    def to_dict(self) -> dict[str, Any]:
        """Return the content as the service sent it."""
        return self.raw


def _short(result: Result) -> str:
    """Return the first line of a result's text. A result may have thousands of values."""
    return f"<{type(result).__name__}: {str(result).partition(chr(10))[0]}>"


@dataclass
class FeatureResult(Result):
    """One feature of a report."""

    name: str
    role: str
    type: str
    test: str
    status: str
    drift_score: float | None
    p_value: float | None
    threshold: float | None
    drifted: bool
    expected_by_chance: float | None = None
    direction: str | None = None


@dataclass
class Report(Result):
    """The report of one check."""

    _nested: ClassVar[dict[str, type[Result]]] = {"features": FeatureResult}
    model_id: str
    checked_at: str
    status: str
    reason: str | None
    drift_score: float | None
    p_value: float | None
    baseline_version: int | None
    n_baseline: int | None
    n_window: int | None
    preliminary: bool = False
    window: dict[str, Any] | None = None
    drifted_features: list[str] = field(default_factory=list)
    features: list[FeatureResult] = field(default_factory=list)
    __repr__ = _short

    def to_pandas(self) -> Any:
        """Return a DataFrame with one row per feature, highest score first. Import pandas before."""
        frame = _frame(self.raw.get("features") or [])
        return frame.sort_values("drift_score", ascending=False, ignore_index=True) if len(frame) else frame

    def __str__(self) -> str:
        score = "no score" if self.drift_score is None else f"score {self.drift_score:.3f}"
        status = f"{self.status} (preliminary)" if self.preliminary else self.status
        lines = [f"{status}: {score}, {_count(self.n_window)} rows against {_count(self.n_baseline)} of the baseline"]
        if self.reason:
            lines.append(f"  {self.reason}")
        ranked = sorted(self.features, key=lambda one: -(one.drift_score or 0.0))
        lines += [
            f"  {_mark(one)} {one.name}: {_number(one.drift_score)} (limit {_number(one.threshold)})"
            for one in ranked[:10]
        ]
        if len(ranked) > 10:
            lines.append(f"  … and {len(ranked) - 10} more")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = [
            [one.name, one.type, one.status, _number(one.drift_score), _number(one.threshold), one.direction or ""]
            for one in sorted(self.features, key=lambda one: -(one.drift_score or 0.0))
        ]
        title = (
            f"{self.status}, score {_number(self.drift_score)}, {_count(self.n_window)} rows, checked {self.checked_at}"
        )
        return _table(title, ["feature", "type", "status", "score", "limit", "direction"], rows, self.reason)


@dataclass
class HistoryRow(Result):
    """The summary of one check. `replayed` rows are the scores of days before the model had a baseline."""

    checked_at: str
    status: str
    drift_score: float | None
    p_value: float | None
    n_window: int | None
    preliminary: bool = False
    baseline_version: int | None = None
    drifted_features: list[str] = field(default_factory=list)
    feature_scores: dict[str, float | None] = field(default_factory=dict)
    replayed: bool = False
    __repr__ = _short

    def __str__(self) -> str:
        drifted = f", {len(self.drifted_features)} drifted" if self.drifted_features else ""
        return f"{self.checked_at} {self.status}: score {_number(self.drift_score)}{drifted}"


@dataclass
class Alert(Result):
    """An alert. `drift_score` is that of the last check while it was open. `onset`: since when values have changed."""

    id: str
    model_id: str
    model_name: str
    alert_type: str
    status: str
    severity: str
    drift_score: float | None
    p_value: float | None
    detected_at: str
    last_detected_at: str | None
    resolved_at: str | None = None
    occurrences: int = 1
    preliminary: bool = False
    features: list[dict[str, Any]] = field(default_factory=list)
    recommended_actions: list[str] = field(default_factory=list)
    dashboard_url: str | None = None
    onset: str | None = None
    __repr__ = _short

    def __str__(self) -> str:
        since = f", changed since {self.onset}" if self.onset else ""
        return (
            f"{self.severity} {self.alert_type} of {self.model_name}, {self.status}: "
            f"score {_number(self.drift_score)}, opened {self.detected_at}{since} ({self.id})"
        )


class Results(list[_R]):
    """A list of results with `to_dict()`, `to_pandas()`, a line of text for each, and a table for notebooks."""

    def __init__(self, results: list[_R], columns: list[str]) -> None:
        super().__init__(results)
        self._columns = columns

    def to_dict(self) -> list[dict[str, Any]]:
        """Return the contents as the service sent them."""
        return [one.to_dict() for one in self]

    def to_pandas(self) -> Any:
        """Return a DataFrame with one row per result. Import pandas before."""
        return _frame(self.to_dict())

    def __str__(self) -> str:
        lines = [str(one) for one in self[:MOST_LINES]]
        if len(self) > MOST_LINES:
            lines.append(f"… and {len(self) - MOST_LINES:,} more")
        return "\n".join(lines) or "none"

    def _repr_html_(self) -> str:
        rows = [[_cell(getattr(one, column)) for column in self._columns] for one in self]
        return _table(f"{len(self)} {'row' if len(self) == 1 else 'rows'}", self._columns, rows)


@dataclass
class ModelInfo(Result):
    """A model and its state."""

    id: str
    name: str
    state: str
    baseline_version: int | None
    drift_score: float | None
    open_alerts: int
    last_checked_at: str | None
    description: str | None = None
    labels: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    __repr__ = _short

    def __str__(self) -> str:
        alerts = f"{self.open_alerts or 'no'} open {'alert' if self.open_alerts == 1 else 'alerts'}"
        return f"{self.name}: {self.state}, score {_number(self.drift_score)}, {alerts} ({self.id})"


@dataclass
class BaselineInfo(Result):
    """A version of a baseline."""

    version: int
    rows: int
    created_at: str
    source: str
    days: int | None = None
    current: bool | None = None
    features: list[dict[str, Any]] = field(default_factory=list)
    columns: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    __repr__ = _short

    def to_pandas(self) -> Any:
        """Return a DataFrame with one row per feature. Import pandas before."""
        return _frame(self.features or self.columns)

    def __str__(self) -> str:
        parts = [f"baseline {self.version}: {self.rows:,} rows"]
        shown = self.features or self.columns
        parts += [f"{len(shown)} {'column' if len(shown) == 1 else 'columns'}"] if shown else []
        count = len(self.warnings)
        parts += [f"{count} {'warning' if count == 1 else 'warnings'} in .warnings"] if count else []
        return ", ".join(parts)

    def _repr_html_(self) -> str:
        shown = self.features or self.columns
        rows = [
            [one.get("name"), one.get("role"), one.get("type"), _cell(one.get("missing_share", one.get("missing")))]
            for one in shown
        ]
        return _table(f"baseline {self.version}, {self.rows} rows", ["feature", "role", "type", "missing"], rows)


@dataclass
class Simulation(Result):
    """The alerts that other settings would have opened."""

    checks: int
    messages: int
    hours_between_checks: int | None = None
    alerts: list[dict[str, Any]] = field(default_factory=list)
    __repr__ = _short

    def __str__(self) -> str:
        return f"{self.checks} checks, {len(self.alerts)} alerts, {self.messages} messages"

    def to_pandas(self) -> Any:
        """Return a DataFrame with one row per alert. Import pandas before."""
        return _frame(self.alerts)

    def _repr_html_(self) -> str:
        columns = ["alert_type", "severity", "opened_at", "resolved_at", "features"]
        rows = [[_cell(one.get(column)) for column in columns] for one in self.alerts]
        return _table(str(self), columns, rows)


@dataclass
class RejectedRow(Result):
    """A row that was not logged: its position in the frame, the column, and the reason."""

    row: int
    column: str
    reason: str


@dataclass
class LogResult(Result):
    """What became of the rows of a frame. `failed` rows were not answered; `errors` has every row that is not stored.

    prediction_ids: the id of each row of the frame, in its order.
    sampled_out: rows that `sample` left out on purpose.
    """

    rows: int
    accepted: int
    rejected: int
    failed: int
    sampled_out: int
    batches: int
    errors: list[RejectedRow] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    prediction_ids: list[str] = field(default_factory=list)
    __repr__ = _short

    def to_dict(self) -> dict[str, Any]:
        """Return all fields."""
        content = {one.name: getattr(self, one.name) for one in fields(self) if one.name not in {"raw", "errors"}}
        errors = [{"row": one.row, "column": one.column, "reason": one.reason} for one in self.errors]
        return {**content, "errors": errors}

    def to_pandas(self) -> Any:
        """Return a DataFrame with one row per row that is not stored. Import pandas before."""
        return _frame(self.to_dict()["errors"])

    def __str__(self) -> str:
        parts = [f"{self.accepted} of {self.rows} rows logged"]
        parts += [
            f"{count} {what}" for count, what in ((self.rejected, "rejected"), (self.failed, "not sent")) if count
        ]
        if self.sampled_out:
            parts.append(f"{self.sampled_out} not sampled")
        lines = [", ".join(parts)]
        alike: dict[tuple[str, str], list[int]] = {}
        for one in self.errors:
            alike.setdefault((one.column, one.reason), []).append(one.row)
        found = list(alike.items())
        for (column, reason), rows in found[:10]:
            # An error of a whole request names no column.
            place = "" if column == "row" and len(rows) > 1 else f", {column}"
            lines.append(f"  {_rows(rows)}{place}: {reason}")
        if len(found) > 10:
            lines.append(f"  … and {sum(len(rows) for _, rows in found[10:]):,} more rows in .errors")
        return "\n".join(lines + [f"  warning: {one}" for one in self.warnings])

    def _repr_html_(self) -> str:
        rows = [[one.row, one.column, one.reason] for one in self.errors[:100]]
        return _table(str(self).partition("\n")[0], ["row", "column", "reason"], rows)


@dataclass
class LabelsResult(LogResult):
    """What became of the labels of a frame. `unlabelled` rows have no label and were not sent."""

    unlabelled: int = 0
    __repr__ = _short

    def __str__(self) -> str:
        text = super().__str__().replace("rows logged", "labels sent", 1)
        return f"{text}\n  {self.unlabelled} rows have no label yet" if self.unlabelled else text


@dataclass
class LabelUpload(Result):
    """What became of an uploaded file of labels. `errors` has the first 20 rejected lines."""

    upload_id: str
    status: str
    accepted: int = 0
    rejected: int = 0
    unlabelled: int = 0
    reason: str | None = None
    errors: list[dict[str, Any]] = field(default_factory=list)
    __repr__ = _short

    def __str__(self) -> str:
        lines = [f"{self.accepted} labels stored, {self.rejected} rejected, {self.unlabelled} rows without a label"]
        lines += [f"  line {one.get('line')}: {one.get('msg')}" for one in self.errors[:10]]
        return "\n".join(lines)


@dataclass
class LabelsStatus(Result):
    """The state of a model's labels, as of the last join. coverage: predictions and labels of each event day."""

    received: int
    matched: int
    waiting: int
    unmatched: int
    corrected: int
    withdrawn: int
    ambiguous: int
    coverage: list[dict[str, Any]] = field(default_factory=list)
    delay_hours: dict[str, float | None] = field(default_factory=dict)
    matured_until: str | None = None
    __repr__ = _short

    def to_pandas(self) -> Any:
        """Return a DataFrame with one row per event day. Import pandas before."""
        return _frame(self.coverage)

    def __str__(self) -> str:
        names = ("received", "matched", "waiting", "unmatched", "corrected", "withdrawn", "ambiguous")
        lines = [", ".join(f"{getattr(self, name):,} {name}" for name in names)]
        delays = [f"{name} {hours} h" for name, hours in self.delay_hours.items() if hours is not None]
        lines += [f"  delay: {', '.join(delays)}"] if delays else []
        return "\n".join([*lines, f"  mature until {self.matured_until or 'no day yet'}"])

    def _repr_html_(self) -> str:
        rows = [[one.get("day"), one.get("predictions"), one.get("labelled")] for one in self.coverage]
        return _table(str(self).partition("\n")[0], ["day", "predictions", "labelled"], rows)


@dataclass
class Performance(Result):
    """How well a model predicts, as of the last join.

    metric: the one of `days`, which has one entry per event day. window: all metrics of the last 7 mature days.
    """

    task: dict[str, Any]
    headline: str
    metric: str
    days: list[dict[str, Any]] = field(default_factory=list)
    window: dict[str, Any] = field(default_factory=dict)
    reference: dict[str, Any] | None = None
    confusion: dict[str, Any] | None = None
    calibration: list[dict[str, Any]] | None = None
    scores: dict[str, Any] | None = None
    errors: dict[str, Any] | None = None
    __repr__ = _short

    @property
    def metrics(self) -> dict[str, dict[str, Any]]:
        """The metrics of the window by name: value, interval, n, and how they compare with the reference."""
        return self.window.get("metrics") or {}

    @property
    def degraded(self) -> list[str]:
        """The metrics that are worse than the reference."""
        return [name for name, one in self.metrics.items() if one.get("degraded")]

    def to_pandas(self) -> Any:
        """Return a DataFrame with one row per event day. Import pandas before."""
        return _frame(self.days)

    def __str__(self) -> str:
        if not self.window.get("n"):
            used = sum(1 for one in self.days if one.get("predictions"))
            have = "day has" if used == 1 else "days have"
            return (
                f"No mature day yet. {used} {have} predictions. A day is mature when "
                "enough of its predictions have labels (`label_ratio`), or when it is old enough (`maturity_hours`). "
                "For labels of the past, send `labelled_at`, too."
            )
        lines = [f"{self.window['n']:,} labels of {self.window['days']} mature days"]
        for name, value, interval, reference, state in self._rows():
            lines.append(f"  {name:18} {value:>10}  {interval:19} {reference:>10}  {state}".rstrip())
        return "\n".join(
            [lines[0], f"  {'metric':18} {'value':>10}  {'95 % interval':19} {'reference':>10}", *lines[1:]]
        )

    def _rows(self) -> list[list[str]]:
        return [
            [
                name,
                _cell(one.get("value")),
                " to ".join(map(_cell, one.get("interval") or [])),
                _cell(one.get("reference")),
                "degraded" if one.get("degraded") else "",
            ]
            for name, one in self.metrics.items()
        ]

    def _repr_html_(self) -> str:
        columns = ["metric", "value", "95 % interval", "reference", ""]
        return _table(str(self).partition("\n")[0], columns, self._rows())


def _frame(rows: list[dict[str, Any]]) -> Any:
    pandas = sys.modules.get("pandas")
    if pandas is None:
        raise DriftGuardError("to_pandas() needs pandas, and this package never imports it. Run `import pandas` first.")
    return pandas.DataFrame(rows)


def _mark(feature: FeatureResult) -> str:
    return "!" if feature.drifted else "·"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _rows(rows: list[int]) -> str:
    """Return which rows have the same error: `row 7`, or `1,000 rows (0, 1, 2, …)`."""
    if len(rows) == 1:
        return f"row {rows[0]}"
    return f"{len(rows):,} rows ({', '.join(map(str, rows[:3]))}{', …' if len(rows) > 3 else ''})"


def _count(value: int | None) -> str:
    return "no" if value is None else f"{value:,}"


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return ", ".join(str(one.get("name", one)) if isinstance(one, dict) else str(one) for one in value[:5])
    return "" if value is None else str(value)


def _table(title: str, columns: list[str], rows: list[list[Any]], note: str | None = None) -> str:
    head = "".join(f"<th style='text-align:left'>{escape(column)}</th>" for column in columns)
    body = "".join("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    text = f"<p>{escape(note)}</p>" if note else ""
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f"<div><p><b>{escape(title)}</b></p>{text}{table}</div>"
