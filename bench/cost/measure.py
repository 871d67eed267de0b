"""Runs the product's own code on the template's tables in moto and measures what it uses."""

import contextlib
import io
import logging
import os
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from http import HTTPStatus
from typing import Any, Final
from unittest import mock

# Boto3 and Powertools read these when they are imported, so they come before the other imports. Tests set their own.
os.environ.update(
    {
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_DEFAULT_REGION": "us-east-1",
        "POWERTOOLS_TRACE_DISABLED": "true",
        "POWERTOOLS_SERVICE_NAME": "driftguard",
        "POWERTOOLS_METRICS_NAMESPACE": "DriftGuard/driftguard",
    }
    | os.environ
)

from moto import mock_aws

from driftguard.baselines import versions
from driftguard.baselines.schemas import BaselineBody
from driftguard.checks.check import check, look
from driftguard.checks.messages import LOOKS_AT_ONCE
from driftguard.checks.resting import may_rest
from driftguard.checks.task import Task
from driftguard.models import registry
from driftguard.models.schemas import NewModel
from driftguard.models.statuses import Statuses
from driftguard.organizations.tables import ApiKeys
from driftguard.platform import aws, dynamodb
from driftguard.platform.environment import Environment
from driftguard.platform.observability import logger
from driftguard.predictions import intake
from driftguard.predictions.schemas import BatchBody
from sandbox import stack
from sandbox.gateway import Gateway
from sandbox.meter import Usage, metered

BATCH: Final = 100
"""Rows of a batch."""
DAYS_OF_DATA: Final = 15
"""Days of predictions that a measured check finds."""
CHECKS_A_DAY: Final = 96


@contextlib.contextmanager
def tables() -> Iterator[None]:
    """In the block, the template's tables exist in moto and are empty."""
    with mock_aws(), mock.patch.dict(os.environ):
        dynamodb.disconnect()
        aws.client.cache_clear()
        os.environ.update(stack.deploy_tables(), PUBLIC_URL="https://drift.example.com")
        dynamodb.connect(Environment())
        yield
        dynamodb.disconnect()
        aws.client.cache_clear()


def rows(rng: random.Random, features: int, count: int) -> list[dict[str, Any]]:
    """Rows of random six-digit numbers. They compress less well than most data."""
    return [
        {
            "features": {f"feature_{number:03d}": rng.randrange(100_000, 1_000_000) for number in range(features)},
            "prediction": round(rng.random(), 6),
        }
        for _ in range(count)
    ]


def logging_to(now: datetime) -> str:
    """Create an organization with a model and the API key `key`, which may log. Return the model's id."""
    ApiKeys.add_organization("acme", "Acme", now)
    organization = ApiKeys("org#acme", "org", organization_id="acme", organization_name="Acme")
    ApiKeys.add_key(organization, "key", "ingest", "key", now)
    return registry.create("acme", NewModel(name="m"), partitions=4, now=now).id


@cache
def measure_ingest(features: int) -> tuple[Usage, float, float]:
    """Usage, bytes logged and bytes stored of one batch of BATCH rows that API Gateway sends to a warm handler."""
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
        return mean(usage, times), len(text.getvalue()) / times, usage.write_units / times * 1000


def send(gateway: Gateway, body: dict[str, Any], path: str = "/predictions/batch") -> None:
    """Send a batch to the API. Raises RuntimeError if it is not accepted."""
    answer = gateway.call("POST", path, body, key_id="key")
    if answer.status != HTTPStatus.ACCEPTED:
        raise RuntimeError(answer.text)


