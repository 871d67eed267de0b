"""Many simulated models of each scenario, side by side. Results are kept, so that a run can be continued."""

import hashlib
import json
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from bench.alarms.history import A_DAY, QUARTERS, History
from bench.alarms.late import LateHistory
from bench.alarms.past import table_of
from bench.alarms.replay import Replay, drift_openings
from bench.alarms.scenarios import (
    DRIFTING,
    FROM_THE_FIRST_HOUR,
    LIVES,
    MORE_DRIFTING,
    MORE_QUIET,
    QUIET,
    Scenario,
    since_first_row,
    traffic,
)
from bench.columns import baseline
from bench.environments import ROOT
from driftguard.counting.profiles import Table
from driftguard.models.settings import ModelSettings

type Variant = Literal["budget", "timestamps", "p_value"]
"""The rule `budget` without and with timestamps in the baseline, or the rule `p_value`."""

WARM_DAYS = 14
"""Days of traffic before the month that is looked at. They are looked at apart."""
MONTH = 30
EVERY: dict[Variant, int] = {"budget": 1, "timestamps": 1, "p_value": QUARTERS}
"""Quarters of an hour between checks. Under `p_value` an alert is open most of the time, so that hardly a check can be
left out: they run by the hour, which raises slightly fewer alarms."""

