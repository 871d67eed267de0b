"""Logs, metrics and traces, behind one module: Powertools' JSON logger and embedded metrics; `Tracing: Active` needs
no SDK in the function, so a trace is Lambda's own segment and every log line carries its id."""

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import MetricUnit, Metrics

logger = Logger()
metrics = Metrics()


def count(name: str, value: float = 1) -> None:
    """Add `value` to the metric `name`; flushed with the invocation by `metrics.log_metrics` or `flush`."""
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)


def milliseconds(name: str, value: float) -> None:
    """Record a duration in milliseconds under the metric `name`."""
    metrics.add_metric(name=name, unit=MetricUnit.Milliseconds, value=value)


def flush() -> None:
    """Write the metrics gathered so far to the log; nothing is written when there are none."""
    if metrics.metric_set:
        metrics.flush_metrics()
