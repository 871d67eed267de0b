"""At which quarters of an hour the parts week, first week and broken fire, for all checks of a day at once.

The limits are those of the specification of detection. They are computed here a second time, so that checks that find
nothing can be left out, and so that a bench of the product has something to be compared with.
"""

import math

import numpy as np

from bench.alarms.history import A_DAY, QUARTERS, cumulative
from bench.alarms.past import Past
from bench.columns import Floats, Ints
from driftguard.models.settings import ModelSettings
from driftguard.statistics.arrays import Flags
from driftguard.statistics.budget import CHECKS
from driftguard.statistics.stratified import compare, indicators

FIRST_WEEK_SCORE = 0.2
BROKEN_MASS = 0.5
HALF_A_WEEK = 336
"""Hours in two weeks: twice the average traffic of an hour of the week is allowed."""
UNKNOWN_DAYS = 7
LEAST_V = 0.5
FEW_VALUES = 12


class Parts:
    """The three parts that compare with the baseline, for the numeric features of a history."""

    def __init__(self, past: Past, settings: ModelSettings) -> None:
        self.past = past
        self.history = past.history
        self.layout = past.layout
        self.settings = settings
        features = len(self.layout.features)
        self.c = math.sqrt(math.log(2 * features * CHECKS / settings.alpha) / 2)
        self.m = self.layout.present
        self.baseline = [cumulative(self.layout, feature) for feature in range(features)]

    def fired(self, day: int) -> Flags:
        """Return which features fire at each quarter of a day: (96, F)."""
        ends = day * A_DAY + np.arange(A_DAY) + 1
        hours = self.settings.window_days * 24
        covered = ends >= hours * QUARTERS
        fired = np.zeros((A_DAY, len(self.baseline)), np.bool_)
        if covered.any():
            fired |= covered[:, None] & self._week(day, ends)
        if not covered.all() and self.past.table is None:
            fired |= ~covered[:, None] & (self._first_week(ends) | self._broken(ends))
        return fired

    def _week(self, day: int, ends: Ints) -> Flags:
        days = self.settings.window_days
        known = self.past.knowledge(day)
        distance, n = self._distances(ends // QUARTERS * QUARTERS - days * A_DAY, ends)
        between = 1 / days + 1 / (self.history.baseline.days or UNKNOWN_DAYS)
        variance = known.phi_week * (1 / np.maximum(n, 1) + 1 / self.m) + known.rho_week * between
        limit = np.maximum(self.settings.min_drift_score, self.c * np.sqrt(variance))
        return np.asarray((n >= self.settings.min_samples) & (distance > limit))

    def _first_week(self, ends: Ints) -> Flags:
        fired = np.zeros((len(ends), len(self.baseline)), np.bool_)
        for days in range(1, self.settings.window_days):
            firsts = ends // QUARTERS * QUARTERS - days * A_DAY
            whole = firsts >= 0
            if not whole.any():
                break
            distance, n = self._distances(np.maximum(firsts, 0), ends)
            phi = self._hourly(np.maximum(firsts, 0) // QUARTERS, ends // QUARTERS)
            limit = FIRST_WEEK_SCORE + self.c * np.sqrt(phi * (1 / np.maximum(n, 1) + 1 / self.m))
            fired |= whole[:, None] & (n >= self.settings.min_samples * phi) & (distance > limit)
        return fired

    def _hourly(self, first_hours: Ints, end_hours: Ints) -> Floats:
        """Return φ of neighbouring whole hours between the hours: (windows, F)."""
        merged = self.history.merged[::QUARTERS]
        hours = merged[1 : int(end_hours.max()) + 1] - merged[: int(end_hours.max())]
        found = compare(hours[1:], hours[:-1], self.layout.numeric)
        used = (found.v > LEAST_V) & indicators(self.layout.numeric)
        squares = np.divide(found.u**2, found.v, out=np.zeros_like(found.u), where=used).sum(axis=-1)
        sums = [
            np.concatenate([np.zeros_like(one[:1]), np.cumsum(one, axis=0)]) for one in (squares, used.sum(axis=-1))
        ]
        total, number = (one[np.maximum(end_hours - 1, first_hours)] - one[first_hours] for one in sums)
        return np.asarray(np.maximum(1.0, total / np.maximum(number, 1)))

    def _broken(self, ends: Ints) -> Flags:
        fired = np.zeros((len(ends), len(self.baseline)), np.bool_)
        early = ends <= A_DAY
        if not early.any():
            return fired
        hours = -(-ends // QUARTERS)
        for feature in range(len(self.baseline)):
            bins = self.history.windows(feature, np.zeros_like(ends), ends)
            n = bins.sum(axis=1)
            own = self.layout.bins[self.layout.span(feature)] / max(self.m[feature], 1)
            beyond = np.maximum(bins / np.maximum(n, 1)[:, None] - own / (hours / HALF_A_WEEK)[:, None], 0).sum(axis=1)
            fired[:, feature] = early & (n >= self.settings.min_samples) & (beyond > BROKEN_MASS)
        return fired

    def _distances(self, firsts: Ints, ends: Ints) -> tuple[Floats, Ints]:
        """Return the KS distance from the baseline and the number of values of many windows: (windows, F) each."""
        distances, numbers = [], []
        for feature, expected in enumerate(self.baseline):
            upto = np.cumsum(self.history.windows(feature, np.maximum(firsts, 0), ends), axis=1)
            numbers.append(upto[:, -1])
            distances.append(np.abs(upto / np.maximum(upto[:, -1:], 1) - expected).max(axis=1))
        return np.stack(distances, axis=1), np.stack(numbers, axis=1)
