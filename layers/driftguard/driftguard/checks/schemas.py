"""Reports and history, as clients see them."""

from typing import Annotated, Literal, TypedDict

from pydantic import BaseModel, Field

from driftguard.alerts.schemas import AlertType, Severity
from driftguard.models.schemas import State
from driftguard.models.settings import SettingsPatch
from driftguard.platform.serialization import Wire
from driftguard.platform.times import UtcTime
from driftguard.verdicts.shapes import Time


class Queued(BaseModel):
    """A check that takes too long for one request: it goes on in the background."""

    status: Literal["queued"] = "queued"
    model_id: str


class HistoryRow(TypedDict):
    """One check."""

    checked_at: Time
    status: State
    preliminary: bool
    drift_score: float | None
    p_value: float | None
    drifted_features: list[str]
    n_window: int
    baseline_version: int | None
    feature_scores: dict[str, float | None]


class SimulationBody(Wire):
    """The body of POST …/simulate: settings to merge into the model's, and how many days to look back."""

    settings: SettingsPatch = Field(default_factory=SettingsPatch, description="Merged into the model's own.")
    days: Annotated[int, Field(ge=1, le=28, strict=True, description="How many days to look back.")] = 7


class SimulatedAlert(Wire):
    """An alert that would have been; `resolved_at` is null if it would still be open."""

    alert_type: AlertType
    severity: Severity
    opened_at: UtcTime
    resolved_at: UtcTime | None
    features: list[str]


class Simulation(Wire):
    """checks: how many were replayed, one for each `hours_between_checks`; messages: what would have been sent."""

    checks: int
    hours_between_checks: int
    alerts: list[SimulatedAlert]
    messages: int
