"""Rules about alarms and the metrics that they watch."""

from collections.abc import Iterator, Mapping
from typing import Any

from rules.stack import Breach, Stack, policy_of, target
from rules.template import PSEUDO, Template

METRICS: Mapping[tuple[str, str], tuple[frozenset[str], ...]] = {
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"): (frozenset({"QueueName"}),),
    ("AWS/SQS", "ApproximateAgeOfOldestMessage"): (frozenset({"QueueName"}),),
    ("AWS/Lambda", "Invocations"): (frozenset({"FunctionName"}), frozenset({"FunctionName", "Resource"})),
    ("AWS/Lambda", "Errors"): (frozenset({"FunctionName"}), frozenset({"FunctionName", "Resource"})),
    ("AWS/Lambda", "Throttles"): (frozenset({"FunctionName"}), frozenset({"FunctionName", "Resource"})),
    ("AWS/Lambda", "Duration"): (frozenset({"FunctionName"}), frozenset({"FunctionName", "Resource"})),
    ("AWS/Lambda", "ConcurrentExecutions"): (frozenset({"FunctionName"}),),
    ("AWS/SES", "Bounce"): (frozenset(),),
    ("AWS/ApiGateway", "4XXError"): (frozenset({"ApiName"}), frozenset({"ApiName", "Stage"})),
    ("AWS/ApiGateway", "5XXError"): (frozenset({"ApiName"}), frozenset({"ApiName", "Stage"})),
    ("AWS/ApiGateway", "Latency"): (frozenset({"ApiName"}), frozenset({"ApiName", "Stage"})),
    ("AWS/ApiGateway", "IntegrationLatency"): (frozenset({"ApiName"}), frozenset({"ApiName", "Stage"})),
    ("AWS/ApiGateway", "Count"): (frozenset({"ApiName"}), frozenset({"ApiName", "Stage"})),
    **{
        ("AWS/DynamoDB", name): (frozenset({"TableName"}), frozenset({"TableName", "GlobalSecondaryIndexName"}))
        for name in (
            "ConsumedReadCapacityUnits",
            "ConsumedWriteCapacityUnits",
            "ReadThrottleEvents",
            "WriteThrottleEvents",
        )
    },
}
"""Metrics that alarms and dashboards may watch. The sets are the dimensions that AWS publishes; others never have a
value."""

OWN_NAMESPACE = "DriftGuard/"
"""Prefix of the functions' own metrics. Powertools gives them one dimension, `service`."""

OWN_METRICS = frozenset({"ChecksFailed", "JoinsFailed", "DeliveriesFailed"})
"""The functions' own metrics. Each is charged in the hours in which it is written, so failures alone are counted."""

OWN_DIMENSIONS = {"service": "driftguard"}
"""The dimension of all of them. One value for all functions makes one metric of each name."""

MOST_METRICS = 10
"""Metrics that CloudWatch allows in one alarm."""

MEASURED = {"Latency", "IntegrationLatency", "Duration", "ApproximateAgeOfOldestMessage"}
"""Metrics whose percentiles mean something. The percentile of a count is always 1."""


def alarms_can_fire(stack: Stack) -> Iterator[Breach]:
    """Every alarm watches an existing metric by its real dimensions and notifies a topic."""
    topics = stack.of("AWS::SNS::Topic")
    for name, alarm in stack.of("AWS::CloudWatch::Alarm").items():
        if not alarm.get("AlarmActions") or not all(target(to) in topics for to in alarm["AlarmActions"]):
            yield name, "notifies no topic of this stack"
        if "TreatMissingData" not in alarm:
            yield name, "does not set TreatMissingData"
        if "Metrics" in alarm:
            yield from _sum(stack, name, alarm["Metrics"])
        else:
            statistic = alarm.get("ExtendedStatistic", alarm.get("Statistic"))
            yield from metric_breaches(stack, name, alarm, str(statistic))


def _sum(stack: Stack, name: str, metrics: list[Template]) -> Iterator[Breach]:
    if sum(metric.get("ReturnData", True) for metric in metrics) != 1:
        yield name, "must return exactly one of its metrics"
    if sum("MetricStat" in metric for metric in metrics) > MOST_METRICS:
        yield name, f"watches more than {MOST_METRICS} metrics, the limit of CloudWatch"
    expressions = " ".join(metric.get("Expression", "") for metric in metrics)
    for metric in metrics:
        if "MetricStat" not in metric:
            continue
        if f"FILL({metric['Id']}, 0)" not in expressions:
            yield name, f"has no value while {metric['Id']} has none; write FILL({metric['Id']}, 0)"
        yield from metric_breaches(stack, name, metric["MetricStat"]["Metric"], metric["MetricStat"]["Stat"])


