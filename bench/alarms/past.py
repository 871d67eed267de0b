"""The sudden part at every quarter of an hour of a simulated model, by the product's own learning and tests.

Most checks cannot fire. Which ones can is computed for all quarters of a day at once, from the same sums in another
order, with a margin for rounding. Only these checks are run by the product's `sudden_tests`. A unit test shows that
nothing is lost by that.
"""

from collections.abc import Mapping

import numpy as np

from bench.alarms.history import A_DAY, QUARTERS, History
from bench.alarms.scenarios import DAY, MONDAY, Traffic
from bench.columns import Floats, Ints, batch
from driftguard.counting.batches import count
from driftguard.counting.knowledge import DRIFT, REACH, STARTS, UNIT_OF, Knowledge, held_against, sizes_of
from driftguard.counting.layout import MERGED, Layout
from driftguard.counting.learning import learn
from driftguard.counting.profiles import HOURS, WEEKDAYS, Profile, Table
from driftguard.distributions.baseline import Baseline
from driftguard.models.settings import ModelSettings
from driftguard.statistics.arrays import Flags
from driftguard.statistics.stratified import Comparison, factors, indicators
from driftguard.statistics.surprise import LEAST, NEVER_BELOW, surprise
from driftguard.verdicts.rules import Rules
from driftguard.verdicts.sudden import (
    FIRES_BELOW,
    MIN_E,
    WINDOWS,
    SuddenRules,
    SuddenTests,
    sudden_tests,
)

DAY_0 = MONDAY // DAY
"""The first day, counted since 1970, a Monday."""

FLAWS_OF_NUMBERS, FLAWS_OF_CATEGORIES = np.array([True, True, True, False]), np.array([True, True, False, True])
"""The flaws that values can have, in the order of `profiles.FLAWS`."""

MARGIN = 1e-6
"""Part by which sums may be off: far more than rounding, far less than anything that matters."""

LOOSE = 1e-2
"""Part by which a surprise may be off, which follows from sums that are."""


