"""The rule about CloudWatch dashboards."""

import json
import re
from collections.abc import Iterator
from typing import Any

from rules.alarms import metric_breaches
from rules.stack import Breach, Stack, target
from rules.template import PSEUDO, Template


def dashboards(stack: Stack) -> Iterator[Breach]:
    """A dashboard shows existing metrics of its region, and includes every function, table and dead-letter queue."""
    for name, dashboard in stack.of("AWS::CloudWatch::Dashboard").items():
        shown: set[tuple[str, str]] = set()
        for widget in _widgets(dashboard["DashboardBody"]):
            properties = widget["properties"]
            if properties.get("region") != PSEUDO["AWS::Region"]:
                yield name, f"{properties['title']} does not set the region of the stack"
            for metric, statistic in _metrics_of(properties):
                yield from metric_breaches(stack, f"{name}: {properties['title']}", metric, statistic)
                shown |= {(metric["MetricName"], target(each["Value"])) for each in metric["Dimensions"]}
        wanted = {
            *(("Errors", each) for each in stack.of("AWS::Lambda::Function")),
            *(("Throttles", each) for each in stack.of("AWS::Lambda::Function")),
            *(("Duration", each) for each in stack.of("AWS::Lambda::Function")),
            *(("WriteThrottleEvents", each) for each in stack.of("AWS::DynamoDB::Table")),
            *(("ConsumedWriteCapacityUnits", each) for each in stack.of("AWS::DynamoDB::Table")),
            *(("ApproximateNumberOfMessagesVisible", each) for each in stack.of("AWS::SQS::Queue") if "Dead" in each),
        }
        for metric_name, resource in sorted(wanted - shown):
            yield name, f"does not show {metric_name} of {resource}"


def _widgets(body: Any) -> list[Template]:
    """The widgets of a dashboard. Its body may be inside `Fn::Sub`."""
    widgets: list[Template] = json.loads(body["Fn::Sub"] if isinstance(body, dict) else body)["widgets"]
    return widgets


def _metrics_of(properties: Template) -> Iterator[tuple[Template, str]]:
    """The metrics of a widget with their statistics, in the shape that alarms use."""
    for line in properties["metrics"]:
        options = line[-1] if isinstance(line[-1], dict) else {}
        namespace, metric, *words = [word for word in line if isinstance(word, str)]
        dimensions = [
            {"Name": key, "Value": _reference(value)} for key, value in zip(words[::2], words[1::2], strict=True)
        ]
        yield (
            {"Namespace": namespace, "MetricName": metric, "Dimensions": dimensions},
            str(options.get("stat", properties["stat"])),
        )


def _reference(text: str) -> Any:
    """A placeholder of an `Fn::Sub` as `Ref` or `Fn::GetAtt`. Other text is returned as it is."""
    match = re.fullmatch(r"\$\{(\w+)(?:\.(\w+))?\}", text)
    if match is None:
        return text
    return {"Fn::GetAtt": [match[1], match[2]]} if match[2] else {"Ref": match[1]}
