"""Defines alerts as they are stored and as the API returns them."""

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from driftguard.platform.serialization import Note as NoteText
from driftguard.platform.serialization import Wire
from driftguard.platform.times import UtcTime

AlertType = Literal["data_drift", "prediction_drift", "data_quality", "no_data"]
AlertStatus = Literal["firing", "acknowledged", "snoozed", "resolved"]
Severity = Literal["LOW", "MEDIUM", "HIGH"]
QualityKind = Literal["missing", "new_categories", "out_of_range", "wrong_type"]
TimelineEvent = Literal[
    "opened",
    "escalated",
    "eased",
    "reminded",
    "below",
    "returned",
    "acknowledged",
    "snoozed",
    "snooze_ended",
    "resolved",
]

SEVERITIES: tuple[Severity, ...] = ("LOW", "MEDIUM", "HIGH")


def severity_rank(severity: Severity) -> int:
    """Return 0 for LOW, 1 for MEDIUM and 2 for HIGH."""
    return SEVERITIES.index(severity)


class Shares(BaseModel):
    """A share of rows in the baseline and in the window, each from 0 to 1."""

    baseline: float
    window: float


class Histogram(BaseModel):
    """A histogram of the baseline and the window, as shares of the values in at most 32 bins.

    Numeric features have `edges`, one more than there are bins. Other features have `categories`, one label per bin.
    """

    edges: list[float | None] | None = None
    categories: list[str] | None = None
    baseline: list[float]
    window: list[float]


class AlertFeature(BaseModel):
    """One feature of an alert with its test result.

    `kind` and `shares` are set in data-quality alerts only: the tested problem, and the shares of affected rows.
    `new_categories` lists examples of values that the baseline does not contain. `direction` describes the shift in
    words, such as `towards higher values`.
    """

    model_config = ConfigDict(extra="ignore")

    name: str
    role: Literal["feature", "prediction"] = "feature"
    type: Literal["numeric", "categorical", "boolean"] | None = None
    test: str | None = None
    drift_score: float | None = None
    p_value: float | None = None
    threshold: float | None = None
    drifted: bool = True
    direction: str | None = None
    kind: QualityKind | None = None
    shares: Shares | None = None
    new_categories: list[str] = []
    missing: Shares | None = None
    histogram: Histogram | None = None


class Window(BaseModel):
    """The range of event times that was compared with the baseline."""

    start: UtcTime
    end: UtcTime


class TimelineEntry(BaseModel):
    """One change of an alert."""

    at: UtcTime
    event: TimelineEvent
    note: str | None = None


class DeliveryRecord(BaseModel):
    """The delivery of one alert event to one channel."""

    channel_id: str
    type: str
    event: str
    attempt: int
    at: UtcTime
    outcome: Literal["sending", "delivered", "retrying", "failed"]
    detail: str | None = None


class AlertFields(BaseModel):
    """The fields of an alert that are stored, returned by the API and sent in messages."""

    id: str
    model_id: str
    model_name: str
    alert_type: AlertType
    status: AlertStatus
    severity: Severity
    drift_score: float | None
    p_value: float | None
    peak_score: float | None
    detected_at: UtcTime
    last_detected_at: UtcTime
    resolved_at: UtcTime | None = None
    snoozed_until: UtcTime | None = None
    occurrences: int
    preliminary: bool
    baseline_version: int | None
    n_baseline: int | None
    n_window: int | None
    window: Window | None = None
    features: list[AlertFeature]
    recommended_actions: list[str]


class Alert(AlertFields):
    """An alert as it is stored. Only `driftguard.alerts.lifecycle` creates and changes alerts.

    below_since: the time since when the score has been below the level that keeps the alert open.
    told: whether the `opened` event was sent. For preliminary alerts it is sent once per alert type and baseline.
    told_severity: the severity in the last message. highest_told: the highest severity in any message.
    notified_at: the time of the last message. messages: the number of events so far, used in the event ids.
    features_left_out: the number of features that were removed because the alert was too large.
    timeline_left_out: the number of entries that were removed from the middle of a long timeline.
    revision: the number of writes, used by the table to detect concurrent changes.
    """

    organization_id: str
    below_since: UtcTime | None = None
    told: bool = False
    told_severity: Severity | None = None
    highest_told: Severity | None = None
    notified_at: UtcTime | None = None
    messages: int = 0
    features_left_out: int = 0
    timeline: list[TimelineEntry] = []
    timeline_left_out: int = 0
    revision: int = 0

    @property
    def is_open(self) -> bool:
        """Return whether the alert is not resolved."""
        return self.status != "resolved"

    def summary(self, public_url: str) -> "AlertSummary":
        """Return the alert as an entry of a list."""
        return AlertSummary(
            **self._fields(),
            features_left_out=self.features_left_out,
            dashboard_url=dashboard_url(public_url, self.id),
        )

    def detail(self, public_url: str, deliveries: list[DeliveryRecord], deliveries_left_out: int = 0) -> "AlertDetail":
        """Return the alert with its timeline and its deliveries."""
        return AlertDetail(
            **self._fields(),
            features_left_out=self.features_left_out,
            dashboard_url=dashboard_url(public_url, self.id),
            timeline=self.timeline,
            timeline_left_out=self.timeline_left_out,
            deliveries=deliveries,
            deliveries_left_out=deliveries_left_out,
        )

    def _fields(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in AlertFields.model_fields}


class AlertSummary(AlertFields):
    """An alert in a list of alerts.

    `features_left_out` is the number of features that an alert with very many long names does not list.
    """

    features_left_out: int
    dashboard_url: str


class AlertDetail(AlertSummary):
    """An alert with its timeline and its deliveries.

    `timeline_left_out` is the number of entries that were removed from the middle of a long timeline.
    `deliveries` lists the attempts of the latest deliveries, and `deliveries_left_out` counts the earlier deliveries.
    """

    timeline: list[TimelineEntry]
    timeline_left_out: int
    deliveries: list[DeliveryRecord]
    deliveries_left_out: int


class Note(Wire):
    """The body of acknowledge and resolve requests."""

    note: NoteText | None = Field(default=None, description="A note for your team. It appears in the alert's timeline.")


class Snooze(Note):
    """The body of snooze requests."""

    until: UtcTime = Field(description="The end of the snooze, a time in the future, such as 2026-11-06T07:26:10Z.")


def dashboard_url(public_url: str, alert_id: str) -> str:
    """Return the URL of an alert in the dashboard."""
    return f"{public_url}/dashboard#/alerts/{alert_id}"


@dataclass(frozen=True)
class AlertFilters:
    """The query parameters of a list of alerts."""

    limit: int
    days: int | None
    status: AlertStatus | None
    severity: Severity | None
    alert_type: AlertType | None
    cursor: str | None
