"""Pasts of models for tests: profiles of days, and what is learned from them."""

from collections.abc import Iterable, Mapping

import numpy as np

from driftguard.counting.counts import Counts
from driftguard.counting.layout import MERGED, Layout, layout_of
from driftguard.counting.learning import learn
from driftguard.counting.profiles import FLAWS, HOURS, Profile
from driftguard.distributions.baseline import Baseline
from driftguard.statistics.arrays import Flags, Ints
from driftguard.verdicts.comparison import Comparison

REACH = 67


def profile(layout: Layout, day: int, groups: Ints, flaws: Ints | None = None) -> Profile:
    """A day of these merged groups (24, F, 10)."""
    shape = (HOURS, len(layout.features), len(FLAWS))
    return Profile(
        day, groups.sum(axis=-1).max(axis=-1, initial=0), groups, np.zeros(shape, np.int64) if flaws is None else flaws
    )


def compared(
    baseline: Baseline,
    profiles: Mapping[int, Profile],
    now_hour: int,
    *,
    bad: Mapping[int, Flags] | None = None,
    timed: bool = False,
    known: bool = True,
) -> Comparison:
    """What a check compares. profiles: of all days of the model. known: whether the past is learned."""
    day, first_day = now_hour // HOURS, min(profiles)
    past = {one: profiles[one] for one in range(day - REACH, day) if one in profiles}
    knowledge = learn(layout_of(baseline), day, past, None, bad or {}, first_day) if known else None
    before = 6 if day - first_day <= 6 else 3
    recent = {one: profiles[one] for one in range(day - before, day + 1) if one in profiles}
    return Comparison(knowledge, recent, now_hour, first_day, timed)


def past_of(baseline: Baseline, window: Counts, days: int, now_hour: int) -> Comparison:
    """The past of a model whose window comes in one hour of each of the last days."""
    layout, today = layout_of(baseline), now_hour // HOURS
    made = {
        day: Profile.of(layout, day, {day * HOURS + now_hour % HOURS: window}) for day in range(today - days, today + 1)
    }
    return compared(baseline, made, now_hour)


def shares(layout: Layout, shift: float = 0.0) -> Iterable[float]:
    """The shares of the tenths of a normal distribution after a shift of its mean."""
    from scipy.stats import norm

    edges = norm.ppf(np.linspace(0, 1, MERGED + 1))
    return [float(share) for share in np.diff(norm.cdf(edges - shift))]
