"""Evaluates alarms as CloudWatch's documentation says, on series of metrics that a test makes up.

A series maps minutes to values; a minute without a value has no data point. An alarm is evaluated at the end of each
period. CloudWatch also looks at a few periods before those that an alarm names, and does not say at how many.
`EXTRA_PERIODS` are tried, and an alarm must behave alike with each.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from rules.template import Template

type Series = Mapping[int, float]
type Metrics = Mapping[str, Series]
"""Series by the metric's name, followed by the value of its only dimension where several metrics share the name."""

EXTRA_PERIODS: Final = (0, 2, 5)
ACTIONS: Final = {"ALARM": "AlarmActions", "OK": "OKActions", "INSUFFICIENT_DATA": "InsufficientDataActions"}
COMPARISONS: Final[Mapping[str, Any]] = {
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
    "LessThanThreshold": lambda value, threshold: value < threshold,
}
STATISTICS: Final[Mapping[str, Any]] = {
    "Sum": sum,
    "Maximum": max,
    "p99": lambda values: sorted(values)[max(0, -(-99 * len(values) // 100) - 1)],
}


@dataclass(frozen=True)
class Change:
    """An alarm's new state, the minute of the change, and whether the alarm's topic is notified."""

    minute: int
    state: str
    notifies: bool


def changes(alarm: Template, metrics: Metrics, minutes: int, extra: int) -> list[Change]:
    """Every change of an alarm's state. It starts without data, as a new alarm does."""
    state, found, period = "INSUFFICIENT_DATA", [], _period(alarm)
    looked_at = int(alarm["EvaluationPeriods"]) + extra
    points = [None] * looked_at + [_point(alarm, metrics, number, period) for number in range(minutes // period)]
    for ended in range(1, minutes // period):
        following = _state(alarm, points[ended : ended + looked_at]) or state
        if following != state:
            state = following
            found.append(Change(ended * period, state, bool(alarm.get(ACTIONS[state]))))
    return found


def rings(alarm: Template, metrics: Metrics, minutes: int, extra: int) -> list[int]:
    """The minutes in which the alarm notifies its topic of trouble."""
    return [each.minute for each in changes(alarm, metrics, minutes, extra) if each.state != "OK" and each.notifies]


def _state(alarm: Template, points: list[float | None]) -> str | None:
    """The state after these points, oldest first. None keeps the state."""
    wanted = int(alarm["EvaluationPeriods"])
    real = [point for point in points if point is not None]
    # With enough real points, the newest of them decide, and the treatment of missing ones does not matter.
    breaching = sum(_breaches(alarm, point) for point in real[-wanted:])
    if len(real) < wanted:
        treatment = alarm["TreatMissingData"]
        if not real and treatment in ("missing", "ignore"):
            return "INSUFFICIENT_DATA" if treatment == "missing" else None
        breaching += (wanted - len(real)) * (treatment == "breaching")
    return "ALARM" if breaching >= int(alarm.get("DatapointsToAlarm", wanted)) else "OK"


def _breaches(alarm: Template, value: float) -> bool:
    return bool(COMPARISONS[alarm["ComparisonOperator"]](value, float(alarm["Threshold"])))


def _period(alarm: Template) -> int:
    """The alarm's period in minutes."""
    stats = [metric["MetricStat"] for metric in alarm.get("Metrics", []) if "MetricStat" in metric]
    (seconds,) = {int(stat["Period"]) for stat in stats} or {int(alarm["Period"])}
    return seconds // 60


def _point(alarm: Template, metrics: Metrics, number: int, period: int) -> float | None:
    """The data point of one period. None if there is none."""
    minutes = range(number * period, (number + 1) * period)
    if "Metrics" not in alarm:
        statistic = str(alarm.get("ExtendedStatistic", alarm.get("Statistic")))
        return _aggregate(series_of(alarm, metrics), minutes, statistic)
    (expression,) = (metric["Expression"] for metric in alarm["Metrics"] if "Expression" in metric)
    total = 0.0
    for term in expression.split(" + "):
        (name,) = re.fullmatch(r"FILL\((\w+), 0\)", term).groups()  # type: ignore[union-attr]  # no match fails the test
        (stat,) = (metric["MetricStat"] for metric in alarm["Metrics"] if metric["Id"] == name)
        total += _aggregate(series_of(stat["Metric"], metrics), minutes, stat["Stat"]) or 0.0
    return total


def series_of(metric: Template, metrics: Metrics) -> Series:
    """The series of a metric: by its name and a dimension's value, or by its name alone."""
    for name in names_of(metric):
        if name in metrics:
            return metrics[name]
    return {}


def names_of(metric: Template) -> Iterator[str]:
    """The names that a test may use for a metric, the longer one first."""
    for dimension in metric.get("Dimensions", []):
        value = dimension["Value"]
        if isinstance(value, dict):
            ((_, argument),) = value.items()
            value = argument if isinstance(argument, str) else argument[0]
        yield f"{metric['MetricName']} {value}"
    yield str(metric["MetricName"])


def _aggregate(series: Series, minutes: range, statistic: str) -> float | None:
    values = [series[minute] for minute in minutes if minute in series]
    return float(STATISTICS[statistic](values)) if values else None
