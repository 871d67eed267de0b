"""What AWS charges, and what measured usage costs at these prices."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from rules.alarms import OWN_METRICS
from rules.stack import target
from rules.template import Template
from sandbox import stack
from sandbox.meter import Usage

PRICES_OF: Final = "2025-06"
"""The month in which the prices below were known."""

PRICES: Final[dict[str, tuple[float, str, str]]] = {
    "api": (3.50 / 1e6, "API Gateway, one REST request", "https://aws.amazon.com/api-gateway/pricing/"),
    "lambda request": (0.20 / 1e6, "Lambda, one request", "https://aws.amazon.com/lambda/pricing/"),
    "lambda": (0.0000133334, "Lambda on arm64, one gigabyte-second", "https://aws.amazon.com/lambda/pricing/"),
    "write": (0.625 / 1e6, "DynamoDB on demand, one write unit", "https://aws.amazon.com/dynamodb/pricing/on-demand/"),
    "read": (0.125 / 1e6, "DynamoDB on demand, one read unit", "https://aws.amazon.com/dynamodb/pricing/on-demand/"),
    "storage": (0.25, "DynamoDB, one gigabyte for a month", "https://aws.amazon.com/dynamodb/pricing/on-demand/"),
    "recovery": (
        0.20,
        "DynamoDB, point-in-time recovery of one gigabyte for a month",
        "https://aws.amazon.com/dynamodb/pricing/on-demand/",
    ),
    "sqs fifo": (0.50 / 1e6, "SQS FIFO, one request", "https://aws.amazon.com/sqs/pricing/"),
    "sqs": (0.40 / 1e6, "SQS standard, one request", "https://aws.amazon.com/sqs/pricing/"),
    "sns": (0.50 / 1e6, "SNS, one publish (deliveries to Lambda are free)", "https://aws.amazon.com/sns/pricing/"),
    "ses": (0.10 / 1e3, "SES, one e-mail", "https://aws.amazon.com/ses/pricing/"),
    "logs": (0.50, "CloudWatch Logs, one gigabyte ingested", "https://aws.amazon.com/cloudwatch/pricing/"),
    "metric": (0.30, "CloudWatch, one custom metric per month", "https://aws.amazon.com/cloudwatch/pricing/"),
    "alarm": (0.10, "CloudWatch, one metric of an alarm per month", "https://aws.amazon.com/cloudwatch/pricing/"),
    "dashboard": (3.00, "CloudWatch, one dashboard per month", "https://aws.amazon.com/cloudwatch/pricing/"),
    "trace": (5.00 / 1e6, "X-Ray, one recorded trace", "https://aws.amazon.com/xray/pricing/"),
}
"""US dollars in us-east-1 without free tiers, a name, and the source. Compare with AWS before you rely on them."""

CALL_SECONDS: Final = 0.006
"""How long DynamoDB, SQS and SNS take to answer a Lambda function in their region: "single-digit milliseconds"."""
PROCESSOR_MB: Final = 1769
"""The memory at which Lambda gives a function a whole processor. With less memory, the share is proportional."""
PLATFORM_LOG_BYTES: Final = 420
"""Lambda's START, END and REPORT lines of one invocation."""
CHECK_LOG_BYTES: Final = 680
"""The log line and the metrics of one check."""
ACCESS_LOG_BYTES: Final = 430
"""One line of the API's access log."""
POLLS: Final = 5 * 3 * 60 * 24 * 30
"""Requests to an idle queue per month: five long polls of 20 seconds at a time. For a standard queue without
MaximumConcurrency, Lambda may use as few as two at a time. That is not counted here."""
MOST_FIXED: Final = 3.0
"""What the stack should cost at most per month with its defaults, in US dollars, before any traffic."""
HOURS: Final = 720
"""Hours of a month of 30 days."""


@dataclass(frozen=True)
class Line:
    """The cost of one service: an amount and the key of its price in PRICES."""

    service: str
    amount: float
    price: str

    @property
    def dollars(self) -> float:
        return self.amount * PRICES[self.price][0]


def memory_of(function: str) -> int:
    """The memory in MB that the template gives a function."""
    resource = stack.resolved()["Resources"][function]["Properties"]
    return int(resource.get("MemorySize", 512))


