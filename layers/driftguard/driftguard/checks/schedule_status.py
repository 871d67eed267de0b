"""The schedule of the checks: when it runs and what its last run did."""

import re
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel

from driftguard.checks.tables import Runs
from driftguard.platform.errors import DriftGuardError
from driftguard.platform.times import UtcTime, parse

UNITS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}


class Job(BaseModel):
    """A scheduled job; the counts are the caller's organization's, of the last run."""

    id: str
    name: str
    trigger: str
    last_run: UtcTime | None
    next_run: UtcTime | None
    models_checked: int
    models_skipped: int
    models_failed: int


class SchedulerStatus(BaseModel):
    """The schedule as EventBridge has it, and what its last run did."""

    is_running: bool
    job_count: int
    jobs: list[Job]


def scheduler(organization_id: str, rule: dict[str, Any], now: datetime) -> SchedulerStatus:
    """The schedule out of EventBridge's description of its rule and the record of the last run."""
    every = interval(rule.get("ScheduleExpression", ""))
    last = Runs.last()
    outcomes = Runs.outcomes(organization_id, str(last.tick)) if last else {"checked": 0, "skipped": 0, "failed": 0}
    last_run = parse(str(last.started_at)) if last else None
    enabled = rule.get("State") == "ENABLED"
    job = Job(
        id="drift_check_job",
        name="Drift Detection Check",
        trigger=f"interval[{every}]",
        last_run=last_run,
        next_run=_next(last_run, every, now) if enabled else None,
        models_checked=outcomes["checked"],
        models_skipped=outcomes["skipped"],
        models_failed=outcomes["failed"],
    )
    return SchedulerStatus(is_running=enabled, job_count=1, jobs=[job])


def interval(expression: str) -> timedelta:
    """The time between two runs of a schedule such as `rate(15 minutes)`. Raises DriftGuardError for another kind."""
    match = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", expression)
    if match is None:
        raise DriftGuardError("The schedule is not at a fixed rate.")
    return int(match[1]) * UNITS[match[2]]


def _next(last_run: datetime | None, every: timedelta, now: datetime) -> datetime:
    """The first run due after `now`, counted on from the last one."""
    if last_run is None:
        return now + every
    missed = max(0, (now - last_run) // every)
    return last_run + (missed + 1) * every
