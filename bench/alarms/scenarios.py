"""The traffic of simulated models: when rows come, and how each feature's distribution moves with time.

All features are normal with mean 0 and standard deviation (σ) 1 but for what a scenario says. The KS test does not ask
for the distribution, so nothing is lost by that.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtr

from bench.columns import Floats, Ints
from driftguard.statistics.arrays import Flags

HOUR = 3_600_000
"""Milliseconds."""
DAY = 24 * HOUR
WEEK = 7 * DAY
MONDAY = 2_951 * WEEK + 4 * DAY
"""A Monday, 00:00 UTC, in milliseconds since the epoch: day 0 of every simulation."""

WEEKEND = (5, 6)

LATE_HOURS = 24
LATE_SHIFT = 0.5
"""By how much the mean of late rows is higher, in σ."""


@dataclass(frozen=True)
class Scenario:
    """One kind of traffic.

    daily: how far the mean swings with the hour of the day, in σ; the traffic swings with it.
    weekend: by how much the mean is higher on Saturday and Sunday, in σ; half as many rows come then.
    day_effects: the standard deviation of each day's own shift of the mean, for each feature apart, in σ.
    common: the part of the variance that all features share, as in a factor model.
    users: rows per user and hour on average; a user's rows have half of their variance in common. 0 without users.
    holiday: a day on which the model sees a Sunday's rows. burst: an hour with 20 times the rows, of the usual values.
    clock_change: a day from which on all cycles come one hour earlier. weekend_only: rows come at weekends only.
    missing: the share of values that are missing. categories: how many categories a feature has instead of numbers,
    with frequencies by a power law; 0 for numbers. late: the share of rows that arrive a day late. Their mean is 0.5 σ
    higher. begins: the hours after midnight at which the first row comes.
    shift: by how much the mean moves when drift sets in, in σ; ramp_days: over how many days.
    scale: by how much the standard deviation grows then, and factor: by how much the values do.
    constant: whether all values are equal then. missing_then: the share of values that are missing then.
    drifting: how many of the features do so. at_start: whether drift sets in with the first row.
    lasts: the days after which drift ends.
    """

    name: str
    features: int = 10
    daily: float = 0.0
    weekend: float = 0.0
    day_effects: float = 0.0
    common: float = 0.0
    users: float = 0.0
    holiday: int | None = None
    burst: int | None = None
    clock_change: int | None = None
    weekend_only: bool = False
    missing: float = 0.0
    categories: int = 0
    late: float = 0.0
    begins: int = 0
    shift: float = 0.0
    scale: float = 1.0
    factor: float = 1.0
    constant: bool = False
    missing_then: float | None = None
    ramp_days: float = 0.0
    drifting: int = 0
    at_start: bool = False
    lasts: float = math.inf

    @property
    def baseline_days(self) -> int | None:
        """The whole days that the baseline covers, where days differ; of independent rows nobody knows."""
        return 7 if self.daily or self.weekend or self.day_effects or self.weekend_only else None


QUIET = (
    Scenario("independent rows"),
    Scenario("day/night cycle", daily=0.5),
    Scenario("weekend step", weekend=0.5),
    Scenario("cycle and weekend", daily=0.5, weekend=0.5),
    Scenario("day effects, sd 0.02 σ", day_effects=0.02),
    Scenario("day effects, sd 0.05 σ", day_effects=0.05),
    Scenario("day effects, sd 0.1 σ", day_effects=0.1),
)

CYCLES = Scenario("", daily=0.5, weekend=0.5, drifting=1)
"""The traffic in which drift has to be found."""

DRIFTING = (
    replace(CYCLES, name="mean 0.25 σ", shift=0.25),
    replace(CYCLES, name="mean 0.5 σ", shift=0.5),
    replace(CYCLES, name="mean 1 σ", shift=1.0),
    replace(CYCLES, name="scale 1.5", scale=1.5),
    replace(CYCLES, name="3-day ramp to 0.5 σ", shift=0.5, ramp_days=3),
    replace(CYCLES, name="mean 0.5 σ, day effects 0.1 σ", shift=0.5, day_effects=0.1),
)

FROM_THE_FIRST_HOUR = (
    replace(CYCLES, name="mean 1 σ, from the first hour", shift=1.0, at_start=True),
    replace(CYCLES, name="constant, from the first hour", constant=True, at_start=True),
    replace(CYCLES, name="× 100, from the first hour", factor=100.0, at_start=True),
)

LIVES = (
    replace(CYCLES, name="a lasting shift", shift=0.5),
    replace(CYCLES, name="a 12-hour incident", shift=1.0, lasts=0.5),
    replace(CYCLES, name="a 10-day drift", shift=0.5, lasts=10.0),
    replace(CYCLES, name="a drift since day one that ends", shift=1.0, lasts=20.0, at_start=True),
)
"""Changes of which each must give exactly one alert."""

WEEKLY = replace(CYCLES, drifting=0)
MORE_QUIET = (
    replace(WEEKLY, name="50 features", features=50),
    replace(WEEKLY, name="correlation 0.5", common=0.5),
    replace(WEEKLY, name="users, 3 rows each", users=3.0),
    replace(WEEKLY, name="holiday", holiday=30),
    replace(WEEKLY, name="burst", burst=30 * 24 + 10),
    replace(WEEKLY, name="clock change", clock_change=27),
    Scenario("weekend only", daily=0.5, weekend_only=True),
    replace(WEEKLY, name="2 % missing", missing=0.02),
    replace(WEEKLY, name="10 categories", categories=10),
    replace(WEEKLY, name="1,000 categories", categories=1000),
    replace(WEEKLY, name="10 % of rows a day late", late=0.1),
    replace(WEEKLY, name="first row at 14:00", begins=14),
)
MORE_DRIFTING = (
    replace(CYCLES, name="mean 0.5 σ, 1 of 50", features=50, shift=0.5),
    replace(CYCLES, name="mean 0.5 σ, all features", shift=0.5, drifting=10),
    replace(CYCLES, name="mean 0.5 σ, correlation 0.5", shift=0.5, common=0.5),
    replace(CYCLES, name="mean 0.5 σ, 10 categories", shift=0.5, categories=10),
    replace(CYCLES, name="mean 0.5 σ, 1,000 categories", shift=0.5, categories=1000),
    replace(CYCLES, name="mean 0.5 σ, 10 % of rows a day late", shift=0.5, late=0.1),
    replace(CYCLES, name="mean 1 σ, from the first hour at 14:00", shift=1.0, at_start=True, begins=14),
    replace(CYCLES, name="missing 0 to 2 %", missing_then=0.02),
    replace(CYCLES, name="missing 0 to 5 %", missing_then=0.05),
    replace(CYCLES, name="missing 1 to 11 %", missing=0.01, missing_then=0.11),
    replace(CYCLES, name="missing 0 to 100 %", missing_then=1.0),
)
"""What `ALL=1` simulates, beside other sizes."""


@dataclass(frozen=True)
class Traffic:
    """Rows in order of time. times: int64 (N,), milliseconds since the epoch. values: float64 (F, N).

    late: bool (N,), which rows arrive LATE_HOURS after their time. None if all arrive in time. categories: whether the
    values are numbers of categories.
    """

    times: Ints
    values: Floats
    late: Flags | None = None
    categories: bool = False


def traffic(
    scenario: Scenario, rng: np.random.Generator, *, weeks: int, rows_a_week: int, onset: float = np.inf
) -> Traffic:
    """Exactly `weeks` · `rows_a_week` rows from MONDAY on. onset: days after which drift sets in.

    Missing values are NaN.
    """
    times = _times(scenario, rng, weeks * 7, weeks * rows_a_week)
    values = _noise(scenario, rng, times)
    since = times / DAY
    means = _means(scenario, rng, since)
    after = since - onset
    begun = (after >= 0) & (after < scenario.lasts)
    missing = np.full((scenario.features, 1), scenario.missing)
    if scenario.drifting and begun.any():
        strength = np.where(begun, np.clip(after / scenario.ramp_days, 0, 1) if scenario.ramp_days else 1.0, 0.0)
        moved = values[: scenario.drifting]
        moved *= np.where(begun, scenario.scale, 1.0)
        moved += scenario.shift * strength
    values += means
    late = rng.random(len(times)) < scenario.late if scenario.late else None
    if late is not None:
        values[:, late] += LATE_SHIFT
    moved = values[: scenario.drifting]
    if scenario.drifting and begun.any():
        moved *= np.where(begun, scenario.factor, 1.0)
        if scenario.constant:
            moved[:, begun] = 0.3
        if scenario.missing_then is not None:
            missing = np.repeat(missing, len(times), axis=1)
            missing[: scenario.drifting, begun] = scenario.missing_then
    if scenario.categories:
        values = _in_categories(values, scenario.categories)
    if missing.any():
        values[rng.random(values.shape) < missing] = np.nan
    return Traffic(times + MONDAY, values, late, bool(scenario.categories))


def since_first_row(scenario: Scenario, rows: Traffic) -> Traffic:
    """Return the traffic without the rows before the model's first one."""
    kept = rows.times >= MONDAY + scenario.begins * HOUR
    return replace(
        rows,
        times=rows.times[kept],
        values=rows.values[:, kept],
        late=None if rows.late is None else rows.late[kept],
    )


