"""Logs, metrics and traces, behind one module: Powertools' JSON logger and embedded metrics; `Tracing: Active` needs
no SDK in the function, so a trace is Lambda's own segment and every log line carries its id."""

from collections.abc import Callable
from functools import wraps

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import Metrics, MetricUnit

logger = Logger()
metrics = Metrics()


def count(name: str, value: float = 1) -> None:
    """Add `value` to the metric `name`; written when the `measured` handler ends."""
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)


def milliseconds(name: str, value: float) -> None:
    """Record a duration in milliseconds under the metric `name`."""
    metrics.add_metric(name=name, unit=MetricUnit.Milliseconds, value=value)


def measured[**P, R](handler: Callable[P, R]) -> Callable[P, R]:
    """A Lambda handler whose metrics, if there are any, are written when it ends, however it ends."""

    @wraps(handler)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return handler(*args, **kwargs)
        finally:
            if metrics.metric_set:
                metrics.flush_metrics()

    return wrapper
