"""The report of a check, typed once for judging, storing, HTTP and OpenAPI.

A report is plain JSON: the check builds it, the store keeps it, and both routes send it unchanged. Every field is
always present; null says that the field does not apply.
"""

from typing import Annotated, Literal, TypedDict

from pydantic import WithJsonSchema

from driftguard.alerts.schemas import QualityKind
from driftguard.models.schemas import State

type Role = Literal["feature", "prediction"]
type FeatureType = Literal["numeric", "categorical", "boolean"]
type FeatureStatus = Literal["ok", "drift", "insufficient_data"]

Time = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
"""An RFC 3339 time in UTC with six decimals."""


class Span(TypedDict):
    """The hours of event time that were compared with the baseline."""

    start: Time
    end: Time


class SharePair(TypedDict):
    """A share (0 to 1) of the baseline's rows and of the window's."""

    baseline: float
    window: float


class MeanPair(TypedDict):
    """The mean of a numeric feature's values; null where a sample has none."""

    baseline: float | None
    window: float | None


class RangePair(TypedDict):
    """The least and the greatest value of a numeric feature; null where a sample has none."""

    baseline: list[float] | None
    window: list[float] | None


class ReportHistogram(TypedDict):
    """The distribution of a feature in at most 32 bins, as shares of the values present.

    Numeric features have `edges`, one more than there are bins. Other features have `categories`, one per bin.
    """

    edges: list[float] | None
    categories: list[str] | None
    baseline: list[float]
    window: list[float]


class QualityResult(TypedDict):
    """A share that grew since the baseline: of missing, new, out-of-range or wrongly typed values.

    `drift_score` is the rise of the share. The test fires when `p_value` is below `p_threshold` and the rise reaches
    the model's `min_share_change`.
    """

    kind: QualityKind
    baseline: float
    window: float
    drift_score: float
    p_value: float
    p_threshold: float
    fired: bool


class TypeChange(TypedDict):
    """The type of most values that do not have the baseline's type, and the share of such values."""

    type: FeatureType
    share: float


class ReportFeature(TypedDict):
    """One feature of a report.

    `threshold` is null under the rule `p_value`, and `p_threshold` where the score alone decides.
    `min_detectable_score` is given where the data do not suffice. `rho` is the overdispersion of the days.
    `direction` says in words where the values went.
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
    """The verdict of one check, feature by feature."""

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
