"""Learns from a model's past what is normal: references by hour, levels, φ and ρ, for one day at its start.

All statistics are computed for both groupings of days, see `references`, and each feature keeps the better grouping.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from driftguard.counting.knowledge import DRIFT, STARTS, UNIT_OF, Knowledge, as_stored, weights_as_stored
from driftguard.counting.layout import Layout
from driftguard.counting.profiles import Profile, Table
from driftguard.counting.references import LEVEL_DAYS, OWN, Days, Past, Reference
from driftguard.statistics import dispersion, posterior
from driftguard.statistics.arrays import Flags, Floats, Ints
from driftguard.statistics.stratified import factors, indicators

MIN_LEVEL_DAYS = 3
"""With fewer days there is no level."""

MIN_OWN_DAYS = 7
"""With fewer days, only pairs of neighbouring days give ρ, and only equal weekdays are alike."""

MUCH_BETTER = 1.5
"""The grouping `each` is kept where the variance of `work` is at least this many times as large."""

AT_ONCE = 50
"""Features whose hours are in memory at once."""


def learn(
    layout: Layout,
    day: int,
    profiles: Mapping[int, Profile],
    table: Table | None,
    bad: Mapping[int, Flags],
    first_day: int,
) -> Knowledge:
    """Return what is known at the start of `day`.

    Args:
        layout: the baseline's features.
        day: in days since 1970-01-01.
        profiles: by day, those of the REACH days before `day` that have rows. Other days are ignored.
        table: the baseline's counts by hour of the week, if its rows have timestamps.
        bad: by day, bool (F,): the features for which this day says nothing about what is normal.
        first_day: the first whole day with counts. Earlier days are ignored.
    """
    features = len(layout.features)
    known = Knowledge.nothing(features, day)
    if not features:
        return known
    parts = [slice(start, min(start + AT_ONCE, features)) for start in range(0, features, AT_ONCE)]
    found = [_Found.of(Past.of(layout, day, first_day, profiles, table, bad, part)) for part in parts]
    pairs = Days.join([one.pairs for one in found])
    each, work = (
        _Judged.of(Days.join([one.days[grouping] for one in found]), pairs, layout.numeric) for grouping in range(2)
    )
    for part, one in zip(parts, found, strict=True):
        known.work[part] = _prefers_work(each, work, part, one, layout.numeric[part])
        one.copy(known, part)
    each.copy(known, ~known.work, layout.numeric)
    work.copy(known, known.work, layout.numeric)
    return known


@dataclass(frozen=True)
class _Found:
    """What the hours of some features say. Pairs of values belong to the groupings `each` and `work`.

    sheets: the references of the last STARTS target days.
    """

    days: tuple[Days, Days]
    pairs: Days
    sheets: tuple[Reference, Reference]
    rows_in_six_hours: Floats
    own_days: tuple[Floats, Floats]
    since: tuple[Ints, Ints]

    @classmethod
    def of(cls, past: Past) -> "_Found":
        each, work = past.reference(work=False), past.reference(work=True)
        return cls(
            days=(past.days(each), past.days(work)),
            pairs=past.pairs(),
            sheets=(each.last(STARTS), work.last(STARTS)),
            rows_in_six_hours=past.rows_in_six_hours,
            own_days=(each.own_days[-1], work.own_days[-1]),
            since=past.since,
        )

    def copy(self, known: Knowledge, part: slice) -> None:
        """Copy the references in the grouping in use to `known`."""
        for grouping, chosen in enumerate((~known.work[part], known.work[part])):
            places, sheet = np.flatnonzero(chosen), self.sheets[grouping]
            at = places + part.start
            known.groups[:, :, at] = np.rint(sheet.groups[:, :, places])
            known.flaws[:, :, at] = np.rint(sheet.flaws[:, :, places])
            known.of_table[:, :, at] = np.rint(sheet.of_table[:, :, places])
            known.k[:, at] = np.rint(sheet.days[:, places])
            known.own_days[at] = np.rint(self.own_days[grouping][places])
        known.since[part] = np.where(known.learning[part], self.since[1], self.since[0])


@dataclass(frozen=True)
class _Level:
    """The level of each target day from the second week on: theta (T − 7, F, C), e and spread (T − 7, F, U)."""

    theta: Floats
    e: Floats
    spread: Floats

    @classmethod
    def of(cls, days: Days) -> "_Level":
        has = days.e > 0
        u, v, e, spread, number = (_last_week(one) for one in (days.u, days.v, days.e, days.spread, has))
        enough = number >= MIN_LEVEL_DAYS
        known = enough[..., UNIT_OF] & (v > 0)
        return cls(
            theta=np.divide(u, v, out=np.zeros_like(u), where=known),
            e=np.where(enough, e, 0.0),
            spread=np.where(enough, spread, 0.0),
        )


@dataclass(frozen=True)
class _Judged:
    """φ and the posteriors of ρ in one grouping. phi: (F, C). near, weights: (F, C, K), of pairs, and in use.

    own_days: (F,), the number of days with a reference. paired: (F,), whether any pair of neighbouring days has values.
    """

    phi: Floats
    near: Floats
    weights: Floats
    level: _Level
    own_days: Ints
    paired: Flags

    @classmethod
    def of(cls, days: Days, pairs: Days, numeric: Flags) -> "_Judged":
        sums = days.scatter.where(days.counted >= dispersion.MIN_DAYS, pairs.scatter)
        phi = np.empty_like(days.counted)
        for part in (slice(0, DRIFT), slice(DRIFT, None)):
            some = sums.part(part)
            phi[:, part] = dispersion.dispersion(some, dispersion.clustering(some))
        level = _Level.of(days)
        v, theta = days.v[OWN], level.theta[_OWN_LEVELS]
        a, b = factors(days.e[OWN], days.spread[OWN], level.e[_OWN_LEVELS], level.spread[_OWN_LEVELS])
        # Days without any variation, such as days without missing values, agree: they are evidence that ρ is small.
        used = (days.e[OWN] > 0)[..., UNIT_OF]
        z = _over_root(days.u[OWN] - v * theta, v)
        own = posterior.pooled(posterior.log_own(z, used, phi * a[..., UNIT_OF], b[..., UNIT_OF]), numeric)
        z = _over_root(pairs.u, pairs.v)
        likelihood = posterior.log_near(z, (pairs.e > 0)[..., UNIT_OF], phi, pairs.spread[..., UNIT_OF])
        near = posterior.pooled(likelihood, numeric)
        own_days = (days.e[OWN] > 0).sum(axis=0)
        wider = (own_days >= MIN_OWN_DAYS)[..., UNIT_OF] & (posterior.mean(own) > posterior.mean(near))
        return cls(
            phi=phi,
            near=near,
            weights=np.where(wider[..., None], own, near),
            level=level,
            own_days=own_days[..., 0],
            paired=(pairs.e[..., 0] > 0).any(axis=0),
        )

    def copy(self, known: Knowledge, chosen: Flags, numeric: Flags) -> None:
        """Copy what is known about the chosen features to `known`."""
        phi, among = self.phi[:, :DRIFT], indicators(numeric)
        mean_phi = np.where(among, phi, 0.0).sum(axis=1) / among.sum(axis=1)
        rho = np.where(among, posterior.cautious(self.near[:, :DRIFT]), 0.0).max(axis=1)
        known.weights[chosen] = weights_as_stored(self.weights[chosen])
        for target, values in (
            (known.phi, self.phi),
            (known.phi_week, np.where(self.paired, mean_phi, 1.0)),
            (known.rho_week, np.where(self.paired, rho, 0.0)),
        ):
            target[chosen] = as_stored(values[chosen])
        level = self.level
        for target, values in ((known.theta, level.theta), (known.e_level, level.e), (known.b_level, level.spread)):
            target[:, chosen] = as_stored(values[-STARTS:, chosen])


_OWN_LEVELS = slice(OWN.start - LEVEL_DAYS, OWN.stop - LEVEL_DAYS)
"""The levels of the days of φ and ρ. The first level is that of target LEVEL_DAYS."""


def _prefers_work(each: _Judged, work: _Judged, part: slice, found: _Found, numeric: Flags) -> Flags:
    """Return for which features all working days are one kind of day: (F,).

    The variance to expect is the mean over components of (φ/n₆ + E[ρ])·(1 + 1/k), n₆ values in six hours.
    """
    rows = np.maximum(found.rows_in_six_hours, 1)[:, None]
    variances = []
    filled = np.arange(DRIFT) < np.where(numeric, DRIFT, DRIFT - 1)[:, None]
    for judged, sheet in zip((each, work), found.sheets, strict=True):
        k = sheet.days[-1, :, 0]
        with np.errstate(divide="ignore"):
            variance = judged.phi[part, :DRIFT] / rows + posterior.mean(judged.weights[part, :DRIFT])
            variances.append(np.where(filled, variance, 0.0).sum(axis=1) * (1 + 1 / k))
    prefers: Flags = (work.own_days[part] >= MIN_OWN_DAYS) & (variances[1] < MUCH_BETTER * variances[0])
    return prefers


def _last_week(values: Floats | Flags) -> Floats:
    """Return the sums over the LEVEL_DAYS before each target day, from target LEVEL_DAYS on."""
    running = np.zeros((len(values) + 1, *values.shape[1:]))
    np.cumsum(values, axis=0, out=running[1:])
    result: Floats = running[LEVEL_DAYS:] - running[:-LEVEL_DAYS]
    return result


def _over_root(u: Floats, v: Floats) -> Floats:
    return np.divide(u, np.sqrt(v), out=np.zeros_like(u), where=v > 0)
