"""CloudWatch: an alarm on an expression is made, where MiniStack refuses the whole stack."""

from collections.abc import Mapping
from typing import Any

from ministack.services.cloudformation import provisioners


def install() -> None:
    """Replace the function below."""
    provisioners._cw_metric_alarm_record = _record


_original_record = provisioners._cw_metric_alarm_record


def _record(name: str, properties: Mapping[str, Any]) -> Any:
    """Kept as an alarm on the expression's first metric: no function's metrics are kept here to evaluate either."""
    if metrics := properties.get("Metrics"):
        first = next(one["MetricStat"] for one in metrics if "MetricStat" in one)
        properties = {
            **{key: value for key, value in properties.items() if key != "Metrics"},
            **first["Metric"],
            "Period": first["Period"],
            "Statistic": first["Stat"],
        }
    return _original_record(name, properties)
