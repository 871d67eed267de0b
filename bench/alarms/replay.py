"""The schedule's checks of a simulated model, one every 15 minutes, by the product's own verdicts and transitions."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property

import numpy as np

from bench.alarms.history import A_DAY, QUARTERS, History, milliseconds
from bench.alarms.parts import Parts
from bench.alarms.past import DAY_0, Past
from bench.stored import model
from driftguard.alerts.episodes import Episodes
from driftguard.alerts.findings import Occasion
from driftguard.alerts.replaying import ReplayedAlerts
from driftguard.alerts.schemas import Window
from driftguard.counting.counts import Counts
from driftguard.counting.profiles import HOURS, Table
from driftguard.models.settings import ModelSettings
from driftguard.statistics.arrays import Flags
from driftguard.verdicts.comparison import Comparison
from driftguard.verdicts.judging import Verdict, judge
from driftguard.verdicts.standing import Standing, bad_days

WEEK = 7
"""Days of profiles that a check gets, today's included, until the model is a week old."""
DAYS_READ = 4
"""Days of profiles that a check gets later."""


@dataclass(frozen=True)
class Opening:
    """An alert that opened. quarter: at which check."""

    quarter: int
    alert_type: str
    preliminary: bool


@dataclass
class Replay:
    """The checks from the quarter `start` on, with no alert open at first.

    table: the baseline's hours of the week, None for a baseline without timestamps.
    skipping: leave out checks that cannot change anything: no alert is open and no test can fire. A test compares both
    ways.
    every: quarters of an hour between checks.
    """

    history: History
    settings: ModelSettings
    start: int
    table: Table | None = None
    skipping: bool = True
    every: int = 1
    openings: list[Opening] = field(default_factory=list)
    alerts: ReplayedAlerts = field(default_factory=ReplayedAlerts)
    episodes: Episodes = field(default_factory=Episodes)
    judged: int = 0
    firing_checks: int = 0

    @cached_property
    def past(self) -> Past:
        """What the sudden part knows."""
        return Past(self.history, self.settings, self.table)

    @cached_property
    def parts(self) -> Parts:
        """When the other parts may fire."""
        return Parts(self.past, self.settings)

    def run(self, end: int, *, until_opened: bool = False) -> list[Opening]:
        """Check at every quarter up to `end`; `until_opened`: only up to the first alert."""
        flagged: dict[int, Flags] = {}
        for quarter in range(self.start + self.every, end + 1, self.every):
            day, place = divmod(quarter - 1, A_DAY)
            if self.skipping and not self.alerts.open:
                if day not in flagged:
                    flagged = {day: self.past.may_fire(day) | self.parts.may_fire(day)}
                if not flagged[day][place]:
                    continue
            self._check(quarter)
            if self.alerts.open:
                flagged = {}
            if until_opened and self.openings:
                break
        return self.openings

    def _check(self, quarter: int) -> None:
        self.judged += 1
        self.history.see(quarter)
        verdict = self._verdict(quarter)
        self.firing_checks += any(finding.firing for finding in verdict.findings)
        for alert in self.alerts.apply(verdict.findings, verdict.occasion):
            self.openings.append(Opening(quarter, alert.alert_type, alert.preliminary))
        hours = self.settings.resolve_after_hours
        open_types = {alert.alert_type for alert in self.alerts.open.values()}
        self.episodes = self.episodes.after(verdict.sights, open_types, verdict.now_hour, hours)
        features = len(self.history.layout.features)
        self.past.set_bad(bad_days(self.episodes, features, DAY_0 + (quarter - 1) // A_DAY))

    def _verdict(self, quarter: int) -> Verdict:
        day = (quarter - 1) // A_DAY
        now, first = _moment(quarter), window_start(quarter, self.settings)
        counts = self._counts(first, quarter)
        reach = WEEK if day < WEEK else DAYS_READ
        profiles = self.past.whole_days(day - reach + 1, day)
        profiles[DAY_0 + day] = self.past.profile(day, (quarter - 1) % A_DAY + 1)
        comparison = Comparison(
            knowledge=self.past.knowledge(day),
            profiles=profiles,
            now_hour=DAY_0 * HOURS + (quarter - 1) // QUARTERS,
            first_day=self.past.first_day,
            timed=self.table is not None,
        )
        of = model()
        occasion = Occasion(
            now=now,
            organization_id=of.organization_id,
            model_id=of.model_id,
            model_name=str(of.name),
            settings=self.settings,
            baseline_version=1,
            n_baseline=self.history.baseline.rows,
            n_window=counts.rows,
            window=Window(start=_moment(first), end=now),
            preliminary=first < self.history.begin,
            warming_up=False,
            silent=False,
        )
        return judge(self.history.baseline, counts, comparison, occasion, self.episodes)

    def _counts(self, first: int, end: int) -> Counts:
        """Return the window's counts. Those of a feature are the whole days after its last episode."""
        counts = self.history.between(max(first, 0), end)
        begins = (Standing.of(self.episodes, len(self.history.layout.features)).first_days - DAY_0) * A_DAY
        for feature in np.flatnonzero(begins > max(first, 0)).tolist():
            midnight = end // A_DAY * A_DAY
            later = self.history.between(min(int(begins[feature]), midnight), midnight)
            span = self.history.layout.span(feature)
            counts.bins[span] = later.bins[span]
            for name in ("missing", "invalid", "total", "squares", "least", "greatest", "beyond", "unseen"):
                getattr(counts, name)[feature] = getattr(later, name)[feature]
        return counts


def window_start(quarter: int, settings: ModelSettings) -> int:
    """The first quarter of the window of a check at the end of `quarter` − 1: the start of an hour; negative when that
    lies before the first row."""
    return quarter // QUARTERS * QUARTERS - settings.window_days * A_DAY


def _moment(quarter: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds(quarter))


def drift_openings(openings: Iterable[Opening]) -> list[Opening]:
    """Those about drift, without those about data quality."""
    return [opening for opening in openings if opening.alert_type in ("data_drift", "prediction_drift")]
