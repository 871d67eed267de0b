"""Defines the types of a check's report for judging, storage, HTTP and OpenAPI.

A report is plain JSON. The check builds it, the table stores it, and the API returns it unchanged. Every field is
always present. A field that does not apply is null.
"""

from typing import Annotated, Literal, TypedDict

from pydantic import WithJsonSchema

from driftguard.alerts.schemas import QualityKind
from driftguard.models.schemas import State

type Role = Literal["feature", "prediction"]
type FeatureType = Literal["numeric", "categorical", "boolean"]
type FeatureStatus = Literal["ok", "drift", "insufficient_data"]

Time = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
"""An RFC 3339 time in UTC with microseconds."""


class Span(TypedDict):
    """The range of event times that was compared with the baseline."""

    start: Time
    end: Time


class SharePair(TypedDict):
    """A share of rows in the baseline and in the window, each from 0 to 1."""

    baseline: float
    window: float


class MeanPair(TypedDict):
    """The mean of a numeric feature's values in the baseline and in the window. Null for a sample without values."""

    baseline: float | None
    window: float | None


class RangePair(TypedDict):
    """The minimum and maximum of a numeric feature, as [minimum, maximum]. Null for a sample without values."""

    baseline: list[float] | None
    window: list[float] | None


class ReportHistogram(TypedDict):
    """A histogram of the baseline and the window, as shares of the values in at most 32 bins.

    Numeric features have `edges`, one more than there are bins. Other features have `categories`, one label per bin.
    """

    edges: list[float] | None
    categories: list[str] | None
    baseline: list[float]
    window: list[float]


class QualityResult(TypedDict):
    """The result of a data-quality test: a share of missing, new, out-of-range or wrongly typed values that grew.

    `drift_score` is the increase of the share. The test fires if `p_value` is below `p_threshold` and the increase is
    at least the model's `min_share_change`.
    """

    kind: QualityKind
    baseline: float
    window: float
    drift_score: float
    p_value: float
    p_threshold: float
    fired: bool


class TypeChange(TypedDict):
    """The most common type of the values that do not have the baseline's type, and the share of all such values."""

    type: FeatureType
    share: float


class ReportFeature(TypedDict):
    """One feature of a report.

    `threshold` is null if only the p-value decides. `p_threshold` is null if only the score decides.
    `min_detectable_score` is set if the feature has too few values for a test. `rho` measures how much days differ from
    each other beyond chance. `direction` describes the shift in words, such as `towards higher values`.
    """

    name: str
    role: Role
    type: FeatureType
    test: Literal["ks", "chi2"]
    status: FeatureStatus
    drift_score: float | None
    score_error_bound: float | None
    p_value: float | None
    threshold: float | None
    p_threshold: float | None
    min_detectable_score: float | None
    rho: float
    drifted: bool
    direction: str | None
    n_baseline: int
    n_window: int
    missing: SharePair
    psi: float | None
    wasserstein: float | None
    mean: MeanPair | None
    range: RangePair | None
    new_categories: list[str]
    histogram: ReportHistogram
    data_quality: list[QualityResult]
    type_change: TypeChange | None


class Report(TypedDict):
    """The result of one check, with one entry per feature.

    `histograms_left_out` is the number of features whose histogram is empty because the response would be too long.
    """

    model_id: str
    checked_at: Time
    status: State
    reason: str | None
    preliminary: bool
    drift_score: float | None
    p_value: float | None
    drifted_features: list[str]
    baseline_version: int | None
    window: Span
    n_baseline: int
    n_window: int
    features: list[ReportFeature]
    histograms_left_out: int
