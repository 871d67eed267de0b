"""Defines the API's schemas for checks: queued checks, history rows and simulations."""

from typing import Annotated, Literal, TypedDict

from pydantic import BaseModel, Field

from driftguard.alerts.schemas import AlertType, Severity
from driftguard.models.schemas import State
from driftguard.models.settings import SettingsPatch
from driftguard.platform.serialization import Wire
from driftguard.platform.times import UtcTime
from driftguard.verdicts.shapes import Time


class Queued(BaseModel):
    """A check that takes too long for one request and continues in the background."""

    status: Literal["queued"] = "queued"
    model_id: str


class HistoryRow(TypedDict):
    """The summary of one check.

    `features_left_out` is the number of features that a row with very many long names does not list. `replayed` is true
    if no check ran at that time: the model had no baseline yet. Its first check then computed the score of each earlier
    day from the stored counts. Such a row says only whether the window drifts from the baseline. It opens no alert.
    """

    checked_at: Time
    status: State
    preliminary: bool
    drift_score: float | None
    p_value: float | None
    drifted_features: list[str]
    n_window: int
    baseline_version: int | None
    feature_scores: dict[str, float | None]
    features_left_out: int
    replayed: bool


class SimulationBody(Wire):
    """The settings to try, and the number of past days to replay."""

    settings: SettingsPatch = Field(
        default_factory=SettingsPatch, description="Settings to try. They are merged into the model's settings."
    )
    days: Annotated[int, Field(ge=1, le=28, strict=True, description="Number of past days to replay.")] = 7


class SimulatedAlert(Wire):
    """An alert that the tried settings would have opened. `resolved_at` is null if it would still be open.

    `features` lists the metrics that became worse if the alert is on performance. `features_left_out` counts the
    features that the response is too short to list.
    """

    alert_type: AlertType
    severity: Severity
    opened_at: UtcTime
    resolved_at: UtcTime | None
    features: list[str]
    features_left_out: int = 0


class Simulation(Wire):
    """The result of a simulation.

    `checks` is the number of replayed checks, one every `hours_between_checks` hours. `messages` is the number of
    messages for a channel that receives every severity. `sudden_from` is the first replayed check that could compare
    the last hours with the model's own past. It is null if no check could.
    """

    checks: int
    hours_between_checks: int
    alerts: list[SimulatedAlert]
    messages: int
    sudden_from: UtcTime | None = None
