"""Defines the types of a check's report for judging, storage, HTTP and OpenAPI.

A report is plain JSON. The check builds it, the table stores it, and the API returns it unchanged. Every field is
always present. A field that does not apply is null.
"""

from typing import Annotated, Literal, TypedDict

from pydantic import WithJsonSchema

from driftguard.alerts.changes import Part, PastReference
from driftguard.alerts.schemas import Histogram, Place, QualityKind, Shares
from driftguard.distributions.baseline import FeatureType
from driftguard.models.schemas import State
from driftguard.models.settings import EarlierDays

type Role = Literal["feature", "prediction"]
type TestName = Literal["ks", "chi2", "fisher"]
"""Fisher's exact test is that of a numeric feature with two values in the baseline, compared as a proportion."""

type FeatureStatus = Literal["ok", "drift", "insufficient_data"]

Time = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
"""An RFC 3339 time in UTC with microseconds."""


class Span(TypedDict):
    """The range of event times that was compared with the baseline."""

    start: Time
    end: Time


class MeanPair(TypedDict):
    """The mean of a numeric feature's values in the baseline and in the window. Null for a sample without values."""

    baseline: float | None
    window: float | None


class RangePair(TypedDict):
    """The minimum and maximum of a numeric feature, as [minimum, maximum]. Null for a sample without values."""

    baseline: list[float] | None
    window: list[float] | None


class QualityResult(TypedDict):
    """The result of a data-quality test: a share of missing, new, out-of-range or wrongly typed values that grew.

    `drift_score` is the increase of the share. The test fires if `p_value` is below `p_threshold` and the increase is
    at least `threshold`, the model's `min_share_change`. `hours` is null for the whole window against the baseline.
    Otherwise the last `hours` are compared with the model's own past: `baseline` is the share at the same hours of the
    week, and `surprise` replaces the p-value.
    """

    kind: QualityKind
    baseline: float
    window: float
    drift_score: float
    p_value: float | None
    threshold: float | None
    p_threshold: float | None
    fired: bool
    hours: int | None
    surprise: float | None


class TypeChange(TypedDict):
    """The most common type of the values that do not have the baseline's type, and the share of all such values.

    `expected` is the baseline's type. `example` is the latest value of the other type, as text.
    """

    type: FeatureType
    share: float
    expected: FeatureType | None
    example: str | None


_Since = TypedDict("_Since", {"from": Time})
"""A field whose name is a keyword of Python."""


class Sudden(_Since):
    """The last hours of a feature compared with the model's own past at the same hours of the week.

    `state`: `learning` until there is a past to compare with, `watching`, or `taken` while the feature is in an open
    alert. `from` is when the feature was or will first be compared. `score` is the difference, as a KS distance or
    total variation, in the window of `window_hours` with the least `surprise`. `surprise` is the number of changes this
    strong that chance alone makes in a month of this model. It is null if no window differs enough to be judged.
    `onset` is the start of the window if the change fired. `reference_days` is the number of days in the reference.
    `min_detectable` is the smallest change of one share that would fire in the last 24 hours.
    """

    state: Literal["learning", "watching", "taken"]
    score: float | None
    onset: Time | None
    window_hours: int | None
    reference: PastReference | None
    reference_days: int
    surprise: float | None
    min_detectable: float | None


class Unwatched(TypedDict):
    """A feature, or the prediction, that is logged but not in the baseline. No test watches it.

    `share` is the share of the window's rows that have a value. `renamed_from` names a feature of the baseline that is
    now missing and has a similar name.
    """

    name: str
    role: Role
    share: float
    renamed_from: str | None


