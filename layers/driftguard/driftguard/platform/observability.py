"""Logs and metrics with Powertools: JSON log lines and embedded metrics.

CloudWatch charges a custom metric once for each value of its dimensions. So a metric exists only where an alarm needs
it, and its dimension has the same value for all functions. Numbers that people look up are in the log lines.

Traces need no code. With `Tracing: Active`, Lambda records its own segment and each log line has the trace id.
"""

from collections.abc import Callable
from functools import wraps

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import Metrics, MetricUnit

logger = Logger()
metrics = Metrics(service="driftguard")


def count(name: str, value: float = 1) -> None:
    """Add `value` to the metric `name`. The `measured` handler writes it when it ends."""
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)


def measured[**P, R](handler: Callable[P, R]) -> Callable[P, R]:
    """Decorate a Lambda handler so that its metrics are written when it returns or fails."""

    @wraps(handler)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return handler(*args, **kwargs)
        finally:
            if metrics.metric_set:
                metrics.flush_metrics()

    return wrapper
