"""docs/alarms.md and its picture's data, from what was simulated."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

from bench import machine
from bench.alarms.estimates import Estimate, median, rate, share_within
from bench.alarms.scenarios import QUIET
from bench.alarms.simulation import CHECKS_OF_RULE, MONTH, USUAL, WARM_DAYS, WATCHED_DAYS, Month, Outcome
from bench.tables import number, table
from driftguard.models.settings import Rule

MOST_ALARMS = 0.05
"""False alarms a model-month that are allowed on rows whose days do not differ by chance."""
LONGEST_DELAY = 48
"""Hours in which a mean shifted by 0.5 σ must be found at USUAL."""
RULES: tuple[Rule, ...] = ("budget", "p_value")


def document(outcomes: Sequence[Outcome], minutes: float) -> str:
    """The whole page."""
    quiet = [outcome for outcome in outcomes if not outcome.plan.scenario.drifting]
    drifting = [outcome for outcome in outcomes if outcome.plan.scenario.drifting]
    findings = sum(month.quality for outcome in quiet for month in outcome.months)
    months = sum(len(outcome.months) for outcome in quiet)
    return f"""# False alarms and missed drift

Written by `make bench-alarms` in {minutes:.0f} minutes. {machine.describe()}

{_method()}
![False alarms a model-month, and how soon drift is found](img/alarms.png)

## Without drift: false alarms a model-month

{_quiet_table(quiet)}
Alerts about drift, each counted when it opens, with 95 % intervals. *First {WARM_DAYS} days*: alerts that a new model
raised before its month was looked at; those of the first 7 are marked as preliminary, since daily and
weekly cycles are not averaged before then. *Months with any*, *checks that fire*: under `p_value`.
Alerts about data quality in all these {months} model-months: {findings}.

## With drift: hours until the alert

{_drift_table(drifting)}
Medians with 95 % intervals; *never* is not within {WATCHED_DAYS} days. Under `p_value` much of the speed is luck: its
false alarms come at any time, also right after drift sets in.

## What was asked for

{_verdicts(quiet, drifting)}"""


def _method() -> str:
    by_hour = 15 * CHECKS_OF_RULE["p_value"]
    return f"""Each model is simulated on its own: a baseline is drawn, {WARM_DAYS} days of traffic, then a month of
{MONTH} days. The product's code counts the rows, and every 15 minutes its verdict and its alert transitions run on
the window of the last 7 days, with the clock as an argument (`p_value` without drift every {by_hour} minutes: more
checks would find slightly more). A check is left out when no alert is open and no test could fire, which a unit test
shows to change nothing. Rows come as a Poisson process, features are normal and independent of each other.

- *independent rows*: the baseline is as many independent rows, its `days` not given.
- *day/night cycle*: the mean swings by ±0.5 σ over the day, each feature at its own hour, and the traffic by ±80 %.
- *weekend step*: the mean is 0.5 σ higher on Saturday and Sunday, with half the traffic.
- *day effects*: each feature's mean shifts every day anew, normal with that standard deviation. For these and the
  cycles the baseline covers a week of such traffic, with `days: 7`.
