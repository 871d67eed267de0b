"""docs/alarms.md and its picture's data, from what was simulated."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

from bench import machine
from bench.alarms.estimates import Estimate, quantile, rate
from bench.alarms.scenarios import DRIFTING, QUIET
from bench.alarms.simulation import EVERY, MONTH, USUAL, WARM_DAYS, WATCHED_DAYS, Month, Outcome, Variant
from bench.tables import number, table

MOST_ALARMS = 0.05
"""False alarms a model-month that are allowed on rows whose days do not differ by chance."""
VARIANTS: tuple[Variant, ...] = ("budget", "timestamps")
COLUMNS = {"budget": "without timestamps", "timestamps": "with timestamps"}

DESIGNED: dict[str, tuple[str, str]] = {
    "mean 0.25 σ": ("37", "14.5"),
    "mean 0.5 σ": ("4.7 / 11.5", "2.9 / 9.4"),
    "mean 1 σ": ("1.8", "1.6"),
    "scale 1.5": ("8.7", "5.0"),
    "3-day ramp to 0.5 σ": ("48", "40"),
    "mean 0.5 σ, day effects 0.1 σ": ("63", "13"),
    "mean 1 σ, from the first hour": ("24", "3.5"),
    "constant, from the first hour": ("2.8", "1.0"),
    "× 100, from the first hour": ("1.8", "0.9"),
}
"""Hours in the simulation that the rules come from, for comparison: the median, and the 90 % quantile."""


def document(outcomes: Sequence[Outcome], minutes: float) -> str:
    """The whole page."""
    lives = [one for one in outcomes if one.lives]
    quiet, drifting = _split(one for one in outcomes if not one.lives)
    return f"""# False alarms and missed drift

This page shows how often DriftGuard raises a false alarm, and how soon it finds drift. The numbers come from
simulations. [statistics.md](statistics.md) explains the method. [evaluation.md](evaluation.md) has alarms on real data,
and [alarms-other-traffic.md](alarms-other-traffic.md) has other sizes and kinds of traffic.

Written by `make bench-alarms` in {minutes:.0f} minutes. {machine.describe()}

{_method()}
![False alarms per model-month, and hours until drift is found](img/alarms.png)

## Without drift: false alarms

{_quiet_table(quiet)}
Drift alerts per model and month, with 95 % intervals. Each alert counts once, when it opens. The last two columns show
the classic rule for comparison: false alarms per model and month with `p_value`, checked every
{15 * EVERY["p_value"]} minutes.
Alerts about data quality in all these models: {_quality(quiet)}.

## With drift: hours until the alert

{_drift_table(drifting)}
Hours from the change to the alert: the median and the 90 % quantile of the models, with 95 % intervals. *Never* means
not within {WATCHED_DAYS} days. *Design* is the result of the independent simulation that the rules were designed with.

## One change, one alert

{_lives_table(lives)}
The number of models in which one change opened exactly one drift alert. Each model was checked hourly for
{WARM_DAYS + MONTH} days.
"""


def others_document(outcomes: Sequence[Outcome], minutes: float) -> str:
    """The page about other sizes and kinds of traffic."""
    quiet, drifting = _split(outcomes)
    return f"""# False alarms and missed drift on other traffic

This page continues [alarms.md](alarms.md), which explains the method and the columns. If a row has few models, its
intervals are wide.

Written by `make bench-alarms ALL=1`, whose last run took {minutes:.0f} min. `EFFORT=1` simulates 100 models for a row.
{machine.describe()}

- *50 features*: all of them are watched, and one of them drifts.
- *correlation 0.5*: a common factor moves all features.
- *users, 3 rows each*: rows of one user resemble each other.
- *holiday*: one working day has the rows of a Sunday. *burst*: one hour has 20 times the rows. *clock change*: from one
  day on, all cycles come an hour earlier. Each lies in the month that is counted.
- *weekend only*: rows come on Saturdays and Sundays.
- *late*: a tenth of the rows arrive a day after their time, and their mean is 0.5 σ higher.
- *missing*: the share of missing values, which rises where it drifts.

## Without drift: false alarms

{_quiet_table(quiet)}
Alerts about data quality in all these models: {_quality(quiet)}.

## With drift: hours until the alert

{_drift_table(drifting)}"""


def _split(outcomes: Iterable[Outcome]) -> tuple[list[Outcome], list[Outcome]]:
    listed = list(outcomes)
    return [one for one in listed if not one.plan.scenario.drifting], [
        one for one in listed if one.plan.scenario.drifting
    ]


def _method() -> str:
    return f"""Each model is simulated by itself: a baseline of one week, {WARM_DAYS} days of traffic, then a month of
{MONTH} days. DriftGuard's own code counts the rows, learns daily what is normal, and checks every 15 minutes. The
simulation sets its clock. Alerts open and resolve by DriftGuard's own rules. To save time, a check is skipped
if no alert is open and no part could find drift. A unit test shows that this changes no result. Rows arrive as
a Poisson process. Features have a normal distribution.

