"""Prints what a month on AWS costs, and writes it to docs/cost.md.

The product's own code runs here on the template's tables, and what it writes, reads, sends and computes is counted
(`scripts.meter`). Prices are a dated table below. Nothing is asked of AWS.
"""

import argparse
import contextlib
import io
import logging
import os
import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

os.environ.update(
    dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "none"),
    AWS_DEFAULT_REGION="us-east-1",
    POWERTOOLS_TRACE_DISABLED="true",
    POWERTOOLS_SERVICE_NAME="driftguard",
    POWERTOOLS_METRICS_NAMESPACE="DriftGuard/driftguard",
)

from moto import mock_aws

from driftguard.baselines import versions
from driftguard.baselines.schemas import BaselineBody
from driftguard.checks.check import check
from driftguard.checks.task import Task
from driftguard.models import registry
from driftguard.models.schemas import NewModel
from driftguard.organizations.tables import ApiKeys
from driftguard.platform import aws, dynamodb
from driftguard.platform.environment import Settings
from driftguard.platform.observability import logger
from driftguard.predictions import intake
from driftguard.predictions.schemas import BatchBody
from scripts.meter import Usage, metered
from tests import stack
from tests.functional.gateway import Gateway

ROOT: Final = Path(__file__).resolve().parent.parent
TARGET: Final = ROOT / "docs" / "cost.md"

# us-east-1, US dollars, list prices without any free tier, as known on PRICES_OF; check them before you rely on them.
PRICES_OF: Final = "2025-06"
PRICES: Final[dict[str, tuple[float, str, str]]] = {
    "api": (3.50 / 1e6, "API Gateway, a REST request", "https://aws.amazon.com/api-gateway/pricing/"),
    "lambda request": (0.20 / 1e6, "Lambda, a request", "https://aws.amazon.com/lambda/pricing/"),
    "lambda": (0.0000133334, "Lambda on arm64, a gigabyte-second", "https://aws.amazon.com/lambda/pricing/"),
    "write": (0.625 / 1e6, "DynamoDB on demand, a write unit", "https://aws.amazon.com/dynamodb/pricing/on-demand/"),
    "read": (0.125 / 1e6, "DynamoDB on demand, a read unit", "https://aws.amazon.com/dynamodb/pricing/on-demand/"),
    "storage": (0.25, "DynamoDB, a gigabyte-month", "https://aws.amazon.com/dynamodb/pricing/on-demand/"),
    "sqs fifo": (0.50 / 1e6, "SQS FIFO, a request", "https://aws.amazon.com/sqs/pricing/"),
    "sqs": (0.40 / 1e6, "SQS standard, a request", "https://aws.amazon.com/sqs/pricing/"),
    "sns": (0.50 / 1e6, "SNS, a publish (deliveries to Lambda are free)", "https://aws.amazon.com/sns/pricing/"),
    "ses": (0.10 / 1e3, "SES, an e-mail", "https://aws.amazon.com/ses/pricing/"),
    "logs": (0.50, "CloudWatch Logs, a gigabyte taken in", "https://aws.amazon.com/cloudwatch/pricing/"),
    "metric": (0.30, "CloudWatch, a custom metric a month", "https://aws.amazon.com/cloudwatch/pricing/"),
    "alarm": (0.10, "CloudWatch, a metric of an alarm a month", "https://aws.amazon.com/cloudwatch/pricing/"),
    "dashboard": (3.00, "CloudWatch, a dashboard a month", "https://aws.amazon.com/cloudwatch/pricing/"),
    "trace": (5.00 / 1e6, "X-Ray, a trace recorded", "https://aws.amazon.com/xray/pricing/"),
}

# What cannot be measured here, each with its reason.
CALL_SECONDS: Final = 0.006  # DynamoDB, SQS and SNS answer a Lambda in the same region in "single-digit milliseconds"
PROCESSOR_MB: Final = 1769  # Lambda gives a whole processor at this much memory, and a share in proportion below
PLATFORM_LOG_BYTES: Final = 420  # Lambda's START, END and REPORT lines
ACCESS_LOG_BYTES: Final = 430  # a line of the API's access log
POLLS: Final = 5 * 3 * 60 * 24 * 30  # Lambda asks an idle queue in five long polls of 20 seconds, all the time
TICKS: Final = 2880  # checks of a model in 30 days
HOURS: Final = 720
BATCH: Final = 100
DAYS_OF_DATA: Final = 15
OPEN_FEATURES: Final = 5  # of an alert that stays open

TARGETS: Final = {"ingest": 0.15, "check": 0.10}


