"""How well a model predicts in a window, compared with the baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from driftguard_engine.models.settings import ModelSettings
from driftguard_engine.models.task import Task
from driftguard_engine.performance.counts import Counts, total
from driftguard_engine.performance.metrics import Metric, headline, metrics_of
from driftguard_engine.verdicts.performance import (
    ALPHA,
    LEAST_RHO,
    SPREAD_DAYS,
    Comparison,
    Judged,
    compared,
    judged_names,
)


@dataclass(frozen=True)
class MetricResult:
    """One metric of the window. interval: of 95 %. bound: most by which the exact value may differ.

    baseline: its value there, None without labels. drop: how much worse it is. limit: what the drop must exceed.
    tested: whether there were enough labels for a test; None for a metric that is only shown.
    """

    name: str
    value: float
    interval: tuple[float, float] | None
    n: int
    bound: float
    baseline: float | None
    drop: float | None
    limit: float | None
    p_value: float | None
    tested: bool | None
    degraded: bool


@dataclass(frozen=True)
class Performance:
    """How well a model predicts. n, n_baseline: rows with a label. headline: the metric that stands for the model.

    confusion: of the window, rows by class of the label, columns by class of the prediction; None for a regression.
    """

    task: dict[str, Any]
    headline: str
    n: int
    n_baseline: int
    metrics: list[MetricResult]
    classes: list[str] | None
    confusion: list[list[int]] | None

    @property
    def degraded(self) -> list[MetricResult]:
        """The metrics that are worse than in the baseline by more than chance explains."""
        return [one for one in self.metrics if one.degraded]

    @property
    def is_tested(self) -> bool:
        """Whether at least one metric could be compared with the baseline."""
        return any(one.tested for one in self.metrics)

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON values."""
        return {
            **{name: value for name, value in vars(self).items() if name != "metrics"},
            "metrics": {
                one.name: {name: value for name, value in asdict(one).items() if name != "name"} for one in self.metrics
            },
        }


def performance_of(
    days: Sequence[Counts], reference: Sequence[Counts], task: Task, settings: ModelSettings, looks: int, *, timed: bool
) -> Performance:
    """Compare the labelled rows of a window with those of the baseline by the service's tests.

    days, reference: by day if the sample has times. timed: whether the window has times. Without them, days cannot
    differ, so rho is 0.
    """
    now, then = total(days, task.class_count), total(reference, task.class_count)
    names = judged_names(task.type, then) if now.n or now.scored else []
    judged: dict[str, Judged] = {}
    if names and days:
        comparison = Comparison(
            window=days,
            days=days[-SPREAD_DAYS:],
            reference=then,
            reference_days=len(reference) if timed and len(reference) > 1 else None,
            min_labels=settings.min_labels,
            min_drop=settings.min_performance_drop,
            level=ALPHA / (len(names) * looks),
            least_rho=LEAST_RHO if timed else 0.0,
        )
        judged = {one.name: one for one in compared(comparison, names)}
    before = metrics_of(then, task)
    return Performance(
        task=task.model_dump(mode="json", exclude_unset=True),
        headline=headline(now, task),
        n=now.tally.labelled,
        n_baseline=then.tally.labelled,
        metrics=[_metric(name, one, before.get(name), judged.get(name)) for name, one in metrics_of(now, task).items()],
        classes=list(_classes(task)) if task.class_count else None,
        confusion=now.confusion.tolist() if task.class_count else None,
    )


def _metric(name: str, now: Metric, then: Metric | None, judged: Judged | None) -> MetricResult:
    return MetricResult(
        name=name,
        value=now.value,
        interval=now.interval,
        n=now.n,
        bound=now.bound,
        baseline=None if then is None else then.value,
        drop=None if judged is None else judged.drop,
        limit=None if judged is None else judged.limit,
        p_value=None if judged is None else judged.p_value,
        tested=None if judged is None else judged.testable,
        degraded=judged is not None and judged.firing,
    )


def _classes(task: Task) -> list[str]:
    if task.type == "multiclass":
        return [str(value) for value in task.classes or ()]
    return [f"not {task.positive}", str(task.positive)]