- *independent rows*: the baseline has independent rows, without `days`.
- *day/night cycle*: the mean moves by ±0.5 σ over the day, each feature at its own hour, and the traffic by ±80 %.
- *weekend step*: on Saturday and Sunday, the mean is 0.5 σ higher and the traffic is half as high.
- *day effects*: each day, the mean of each feature shifts at random, normally with that standard deviation.
- *with drift*: one of 10 features drifts, on traffic with a cycle and a weekend step. Drift begins at any time of the
  third week, or with the first row.
"""


def _quiet_table(outcomes: Sequence[Outcome]) -> str:
    head = ["traffic", "rows per week", "models"]
    head += [f"first {WARM_DAYS} days, {COLUMNS[variant]}" for variant in VARIANTS]
    head += [f"a month later, {COLUMNS[variant]}" for variant in VARIANTS]
    head += ["`p_value`", "models"]
    rows = [
        [one.plan.scenario.name, f"{one.plan.size.rows_a_week:,}", *_rates([one])] for one in outcomes if one.months
    ]
    return table(head, [*rows, ["all", "", *_rates(outcomes)]])


def _rates(outcomes: Sequence[Outcome]) -> list[str]:
    months = {variant: _months(outcomes, variant) for variant in (*VARIANTS, "p_value")}
    classic = months["p_value"]
    return [
        str(len(months["budget"])),
        *(_interval(rate([month.young for month in months[variant]])) for variant in VARIANTS),
        *(_interval(rate([month.alarms for month in months[variant]])) for variant in VARIANTS),
        _interval(rate([month.alarms for month in classic])) if classic else "",
        str(len(classic)) if classic else "",
    ]


def _drift_table(outcomes: Sequence[Outcome]) -> str:
    head = ["drift", "rows per week", "models"]
    for variant in VARIANTS:
        head += [f"median, {COLUMNS[variant]}", "90 %", "design"]
    rows = []
    for one in outcomes:
        row = [one.plan.scenario.name, f"{one.plan.size.rows_a_week:,}", str(one.plan.models)]
        for variant, designed in zip(VARIANTS, DESIGNED.get(one.plan.scenario.name, ("", "")), strict=True):
            hours = _hours(one, variant)
            usual = one.plan.size == USUAL
            row += [_interval(quantile(hours, 0.5)), _interval(quantile(hours, 0.9)), designed if usual else ""]
        rows.append(row)
    return table(head, rows)


def _lives_table(outcomes: Sequence[Outcome]) -> str:
    rows = []
    for one in outcomes:
        alerts = {variant: [life.alerts for life in one.lives if life.variant == variant] for variant in VARIANTS}
        shares = [f"{found.count(1)} of {len(found)}" for found in alerts.values()]
        rows.append([one.plan.scenario.name, *shares])
    return table(["change", *COLUMNS.values()], rows)


def _quality(outcomes: Sequence[Outcome]) -> int:
    return sum(month.quality for variant in VARIANTS for month in _months(outcomes, variant))


def _months(outcomes: Sequence[Outcome], variant: Variant) -> list[Month]:
    return [month for outcome in outcomes for month in outcome.months if month.variant == variant]


def _hours(outcome: Outcome, variant: Variant) -> list[float]:
    delays = [delay.hours for delay in outcome.delays if delay.variant == variant]
    return [math.inf if hours is None else hours for hours in delays]


def _interval(estimate: Estimate) -> str:
    return f"{_shown(estimate.value)} ({_shown(estimate.low)}–{_shown(estimate.high)})"


def _shown(value: float) -> str:
    return "never" if math.isinf(value) else number(value, 2)


def picture(outcomes: Iterable[Outcome]) -> dict[str, Any]:
    """What the picture shows, as JSON: only the models of the usual size in the first tables."""
    usual = {one.plan.scenario.name: one for one in outcomes if one.plan.size == USUAL}
    return {
        "alarms": [
            {
                "name": scenario.name,
                **{
                    variant: vars(rate([month.alarms for month in _months([usual[scenario.name]], variant)]))
                    for variant in (*VARIANTS, "p_value")
                },
            }
            for scenario in QUIET
            if scenario.name in usual
        ],
        "limit": MOST_ALARMS,
        "delays": [
            {
                "name": scenario.name,
                "models": len(_hours(usual[scenario.name], "budget")),
                "hours": sorted(hours for hours in _hours(usual[scenario.name], "budget") if math.isfinite(hours)),
            }
            for scenario in DRIFTING
            if scenario.name in usual
        ],
    }