class ReportFeature(TypedDict):
    """One feature of a report.

    `threshold` is null if only the p-value decides. `p_threshold` is null if only the score decides.
    `expected_by_chance` is the score that sampling alone produces on average with these numbers of values. A
    categorical feature drifts if `p_value` is below `p_threshold` and `drift_score` exceeds `expected_by_chance` by at
    least `threshold`. `score_error_bound`: the exact score of all values exceeds `drift_score` by at most this amount.
    `wasserstein_error_bound`: the distance of all values differs from `wasserstein` by at most this amount. Both are
    null if the error may be large. `min_detectable_score` is set if the feature has too few values for a test. `rho`
    measures how much days differ from each other beyond chance. `direction` describes the shift in words, such as
    `towards higher values`. `at` is the place of D for a numeric feature. `drifted` says whether any part of the test
    found drift, and `part` is the part that decides, also for a feature that only keeps an alert open. `sudden`
    compares the last hours with the model's own past; it is null if that is off. If these hours decide, `matched` has
    the shares of their values (`window`), and those at the same hours of the past (`baseline`). `window_start` is set
    if the window of the feature starts later than the report's, after the end of an earlier alert.
    """

    name: str
    role: Role
    type: FeatureType
    test: TestName
    status: FeatureStatus
    drift_score: float | None
    score_error_bound: float | None
    expected_by_chance: float | None
    p_value: float | None
    threshold: float | None
    p_threshold: float | None
    min_detectable_score: float | None
    rho: float
    drifted: bool
    part: Part | None
    sudden: Sudden | None
    matched: Histogram | None
    window_start: Time | None
    direction: str | None
    at: Place | None
    n_baseline: int
    n_window: int
    missing: Shares
    psi: float | None
    wasserstein: float | None
    wasserstein_error_bound: float | None
    mean: MeanPair | None
    range: RangePair | None
    new_categories: list[str]
    histogram: Histogram
    data_quality: list[QualityResult]
    type_change: TypeChange | None


class ReferencePair(TypedDict):
    """A share of rows in the earlier days and in the window, each from 0 to 1."""

    reference: float
    window: float


class ReferenceMeans(TypedDict):
    """The mean of a numeric feature's values in the earlier days and in the window. Null for a side without values."""

    reference: float | None
    window: float | None


class ComparedFeature(TypedDict):
    """One feature of a comparison with earlier days. The fields mean the same as in a report.

    `status` is `drift` if the window differs from the earlier days by more than the limit, which opens no alert. Scores
    and limits are null if one side has too few values.
    """

    name: str
    role: Role
    type: FeatureType
    test: TestName
    status: FeatureStatus
    drift_score: float | None
    score_error_bound: float | None
    expected_by_chance: float | None
    p_value: float | None
    threshold: float | None
    p_threshold: float | None
    direction: str | None
    n_reference: int
    n_window: int
    mean: ReferenceMeans | None
    missing: ReferencePair


class Compared(TypedDict):
    """The window compared with earlier days of the same model. It is shown only: no alert depends on it.

    `source` says which days: `previous_period` are the `window_days` before the window, `rolling_28d` the 28 days
    before it. They are whole days in UTC, from `start` to before `end`, and `days` of them have rows. `reason` is a
    sentence about rows that are missing. `drifted_features` are those that differ by more than their limit.
    """

    source: EarlierDays
    start: Time
    end: Time
    days: int
    window: Span
    n_reference: int
    n_window: int
    reason: str | None
    drift_score: float | None
    p_value: float | None
    drifted_features: list[str]
    features: list[ComparedFeature]


class Report(TypedDict):
    """The result of one check, with one entry per feature.

    `histograms_left_out` is the number of features whose histogram is empty because the response would be too long.
    `drifted_features` names the prediction `prediction`, and a feature of that name `feature:prediction`. `unwatched`
    lists at most 51 names, and `unwatched_more` counts values under further names. Both are null in reports that
    older versions stored. `notes` are sentences about what limits the tests. `reference` is null unless the check also
    compared the window with earlier days, as the setting `reference` says.
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
    unwatched: list[Unwatched] | None
    unwatched_more: int | None
    notes: list[str]
    reference: Compared | None
