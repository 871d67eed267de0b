"""Says in words how the performance of a model changed: each metric then and now, and on how many labels."""

from driftguard.alerts.schemas import MetricChange, PerformanceChange
from driftguard.alerts.words import percent, quoted

METRICS = {
    "accuracy": "accuracy",
    "precision": "precision",
    "recall": "recall",
    "roc_auc": "ROC AUC",
    "macro_recall": "macro recall",
    "mae": "mean absolute error",
}

SHARES = ("accuracy", "precision", "recall", "macro_recall")
"""The metrics that are shown as percentages."""


def performance_words(model_name: str, change: PerformanceChange | None) -> str:
    """Return such as `The accuracy of “churn” fell from 90.1% to 84.2% (83.0–85.3%), on 4,812 labelled of 5,000 …`."""
    if change is None or not change.metrics:
        return f"{quoted(model_name)} performs worse than its reference."
    first = change.metrics[0]
    verb = "rose" if first.name == "mae" else "fell"
    others = [METRICS.get(one.name, one.name) for one in change.metrics[1:] if one.degraded]
    also = f" Also worse: {', '.join(others)}." if others else ""
    return (
        f"The {METRICS.get(first.name, first.name)} of {quoted(model_name)} {verb} from "
        f"{shown(first.name, first.reference)} to {_now(first)}, on {_labelled(change)}.{also}"
    )


def performance_facts(change: PerformanceChange | None) -> list[tuple[str, str]]:
    """Return the facts of a message: the worst metric now and in the reference, and how many rows have a label."""
    if change is None or not change.metrics:
        return []
    first = change.metrics[0]
    name = "mean error" if first.name == "mae" else METRICS.get(first.name, first.name)
    return [
        (f"{name[:1].upper()}{name[1:]} now", _now(first)),
        ("In the reference", _with(first.name, first.reference, first.reference_interval)),
        ("Labelled", f"{change.labelled:,} of {change.predictions:,} predictions"),
    ]


def shown(name: str, value: float) -> str:
    """Return the value of a metric: a percentage, an area with three decimals, or an error with four digits."""
    if name in SHARES:
        return percent(value)
    return f"{value:.3f}" if name == "roc_auc" else f"{value:,.4g}"


def _now(metric: MetricChange) -> str:
    return _with(metric.name, metric.value, metric.interval)


def _with(name: str, value: float, interval: tuple[float, float] | None) -> str:
    """Return a value with its 95 % interval in brackets."""
    if interval is None:
        return shown(name, value)
    return f"{shown(name, value)} ({shown(name, interval[0])} to {shown(name, interval[1])})"


def _labelled(change: PerformanceChange) -> str:
    days = f"{change.days} mature day{'s' if change.days != 1 else ''}"
    return f"{change.labelled:,} labelled of {change.predictions:,} predictions in {days}"