def _in_categories(values: Floats, number: int) -> Floats:
    """Return the number of the category of each value: where the value lies, as shares of a power law divide it."""
    shares = 1 / np.arange(1, number + 1)
    places = np.searchsorted(np.cumsum(shares / shares.sum())[:-1], ndtr(values))
    return places.astype(np.float64)


def _noise(scenario: Scenario, rng: np.random.Generator, times: Ints) -> Floats:
    """Values with mean 0 and standard deviation 1: (F, N)."""
    values = rng.standard_normal((scenario.features, len(times)))
    if scenario.users:
        hours = times // HOUR
        user = hours * 1_000_003 + rng.integers(
            0, np.maximum(1, len(times) / (hours[-1] + 1) / scenario.users), len(times)
        )
        _known, place = np.unique(user, return_inverse=True)
        own = rng.standard_normal((scenario.features, int(place.max()) + 1))
        values = np.sqrt(0.5) * (values + own[:, place])
    if scenario.common:
        values *= np.sqrt(1 - scenario.common)
        values += np.sqrt(scenario.common) * rng.standard_normal(len(times))
    return values


def _times(scenario: Scenario, rng: np.random.Generator, days: int, rows: int) -> Ints:
    """Milliseconds from the start, ascending: a Poisson process of the scenario's rate, given its number of rows."""
    hours = np.arange(days * 24)
    seen = hours + _ahead(scenario, hours // 24)
    rate = 1 + 0.8 * np.sin(2 * np.pi * (seen % 24) / 24) if scenario.daily else np.ones(len(hours))
    if scenario.weekend:
        rate = rate * np.where(_is_weekend(scenario, seen // 24), 0.5, 1.0)
    if scenario.weekend_only:
        rate = rate * np.isin(hours // 24 % 7, WEEKEND)
    if scenario.burst is not None:
        rate = rate * np.where(hours == scenario.burst, 20.0, 1.0)
    until = np.cumsum(rate)
    draws = np.sort(rng.random(rows)) * until[-1]
    hour = np.searchsorted(until, draws, side="right")
    within = (draws - (until - rate)[hour]) / rate[hour]
    times: Ints = ((hour + np.clip(within, 0, 1 - 1e-9)) * HOUR).astype(np.int64)
    return times


def _ahead(scenario: Scenario, days: Ints) -> Ints:
    """Return by how many hours cycles come earlier than by the clock in UTC."""
    if scenario.clock_change is None:
        return np.zeros_like(days)
    return (days >= scenario.clock_change).astype(np.int64)


def _is_weekend(scenario: Scenario, days: Ints) -> Flags:
    weekend: Flags = np.isin(days % 7, WEEKEND) | (days == (-1 if scenario.holiday is None else scenario.holiday))
    return weekend


def _means(scenario: Scenario, rng: np.random.Generator, days: Floats) -> Floats:
    """The mean of each feature at each row, (F, N), or 0."""
    means = np.zeros((scenario.features, 1))
    day = days.astype(np.int64)
    seen = days + _ahead(scenario, day) / 24
    if scenario.daily:
        # Features peak at different hours.
        phases = np.arange(scenario.features)[:, np.newaxis] / scenario.features
        means = means + scenario.daily * np.sin(2 * np.pi * (seen + phases))
    if scenario.weekend:
        means = means + scenario.weekend * _is_weekend(scenario, seen.astype(np.int64))
    if scenario.day_effects:
        effects = rng.normal(0, scenario.day_effects, (scenario.features, int(day[-1]) + 1))
        means = means + effects[:, day]
    return means
