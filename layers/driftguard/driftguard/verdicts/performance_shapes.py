"""The shapes of the performance report and of the state of labels, as the API returns them."""

from collections.abc import Iterable
from typing import Any, Literal, TypedDict

type Source = Literal["baseline", "predictions"]


class DayShown(TypedDict):
    """One event day. `value` and `interval` belong to the requested metric. They are null without labels."""

    day: str
    value: float | None
    interval: list[float] | None
    n: int
    predictions: int
    coverage: float
    mature: bool


class DayMetrics(TypedDict):
    """One event day as it is stored. metrics: value, interval and number of rows by name."""

    day: str
    predictions: int
    coverage: float
    mature: bool
    metrics: dict[str, tuple[float, list[float] | None, int]]


class MetricShown(TypedDict):
    """A metric of the window. The exact value differs from `value` by at most `bound`.

    The other fields are null if the metric is not judged.
    """

    value: float
    interval: list[float] | None
    n: int
    bound: float
    reference: float | None
    drop: float | None
    limit: float | None
    p_value: float | None
    degraded: bool | None


class WindowShown(TypedDict):
    """The mature days that are judged together."""

    start: str | None
    end: str | None
    days: int
    n: int
    metrics: dict[str, MetricShown]


class ReferenceShown(TypedDict):
    """What the window is compared with. `days` is null if the rows have no times."""

    source: Source
    n: int
    days: int | None
    metrics: dict[str, float]


class ConfusionShown(TypedDict):
    """Labelled predictions of the window by class of the label (rows) and of the prediction (columns)."""

    classes: list[str]
    matrix: list[list[int]]


class CalibrationShown(TypedDict):
    """Rows of the window with a score in one tenth: their mean score and their share of positives."""

    score: float
    positives: float
    n: int


class HistogramShown(TypedDict):
    """Counts between edges, by series."""

    edges: list[float]
    counts: dict[str, list[int]]


class PerformanceShown(TypedDict):
    """The performance of a model. Fields that do not apply to its task are null.

    `names` lists the metrics that at least one day has.
    """

    task: dict[str, Any]
    headline: str
    names: list[str]
    metric: str
    days: list[DayShown]
    window: WindowShown
    reference: ReferenceShown | None
    confusion: ConfusionShown | None
    calibration: list[CalibrationShown] | None
    scores: HistogramShown | None
    errors: HistogramShown | None


class Coverage(TypedDict):
    """How many predictions of a day have a label."""

    day: str
    predictions: int
    labelled: int


class LabelsShown(TypedDict):
    """The state of a model's labels. `delay_hours` has quantiles by name, which are null without labels."""

    received: int
    matched: int
    waiting: int
    unmatched: int
    corrected: int
    withdrawn: int
    ambiguous: int
    coverage: list[Coverage]
    delay_hours: dict[str, int | None]
    matured_until: str | None


def names_of_days(days: Iterable[DayMetrics]) -> list[str]:
    """Return the metrics that at least one day has, in the order in which metrics are computed."""
    return list(dict.fromkeys(name for day in days for name in day["metrics"]))