class Past:
    """What the sudden part knows and finds in a history. table: the baseline's hours of the week, or None."""

    def __init__(self, history: History, settings: ModelSettings, table: Table | None = None) -> None:
        self.history = history
        self.layout: Layout = history.layout
        self.rules = rules_of(history.layout, settings)
        self.table = table
        self.bad: Mapping[int, Flags] = {}
        self.first_day = DAY_0 + -(-history.begin // A_DAY)
        self._known: Knowledge | None = None
        self._whole: dict[int, Profile] = {}

    def whole(self, day: int) -> Profile:
        """Return a whole day, as far as its rows have arrived."""
        found = self._whole.get(day) or self.profile(day, HOURS * QUARTERS)
        if self.history.is_complete(day):
            self._whole[day] = found
        return found

    def whole_days(self, first: int, end: int) -> dict[int, Profile]:
        """Return the whole days from `first` to before `end` by day since 1970."""
        return {DAY_0 + day: self.whole(day) for day in range(max(first, 0), end)}

    def profile(self, day: int, quarters: int) -> Profile:
        """Return the first quarters of a day. The last hour can be a part of an hour."""
        ends = np.minimum(np.arange(QUARTERS, A_DAY + 1, QUARTERS), quarters)
        begins = np.minimum(np.arange(0, A_DAY, QUARTERS), quarters)
        first = day * A_DAY
        rows, groups, flaws = (
            one[first + ends] - one[first + begins]
            for one in (self.history.rows, self.history.merged, self.history.known_flaws())
        )
        return Profile(DAY_0 + day, rows, groups, flaws)

    def knowledge(self, day: int) -> Knowledge:
        """Return what is known at the start of a day, as the roll-up would learn it."""
        if self._known is None or self._known.day != DAY_0 + day:
            profiles = self.whole_days(day - REACH, day)
            self._known = learn(self.layout, DAY_0 + day, profiles, self.table, self.bad, self.first_day)
        return self._known

    def set_bad(self, bad: Mapping[int, Flags]) -> None:
        """Set by day, since 1970, the features for which the day says nothing about what is normal."""
        if self._known is not None and _before(self.bad, self._known.day) != _before(bad, self._known.day):
            self._known = None
        self.bad = bad

    def check(self, quarter: int, taken: Flags, window_start: Ints) -> SuddenTests:
        """Return the results of the check at the end of a quarter."""
        day = quarter // A_DAY
        days = self.whole_days(day - STARTS + 1, day)
        days[DAY_0 + day] = self.profile(day, quarter % A_DAY + 1)
        return sudden_tests(
            self.layout, self.knowledge(day), days, DAY_0 * HOURS + quarter // QUARTERS, self.rules, taken, window_start
        )

    def may_fire(self, day: int) -> Flags:
        """Return at which quarters of a day anything may fire: (96,). At the others nothing can."""
        known = self.knowledge(day)
        if known.learning.all() or not self.rules.enabled.any():
            return np.zeros(A_DAY, np.bool_)
        hours = _Sums.of(self, known, day)
        may = np.zeros(A_DAY, np.bool_)
        for length in WINDOWS:
            may |= self._may_fire(known, hours, length)
        return may

    def _may_fire(self, known: Knowledge, hours: "_Sums", length: int) -> Flags:
        u, v, e, spread, place = hours.window(length)
        at = (place[:, None], np.arange(u.shape[1]))
        a, b = (one[..., UNIT_OF] for one in factors(e, spread, known.e_level[at], known.b_level[at]))
        u, e = u - v * known.theta[at], e[..., UNIT_OF]
        shift = np.abs(np.divide(u, e, out=np.zeros_like(u), where=e > 0))
        numeric = self.layout.numeric
        moved = np.where(indicators(numeric), shift[..., :DRIFT], 0.0)
        effect = np.where(numeric, moved.max(axis=-1), moved.sum(axis=-1) / 2)
        large = np.concatenate(
            [
                np.repeat((effect >= self.rules.score * (1 - MARGIN))[..., None], DRIFT, axis=-1),
                (u[..., DRIFT:] > 0) & (shift[..., DRIFT:] >= self.rules.share[:, None] * (1 - MARGIN)),
            ],
            axis=-1,
        )
        possible = large & (e >= MIN_E * known.phi * (1 - MARGIN))
        # The bound of `surprise.may_fire` holds as long as no limit is above the least surprise that it leaves out.
        if (FIRES_BELOW * self.rules.alpha < LEAST).all():
            possible &= u**2 > (NEVER_BELOW**2 * (1 - MARGIN)) * known.phi * v
        quarters, features, components = places = np.nonzero(possible & (v > 0))
        noise, weights = (known.phi * a)[places], known.weights[features, components]
        found = surprise(np.abs(u[places]) / np.sqrt(v[places]), noise, b[places], weights, 1)
        enabled = self.rules.enabled
        tests = np.where(components < DRIFT, enabled.sum(), (self.rules.flaws & enabled[:, None]).sum())
        fires = found * tests < FIRES_BELOW * self.rules.alpha[features] * (1 + LOOSE)
        return np.bincount(quarters[fires], minlength=A_DAY) > 0


class _Sums:
    """Sums over the hours before each quarter of a day, and the running hour of each quarter.

    whole: (97, F, …), cumulative over the 96 hours up to the end of the day. running: (96, F, …), of the 96 quarters.
    """

    def __init__(self, whole: Comparison, running: Comparison, k: Ints) -> None:
        self.whole = [np.concatenate([np.zeros((1, *one.shape[1:])), np.cumsum(one, axis=0)]) for one in _parts(whole)]
        self.running = _parts(running)
        self.k = k

    @classmethod
    def of(cls, past: Past, known: Knowledge, day: int) -> "_Sums":
        """Return the sums for one day."""
        empty = Profile.empty(past.layout, 0)
        known_days = past.whole_days(day - STARTS + 1, day + 1)
        days = [known_days.get(DAY_0 + one, empty) for one in range(day - STARTS + 1, day + 1)]
        groups, flaws = (np.concatenate([getattr(one, name) for one in days]) for name in ("groups", "flaws"))
        shape = (STARTS * HOURS, len(past.layout.features))
        reference = [one.reshape(*shape, -1) for one in (known.groups, known.flaws, known.of_table[..., None])]
        hour = np.arange(A_DAY) // QUARTERS
        first = day * A_DAY
        began, ended = first + hour * QUARTERS, first + np.arange(A_DAY) + 1
        running = [one[ended] - one[began] for one in (past.history.merged, past.history.flaws)]
        today = (STARTS - 1) * HOURS + hour
        numeric = past.layout.numeric
        return cls(
            _compared(numeric, groups, flaws, *reference),
            _compared(numeric, running[0], running[1], *(one[today] for one in reference)),
            known.k,
        )

    def window(self, length: int) -> tuple[Floats, Floats, Floats, Floats, Ints]:
        """Return u, v, e, spread and the first day of the windows that end with each quarter."""
        now = (STARTS - 1) * HOURS + np.arange(A_DAY) // QUARTERS
        first = now - length + 1
        u, v, e = (run + total[now] - total[first] for run, total in zip(self.running, self.whole, strict=True))
        spread = np.zeros_like(e)
        for day in range(STARTS):
            start, end = np.maximum(first, day * HOURS), np.minimum(now, (day + 1) * HOURS)
            of_day = self.whole[2][np.maximum(start, end)] - self.whole[2][start]
            of_day += self.running[2] if day == STARTS - 1 else 0
            spread += of_day**2 * (1 + 1 / np.maximum(self.k[day], 1))
        return u, v, e, spread, first // HOURS


def _parts(found: Comparison) -> tuple[Floats, Floats, Floats]:
    return found.u, found.v, found.e


def _compared(numeric: Flags, groups: Ints, flaws: Ints, known: Ints, known_flaws: Ints, of_table: Ints) -> Comparison:
    own, reference = (
        (
            counts.astype(np.float64),
            some.astype(np.float64),
            sizes_of(values.astype(np.float64), some.astype(np.float64)),
        )
        for counts, some, values in (
            (groups, flaws, groups.sum(axis=-1)),
            (known, known_flaws, known.sum(axis=-1) - of_table[..., 0]),
        )
    )
    return held_against(numeric, own, reference)


def _before(bad: Mapping[int, Flags], day: int) -> dict[int, bytes]:
    return {past: flags.tobytes() for past, flags in bad.items() if past < day and flags.any()}


def table_of(layout: Layout, baseline: Baseline, traffic: Traffic) -> Table:
    """Return the baseline's table, counted as its rows' timestamps say."""
    counted = count(baseline, [batch(traffic.times, traffic.values, as_categories=traffic.categories)])
    groups = np.zeros((WEEKDAYS, HOURS, len(layout.features), MERGED), np.int64)
    days = sorted({hour // HOURS for hour in counted})
    for day in days:
        groups[(day - DAY_0) % WEEKDAYS] += Profile.of(layout, day, counted).groups
    weeks = np.bincount([(day - DAY_0) % WEEKDAYS for day in days], minlength=WEEKDAYS)
    return Table(weeks.astype(np.int64), groups)


def rules_of(layout: Layout, settings: ModelSettings) -> SuddenRules:
    """Return the limits of the sudden part under a model's settings."""
    rules = Rules.of(layout, settings)
    return SuddenRules(
        enabled=rules.enabled & rules.sudden,
        alpha=rules.alpha,
        score=rules.sudden_score,
        share=rules.min_share_change,
        flaws=np.where(layout.numeric[:, None], FLAWS_OF_NUMBERS, FLAWS_OF_CATEGORIES),
    )
