"""Defines the input and the result of one check."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from driftguard.alerts.publishing import Publish
from driftguard.alerts.schemas import SCHEDULE
from driftguard.checks.tables import CheckOutcome
from driftguard.models.tables import Models
from driftguard.verdicts.shapes import Report


class Busy(Exception):
    """Another check of the model is running. `seconds` is the time until its lease ends."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"Another check of this model is running. Try again in {seconds} seconds.")
        self.seconds = seconds


@dataclass(frozen=True)
class Task:
    """The input of one check.

    tick: the run of the schedule that started the check, None if a user started it.
    request: the id of a user's request whose check continues in the queue.
    keep: how long the history keeps the result.
    actor: the name of the API key that requested the check, or the schedule.
    """

    model: Models
    now: datetime
    tick: str | None
    time_left: Callable[[], timedelta]
    publish: Publish
    keep: timedelta
    request: str | None = None
    actor: str = SCHEDULE

    def may_go_on(self) -> bool:
        """Return whether there is time for another step."""
        return self.time_left() > timedelta(0)


@dataclass(frozen=True)
class Result:
    """The result of one check.

    report: the full report. None if the check is not finished, was done before, was left out, or the model was deleted.
    finished: False if time ran out between two steps, so the rest must be queued.
    idle: nothing has changed since the last check, so this one was left out.
    """

    outcome: CheckOutcome
    report: Report | None
    finished: bool = True
    idle: bool = False
