"""Small random models with cycles, gaps and bad days, as profiles and as series of `slow`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from driftguard.counting.layout import Layout, layout_of
from driftguard.counting.profiles import Profile, Table
from driftguard.distributions.baseline import build
from driftguard.platform.serialization import Scalar
from driftguard.statistics.arrays import Flags, Ints
from tests.unit.counting.slow import Hour, Series, components

MONDAY = 19_996
"""A Monday, in days since 1970. It is day 0 of each world."""
NUMERIC = (True, True, False, False)
FEATURES = len(NUMERIC)


@cache
def layout() -> Layout:
    """A layout of two numeric and two categorical features."""
    names = ["a", "b", "c", "d"]
    columns: dict[str, Sequence[Scalar]] = {
        "x": [0.0, 1.0, 2.0, 3.0],
        "y": [5.0, 6.0, 7.0, 8.0],
        "p": names,
        "q": names,
    }
    return layout_of(build(columns))


@dataclass
class World:
    """The profiles of `days` days from MONDAY on. bad: by day since 1970. table: of the baseline."""

    profiles: dict[int, Profile]
    bad: dict[int, Flags] = field(default_factory=dict)
    table: Table | None = None

    def series(self, feature: int, component: int) -> Series:
        """One component of one feature, for `slow`. Components from 11 on are flaws."""
        bad = {day - MONDAY for day, flags in self.bad.items() if flags[feature]}
        if component >= 11:
            flawed: dict[int, list[Hour]] = {
                day - MONDAY: [[int(one[0]), int(one[1])] for one in _flaws(profile, feature, component - 11)]
                for day, profile in self.profiles.items()
            }
            return Series(flawed, [1.0, 0.0], bad)
        scores = components(NUMERIC[feature])[component]
        days: dict[int, list[Hour]] = {
            day - MONDAY: profile.groups[:, feature].tolist() for day, profile in self.profiles.items()
        }
        if self.table is None:
            return Series(days, scores, bad)
        week: dict[int, list[Hour]] = {weekday: self.table.groups[weekday, :, feature].tolist() for weekday in range(7)}
        return Series(days, scores, bad, week, dict(enumerate(self.table.weeks.tolist())))


def _flaws(profile: Profile, feature: int, flaw: int) -> Ints:
    missing, invalid = profile.flaws[:, feature, 0], profile.flaws[:, feature, 1]
    values = profile.groups[:, feature].sum(axis=-1)
    size = (values + invalid + missing, values + invalid, values, values)[flaw]
    count = profile.flaws[:, feature, flaw]
    return np.stack([count, size - count], axis=-1)


def profile_of(day: int, groups: Ints, flaws: Ints) -> Profile:
    """A profile whose rows fit its counts."""
    rows = groups.sum(axis=-1) + flaws[..., 0] + flaws[..., 1]
    return Profile(day, rows.max(axis=1, initial=0), groups, flaws)


def world(seed: int, days: int, *, rows: float = 4.0, gaps: bool = True, tables: int = 0, spread: float = 0.2) -> World:
    """A random model with a daily cycle and days that differ.

    rows: the mean count of a group in an hour. gaps: whether some hours, days and features have no values. tables: the
    weeks in the baseline's table, 0 for none. spread: by how much days differ.
    """
    random = np.random.default_rng(seed)
    shape = random.dirichlet(np.full(10, 3.0), FEATURES) * 10
    cycle = 1 + 0.6 * np.sin((np.arange(24) - 8) * np.pi / 12)
    profiles, bad = {}, {}
    for day in range(days):
        moved = shape * np.exp(random.normal(0, spread, (FEATURES, 10)))
        groups = random.poisson(rows * cycle[:, None, None] * moved)
        values = groups.sum(axis=-1)
        flaws = np.zeros((24, FEATURES, 4), np.int64)
        flaws[..., :2] = random.poisson(rows * cycle[:, None, None] * 0.4, (24, FEATURES, 2))
        flaws[:, :2, 2], flaws[:, 2:, 3] = random.binomial(values[:, :2], 0.1), random.binomial(values[:, 2:], 0.05)
        if gaps:
            empty = random.random(24) < 0.1
            groups[empty], flaws[empty] = 0, 0
            if random.random() < 0.1:
                groups[:, 1], flaws[:, 1, 2:] = 0, 0
            if random.random() < 0.08:
                continue
            if random.random() < 0.15:
                bad[MONDAY + day] = random.random(FEATURES) < 0.5
        profiles[MONDAY + day] = profile_of(MONDAY + day, groups, flaws)
    if not tables:
        return World(profiles, bad)
    week = random.poisson(tables * rows * cycle[:, None, None] * shape, (7, 24, FEATURES, 10))
    return World(profiles, bad, Table(np.full(7, tables), week))