def measure_check(features: int, rows_an_hour: float) -> Usage:
    """Return the mean usage of a check, for a model with DAYS_OF_DATA days of data.

    It is that of the four checks of an hour at noon, and a part of what the first check of a day uses beyond that: it
    rolls up the day before, and learns from the model's past.
    """
    rng = random.Random(2)
    hourly = max(1, min(600, round(rows_an_hour)))
    with tables():
        end = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
        model_id, pool = filled(rng, features, hourly, end)
        run(model_id, end)
        times = 4
        for tick in range(1, times + 1):
            log(model_id, rng.sample(pool, max(1, hourly // 4)), end + timedelta(minutes=15 * tick - 1))
        with metered() as usage:
            for tick in range(1, times + 1):
                run(model_id, end + timedelta(minutes=15 * tick))
        midnight = end + timedelta(hours=12)
        for hour in range(1, 12):
            log(model_id, rng.sample(pool, hourly), end + timedelta(hours=hour, minutes=30))
        run(model_id, midnight - timedelta(minutes=5))
        log(model_id, rng.sample(pool, max(1, hourly // 4)), midnight + timedelta(minutes=5))
        with metered() as first:
            run(model_id, midnight + timedelta(minutes=15))
        return _with_status_read(_spread(mean(usage, times), first, CHECKS_A_DAY), model_id)


@dataclass(frozen=True)
class Idle:
    """What an idle model uses. usage: the mean of a tick. messages: its share of a message to the checks per tick."""

    usage: Usage
    messages: float


def measure_idle(features: int, rows_an_hour: float) -> Idle:
    """Return what the model of `measure_check` uses over a day without data, among other idle models.

    The silence stays below its limit, so that no alert opens.
    """
    rng = random.Random(2)
    with tables():
        end = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
        model_id = filled(rng, features, max(1, min(600, round(rows_an_hour))), end, no_data_hours=48)[0]
        for tick in range(3):
            run(model_id, end + timedelta(minutes=15 * tick))
        begin = end + timedelta(minutes=45)
        messages, used = 0.0, Usage()
        for tick in range(CHECKS_A_DAY):
            now = begin + timedelta(minutes=15 * tick)
            rests = may_rest(Statuses.one("acme", model_id), now)
            messages += 1 / LOOKS_AT_ONCE if rests else 1
            with metered() as usage:
                (look_at if rests else run)(model_id, now)
            used += usage
        return Idle(_with_status_read(mean(used, CHECKS_A_DAY), model_id), messages / CHECKS_A_DAY)


def _with_status_read(usage: Usage, model_id: str) -> Usage:
    """Return the usage of a check with the units that the schedule uses to read the model's status."""
    with metered() as reading:
        list(Statuses.of_models([registry.find("acme", model_id)]))
    return replace(usage, read_units=usage.read_units + reading.read_units)


def filled(
    rng: random.Random, features: int, hourly: int, end: datetime, days: int = DAYS_OF_DATA, **settings: Any
) -> tuple[str, list[Any]]:
    """Create a model with some days of data before `end`. Return its id and the rows that it draws from."""
    begin = end - timedelta(days=days)
    new = NewModel.model_validate({"name": "m", "settings": settings})
    model_id = registry.create("acme", new, partitions=4, now=begin).id
    pool = rows(rng, features, 10_000)  # the baseline is drawn from it too, so there is no drift
    body = BaselineBody.model_validate({"rows": pool[:: max(1, len(pool) * (features + 1) // 120_000)], "days": 14})
    versions.put(registry.find("acme", model_id), body, publish=lambda _message: None, now=begin)
    for hour in range(days * 24):
        log(model_id, rng.sample(pool, hourly), begin + timedelta(hours=hour, minutes=30))
    return model_id, pool


def _spread(usual: Usage, first: Usage, checks: int) -> Usage:
    """Return the mean usage of this many checks, one of which is the first of its day."""

    def mean(of_usual: float, of_first: float) -> float:
        return of_usual + (of_first - of_usual) / checks

    def means(of_usual: Counter[str], of_first: Counter[str]) -> Counter[str]:
        return Counter({name: round(mean(of_usual[name], of_first[name]), 2) for name in of_usual | of_first})

    return Usage(
        mean(usual.write_units, first.write_units),
        mean(usual.read_units, first.read_units),
        means(usual.calls, first.calls),
        mean(usual.own_seconds, first.own_seconds),
        means(usual.written, first.written),
    )


def measure_open_alert(features: int) -> float:
    """Write units that an open alert with this number of features adds to a check."""
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
    """Log rows at the time `now`."""
    intake.log_batch("acme", BatchBody(model_id=model_id, predictions=sample), now=now)


def look_at(model_id: str, now: datetime) -> None:
    """Look at an idle model as the schedule does. Raises RuntimeError if it is not idle."""
    if not look(_task(model_id, now), now.isoformat()):
        raise RuntimeError("the model is not idle")


def _task(model_id: str, now: datetime) -> Task:
    keep, hour = timedelta(days=400), timedelta(hours=1)
    return Task(registry.find("acme", model_id), now, now.isoformat(), lambda: hour, lambda _message: None, keep)


def run(model_id: str, now: datetime) -> None:
    """Run a scheduled check at the time `now`. Raises RuntimeError if it does not finish."""
    result = check(_task(model_id, now))
    if result.outcome != "checked" or not result.finished:
        raise RuntimeError(f"the check was {result.outcome}")


@contextlib.contextmanager
def logged() -> Iterator[io.StringIO]:
    """Collect what the block logs, including metrics."""
    text = io.StringIO()
    handlers = [handler for handler in logger._logger.handlers if isinstance(handler, logging.StreamHandler)]
    streams = [handler.setStream(text) for handler in handlers]
    with contextlib.redirect_stdout(text):
        yield text
    for handler, stream in zip(handlers, streams, strict=True):
        if stream is not None:
            handler.setStream(stream)


def mean(usage: Usage, times: int) -> Usage:
    """Usage of one of several equal measured works."""
    calls = Counter({name: count / times for name, count in usage.calls.items()})
    written = Counter({name: round(units / times, 1) for name, units in usage.written.items()})
    return Usage(usage.write_units / times, usage.read_units / times, calls, usage.own_seconds / times, written)
