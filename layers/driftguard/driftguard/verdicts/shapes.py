"""A check's report, as it is stored and as the API shows it."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from driftguard.alerts.schemas import Shares, Window
from driftguard.models.schemas import State
from driftguard.platform.times import UtcTime


class ReportHistogram(BaseModel):
    """A feature's distribution in at most 32 bins, as shares of the present values.

    Numeric: `edges` has one entry more than the bins; others: `categories` has one entry a bin.
    """

    model_config = ConfigDict(extra="allow")

    edges: list[float] | None = None
    categories: list[str] | None = None
    baseline: list[float]
    window: list[float]


class ReportFeature(BaseModel):
    """One feature of a report. `threshold` is null under the rule `p_value`; `min_detectable_score` is given where
    the data do not suffice."""

    model_config = ConfigDict(extra="allow")

    name: str
    role: Literal["feature", "prediction"]
    type: Literal["numeric", "categorical", "boolean"]
    test: Literal["ks", "chi2"]
    status: Literal["ok", "drift", "insufficient_data"]
    drift_score: float | None
    p_value: float | None
    threshold: float | None
    drifted: bool
    missing: Shares
    psi: float | None
    histogram: ReportHistogram


class Report(BaseModel):
    """The verdict of one check, feature by feature."""

    model_config = ConfigDict(extra="allow")

    model_id: str
    checked_at: UtcTime
    status: State
    reason: str | None
    preliminary: bool
    drift_score: float | None
    p_value: float | None
    baseline_version: int | None
    window: Window
    n_baseline: int
    n_window: int
    features: list[ReportFeature]