@dataclass(frozen=True)
class Line:
    """One service's part: how much of what, and what it costs."""

    service: str
    amount: float
    price: str

    @property
    def dollars(self) -> float:
        return self.amount * PRICES[self.price][0]


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(
        prog="make cost", description="What a month on AWS costs: make cost PREDICTIONS=… FEATURES=… MODELS=…"
    )
    parser.add_argument(
        "--predictions", type=positive, default=10_000_000, help="predictions a month, all models together"
    )
    parser.add_argument("--features", type=positive, default=20, help="features of a model")
    parser.add_argument("--models", type=positive, default=10, help="models watched")
    parser.add_argument("--no-file", action="store_true", help="print only; leave docs/cost.md as it is")
    arguments = parser.parse_args()
    logging.getLogger("samtranslator").setLevel(logging.ERROR)
    with logged():
        text = report(arguments.predictions, arguments.features, arguments.models)
    print(text)
    if not arguments.no_file:
        TARGET.write_text(text)
        print(f"wrote {TARGET.relative_to(ROOT)}")


def positive(text: str) -> int:
    """A whole number from 1 on. Raises ValueError, which argparse tells."""
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


@contextlib.contextmanager
def tables() -> Iterator[None]:
    """The template's tables, topic and queues, empty."""
    with mock_aws():
        dynamodb.disconnect()
        aws.client.cache_clear()
        os.environ.update(stack.deploy_tables(), PUBLIC_URL="https://drift.example.com")
        dynamodb.connect(Settings())
        yield
        dynamodb.disconnect()


def rows(rng: random.Random, features: int, count: int) -> list[dict[str, Any]]:
    """Rows of random six-digit numbers, which compress worse than most data do."""
    return [
        {
            "features": {f"feature_{number:03d}": rng.randrange(100_000, 1_000_000) for number in range(features)},
            "prediction": round(rng.random(), 6),
        }
        for _ in range(count)
    ]


def logging_to(now: datetime) -> str:
    """A model of a new organization, with the key `key` that may log to it; its id."""
    ApiKeys.add_organization("acme", "Acme", now)
    organization = ApiKeys("org#acme", "org", organization_id="acme", organization_name="Acme")
    ApiKeys.add_key(organization, "key", "ingest", "key", now)
    return registry.create("acme", NewModel(name="m"), partitions=4, now=now).id


def measure_ingest(features: int) -> tuple[Usage, float, float]:
    """One batch of BATCH rows through the handler, warm, as API Gateway sends it: usage, bytes logged, bytes stored."""
    rng = random.Random(1)
    with tables():
        model_id = logging_to(datetime.now(UTC))
        gateway, times = Gateway(), 8
        bodies = [
            {"model_id": model_id, "batch_id": f"b{n}", "predictions": rows(rng, features, BATCH)}
            for n in range(times + 1)
        ]
        send(gateway, bodies.pop())
        with logged() as text, metered() as usage:
            for body in bodies:
                send(gateway, body)
        return _mean(usage, times), len(text.getvalue()) / times, usage.write_units / times * 1000


def send(gateway: Gateway, body: dict[str, Any]) -> None:
    """Log a batch over HTTP. Raises RuntimeError when it is not taken."""
    answer = gateway.call("POST", "/predictions/batch", body, key_id="key")
    if answer.status != HTTPStatus.ACCEPTED:
        raise RuntimeError(answer.text)