def metric_breaches(stack: Stack, name: str, metric: Template, statistic: str) -> Iterator[Breach]:
    """Breaches of an alarm or widget that watches this statistic of this metric."""
    which = (metric["Namespace"], metric["MetricName"])
    dimensions = {dimension["Name"]: dimension["Value"] for dimension in metric.get("Dimensions", [])}
    if which[0].startswith(OWN_NAMESPACE):
        yield from _own_metric(stack, name, which, dimensions)
    elif which not in METRICS:
        yield name, f"watches {'/'.join(which)}, which is not in METRICS"
    elif frozenset(dimensions) not in METRICS[which]:
        yield (
            name,
            f"watches {'/'.join(which)} by {', '.join(sorted(dimensions)) or 'nothing'}, which AWS does not publish",
        )
    if statistic.startswith("p") and which[1] not in MEASURED:
        yield name, f"takes a percentile of {which[1]}, which is a count"
    queue = dimensions.get("QueueName")
    if queue is not None and (not isinstance(queue, dict) or queue.get("Fn::GetAtt", ["", ""])[1] != "QueueName"):
        yield name, "needs the queue's QueueName; its Ref is a URL"
    function = dimensions.get("FunctionName")
    if function is not None and target(function) not in stack.of("AWS::Lambda::Function"):
        yield name, "names a function that is not in this stack"
    table = dimensions.get("TableName")
    if table is not None and target(table) not in stack.of("AWS::DynamoDB::Table"):
        yield name, "names a table that is not in this stack"
    api = dimensions.get("ApiName")
    if api is not None and api not in [rest.get("Name") for rest in stack.of("AWS::ApiGateway::RestApi").values()]:
        yield name, "needs the API's name; its Ref is an id"


def _own_metric(stack: Stack, name: str, which: tuple[str, str], dimensions: Mapping[str, Any]) -> Iterator[Breach]:
    namespaces = {
        function.get("Environment", {}).get("Variables", {}).get("POWERTOOLS_METRICS_NAMESPACE")
        for function in stack.of("AWS::Lambda::Function").values()
    }
    if which[0] not in namespaces or which[1] not in OWN_METRICS or dimensions != OWN_DIMENSIONS:
        yield name, f"watches {'/'.join(which)}, which no function writes with these dimensions"


def alarms_are_heard(stack: Stack) -> Iterator[Breach]:
    """All alarms notify one topic. Its policy lets CloudWatch of this account publish."""
    told = {
        target(to)
        for alarm in stack.of("AWS::CloudWatch::Alarm").values()
        for action in ("AlarmActions", "OKActions", "InsufficientDataActions")
        for to in alarm.get(action, [])
    }
    if len(told) > 1:
        yield sorted(told)[-1], f"receives some alarms, and {sorted(told)[0]} receives others"
    for topic in told:
        if not any(map(_lets_publish, policy_of(stack, topic))):
            yield topic, "does not let cloudwatch.amazonaws.com publish for this account only"


def _lets_publish(statement: Template) -> bool:
    account = statement.get("Condition", {}).get("StringEquals", {}).get("aws:SourceAccount")
    return bool(
        statement["Effect"] == "Allow"
        and statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
        and statement["Action"] == "sns:Publish"
        and account == PSEUDO["AWS::AccountId"]
    )


def a_missed_schedule_is_seen(stack: Stack) -> Iterator[Breach]:
    """Every scheduled function has an alarm on too few invocations that also fires when there are no data.

    A schedule that is disabled on purpose has none.
    """
    watched = {
        target(alarm["Dimensions"][0]["Value"])
        for alarm in stack.of("AWS::CloudWatch::Alarm").values()
        if alarm.get("MetricName") == "Invocations"
        and alarm["TreatMissingData"] == "breaching"
        and alarm["ComparisonOperator"].startswith("LessThan")
    }
    for name, rule in stack.of("AWS::Events::Rule").items():
        for function in {stack.behind(to["Arn"]) for to in rule.get("Targets", [])}:
            disabled = rule.get("State") == "DISABLED"
            if "ScheduleExpression" in rule and not disabled and function not in watched:
                yield name, "has no alarm that fires when the schedule stops"
            if disabled and function in watched:
                yield name, "is disabled on purpose, so its alarm always fires"
