"""Rules about alarms and the metrics that they watch."""

from collections.abc import Iterable, Iterator, Mapping
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
"""Metrics that an alarm or a dashboard may watch, with the sets of dimensions under which AWS publishes them: under
others there is never a value."""

OWN_NAMESPACE = "DriftGuard/"
"""Where the functions' own metrics are, under the one dimension that Powertools gives them."""

MOST_METRICS = 10

MEASURED = {"Latency", "IntegrationLatency", "Duration", "ApproximateAgeOfOldestMessage", "CheckDuration"}
"""Metrics of which a percentile means something; of a count it is 1 or nothing."""


def alarms_can_fire(stack: Stack) -> Iterator[Breach]:
    """An alarm watches a metric that exists, under the dimensions it has, and tells somebody."""
    topics = stack.of("AWS::SNS::Topic")
    for name, alarm in stack.of("AWS::CloudWatch::Alarm").items():
        if not alarm.get("AlarmActions") or not all(target(to) in topics for to in alarm["AlarmActions"]):
            yield name, "tells nobody"
        if "TreatMissingData" not in alarm:
            yield name, "does not say what missing data mean"
        if "Metrics" in alarm:
            yield from _sum(stack, name, alarm["Metrics"])
        else:
            statistic = alarm.get("ExtendedStatistic", alarm.get("Statistic"))
            yield from metric_breaches(stack, name, alarm, str(statistic))


def _sum(stack: Stack, name: str, metrics: list[Template]) -> Iterator[Breach]:
    if sum(metric.get("ReturnData", True) for metric in metrics) != 1:
        yield name, "must return exactly one of its metrics"
    if sum("MetricStat" in metric for metric in metrics) > MOST_METRICS:
        yield name, f"watches more than the {MOST_METRICS} metrics that CloudWatch takes"
    expressions = " ".join(metric.get("Expression", "") for metric in metrics)
    for metric in metrics:
        if "MetricStat" not in metric:
            continue
        if f"FILL({metric['Id']}, 0)" not in expressions:
            yield name, f"has no value as long as {metric['Id']} has none (FILL)"
        yield from metric_breaches(stack, name, metric["MetricStat"]["Metric"], metric["MetricStat"]["Stat"])


def metric_breaches(stack: Stack, name: str, metric: Template, statistic: str) -> Iterator[Breach]:
    """What is wrong with watching this statistic of this metric."""
    which = (metric["Namespace"], metric["MetricName"])
    dimensions = {dimension["Name"]: dimension["Value"] for dimension in metric.get("Dimensions", [])}
    own = stack.of("AWS::Lambda::Function").values()
    if which[0].startswith(OWN_NAMESPACE):
        yield from _own_metric(name, which, dimensions, own)
    elif which not in METRICS:
        yield name, f"watches {'/'.join(which)}, which no rule knows"
    elif frozenset(dimensions) not in METRICS[which]:
        yield name, f"watches {'/'.join(which)} by {', '.join(sorted(dimensions)) or 'nothing'}, as AWS never counts it"
    if statistic.startswith("p") and which[1] not in MEASURED:
        yield name, f"takes a percentile of {which[1]}, which is a count"
    queue = dimensions.get("QueueName")
    if queue is not None and (not isinstance(queue, dict) or queue.get("Fn::GetAtt", ["", ""])[1] != "QueueName"):
        yield name, "needs the queue's QueueName; its Ref is an address"
    function = dimensions.get("FunctionName")
    if function is not None and target(function) not in stack.of("AWS::Lambda::Function"):
        yield name, "names a function that this stack lacks"
    table = dimensions.get("TableName")
    if table is not None and target(table) not in stack.of("AWS::DynamoDB::Table"):
        yield name, "names a table that this stack lacks"
    api = dimensions.get("ApiName")
    if api is not None and api not in [rest.get("Name") for rest in stack.of("AWS::ApiGateway::RestApi").values()]:
        yield name, "needs the API's name; its Ref is an id"


def _own_metric(
    name: str, which: tuple[str, str], dimensions: Mapping[str, Any], functions: Iterable[Template]
) -> Iterator[Breach]:
    for function in functions:
        variables = function.get("Environment", {}).get("Variables", {})
        said = (variables.get("POWERTOOLS_METRICS_NAMESPACE"), {"service": variables.get("POWERTOOLS_SERVICE_NAME")})
        if said == (which[0], dimensions):
            return
    yield name, f"watches {'/'.join(which)}, which no function writes like this"


def alarms_are_heard(stack: Stack) -> Iterator[Breach]:
    """All alarms and budgets tell one topic, which lets CloudWatch and Budgets of this account publish."""
    told: dict[str, set[str]] = {}
    for alarm in stack.of("AWS::CloudWatch::Alarm").values():
        for to in [*alarm.get("AlarmActions", []), *alarm.get("OKActions", [])]:
            told.setdefault(target(to), set()).add("cloudwatch.amazonaws.com")
    for name, budget in stack.of("AWS::Budgets::Budget").items():
        notifications = budget.get("NotificationsWithSubscribers", [])
        if not notifications:
            yield name, "tells nobody"
        for notification in notifications:
            for subscriber in notification["Subscribers"]:
                told.setdefault(target(subscriber["Address"]), set()).add("budgets.amazonaws.com")
    if len(told) > 1:
        yield sorted(told)[-1], f"is told of some alarms, and {sorted(told)[0]} of others"
    for topic, services in told.items():
        for service in sorted(services):
            if not any(_lets_publish(statement, service) for statement in policy_of(stack, topic)):
                yield topic, f"takes no messages from {service} of this account alone"


def _lets_publish(statement: Template, service: str) -> bool:
    account = statement.get("Condition", {}).get("StringEquals", {}).get("aws:SourceAccount")
    return bool(
        statement["Effect"] == "Allow"
        and statement["Principal"] == {"Service": service}
        and statement["Action"] == "sns:Publish"
        and account == PSEUDO["AWS::AccountId"]
    )


def a_missed_schedule_is_seen(stack: Stack) -> Iterator[Breach]:
    """The function of every schedule has an alarm that also fires when there are no data at all."""
    alarms = stack.of("AWS::CloudWatch::Alarm").values()
    for name, rule in stack.of("AWS::Events::Rule").items():
        for to in rule.get("Targets", []):
            if "ScheduleExpression" in rule and not any(
                alarm.get("MetricName") == "Invocations"
                and alarm["TreatMissingData"] == "breaching"
                and alarm["ComparisonOperator"].startswith("LessThan")
                and target(alarm["Dimensions"][0]["Value"]) == target(to["Arn"])
                for alarm in alarms
            ):
                yield name, "could stop and nobody would know"