DAYS = WARM_DAYS + MONTH
WEEKS = -(-DAYS // 7)
WATCHED_DAYS = 23
"""How long drift goes on before it counts as not found: what is left when it sets in on the last day of a week."""

MONTH_SECONDS, DELAY_SECONDS, LIFE_SECONDS, LATE_SECONDS, P_VALUE_SECONDS = 8.0, 6.0, 12.0, 40.0, 20.0
"""Processor time of one model with 10 features and 10,000 rows a week, with both variants: a quiet month, a delay, a
life, and a model with late rows, whose checks are all run. The last is what the rule `p_value` adds. Only estimates use
these numbers."""

SEED = 20_261_123
KEPT = ROOT / ".local" / "bench-alarms.jsonl"
"""Results of earlier runs with the same code, one line per model."""


@dataclass(frozen=True)
class Size:
    """How many rows come in a week, and how many make the baseline."""

    rows_a_week: int
    baseline_rows: int


USUAL = Size(10_000, 10_000)
SMALL = Size(1_000, 1_000)
LARGE = Size(100_000, 100_000)


@dataclass(frozen=True)
class Plan:
    """One row of the tables: which traffic, how many models are simulated, and for how many also under `p_value`."""

    scenario: Scenario
    size: Size
    models: int
    p_value: int = 0

    @property
    def name(self) -> str:
        """What is simulated, in words."""
        return f"{self.scenario.name}, {self.size.rows_a_week:,} rows a week"

    def seconds(self, number: int) -> float:
        """About how long one model takes on one processor, as measured once. Corrected while the simulation runs."""
        scenario, size = self.scenario, self.size
        if scenario.late:
            one = LATE_SECONDS
        elif scenario in LIVES:
            one = LIFE_SECONDS
        else:
            one = DELAY_SECONDS if scenario.drifting else MONTH_SECONDS
        one *= (scenario.features / 10) * math.sqrt(max(size.rows_a_week / USUAL.rows_a_week, 1))
        return one + (P_VALUE_SECONDS if number < self.p_value else 0.0)


def plans(effort: float, *, others: bool) -> list[Plan]:
    """What is simulated. `effort` scales the numbers of models. others: what is not in the first tables."""

    def some(number: float) -> int:
        return max(2, round(number * effort))

    if not others:
        return [
            *(Plan(scenario, USUAL, some(100), some(5)) for scenario in QUIET),
            *(Plan(scenario, USUAL, some(100)) for scenario in (*DRIFTING, *FROM_THE_FIRST_HOUR)),
            *(Plan(scenario, USUAL, some(20)) for scenario in LIVES),
        ]
    mean = next(scenario for scenario in DRIFTING if scenario.name == "mean 0.5 σ")
    both = [scenario for scenario in QUIET if scenario.name in ("independent rows", "cycle and weekend")]
    return [
        *(Plan(scenario, size, some(100)) for size in (SMALL, LARGE) for scenario in (*both, mean)),
        *(Plan(scenario, USUAL, some(20 if scenario.late else 100)) for scenario in (*MORE_QUIET, *MORE_DRIFTING)),
    ]


@dataclass(frozen=True)
class Month:
    """A model without drift. alarms: drift alerts that opened in its month, quality: alerts about data quality.
    young: drift alerts in the first 14 days. firing: the share of the month's checks that found drift or poor
    quality, of those that were not left out."""

    variant: Variant
    alarms: int
    quality: int
    young: int
    firing: float


@dataclass(frozen=True)
class Delay:
    """A model with drift. hours: from its setting in to the alert, None when none came."""

    variant: Variant
    hours: float | None


@dataclass(frozen=True)
class Life:
    """A model with one change, checked by the hour. alerts: drift alerts that opened, each once."""

    variant: Variant
    alerts: int


@dataclass(frozen=True)
class Outcome:
    """What came of one plan."""

    plan: Plan
    months: Sequence[Month]
    delays: Sequence[Delay]
    lives: Sequence[Life]


def simulate(plans: Sequence[Plan], jobs: int, say: Callable[[str], None], kept: Path = KEPT) -> list[Outcome]:
    """Every plan's models, `jobs` at a time. Models whose results are in the file `kept` are not simulated again."""
    outcomes, known, code = [], _known(kept), _code()
    kept.parent.mkdir(parents=True, exist_ok=True)
    keys = [[f"{code} {plan.name} {number < plan.p_value} {number}" for number in range(plan.models)] for plan in plans]
    missing = [[number for number, key in enumerate(own) if key not in known] for own in keys]
    progress = Progress.of(plans, missing, jobs)
    say(f"{progress} Finished models are kept in {kept}, so a stopped run continues there.")
    with ProcessPoolExecutor(jobs) as pool, kept.open("a", encoding="utf-8") as file:
        for place, plan in enumerate(plans):
            begun = time.monotonic()
            for number, found in zip(missing[place], pool.map(partial(_model, plan), missing[place]), strict=True):
                known[keys[place][number]] = found
                file.write(json.dumps([keys[place][number], found]) + "\n")
                file.flush()
            items = [item for key in keys[place] for item in known[key]]
            outcomes.append(
                Outcome(
                    plan,
                    [Month(**item) for item in items if "alarms" in item],
                    [Delay(**item) for item in items if "hours" in item],
                    [Life(**item) for item in items if "alerts" in item],
                )
            )
            took = time.monotonic() - begun
            progress.add(plan, missing[place], took)
            say(f"{place + 1:2}/{len(plans)}  {plan.name}  {took:.0f} s  {progress}")
    return outcomes


@dataclass
class Progress:
    """How long the models that are left will take. speed: seconds on the clock for each second of the estimate."""

    models: int
    seconds: float
    jobs: int
    speed: float
    done: float = 0.0
    took: float = 0.0

    @classmethod
    def of(cls, plans: Sequence[Plan], missing: Sequence[Sequence[int]], jobs: int) -> "Progress":
        """Return the estimate for the models that are missing of each plan."""
        seconds = sum(plan.seconds(number) for plan, own in zip(plans, missing, strict=True) for number in own)
        return cls(sum(map(len, missing)), seconds, jobs, 1 / jobs)

    def add(self, plan: Plan, numbers: Sequence[int], took: float) -> None:
        """Take account of models that were simulated."""
        estimated = sum(plan.seconds(number) for number in numbers)
        self.models -= len(numbers)
        self.seconds -= estimated
        self.done += estimated
        self.took += took
        if self.done:
            self.speed = self.took / self.done

    def __str__(self) -> str:
        minutes = self.seconds * self.speed / 60
        return f"{self.models} models left, about {minutes:.0f} minutes with {self.jobs} processes."


def jobs() -> int:
    """As many processes as there are cores for this one."""
    return min(os.process_cpu_count() or 1, 8)


def _known(kept: Path) -> dict[str, list[dict[str, Any]]]:
    if not kept.exists():
        return {}
    return dict(json.loads(line) for line in kept.read_text(encoding="utf-8").splitlines())


def _code() -> str:
    """Return a digest of all that decides about results."""
    digest = hashlib.blake2b(digest_size=6)
    folders = ("statistics", "counting", "verdicts", "alerts", "distributions")
    sources = [path for room in folders for path in (ROOT / "layers/driftguard/driftguard" / room).rglob("*.py")]
    own = ("history", "late", "parts", "past", "replay", "scenarios", "simulation")
    for path in sorted([*sources, *(Path(__file__).with_name(f"{name}.py") for name in own)]):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _model(plan: Plan, number: int) -> list[dict[str, Any]]:
    scenario, size = plan.scenario, plan.size
    name = int.from_bytes(hashlib.blake2b(scenario.name.encode(), digest_size=8).digest())
    rng = np.random.default_rng([SEED, name, size.rows_a_week, number])
    reference = traffic(scenario, rng, weeks=1, rows_a_week=size.baseline_rows)
    # Drift sets in at any hour of any day of a week, or with the first row.
    onset = (
        (scenario.begins / 24 if scenario.at_start else WARM_DAYS + 7 * rng.random()) if scenario.drifting else np.inf
    )
    rows = traffic(scenario, rng, weeks=WEEKS, rows_a_week=size.rows_a_week, onset=onset)
    rows = since_first_row(scenario, rows)
    base = baseline(reference.values, scenario.baseline_days, as_categories=reference.categories)
    history = (LateHistory if scenario.late else History)(base, rows, DAYS)
    variants: list[Variant] = ["budget", "timestamps"]
    variants += ["p_value"] if number < plan.p_value else []
    table = table_of(history.layout, base, reference)
    return [asdict(found) for variant in variants for found in _measured(scenario, history, variant, table, onset)]


def _measured(
    scenario: Scenario, history: History, variant: Variant, table: Table, onset: float
) -> Iterator[Month | Delay | Life]:
    settings = ModelSettings(rule="p_value" if variant == "p_value" else "budget")
    timed = table if variant == "timestamps" else None
    if scenario.late:
        # What may fire is computed for a day at once, so rows that arrive later need every check. They run by the hour.
        start = int(onset * 24) * QUARTERS if np.isfinite(onset) else 0
        hourly = Replay(history, settings, start, timed, skipping=False, every=QUARTERS)
        yield Delay(variant, _delay(hourly, onset)) if np.isfinite(onset) else _month(hourly, variant)
        return
    if scenario in LIVES:
        openings = Replay(history, settings, 0, timed, every=QUARTERS).run(DAYS * A_DAY)
        yield Life(variant, len(drift_openings(openings)))
    elif np.isfinite(onset):
        yield Delay(variant, _delay(Replay(history, settings, int(onset * A_DAY), timed), onset))
    else:
        start = WARM_DAYS * A_DAY if variant == "p_value" else 0
        yield _month(Replay(history, settings, start, timed, every=EVERY[variant]), variant)


def _month(replay: Replay, variant: Variant) -> Month:
    openings = replay.run(DAYS * A_DAY)
    drift = drift_openings(openings)
    young = [opening for opening in drift if opening.quarter <= WARM_DAYS * A_DAY]
    return Month(
        variant,
        alarms=len(drift) - len(young),
        quality=len(openings) - len(drift),
        young=len(young),
        firing=replay.firing_checks / (MONTH * A_DAY / EVERY[variant]),
    )


def _delay(replay: Replay, onset: float) -> float | None:
    openings = replay.run(replay.start + WATCHED_DAYS * A_DAY, until_opened=True)
    return (openings[0].quarter - onset * A_DAY) * 24 / A_DAY if openings else None
