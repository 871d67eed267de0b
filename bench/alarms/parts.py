"""At which quarters of an hour the parts week, first week, broken and quality may fire, for all checks of a day.

Each limit is at most the product's: fewer tests, rows that are independent, and days that are alike only lower it. The
distance is that of the finest bins, which is never below the distance of any coarser ones. So no check is left out that
could fire, which a unit test shows too.
"""

import numpy as np

from bench.alarms.history import A_DAY, QUARTERS, cumulative
from bench.alarms.past import Past
from bench.columns import Floats, Ints
from driftguard.counting.profiles import FLAWS
from driftguard.models.settings import ModelSettings
from driftguard.statistics import budget, ks
from driftguard.statistics.arrays import Flags
from driftguard.verdicts.broken import HOURS_AT_TWICE_THE_TRAFFIC, MOST, WITHIN
from driftguard.verdicts.drift import STAY_OPEN_SCORE
from driftguard.verdicts.week import UNKNOWN_DAYS

SLACK = 1e-9


class Parts:
    """The parts that compare with the baseline, for the numeric features of a history."""

    def __init__(self, past: Past, settings: ModelSettings) -> None:
        self.past = past
        self.history = past.history
        self.layout = past.layout
        self.settings = settings
        self.m = self.layout.present
        self.baseline = [cumulative(self.layout, feature) for feature in range(len(self.layout.features))]
        self.begin = self.history.begin
        self.least_c = float(budget.critical(1, np.array(settings.alpha)))

    def may_fire(self, day: int) -> Flags:
        """Return at which quarters of a day anything may fire: (96,)."""
        ends = day * A_DAY + np.arange(A_DAY) + 1
        window = self.settings.window_days * A_DAY
        may, covered = (
            self._missing(np.maximum(ends // QUARTERS * QUARTERS - window, 0), ends),
            ends >= window + self.begin,
        )
        for feature in range(len(self.baseline)):
            bins = self.history.windows(feature, np.maximum(ends // QUARTERS * QUARTERS - window, 0), ends)
            if not self.layout.numeric[feature]:
                may |= covered & self._variation(feature, bins) | ~covered & self._broken(feature, bins, ends)
                continue
            may |= self._outside(bins)
            if self.settings.rule == "p_value":
                may |= self._p_value(feature, bins)
                continue
            if covered.any():
                may |= covered & self._week(day, feature, bins)
            if not covered.all() and self.past.table is None:
                may |= ~covered & (self._first_week(feature, ends) | self._broken(feature, bins, ends))
        return may

    def _missing(self, firsts: Ints, ends: Ints) -> Flags:
        """Return whether missing values or new categories may fire."""
        rows, flaws = (one[ends] - one[firsts] for one in (self.history.rows, self.history.flaws))
        shares = flaws / np.maximum(rows, 1)[:, None, None]
        rise = shares[..., 0] - self.layout.missing / np.maximum(self.layout.rows, 1)
        # The share of new categories is one of the values, of which there can be fewer than rows.
        new = flaws[..., FLAWS.index("new_categories")] / np.maximum(rows[:, None] - flaws[..., 0], 1)
        return np.asarray(
            (np.maximum(rise, new) > STAY_OPEN_SCORE * self.settings.min_share_change - SLACK).any(axis=1)
        )

    def _variation(self, feature: int, bins: Ints) -> Flags:
        """Return whether the score above chance reaches the limit, by `contingency.chance_variation`."""
        cells = self.layout.cells
        span = self.layout.span(feature)
        inside = (cells.bins >= span.start) & (cells.bins < span.stop)
        places = cells.cells[inside] - cells.cells[inside].min()
        joined = np.zeros((len(places), int(places.max()) + 1))
        joined[np.arange(len(places)), places] = 1
        before, now = self.layout.bins[span] @ joined, bins @ joined
        m, n = max(int(before.sum()), 1), np.maximum(now.sum(axis=1), 1)
        score = np.abs(now / n[:, None] - before / m).sum(axis=1) / 2
        share = (before + now) / (n + m)[:, None]
        chance = np.sqrt(2 / np.pi * (1 / n + 1 / m)) * np.sqrt(share * (1 - share)).sum(axis=1) / 2
        return np.asarray(score - chance > self.settings.min_drift_score - SLACK)

    def _outside(self, bins: Ints) -> Flags:
        outside = (bins[:, 0] + bins[:, -1]) / np.maximum(bins.sum(axis=1), 1)
        return np.asarray(outside > STAY_OPEN_SCORE * self.settings.min_share_change)

    def _p_value(self, feature: int, bins: Ints) -> Flags:
        distance, n = self._distance(feature, bins)
        # Further out the p-value is smaller: a statistic just below the seen one is as safe a bound.
        p_value = ks.ks_p_value(distance, np.maximum(n, 1), np.full(len(n), self.m[feature]))
        return np.asarray(p_value < self.settings.alpha * (1 + SLACK))

    def _week(self, day: int, feature: int, bins: Ints) -> Flags:
        known = self.past.knowledge(day)
        distance, n = self._distance(feature, bins)
        days = self.settings.window_days
        between = known.rho_week[feature] * (1 / days + 1 / (self.history.baseline.days or UNKNOWN_DAYS))
        variance = known.phi_week[feature] * (1 / np.maximum(n, 1) + 1 / self.m[feature]) + between
        # Fewer tests in a check only lower the limit: features come to be tested one by one.
        limit = np.maximum(self.settings.min_drift_score, self.least_c * np.sqrt(variance))
        return np.asarray(distance > limit - SLACK)

    def _first_week(self, feature: int, ends: Ints) -> Flags:
        may = np.zeros(len(ends), np.bool_)
        for days in range(1, self.settings.window_days):
            # The product's windows hold whole hours and the running one; both of these are tried.
            for firsts in (ends // QUARTERS * QUARTERS - days * A_DAY, -(-ends // QUARTERS) * QUARTERS - days * A_DAY):
                distance, n = self._distance(feature, self.history.windows(feature, np.maximum(firsts, 0), ends))
                noise = self.least_c * np.sqrt(1 / np.maximum(n, 1) + 1 / self.m[feature])
                may |= (firsts >= self.begin) & (distance > self.settings.first_week_score + noise - SLACK)
        return may

    def _broken(self, feature: int, bins: Ints, ends: Ints) -> Flags:
        own = self.layout.bins[self.layout.span(feature)] / max(int(self.m[feature]), 1)
        hours = np.maximum(-(-(ends - self.begin) // QUARTERS), 1)
        allowed = own / (hours / HOURS_AT_TWICE_THE_TRAFFIC)[:, None]
        shares = bins / np.maximum(bins.sum(axis=1), 1)[:, None]
        mass = np.maximum(shares - allowed, 0).sum(axis=1)
        return np.asarray((ends <= self.begin + (WITHIN + 1) * QUARTERS) & (mass > MOST - SLACK))

    def _distance(self, feature: int, bins: Ints) -> tuple[Floats, Ints]:
        """Return the KS distance from the baseline, and the number of values."""
        upto = np.cumsum(bins, axis=1)
        return np.abs(upto / np.maximum(upto[:, -1:], 1) - self.baseline[feature]).max(axis=1), upto[:, -1]
