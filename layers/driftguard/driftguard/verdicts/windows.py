"""The windows of the sudden part: the last hours of every feature, held against the reference of their days.

Shapes: F features, C = 15 components (11 of drift, 4 of flaws), U = 5 units.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from driftguard.counting.knowledge import DRIFT, STARTS, UNIT_OF, Knowledge, held_against, sizes_of
from driftguard.counting.layout import MERGED, Layout
from driftguard.counting.profiles import FLAWS, HOURS, Profile
from driftguard.statistics.arrays import Flags, Floats, Ints
from driftguard.statistics.stratified import factors, indicators


@dataclass(frozen=True)
class Hours:
    """The hours of the days on which a window can begin, each held against its reference.

    u, v: (96, F, C), e: (96, F, U). groups, known: (96, F, MERGED), the counts of the hours and of their reference.
    first: the first hour since 1970. numeric: (F,). starts: (F,), see `window_start`.
    """

    u: Floats
    v: Floats
    e: Floats
    groups: Floats
    known: Floats
    first: int
    now_hour: int
    numeric: Flags
    starts: Ints
    knowledge: Knowledge

    @classmethod
    def of(
        cls, layout: Layout, knowledge: Knowledge, profiles: Mapping[int, Profile], now_hour: int, starts: Ints
    ) -> "Hours":
        """Return the hours up to `now_hour`, without those before `starts`."""
        first_day, features = knowledge.day - STARTS + 1, len(layout.features)
        groups = np.zeros((STARTS, HOURS, features, MERGED))
        flaws = np.zeros((STARTS, HOURS, features, len(FLAWS)))
        for place in range(STARTS):
            profile = profiles.get(first_day + place)
            if profile is not None:
                groups[place], flaws[place] = profile.groups, profile.flaws
        known_groups, known_flaws = knowledge.groups.astype(np.float64), knowledge.flaws.astype(np.float64)
        known_values = known_groups.sum(axis=-1) - knowledge.of_table
        found = held_against(
            layout.numeric,
            (groups, flaws, sizes_of(groups.sum(axis=-1), flaws)),
            (known_groups, known_flaws, sizes_of(known_values, known_flaws)),
        )
        u, v, e = (one.reshape(STARTS * HOURS, features, -1) for one in (found.u, found.v, found.e))
        hours = first_day * HOURS + np.arange(STARTS * HOURS)
        if (starts > hours[0]).any():
            inside = (hours[:, None] >= starts)[..., None]
            u, v, e = u * inside, v * inside, e * inside
        own, known = (one.reshape(STARTS * HOURS, features, MERGED) for one in (groups, known_groups))
        return cls(u, v, e, own, known, int(hours[0]), now_hour, layout.numeric, starts, knowledge)

    def matched(self, index: int, window: "Window") -> "Matched":
        """Return the shares by merged group of a feature in a window and at the same hours of its reference.

        Hours weigh as in the test, by their effective sample size. The reference moves with the level, as in the test.
        So the score of the window is the distance of both: the KS distance of numbers, the total variation of
        categories.
        """
        hours = slice(max(int(window.first[index]) - self.first, 0), self.now_hour + 1 - self.first)
        own, known = self.groups[hours, index], self.known[hours, index]
        n, m = own.sum(axis=-1), known.sum(axis=-1)
        weights = np.divide(m, n + m, out=np.zeros_like(m), where=n + m > 0)
        shares = own.T @ weights / window.e[index, 0]
        moved = window.shift[index, indicators(self.numeric)[index].nonzero()[0]]
        if not self.numeric[index]:
            return Matched(shares - moved, shares)
        below = np.concatenate([[0.0], shares.cumsum()[:-1] - moved, [1.0]])
        return Matched(np.diff(below), shares)

    def window(self, length: int) -> "Window":
        """Return the window of the last hours."""
        start, end = max(self.now_hour - length + 1 - self.first, 0), self.now_hour + 1 - self.first
        e, spread = np.zeros(self.e.shape[1:]), np.zeros(self.e.shape[1:])
        for place in range(start // HOURS, STARTS):
            of_day = self.e[max(start, place * HOURS) : min(end, (place + 1) * HOURS)].sum(axis=0)
            e += of_day
            spread += of_day**2 * (1 + 1 / np.maximum(self.knowledge.k[place], 1))
        first = np.maximum(self.now_hour - length + 1, self.starts)
        place = np.clip(first // HOURS - (self.knowledge.day - STARTS + 1), 0, STARTS - 1)
        known, features = self.knowledge, np.arange(len(first))
        a, b = factors(e, spread, known.e_level[place, features], known.b_level[place, features])
        v = self.v[start:end].sum(axis=0)
        return Window(
            numeric=self.numeric,
            length=length,
            first=first,
            u=self.u[start:end].sum(axis=0) - v * known.theta[place, features],
            v=v,
            e=e[:, UNIT_OF],
            noise=known.phi * a[:, UNIT_OF],
            b=b[:, UNIT_OF],
        )


class Matched(NamedTuple):
    """The shares of a feature's values by merged group: float64 (MERGED,) each."""

    reference: Floats
    window: Floats


@dataclass(frozen=True)
class Window:
    """One window of F features. u: after the level. noise: φ·a. b: the factor of ρ. e: by component. All are (F, C)."""

    numeric: Flags
    length: int
    first: Ints
    u: Floats
    v: Floats
    e: Floats
    noise: Floats
    b: Floats

    @property
    def shift(self) -> Floats:
        """The difference of the mean scores: (F, C)."""
        return np.divide(self.u, self.e, out=np.zeros_like(self.u), where=self.e > 0)

    @property
    def effect(self) -> Floats:
        """The score of each feature: (F,)."""
        moved = np.where(indicators(self.numeric), np.abs(self.shift[:, :DRIFT]), 0.0)
        effect: Floats = np.where(self.numeric, moved.max(axis=1), moved.sum(axis=1) / 2)
        return effect
