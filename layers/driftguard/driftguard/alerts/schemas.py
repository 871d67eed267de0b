"""Alerts as they are stored, and as the API shows them."""

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
    """0 for LOW, 1 for MEDIUM, 2 for HIGH."""
    return SEVERITIES.index(severity)


class Shares(BaseModel):
    """A share (0 to 1) of the baseline's rows and of the window's."""

    baseline: float
    window: float


class Histogram(BaseModel):
    """A small picture: at most 32 bins, heights in the baseline and in the window (counts or shares).

    Numeric features have `edges` (the ends of the bins), the others `categories` (one label a bin).
    """

    edges: list[float | None] | None = None
    categories: list[str] | None = None
    baseline: list[float]
    window: list[float]


class AlertFeature(BaseModel):
    """One feature of an alert: what was tested, what came out, and what a message shows of it.

    `kind` and `shares` belong to data quality: which share was tested, and its values. `new_categories` names a few
    of the values that the baseline lacked. `direction` says in words where the values went.
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
    """The hours that were compared with the baseline."""

    start: UtcTime
    end: UtcTime


class TimelineEntry(BaseModel):
    """Something that happened to an alert."""

    at: UtcTime
    event: TimelineEvent
    note: str | None = None


class DeliveryRecord(BaseModel):
    """One alert event's way to one channel, as far as it got."""

    channel_id: str
    type: str
    event: str
    attempt: int
    at: UtcTime
    outcome: Literal["sending", "delivered", "retrying", "failed"]
    detail: str | None = None


class AlertFields(BaseModel):
    """What the store, the API and the messages share."""

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
    """An alert as it is stored. `driftguard.alerts.lifecycle` makes and changes it; nothing else does.

    below_since: since when the score has been under the level at which the alert stays open.
    told: whether the opening was sent (of preliminary alerts it is sent once per alert type and baseline version).
    told_severity: the severity in the last message; highest_told: the highest in any.
    notified_at: when the last message went out. messages: how many did, which numbers the events.
    revision: how often it was stored; the table's business.
    """

    organization_id: str
    below_since: UtcTime | None = None
    told: bool = False
    told_severity: Severity | None = None
    highest_told: Severity | None = None
    notified_at: UtcTime | None = None
    messages: int = 0
    timeline: list[TimelineEntry] = []
    revision: int = 0

    @property
    def is_open(self) -> bool:
        """Whether it still can change."""
        return self.status != "resolved"

    def summary(self, public_url: str) -> "AlertSummary":
        """The alert as lists show it."""
        return AlertSummary(**self._fields(), dashboard_url=dashboard_url(public_url, self.id))

    def detail(self, public_url: str, deliveries: list[DeliveryRecord]) -> "AlertDetail":
        """The alert as its own page shows it."""
        return AlertDetail(
            **self._fields(),
            dashboard_url=dashboard_url(public_url, self.id),
            timeline=self.timeline,
            deliveries=deliveries,
        )

    def _fields(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in AlertFields.model_fields}


class AlertSummary(AlertFields):
    """One entry of a list of alerts."""

    dashboard_url: str


class AlertDetail(AlertSummary):
    """One alert with all that happened to it and where it was sent."""

    timeline: list[TimelineEntry]
    deliveries: list[DeliveryRecord]


class Note(Wire):
    """The body of acknowledge and resolve."""

    note: NoteText | None = Field(default=None, description="For whoever reads the alert: it stands in its timeline.")


class Snooze(Note):
    """The body of snooze."""

    until: UtcTime = Field(description="When the snooze ends: a time to come, such as 2026-11-06T07:26:10Z.")


def dashboard_url(public_url: str, alert_id: str) -> str:
    """The address of an alert in the dashboard below `public_url`."""
    return f"{public_url}/dashboard#/alerts/{alert_id}"


@dataclass(frozen=True)
class AlertFilters:
    """What the query of a list of alerts asks for."""

    limit: int
    days: int | None
    status: AlertStatus | None
    severity: Severity | None
    alert_type: AlertType | None
    cursor: str | None
