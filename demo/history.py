"""Four months of flights, replayed: predictions as flights are scheduled, labels the morning after, and checks.

All times are moved by whole weeks, so that working days stay working days, and the history ends now. So it ends in the
first week of July.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Final

import pandas as pd

from demo.api import DemoError
from demo.flights import BASELINE_DAYS, FEATURES, PREDICTION, TRUTH, Flights
from demo.service import Service
from driftguard.baselines.schemas import BaselineBody
from driftguard.models.schemas import NewModel
from driftguard.performance.schemas import LabelsOfModel
from driftguard.predictions.schemas import BatchBody

FIRST: Final = datetime(2013, 3, 1, tzinfo=UTC)
LAST: Final = datetime(2013, 7, 1, tzinfo=UTC)
WEEK: Final = timedelta(days=7)
WEEKS: Final = -(-(LAST - FIRST) // WEEK)
"""The number of weeks before July, the first of them not whole."""

STORMS: Final = (
    (datetime(2013, 3, 7, tzinfo=UTC), datetime(2013, 3, 11, tzinfo=UTC)),
    (datetime(2013, 6, 24, tzinfo=UTC), LAST),
)
STEP: Final = 8
SELDOM: Final = timedelta(hours=STEP)
OFTEN: Final = timedelta(hours=1)
LABELS_AT: Final = 8
"""The hour at which the flights that have landed by then get their labels."""

LIVE: Final = timedelta(hours=6)
"""At least the last hours are not replayed, but come through the HTTP API."""

SETTLED: Final = timedelta(minutes=15)
"""The time after which labels that arrived are joined."""


@dataclass(frozen=True)
class Step:
    """One moment of the replay, in the time of the history, with the flights since the step before."""

    at: datetime
    flights: pd.DataFrame


class History:
    """The flights of March to June as they come in.

    now: the end of the history. weeks: how many weeks before July the history begins. live: the last step, after which
    the rows come through the HTTP API.
    """

    def __init__(self, flights: Flights, now: datetime, weeks: int = WEEKS) -> None:
        self.flights = flights
        self.first = max(FIRST, LAST - weeks * WEEK)
        self.shift = (now - LAST) // WEEK * WEEK
        self.end = self.then(now)
        at = self.end - LIVE
        self.live = at.replace(hour=at.hour // STEP * STEP)

    def now(self, moment: datetime) -> datetime:
        """Return when a moment of the history is replayed."""
        return moment + self.shift

    def then(self, moment: datetime) -> datetime:
        """Return the moment of the history at which something replayed happened."""
        return moment - self.shift

    @cached_property
    def rows(self) -> pd.DataFrame:
        """All flights of the history in the order of their schedule, with `moment`, `landed` and `prediction_id`."""
        table = self.flights.predicted
        moment = table.scheduled.dt.tz_localize("UTC")
        landed = moment + pd.to_timedelta(table["dep_delay"] + table["air_time"], unit="min")
        rows: pd.DataFrame = table.assign(moment=moment, landed=landed)
        rows = rows[(moment >= self.first) & (moment < self.end)].sort_values("moment", kind="stable")
        rows["prediction_id"] = [f"flight-{number}" for number in rows.index]
        return rows

    def between(self, start: datetime, end: datetime) -> pd.DataFrame:
        """Return the flights that were scheduled from `start` to before `end`."""
        first, last = (int(self.rows["moment"].searchsorted(pd.Timestamp(at))) for at in (start, end))
        return self.rows.iloc[first:last]

    def moments(self) -> list[datetime]:
        """Return the moments of all steps."""
        at, found = self.first, []
        while at < self.live:
            at += OFTEN if any(start <= at < end for start, end in STORMS) else SELDOM
            found.append(at)
        return found

    def steps(self) -> Iterator[Step]:
        """Yield all steps."""
        before = self.first
        for at in self.moments():
            yield Step(at, self.between(before, at))
            before = at

    def baseline(self) -> BaselineBody:
        """Return January and February with their times, and how late the flights were."""
        table = self.flights.baseline
        return BaselineBody(
            columns={name: _values(table[name]) for name in FEATURES},
            predictions=_values(table[PREDICTION]),
            labels=_values(table[TRUTH]),
            timestamps=self._times(table.scheduled.dt.tz_localize("UTC")),
            days=BASELINE_DAYS,
        )

    def batch(self, model_id: str, flights: pd.DataFrame) -> BatchBody:
        """Return the predictions of these flights."""
        return BatchBody(
            model_id=model_id,
            columns={name: _values(flights[name]) for name in FEATURES},
            predictions=_values(flights[PREDICTION]),
            prediction_ids=flights["prediction_id"].tolist(),
            timestamps=self._times(flights["moment"]),
        )

    def landed(self, after: datetime, until: datetime) -> pd.DataFrame:
        """Return the flights with a known delay that landed after one moment and until another."""
        landed = self.rows["landed"]
        return self.rows[(landed > after) & (landed <= until)].dropna(subset=[TRUTH])

    def labels(self, landed: pd.DataFrame) -> LabelsOfModel:
        """Return the labels of these flights."""
        return LabelsOfModel(
            columns={
                "prediction_id": landed["prediction_id"].tolist(),
                "label": landed[TRUTH].tolist(),
                "timestamp": self._times(landed["moment"]),
                "labelled_at": self._times(landed["landed"]),
            }
        )

    def _times(self, moments: "pd.Series[Any]") -> list[str]:
        return [moment.isoformat() for moment in moments + self.shift]


def replay(service: Service, history: History, model: NewModel, progress: Callable[[datetime], None]) -> str:
    """Let the history happen to a new model, up to its last hours. Returns the model's id.

    progress: receives the moment of each step. Raises DemoError if a row is rejected.
    """
    model_id = service.create(model, history.baseline(), history.now(history.first))
    labelled = history.first
    for step in history.steps():
        now = history.now(step.at)
        if len(step.flights):
            accepted = service.log(history.batch(model_id, step.flights), f"{step.at:%Y-%m-%dT%H}", now)
            _expect(accepted, step.flights, "predictions")
        service.check(model_id, now)
        if step.at.hour == LABELS_AT:
            landed = history.landed(labelled, step.at)
            if len(landed):
                _expect(
                    service.log_labels(model_id, history.labels(landed), f"{step.at:%Y-%m-%d}", now), landed, "labels"
                )
            service.join(model_id, now + SETTLED)
            labelled = step.at
        progress(step.at)
    return model_id


def last_labelled(history: History) -> datetime:
    """Return the moment up to which the replay has labelled the flights."""
    return max(at for at in [history.first, *history.moments()] if at.hour == LABELS_AT or at == history.first)


def _expect(accepted: int, rows: pd.DataFrame, what: str) -> None:
    if accepted != len(rows):
        raise DemoError(f"{len(rows) - accepted} of {len(rows)} {what} were rejected")


def _values(column: "pd.Series[Any]") -> list[Any]:
    return [None if pd.isna(value) else value for value in column.tolist()]
