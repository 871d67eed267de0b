"""Many simulated models of each scenario, side by side."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np

from bench.alarms.history import A_DAY, QUARTERS, History
from bench.alarms.replay import Replay, drift_openings
from bench.alarms.scenarios import DRIFTING, QUIET, Scenario, traffic
from bench.columns import baseline
from driftguard.models.settings import ModelSettings, Rule

WARM_DAYS = 14
"""Days of traffic before the month that is looked at: until then the day-to-day overdispersion is not known."""
MONTH = 30
CHECKS_OF_RULE: dict[Rule, int] = {"budget": 1, "p_value": QUARTERS}
"""Quarters of an hour between the checks of a month. Under `p_value` an alert is open most of the time, so that hardly
a check can be left out: they run by the hour, which raises slightly fewer alarms."""

DAYS = WARM_DAYS + MONTH
WEEKS = -(-DAYS // 7)
WATCHED_DAYS = 23
"""How long drift goes on before it counts as not found: what is left when it sets in on the last day of a week."""

SEED = 20_261_123


@dataclass(frozen=True)
class Size:
    """How many rows come in a week, and how many make the baseline."""

    rows_a_week: int
    baseline_rows: int


USUAL = Size(10_000, 10_000)
LARGE = Size(100_000, 100_000)


@dataclass(frozen=True)
class Plan:
    """One row of the tables: which traffic, and how many models are simulated under each rule."""

    scenario: Scenario
    size: Size
    budget: int
    p_value: int

    @property
    def name(self) -> str:
        """What is simulated, in words."""
        return f"{self.scenario.name}, {self.size.rows_a_week:,} rows a week"


def plans(effort: float) -> list[Plan]:
    """All that is simulated; `effort` scales the numbers of models."""

    def some(number: float) -> int:
        return max(2, round(number * effort))

    large = [scenario for scenario in QUIET if scenario.name in ("independent rows", "cycle and weekend")]
    large += [scenario for scenario in DRIFTING if scenario.name == "mean 0.5 σ"]
    return [
        # Where the budget must hold, so many that none in all of them leaves no doubt about it.
        *(Plan(scenario, USUAL, some(60 if scenario.day_effects else 120), some(10)) for scenario in QUIET),
        *(Plan(scenario, USUAL, some(60), some(60)) for scenario in DRIFTING),
        *(
            Plan(scenario, LARGE, some(40 if scenario.drifting else 75), some(40 if scenario.drifting else 4))
            for scenario in large
        ),
    ]


@dataclass(frozen=True)
class Month:
    """A model without drift. alarms: drift alerts that opened in its month, quality: alerts about data quality.
    young: drift alerts in the first 14 days. firing: the share of the month's checks that found drift or poor
    quality."""

    rule: Rule
    alarms: int
    quality: int
    young: int
    firing: float


@dataclass(frozen=True)
class Delay:
    """A model with drift. hours: from its setting in to the alert, None when none came."""

    rule: Rule
    hours: float | None


@dataclass(frozen=True)
class Outcome:
    """What came of one plan."""

    plan: Plan
    months: Sequence[Month]
    delays: Sequence[Delay]


def simulate(plans: Sequence[Plan], jobs: int, say: Callable[[str], None]) -> list[Outcome]:
    """Every plan's models, `jobs` at a time."""
    outcomes = []
    with ProcessPoolExecutor(jobs) as pool:
        for place, plan in enumerate(plans):
            begun = time.monotonic()
            numbers = range(max(plan.budget, plan.p_value))
            chunk = max(1, len(numbers) // (jobs * 4))
            results = [*pool.map(partial(_model, plan), numbers, chunksize=chunk)]
            flat = [item for result in results for item in result]
            months = [item for item in flat if isinstance(item, Month)]
            delays = [item for item in flat if isinstance(item, Delay)]
            outcomes.append(Outcome(plan, months, delays))
            took = time.monotonic() - begun
            say(f"{place + 1:2}/{len(plans)}  {plan.name}  {took:.0f} s")
    return outcomes


def jobs() -> int:
    """As many processes as there are cores for this one."""
    return min(os.process_cpu_count() or 1, 8)


def _model(plan: Plan, number: int) -> list[Month | Delay]:
    scenario, size = plan.scenario, plan.size
    name = int.from_bytes(scenario.name.encode()[:16], "little")
    rng = np.random.default_rng([SEED, name, size.rows_a_week, number])
    reference = traffic(scenario, rng, weeks=1, rows_a_week=size.baseline_rows)
    # Drift sets in at any hour of any day of a week.
    onset = WARM_DAYS + 7 * rng.random() if scenario.drifting else np.inf
    rows = traffic(scenario, rng, weeks=WEEKS, rows_a_week=size.rows_a_week, onset=onset)
    history = History(baseline(reference.values, scenario.baseline_days), rows, DAYS)
    rules: list[Rule] = ["budget"] if number < plan.budget else []
    rules += ["p_value"] if number < plan.p_value else []
    return list(_measured(history, rules, onset))


def _measured(history: History, rules: Sequence[Rule], onset: float) -> Iterator[Month | Delay]:
    for rule in rules:
        settings = ModelSettings(rule=rule)
        if np.isfinite(onset):
            yield Delay(rule, _delay(history, settings, onset))
        else:
            yield _month(history, settings)


def _month(history: History, settings: ModelSettings) -> Month:
    young = Replay(history, settings, 0).run(WARM_DAYS * A_DAY) if settings.rule == "budget" else []
    every = CHECKS_OF_RULE[settings.rule]
    month = Replay(history, settings, WARM_DAYS * A_DAY, every=every)
    openings = month.run(DAYS * A_DAY)
    drift = drift_openings(openings)
    return Month(
        settings.rule,
        alarms=len(drift),
        quality=len(openings) - len(drift),
        young=len(drift_openings(young)),
        firing=month.firing_checks / (MONTH * A_DAY / every),
    )


def _delay(history: History, settings: ModelSettings, onset: float) -> float | None:
    start = onset * A_DAY
    openings = Replay(history, settings, int(start)).run(int(start) + WATCHED_DAYS * A_DAY, until_opened=True)
    return (openings[0].quarter - start) * 24 / A_DAY if openings else None
