"""One check: what it is asked for and how it ended."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from driftguard.alerts.publishing import Publish
from driftguard.checks.tables import CheckOutcome
from driftguard.models.tables import Models
from driftguard.verdicts.shapes import Report


class Busy(Exception):
    """Another check of the model is running; `seconds` says when its lease ends at the latest."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"another check of this model is running, for {seconds} s at most")
        self.seconds = seconds


@dataclass(frozen=True)
class Task:
    """One check: of which model, when, by which tick of the schedule (None: by hand), and how long it may take.

    request: names a check by hand that comes from the queue.
    """

    model: Models
    now: datetime
    tick: str | None
    time_left: Callable[[], timedelta]
    publish: Publish
    keep: timedelta
    request: str | None = None

    def may_go_on(self) -> bool:
        """Whether there is time for another step."""
        return self.time_left() > timedelta(0)


@dataclass(frozen=True)
class Result:
    """How a check ended. finished: False when time ran out at a safe point and another message must go on.

    report: the full report, None when the check was skipped by the schedule or made before.
    """

    outcome: CheckOutcome
    report: Report | None
    finished: bool = True