def measure_check(features: int, rows_an_hour: float) -> Usage:
    """A check in the steady state, the mean over an hour's four ticks."""
    rng = random.Random(2)
    hourly = max(1, min(600, round(rows_an_hour)))
    with tables():
        end = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
        begin = end - timedelta(days=DAYS_OF_DATA)
        model_id = registry.create("acme", NewModel(name="m"), partitions=4, now=begin).id
        model = registry.find("acme", model_id)
        pool = rows(rng, features, 10_000)  # the baseline's too: the steady state has no drift
        body = BaselineBody.model_validate({"rows": pool[:: max(1, len(pool) * (features + 1) // 120_000)], "days": 14})
        versions.put(model, body, publish=lambda _message: None, now=begin)
        for hour in range(DAYS_OF_DATA * 24):
            log(model_id, rng.sample(pool, hourly), begin + timedelta(hours=hour, minutes=30))
        run(model_id, end)
        times = 4
        for tick in range(1, times + 1):
            log(model_id, rng.sample(pool, max(1, hourly // 4)), end + timedelta(minutes=15 * tick - 1))
        with metered() as usage:
            for tick in range(1, times + 1):
                run(model_id, end + timedelta(minutes=15 * tick))
        return _mean(usage, times)


def measure_open_alert(features: int) -> float:
    """Write units that an open alert of so many features adds to a check."""
    rng = random.Random(3)
    with tables():
        now = datetime.now(UTC).replace(minute=5)
        model_id = registry.create("acme", NewModel(name="m"), partitions=4, now=now).id
        sample = rows(rng, features, 2_000)
        body = BaselineBody.model_validate({"rows": sample, "days": 14})
        versions.put(registry.find("acme", model_id), body, publish=lambda _message: None, now=now)
        moved = [{**row, "features": {name: value * 1.05 for name, value in row["features"].items()}} for row in sample]
        log(model_id, moved, now)
        units = []
        for tick in range(3):
            with metered() as usage:
                run(model_id, now + timedelta(minutes=15 * tick + 1))
            kinds = {kind: spent for kind, spent in usage.written.items() if kind.startswith("AlertsTable")}
            units.append(sum(spent for kind, spent in kinds.items() if "outbox" not in kind))
        return float(units[-1])


def log(model_id: str, sample: list[dict[str, Any]], now: datetime) -> None:
    """Log rows as if it were `now`."""
    intake.log_batch("acme", BatchBody(model_id=model_id, predictions=sample), now=now)


def run(model_id: str, now: datetime) -> None:
    """A scheduled check as if it were `now`."""
    model = registry.find("acme", model_id)
    keep, hour = timedelta(days=400), timedelta(hours=1)
    result = check(Task(model, now, now.isoformat(), lambda: hour, lambda _message: None, keep))
    if result.outcome != "checked" or not result.finished:
        raise RuntimeError(f"the check was {result.outcome}")


@contextlib.contextmanager
def logged() -> Iterator[io.StringIO]:
    """What the block writes to its log, metrics included."""
    text = io.StringIO()
    handlers = [handler for handler in logger._logger.handlers if isinstance(handler, logging.StreamHandler)]
    streams = [handler.setStream(text) for handler in handlers]
    with contextlib.redirect_stdout(text):
        yield text
    for handler, stream in zip(handlers, streams, strict=True):
        if stream is not None:
            handler.setStream(stream)


def _mean(usage: Usage, times: int) -> Usage:
    calls = Counter({name: count / times for name, count in usage.calls.items()})
    written = Counter({name: round(units / times, 1) for name, units in usage.written.items()})
    return Usage(usage.write_units / times, usage.read_units / times, calls, usage.own_seconds / times, written)


def memory_of(function: str) -> int:
    """The memory of a function in the template, in MB."""
    resource = stack.resolved()["Resources"][function]["Properties"]
    return int(resource.get("MemorySize", 512))


def billed_seconds(usage: Usage, memory: int) -> float:
    """What Lambda bills for: the code's own time on this much of a processor, and the time of its calls."""
    return usage.own_seconds * max(1.0, PROCESSOR_MB / memory) + sum(usage.calls.values()) * CALL_SECONDS


def ingest_lines(usage: Usage, log_bytes: float, stored: float, requests: float) -> list[Line]:
    """What so many logging requests cost."""
    memory = memory_of("LogPredictionsFunction")
    return [
        Line("API Gateway", requests, "api"),
        Line("Lambda requests", requests, "lambda request"),
        Line("Lambda time", requests * billed_seconds(usage, memory) * memory / 1024, "lambda"),
        Line("DynamoDB writes", requests * usage.write_units, "write"),
        Line("DynamoDB reads", requests * usage.read_units, "read"),
        Line("DynamoDB storage, 21 days", requests * stored / 1e9 * 21 / 30, "storage"),
        Line("CloudWatch Logs", requests * (log_bytes + PLATFORM_LOG_BYTES + ACCESS_LOG_BYTES) / 1e9, "logs"),
    ]


def check_lines(usage: Usage, checks: float) -> list[Line]:
    """What so many scheduled checks cost, one message each."""
    memory = memory_of("CheckDriftFunction")
    return [
        Line("SQS: a tenth of a send, a receive, a delete", checks * 2.1, "sqs fifo"),
        Line("Lambda requests", checks, "lambda request"),
        Line("Lambda time", checks * billed_seconds(usage, memory) * memory / 1024, "lambda"),
        Line("DynamoDB writes", checks * usage.write_units, "write"),
        Line("DynamoDB reads", checks * usage.read_units, "read"),
        Line("CloudWatch Logs", checks * (PLATFORM_LOG_BYTES + 900) / 1e9, "logs"),
    ]


def fixed_lines() -> list[Line]:
    """What the stack costs by being there."""
    resources = stack.resolved()["Resources"].values()
    alarms = [resource["Properties"] for resource in resources if resource["Type"] == "AWS::CloudWatch::Alarm"]
    watched = sum(len([part for part in alarm.get("Metrics", [{}]) if "Expression" not in part]) for alarm in alarms)
    dashboards = sum(resource["Type"] == "AWS::CloudWatch::Dashboard" for resource in resources)
    queues = sum(resource["Type"] == "AWS::Lambda::EventSourceMapping" for resource in resources)
    names = {
        name
        for path in (ROOT / "layers").rglob("*.py")
        for name in re.findall(r'(?:count|milliseconds)\(\s*"(\w+)"', path.read_text())
    }
    return [
        Line(f"CloudWatch: {watched} metrics of {len(alarms)} alarms", watched, "alarm"),
        Line("CloudWatch: the dashboard, beyond the account's free ones", dashboards, "dashboard"),
        Line(f"CloudWatch: {len(names)} custom metrics, the API's once a function", len(names) + 12, "metric"),
        Line(f"SQS: {queues} queues asked all the time", queues * POLLS, "sqs"),
    ]


def alert_lines(alerts: float) -> list[Line]:
    """What so many alerts cost, with two messages each."""
    return [Line("SNS", alerts * 2, "sns"), Line("SES", alerts * 2, "ses")]


def table(lines: Iterable[Line]) -> str:
    """The lines as a table of Markdown, with their sum."""
    entries = list(lines)
    shown = [f"| {line.service} | {line.amount:,.4g} | {line.dollars:,.4f} |" for line in entries]
    total = f"| **together** | | **{total_of(entries):,.4f}** |"
    return "\n".join(["| what | amount | US$ |", "|---|---:|---:|", *shown, total])


def total_of(lines: Iterable[Line]) -> float:
    """Dollars."""
    return sum(line.dollars for line in lines)


def verdict(dollars: float, target: float) -> str:
    """Whether a target is kept, and by how much."""
    kept = dollars <= target
    return f"**${dollars:.3f}**, target ${target:.2f}: {'kept' if kept else f'missed by ${dollars - target:.3f}'}"


def report(per_month: int, features: int, count: int) -> str:
    """The whole page."""
    ingest20 = measure_ingest(20)
    hourly = per_month / max(1, count) / HOURS
    check50 = measure_check(50, 600)
    mine = ingest20 if features == 20 else measure_ingest(features)
    my_check = measure_check(features, hourly)
    million = ingest_lines(*ingest20, requests=1e6 / BATCH)
    month = check_lines(check50, TICKS)
    open_writes = measure_open_alert(OPEN_FEATURES)
    requests, checks, alerts = per_month / BATCH, count * TICKS, count * 1.0
    yours = {
        "Logging": ingest_lines(*mine, requests=requests),
        "Checks": check_lines(my_check, checks),
        "Alerts": alert_lines(alerts),
        "Being there": fixed_lines(),
    }
    traces = PRICES["trace"][0]
    return (
        (ROOT / "scripts" / "cost_page.md")
        .read_text()
        .format(
            predictions=per_month,
            features=features,
            models=count,
            batch=BATCH,
            ingest_verdict=verdict(total_of(million), TARGETS["ingest"]),
            ingest=table(million),
            ingest_writes=ingest20[0].write_units,
            ingest_reads=ingest20[0].read_units,
            ingest_calls=sum(ingest20[0].calls.values()),
            ingest_ms=ingest20[0].own_seconds * 1000,
            check_verdict=verdict(total_of(month), TARGETS["check"]),
            check=table(month),
            check_writes=check50.write_units,
            check_reads=check50.read_units,
            check_calls=sum(check50.calls.values()),
            check_ms=check50.own_seconds * 1000,
            written=", ".join(f"{name} {units:g}" for name, units in check50.written.most_common()),
            open_features=OPEN_FEATURES,
            open_writes=open_writes,
            open_dollars=open_writes * TICKS * PRICES["write"][0],
            total=sum(total_of(lines) for lines in yours.values()),
            parts="\n\n".join(f"### {name}\n\n{table(lines)}" for name, lines in yours.items()),
            call_ms=CALL_SECONDS * 1000,
            trace=traces * 1e6,
            trace_ingest=1e6 / BATCH * traces,
            trace_check=TICKS * traces,
            prices_of=PRICES_OF,
            prices="\n".join(f"| {what} | {price:.10f} | {url} |" for price, what, url in PRICES.values()),
        )
    )


if __name__ == "__main__":
    main()