def billed_seconds(usage: Usage, memory: int) -> float:
    """The time that Lambda bills: CPU time at this share of a processor, and the time of calls to AWS."""
    return usage.own_seconds * max(1.0, PROCESSOR_MB / memory) + sum(usage.calls.values()) * CALL_SECONDS


def ingest_lines(usage: Usage, log_bytes: float, stored: float, requests: float) -> list[Line]:
    """The cost of `requests` logging requests. `log_bytes` and `stored` are bytes per request."""
    memory = memory_of("LogPredictionsFunction")
    return [
        Line("API Gateway", requests, "api"),
        Line("Lambda requests", requests, "lambda request"),
        Line("Lambda time", requests * billed_seconds(usage, memory) * memory / 1024, "lambda"),
        Line("DynamoDB writes", requests * usage.write_units, "write"),
        Line("DynamoDB reads", requests * usage.read_units, "read"),
        Line("DynamoDB storage, 21 days", requests * stored / 1e9 * 21 / 30, "storage"),
        Line("DynamoDB point-in-time recovery, 21 days", requests * stored / 1e9 * 21 / 30, "recovery"),
        Line("CloudWatch Logs", requests * (log_bytes + PLATFORM_LOG_BYTES + ACCESS_LOG_BYTES) / 1e9, "logs"),
    ]


def database_dollars(usage: Usage) -> float:
    """The cost of the write and read units."""
    return usage.write_units * PRICES["write"][0] + usage.read_units * PRICES["read"][0]


def check_lines(usage: Usage, checks: float, messages: float = 1) -> list[Line]:
    """The cost of `checks` scheduled checks of this mean usage. messages: per check."""
    invocations = checks * messages
    memory = memory_of("CheckDriftFunction")
    return [
        Line("SQS: 0.1 sends, 1 receive, 1 delete per message", invocations * 2.1, "sqs fifo"),
        Line("Lambda requests", invocations, "lambda request"),
        Line("Lambda time", checks * billed_seconds(usage, memory) * memory / 1024, "lambda"),
        Line("DynamoDB writes", checks * usage.write_units, "write"),
        Line("DynamoDB reads", checks * usage.read_units, "read"),
        Line("CloudWatch Logs", invocations * (PLATFORM_LOG_BYTES + CHECK_LOG_BYTES) / 1e9, "logs"),
    ]


def fixed_lines(**parameters: str) -> list[Line]:
    """The fixed cost of the stack with these parameters, without any traffic.

    CloudWatch charges a custom metric for the hours in which it is written. The functions write theirs only when
    something fails, so a stack that works pays for none of them.
    """
    resources = stack.resolved(**parameters)["Resources"]
    kinds = {kind: _of(resources, kind) for kind in ("CloudWatch::Alarm", "CloudWatch::Dashboard", "SQS::Queue")}
    alarms = kinds["CloudWatch::Alarm"].values()
    watched = sum(len([part for part in alarm.get("Metrics", [{}]) if "Expression" not in part]) for alarm in alarms)
    polled = [target(each["EventSourceArn"]) for each in _of(resources, "Lambda::EventSourceMapping").values()]
    fifo = [queue for queue in polled if kinds["SQS::Queue"][queue].get("FifoQueue")]
    standard = len(polled) - len(fifo)
    return [
        Line(f"CloudWatch: {watched} metrics of {len(alarms)} alarms", watched, "alarm"),
        Line("CloudWatch: the dashboard", len(kinds["CloudWatch::Dashboard"]), "dashboard"),
        Line(f"CloudWatch: {len(OWN_METRICS)} custom metrics, written only when something fails", 0, "metric"),
        Line(f"SQS: {standard} standard queues polled all the time", standard * POLLS, "sqs"),
        Line(f"SQS: {len(fifo)} FIFO queues polled all the time", len(fifo) * POLLS, "sqs fifo"),
    ]


def _of(resources: Template, kind: str) -> dict[str, Template]:
    """The properties of all resources of this type, by logical id."""
    return {name: each.get("Properties", {}) for name, each in resources.items() if each["Type"] == f"AWS::{kind}"}


def alert_lines(alerts: float) -> list[Line]:
    """The cost of `alerts` alerts with two messages each."""
    return [Line("SNS", alerts * 2, "sns"), Line("SES", alerts * 2, "ses")]


def total_of(lines: Iterable[Line]) -> float:
    """The sum of all lines in US dollars."""
    return sum(line.dollars for line in lines)
