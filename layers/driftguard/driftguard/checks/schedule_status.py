"""Reports when the scheduled checks run, and the results of the last run."""

import re
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel

from driftguard.checks.tables import Runs
from driftguard.platform.errors import DriftGuardError
from driftguard.platform.times import UtcTime, parse

UNITS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}


class Job(BaseModel):
    """A scheduled job. The counts are those of the caller's organization in the last run."""

    id: str
    name: str
    trigger: str
    last_run: UtcTime | None
    next_run: UtcTime | None
    models_checked: int
    models_skipped: int
    models_failed: int


class SchedulerStatus(BaseModel):
    """The state of the schedule and the results of its last run."""

    is_running: bool
    job_count: int
    jobs: list[Job]


def scheduler(organization_id: str, rule: dict[str, Any], now: datetime) -> SchedulerStatus:
    """Return the state of the schedule, from EventBridge's description of the rule and the record of the last run."""
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
    """Return the interval of a schedule such as `rate(15 minutes)`. Raises DriftGuardError for other expressions."""
    match = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", expression)
    if match is None:
        raise DriftGuardError("The schedule rule has no fixed rate. Set its expression to rate(15 minutes).")
    return int(match[1]) * UNITS[match[2]]


def _next(last_run: datetime | None, every: timedelta, now: datetime) -> datetime:
    """Return the time of the first run after `now`, a whole number of intervals after the last run."""
    if last_run is None:
        return now + every
    missed = max(0, (now - last_run) // every)
    return last_run + (missed + 1) * every
