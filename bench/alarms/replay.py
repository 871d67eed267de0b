"""The schedule's checks of a simulated model, one every 15 minutes, by the product's own verdicts and transitions."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np

from bench.alarms.history import A_DAY, QUARTERS, History, cumulative, milliseconds
from bench.alarms.scenarios import DAY, MONDAY
from bench.columns import Floats, Ints
from bench.stored import model
from driftguard.alerts.replaying import ReplayedAlerts
from driftguard.models.settings import ModelSettings
from driftguard.platform.times import hour_of
from driftguard.statistics import budget, ks
from driftguard.verdicts.drift import STAY_OPEN_SCORE
from driftguard.verdicts.moments import Moment, verdict_on, whole_days

DAY_0 = MONDAY // DAY
"""The first day, counted since 1970."""

SLACK = 1e-9


@dataclass(frozen=True)
class Opening:
    """An alert that opened. quarter: at which check."""

    quarter: int
    alert_type: str
    preliminary: bool


@dataclass
class Replay:
    """The checks from the quarter `start` on, with no alert open at first.

    skipping: leave out checks that cannot change anything: no alert is open and no test can fire, which is seen from
    the lowest threshold that any check may have. A test compares both ways.
    every: quarters of an hour between checks.
    """

    history: History
    settings: ModelSettings
    start: int
    skipping: bool = True
    every: int = 1
    openings: list[Opening] = field(default_factory=list)
    alerts: ReplayedAlerts = field(default_factory=ReplayedAlerts)
    judged: int = 0
    firing_checks: int = 0

    def run(self, end: int, *, until_opened: bool = False) -> list[Opening]:
        """Check at every quarter up to `end`; `until_opened`: only up to the first alert."""
        quarters = np.arange(self.start + self.every, end + 1, self.every)
        flagged = may_fire(self.history, self.settings, quarters) if self.skipping else np.ones(len(quarters), np.bool_)
        for quarter, may in zip(quarters.tolist(), flagged.tolist(), strict=True):
            if may or self.alerts.open:
                self._check(quarter)
            if until_opened and self.openings:
                break
        return self.openings

    def _check(self, quarter: int) -> None:
        self.judged += 1
        now, first = _moment(quarter), window_start(quarter, self.settings)
        moment = Moment(
            now=now,
            first_hour=hour_of(_moment(first)),
            last_hour=hour_of(now),
            covered_since=hour_of(_moment(0)),
            known_since=hour_of(_moment(0)),
            silence=None,
        )
        verdict = verdict_on(
            model(),
            self.settings,
            self.history.baseline,
            self.history.between(max(first, 0), quarter),
            [self.history.days[day - DAY_0] for day in whole_days(moment)],
            moment,
        )
        self.firing_checks += any(finding.firing for finding in verdict.findings)
        for alert in self.alerts.apply(verdict.findings, verdict.occasion):
            self.openings.append(Opening(quarter, alert.alert_type, alert.preliminary))


def window_start(quarter: int, settings: ModelSettings) -> int:
    """The first quarter of the window of a check at the end of `quarter` − 1: the start of an hour; negative when that
    lies before the first row."""
    return quarter // QUARTERS * QUARTERS - settings.window_days * A_DAY


def may_fire(history: History, settings: ModelSettings, quarters: Ints) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    """Of which checks any test may fire; the others certainly cannot."""
    firsts = np.maximum(quarters // QUARTERS * QUARTERS - settings.window_days * A_DAY, 0)
    may = np.zeros(len(quarters), np.bool_)
    for feature in range(len(history.layout.features)):
        bins = history.windows(feature, firsts, quarters)
        running = np.cumsum(bins, axis=1)
        n = np.maximum(running[:, -1], 1)
        shares = running / n[:, np.newaxis]
        distance = np.abs(shares - cumulative(history.layout, feature)).max(axis=1)
        may |= _may_drift(distance, n, int(history.layout.present[feature]), settings)
        outside = (bins[:, 0] + bins[:, -1]) / n
        may |= outside > STAY_OPEN_SCORE * settings.min_share_change
    return may


def _may_drift(
    distance: Floats, n: Ints, m: int, settings: ModelSettings
) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    sizes = np.full(len(n), m)
    if settings.rule == "p_value":
        # Further out the p-value is smaller: a statistic just below the seen one is as safe a bound.
        return ks.ks_p_value(distance, n, sizes) < settings.alpha * (1 + SLACK)
    lowest = budget.threshold(
        # Fewer tests in a check only lower the threshold: features come to be tested one by one.
        budget.critical(1, np.array(settings.alpha)),
        n,
        sizes,
        rho=np.zeros(1),
        window_days=settings.window_days,
        baseline_days=1,
        minimum=np.array(settings.min_drift_score),
    )
    return distance > lowest - SLACK


def _moment(quarter: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds(quarter))


def drift_openings(openings: Iterable[Opening]) -> list[Opening]:
    """Those about drift, without those about data quality."""
    return [opening for opening in openings if opening.alert_type in ("data_drift", "prediction_drift")]
