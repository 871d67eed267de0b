"""Prepares the largest model or request that a function must handle, and measures the function on it."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import boto3
from moto import mock_aws

from bench.limits import serving
from bench.limits.quick import quick_moto
from driftguard.organizations.tables import ApiKeys
from driftguard.platform import aws, dynamodb
from driftguard.platform.environment import Environment
from sandbox import stack

ROOT = Path(__file__).parents[2]
KEPT = 0.8
"""The share of a function's memory that it may use."""

MEGABYTE = 1024**2
FULL_PROCESSOR = 1769
"""Megabytes with which a function has one whole processor. With less memory it has less of a processor."""

ORGANIZATION = "acme"


class OutOfMemory(Exception):
    """The function needs more memory than it may use. The text is the end of its output."""


@dataclass
class Prepared:
    """What a case needs: the function's event, and a check of the answer."""

    event: dict[str, Any]
    check: Callable[[Any], None]


@dataclass(frozen=True)
class Case:
    """One documented maximum. prepare: makes the tables' content. function: a folder in functions/."""

    name: str
    function: str
    maximum: str
    prepare: Callable[[], Prepared]


@dataclass(frozen=True)
class Result:
    """What one case took. Bytes and seconds of a whole processor."""

    case: Case
    memory: int
    peak: int
    timeout: float
    cpu: float
    answer: int
    items: serving.Items = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """The time that the function's share of a processor needs."""
        return self.cpu * max(1.0, FULL_PROCESSOR * MEGABYTE / self.memory)


@cache
def limits_of(function: str) -> tuple[int, float]:
    """Return the memory in bytes and the time limit in seconds of a function, as template.yaml has them."""
    name = "".join(word.capitalize() for word in function.split("_")) + "Function"
    properties = stack.transformed()["Resources"][name]["Properties"]
    return int(properties["MemorySize"]) * MEGABYTE, float(properties["Timeout"])


@contextmanager
def tables() -> Iterator[dict[str, str]]:
    """In the block, the template's tables, queues and bucket exist in moto, with one organization."""
    before = dict(os.environ)
    with mock_aws(), quick_moto():
        dynamodb.disconnect()
        aws.client.cache_clear()
        try:
            variables = {**stack.deploy_tables(), **stack.deploy_messaging(), **stack.deploy_bucket()}
            boto3.client("events").put_rule(Name="schedule", ScheduleExpression="rate(15 minutes)")
            variables |= {"SCHEDULE_RULE_NAME": "schedule", "PUBLIC_URL": "https://drift.example.com"}
            variables |= {"VERSION": "1.2.3", "EMAIL_TRANSPORT": "log", "EMAIL_FROM": "drift@example.com"}
            variables["EMAIL_QUEUE_URL"] = variables["EMAIL_RETRY_QUEUE_URL"]
            os.environ.update(variables)
            dynamodb.connect(Environment())
            now = datetime.now(UTC)
            ApiKeys.add_organization(ORGANIZATION, "Acme", now)
            organization = ApiKeys.organization(ORGANIZATION)
            if organization is None:
                raise RuntimeError("the organization was stored and cannot be read")
            ApiKeys.add_key(organization, f"{ORGANIZATION}-admin", "admin", "admin", now)
            yield variables
        finally:
            dynamodb.disconnect()
            aws.client.cache_clear()
            os.environ.clear()
            os.environ.update(before)


def measure(case: Case, share: float = KEPT) -> Result:
    """Run a case in a process with this share of its memory. Raises OutOfMemory if the function needs more."""
    memory, timeout = limits_of(case.function)
    with TemporaryDirectory() as place, tables() as variables, serving.served(Path(place)) as (address, items):
        folder = Path(place)
        prepared = case.prepare()
        (folder / "event.json").write_text(json.dumps(prepared.event))
        kind = re.sub("^notify_", "", case.function).upper()
        own = {"RETRY_QUEUE_URL": variables.get(f"{kind}_RETRY_QUEUE_URL", "")}
        job = {
            "function": case.function,
            "event": str(folder / "event.json"),
            "limit": round(memory * share),
            "memory": memory // MEGABYTE,
            "seconds": 10 * timeout,
            "socket": address,
            "variables": {**variables, **own},
        }
        (folder / "job.json").write_text(json.dumps(job))
        items.clear()
        done = subprocess.run(
            [sys.executable, "-m", "bench.limits.measured", str(folder / "job.json"), str(folder / "result.json")],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": "layers/driftguard:."},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise OutOfMemory(f"{case.name}: exit status {done.returncode}\n{(done.stdout + done.stderr)[-4000:]}")
        found = json.loads((folder / "result.json").read_text())
        prepared.check(found["answer"])
        serving.note_stored(items)
    return Result(case, memory, found["peak"], timeout, found["cpu"], found["answer_bytes"], dict(items))
