"""The traffic of simulated models: when rows come, and how each feature's distribution moves with time.

All features are normal with mean 0 and standard deviation (σ) 1 but for what a scenario says. The KS test does not ask
for the distribution, so nothing is lost by that.
"""

from dataclasses import dataclass

import numpy as np

from bench.columns import Floats, Ints

HOUR = 3_600_000
"""Milliseconds."""
DAY = 24 * HOUR
WEEK = 7 * DAY
MONDAY = 2_951 * WEEK + 4 * DAY
"""A Monday, 00:00 UTC, in milliseconds since the epoch: day 0 of every simulation."""

WEEKEND = (5, 6)


@dataclass(frozen=True)
class Scenario:
    """One kind of traffic.

    daily: how far the mean swings with the hour of the day, in σ; the traffic swings with it.
    weekend: by how much the mean is higher on Saturday and Sunday, in σ; half as many rows come then.
    day_effects: the standard deviation of each day's own shift of the mean, for each feature apart, in σ.
    shift: by how much the mean moves when drift sets in, in σ; ramp_days: over how many days.
    scale: by how much the standard deviation grows then. drifting: how many of the features do so.
    """

    name: str
    features: int = 10
    daily: float = 0.0
    weekend: float = 0.0
    day_effects: float = 0.0
    shift: float = 0.0
    scale: float = 1.0
    ramp_days: float = 0.0
    drifting: int = 0

    @property
    def baseline_days(self) -> int | None:
        """The whole days that the baseline covers, where days differ; of independent rows nobody knows."""
        return 7 if self.daily or self.weekend or self.day_effects else None


QUIET = (
    Scenario("independent rows"),
    Scenario("day/night cycle", daily=0.5),
    Scenario("weekend step", weekend=0.5),
    Scenario("cycle and weekend", daily=0.5, weekend=0.5),
    Scenario("day effects, sd 0.02 σ", day_effects=0.02),
    Scenario("day effects, sd 0.05 σ", day_effects=0.05),
    Scenario("day effects, sd 0.1 σ", day_effects=0.1),
)

DRIFTING = (
    Scenario("mean 0.1 σ", shift=0.1, drifting=1),
    Scenario("mean 0.25 σ", shift=0.25, drifting=1),
    Scenario("mean 0.5 σ", shift=0.5, drifting=1),
    Scenario("mean 0.5 σ, all features", shift=0.5, drifting=10),
    Scenario("scale 1.5", scale=1.5, drifting=1),
    Scenario("3-day ramp to 0.5 σ", shift=0.5, ramp_days=3, drifting=1),
    Scenario("mean 0.5 σ, 1 of 50", features=50, shift=0.5, drifting=1),
    Scenario("mean 0.5 σ, day effects", shift=0.5, day_effects=0.05, drifting=1),
)


@dataclass(frozen=True)
class Traffic:
    """Rows in order of time. times: int64 (N,), milliseconds since the epoch. values: float64 (F, N)."""

    times: Ints
    values: Floats


def traffic(
    scenario: Scenario, rng: np.random.Generator, *, weeks: int, rows_a_week: int, onset: float = np.inf
) -> Traffic:
    """Exactly `weeks` · `rows_a_week` rows from MONDAY on. onset: days after which drift sets in."""
    times = _times(scenario, rng, weeks * 7, weeks * rows_a_week)
    values = rng.standard_normal((scenario.features, len(times)))
    since = times / DAY
    means = _means(scenario, rng, since)
    after = since - onset
    begun = after >= 0
    if scenario.drifting and begun.any():
        strength = np.where(begun, np.clip(after / scenario.ramp_days, 0, 1) if scenario.ramp_days else 1.0, 0.0)
        moved = values[: scenario.drifting]
        moved *= np.where(begun, scenario.scale, 1.0)
        moved += scenario.shift * strength
    values += means
    return Traffic(times + MONDAY, values)


def _times(scenario: Scenario, rng: np.random.Generator, days: int, rows: int) -> Ints:
    """Milliseconds from the start, ascending: a Poisson process of the scenario's rate, given its number of rows."""
    hours = np.arange(days * 24)
    rate = 1 + 0.8 * np.sin(2 * np.pi * (hours % 24) / 24) if scenario.daily else np.ones(len(hours))
    if scenario.weekend:
        rate = rate * np.where(np.isin(hours // 24 % 7, WEEKEND), 0.5, 1.0)
    until = np.cumsum(rate)
    draws = np.sort(rng.random(rows)) * until[-1]
    hour = np.searchsorted(until, draws, side="right")
    within = (draws - (until - rate)[hour]) / rate[hour]
    times: Ints = ((hour + np.clip(within, 0, 1 - 1e-9)) * HOUR).astype(np.int64)
    return times


def _means(scenario: Scenario, rng: np.random.Generator, days: Floats) -> Floats:
    """The mean of each feature at each row, (F, N), or 0."""
    means = np.zeros((scenario.features, 1))
    if scenario.daily:
        # Features peak at different hours.
        phases = np.arange(scenario.features)[:, np.newaxis] / scenario.features
        means = means + scenario.daily * np.sin(2 * np.pi * (days + phases))
    day = days.astype(np.int64)
    if scenario.weekend:
        means = means + scenario.weekend * np.isin(day % 7, WEEKEND)
    if scenario.day_effects:
        effects = rng.normal(0, scenario.day_effects, (scenario.features, int(day[-1]) + 1))
        means = means + effects[:, day]
    return means