- *with drift*: it sets in at any time of the week and stays; in one of the 10 features unless said otherwise.
"""


def _quiet_table(outcomes: Iterable[Outcome]) -> str:
    head = [
        "traffic",
        "rows a week",
        "`budget`",
        "model-months",
        f"first {WARM_DAYS} days",
        "`p_value`",
        "model-months",
        "months with any",
        "checks that fire",
    ]
    rows = []
    for outcome in outcomes:
        budget, p_value = (_months(outcome, rule) for rule in RULES)
        rows.append(
            [
                outcome.plan.scenario.name,
                f"{outcome.plan.size.rows_a_week:,}",
                _interval(rate([month.alarms for month in budget])),
                str(len(budget)),
                _interval(rate([month.young for month in budget])),
                _interval(rate([month.alarms for month in p_value])),
                str(len(p_value)),
                f"{sum(month.alarms > 0 for month in p_value) / len(p_value):.0%}",
                f"{sum(month.firing for month in p_value) / len(p_value):.0%}",
            ]
        )
    return table(head, rows)


def _drift_table(outcomes: Iterable[Outcome]) -> str:
    head = [
        "drift",
        "rows a week",
        "`budget`",
        f"in {LONGEST_DELAY} h",
        f"in {WATCHED_DAYS} days",
        "`p_value`",
        f"in {WATCHED_DAYS} days",
        "models",
    ]
    rows = []
    for outcome in outcomes:
        budget, p_value = (_hours(outcome, rule) for rule in RULES)
        rows.append(
            [
                outcome.plan.scenario.name,
                f"{outcome.plan.size.rows_a_week:,}",
                _interval(median(budget)),
                f"{share_within(budget, LONGEST_DELAY):.0%}",
                f"{share_within(budget, WATCHED_DAYS * 24):.0%}",
                _interval(median(p_value)),
                f"{share_within(p_value, WATCHED_DAYS * 24):.0%}",
                str(len(budget)),
            ]
        )
    return table(head, rows)


def _verdicts(quiet: Iterable[Outcome], drifting: Iterable[Outcome]) -> str:
    rows = []
    for outcome in quiet:
        if outcome.plan.scenario.day_effects:
            continue
        found = rate([month.alarms for month in _months(outcome, "budget")])
        rows.append(
            [
                outcome.plan.name,
                f"at most {MOST_ALARMS} false alarms a model-month",
                _interval(found),
                _met(found.value, found.high, MOST_ALARMS),
            ]
        )
    for outcome in drifting:
        if outcome.plan.scenario.name == "mean 0.5 σ" and outcome.plan.size == USUAL:
            delay = median(_hours(outcome, "budget"))
            rows.append(
                [
                    outcome.plan.name,
                    f"found in at most {LONGEST_DELAY} h",
                    _interval(delay) + " h",
                    _met(delay.value, delay.high, LONGEST_DELAY),
                ]
            )
    return table(["traffic", "limit", "`budget`", ""], rows)


def _met(value: float, high: float, limit: float) -> str:
    if value > limit:
        return "**missed**"
    return "met" if high <= limit else "met, but the interval reaches beyond"


def _months(outcome: Outcome, rule: Rule) -> list[Month]:
    return [month for month in outcome.months if month.rule == rule]


def _hours(outcome: Outcome, rule: Rule) -> list[float]:
    delays = [delay.hours for delay in outcome.delays if delay.rule == rule]
    return [math.inf if hours is None else hours for hours in delays]


def _interval(estimate: Estimate) -> str:
    return f"{_shown(estimate.value)} ({_shown(estimate.low)}–{_shown(estimate.high)})"


def _shown(value: float) -> str:
    return "never" if math.isinf(value) else number(value, 2)


def picture(outcomes: Iterable[Outcome]) -> dict[str, Any]:
    """What the picture shows, as JSON: only the models of the usual size."""
    usual = [outcome for outcome in outcomes if outcome.plan.size == USUAL]
    quiet = {scenario.name for scenario in QUIET}
    return {
        "alarms": [
            {
                "name": outcome.plan.scenario.name,
                **{rule: vars(rate([month.alarms for month in _months(outcome, rule)])) for rule in RULES},
            }
            for outcome in usual
            if outcome.plan.scenario.name in quiet
        ],
        "limit": MOST_ALARMS,
        "delays": [
            {
                "name": outcome.plan.scenario.name,
                "models": len(_hours(outcome, "budget")),
                "hours": sorted(hours for hours in _hours(outcome, "budget") if math.isfinite(hours)),
            }
            for outcome in usual
            if outcome.plan.scenario.name not in quiet
        ],
        "longest": LONGEST_DELAY,
    }
