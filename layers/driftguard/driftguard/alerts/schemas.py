"""Defines alerts as they are stored and as the API returns them."""

from typing import Any, Literal, TypedDict

from pydantic import BaseModel, ConfigDict, Field, model_validator

from driftguard.alerts.changes import Change
from driftguard.distributions.baseline import FeatureType
from driftguard.platform.serialization import Note as NoteText
from driftguard.platform.serialization import Wire
from driftguard.platform.times import UtcTime

AlertType = Literal["data_drift", "prediction_drift", "data_quality", "no_data", "performance", "labels_missing"]

OF_LABELS: tuple[AlertType, ...] = ("performance", "labels_missing")
"""The types that joins of labels decide about, and checks never do."""

WITHOUT_BASELINE: tuple[AlertType, ...] = ("no_data", "labels_missing")
"""The types that compare with no baseline."""
AlertStatus = Literal["firing", "acknowledged", "snoozed", "resolved"]
Severity = Literal["LOW", "MEDIUM", "HIGH"]
QualityKind = Literal["missing", "new_categories", "out_of_range", "wrong_type", "unexpected_feature"]
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

SCHEDULE = "schedule"
"""The actor of what a check changes, unless an API key requested the check."""

SEVERITIES: tuple[Severity, ...] = ("LOW", "MEDIUM", "HIGH")


def severity_rank(severity: Severity) -> int:
    """Return 0 for LOW, 1 for MEDIUM and 2 for HIGH."""
    return SEVERITIES.index(severity)


class Shares(TypedDict):
    """A share of rows in the baseline and in the window, each from 0 to 1."""

    baseline: float
    window: float


class Histogram(TypedDict):
    """A histogram of the baseline and the window, as shares of the values in at most 32 bins.

    Numeric features have `edges`, one more than there are bins. Other features have `categories`, one label per bin.
    """

    edges: list[float | None] | None
    categories: list[str] | None
    baseline: list[float]
    window: list[float]


class Place(TypedDict):
    """The value where baseline and window differ most: where the Kolmogorov–Smirnov statistic D is found.

    `baseline` and `window` are the shares of values that are at most `value`, each from 0 to 1. `words` names these
    values, such as `4 or less`.
    """

    value: float
    baseline: float
    window: float
    words: str


class WrongType(BaseModel):
    """The type that the baseline has, the most common other type in the window, and the share of all other types.

    `example` is the latest value of this other type, as text. It is null for values that older versions counted.
    """

    type: FeatureType
    share: float
    expected: FeatureType | None = None
    example: str | None = None


class Limit(BaseModel):
    """What the score and the p-value were compared with. A value that does not decide is null.

    A finding fires if the score exceeds `score` and the p-value is below `p_value`.
    """

    score: float | None = None
    p_value: float | None = None


class AlertFeature(BaseModel):
    """One feature of an alert with its test result.

    `kind` and `shares` are set in data-quality alerts only: the tested problem, and the shares of affected rows.
    `new_categories` lists examples of values that the baseline does not contain. `direction` describes the shift in
    words, such as `towards higher values`. `renamed_from` names the feature of the baseline that an unexpected feature
    probably is. `change` is set if the last hours or the first week, and not the whole window, showed the change.
    """

    model_config = ConfigDict(extra="ignore")

    name: str
    role: Literal["feature", "prediction"] = "feature"
    type: FeatureType | None = None
    test: str | None = None
    drift_score: float | None = None
    p_value: float | None = None
    threshold: float | None = None
    p_threshold: float | None = None
    drifted: bool = True
    direction: str | None = None
    at: Place | None = None
    kind: QualityKind | None = None
    shares: Shares | None = None
    new_categories: list[str] = []
    missing: Shares | None = None
    type_change: WrongType | None = None
    renamed_from: str | None = None
    histogram: Histogram | None = None
    change: Change | None = None


class MetricChange(BaseModel):
    """A metric of the window compared with the reference. A drop is positive if the metric is worse.

    `n` and `n_reference` are the numbers of rows behind both values. `drop` is compared with `limit`. It is the
    difference of both values. For `mae` it is the Kolmogorov–Smirnov distance by which the errors are larger.
    """

    name: str
    value: float
    interval: tuple[float, float] | None = None
    n: int
    reference: float
    reference_interval: tuple[float, float] | None = None
    n_reference: int
    drop: float
    limit: float
    p_value: float
    degraded: bool


class PerformanceChange(BaseModel):
    """What labels say about the predictions of the window. The metric that became worst comes first in `metrics`.

    `labelled` of the window's `predictions` have a label. `days` is the number of days in the window.
    """

    metrics: list[MetricChange]
    labelled: int
    predictions: int
    days: int


class Window(BaseModel):
    """The range of event times that was compared with the baseline."""

    start: UtcTime
    end: UtcTime


class TimelineEntry(BaseModel):
    """One change of an alert."""

    at: UtcTime
    event: TimelineEvent
    note: str | None = None
    actor: str = Field(default=SCHEDULE, description="The name of the API key, or `schedule` for a check.")


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
    limit: Limit | None = None
    onset: UtcTime | None = Field(
        default=None,
        description=(
            "Since when the values have changed, if the last hours decided. Otherwise since when the window's score "
            "has been above its limit. The values may have changed days before."
        ),
    )
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
    performance: PerformanceChange | None = Field(
        default=None,
        description="The metrics of a `performance` alert. Its `baseline_version` is the version of its reference.",
    )
    recommended_actions: list[str]


class Sent(BaseModel):
    """The last message about an alert to the channels of one minimum severity."""

    severity: Severity
    at: UtcTime


class Alert(AlertFields):
    """An alert as it is stored. Only `driftguard.alerts.lifecycle` and `transitions` create and change alerts.

    below_since: the time since when the score has been below the level that keeps the alert open.
    sent: the last message by the minimum severity of the channels that received it. A minimum is missing until the
    severity reaches it.
    told, told_severity, highest_told, notified_at: what version 0.1 stores instead of `sent`. They are still written,
    because functions of both versions run during an upgrade.
    messages: the number of events so far, used in the event ids.
    timeline_left_out: the number of entries that were removed from the middle of a long timeline.
    revision: the number of writes, used by the table to detect concurrent changes.
    """

    organization_id: str
    below_since: UtcTime | None = None
    sent: dict[Severity, Sent] = {}
    told: bool = False
    told_severity: Severity | None = None
    highest_told: Severity | None = None
    notified_at: UtcTime | None = None
    messages: int = 0
    features_left_out: int = 0
    timeline: list[TimelineEntry] = []
    timeline_left_out: int = 0
    revision: int = 0

    @model_validator(mode="before")
    @classmethod
    def _read_one_message_for_all(cls, stored: Any) -> Any:
        """Read alerts of version 0.1, which stored one last message for all channels, and `told` false for none."""
        if not isinstance(stored, dict) or "sent" in stored or not stored.get("told"):
            return stored
        last, highest, at = stored["told_severity"], stored["highest_told"], stored["notified_at"]
        reached = SEVERITIES[: severity_rank(highest) + 1]
        return {
            **stored,
            "sent": {
                minimum: {"severity": last if severity_rank(last) >= severity_rank(minimum) else highest, "at": at}
                for minimum in reached
            },
        }

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
