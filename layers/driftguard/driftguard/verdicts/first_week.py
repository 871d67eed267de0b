"""The first week of a model: whole days against the baseline, with a tolerance for daily and weekly cycles.

Without timestamps in the baseline, nobody knows yet what is normal at which hour. A window of whole days has no daily
cycle but may hold any part of the week, so a difference counts only above `first_week_score`.
"""

import numpy as np

from driftguard.counting.layout import MERGED, Layout
from driftguard.counting.profiles import HOURS
from driftguard.distributions.numbers import Numbers
from driftguard.statistics.arrays import Flags, Floats, Ints
from driftguard.statistics.stratified import compare, indicators
from driftguard.verdicts.comparison import Comparison
from driftguard.verdicts.parts import PartTests
from driftguard.verdicts.rules import Rules

MOST_DAYS = 6

FEW = 12
"""Features with at most so many distinct values are only tested for being broken."""

LEAST_V = 0.5
"""Pairs of hours and indicators with a smaller variance say nothing about φ."""

STAYS = 0.8
"""An open alert stays open while D is above this part of its limit."""


def first_week_tests(
    layout: Layout,
    comparison: Comparison,
    rules: Rules,
    c: Floats,
    window_days: int,
    starts: Ints,
) -> PartTests:
    """Test windows of the last 24, 48, … hours that are covered.

    D > first_week_score + c·√(φ_h(1/n + 1/m)), with D over the tenths of the baseline, and with φ_h from `hourly_phi`.
    Of all windows, the result is that of the window which is furthest above its limit.

    Args:
        layout: the baseline's features.
        comparison: the counts by hour of the last seven days.
        rules: the limits.
        c: (F,), the critical value of a model-month, see `budget.critical`.
        window_days: days of the window of the week part.
        starts: (F,), the hour before which no window of a feature begins.
    """
    features = len(layout.features)
    possible = rules.enabled & rules.budget & (layout.present > 0) & has_many_values(layout)
    groups = _hours(comparison, features)
    days = min(len(groups) // HOURS, MOST_DAYS, window_days - 1)
    if days < 1 or not possible.any():
        return PartTests.nothing(features)
    phi = hourly_phi(groups, layout.numeric)
    base = _cdf(layout.in_groups(layout.bins))
    found = []
    end = comparison.now_hour + 1
    for day in range(1, days + 1):
        own = groups[-day * HOURS :].sum(axis=0)
        n = own.sum(axis=-1)
        with np.errstate(divide="ignore"):
            noise = c * np.sqrt(phi * (1 / n.astype(np.float64) + 1 / np.maximum(layout.present, 1)))
        filled = possible & (n >= rules.min_samples * phi) & (starts <= end - day * HOURS)
        found.append((np.abs(_cdf(own) - base).max(axis=-1), rules.first_week_score + noise, filled))
    scores, limits, filled = (np.stack(one) for one in zip(*found, strict=True))
    above = np.where(filled, scores - limits, -np.inf)
    best = above.argmax(axis=0)
    score, limit = (np.take_along_axis(one, best[None], axis=0)[0] for one in (scores, limits))
    return PartTests(
        tested=filled.any(axis=0),
        fired=(above > 0).any(axis=0),
        holding=(filled & (scores > STAYS * limits)).any(axis=0),
        score=score,
        graded=score,
        limit=limit,
        hours=(best + 1) * HOURS,
    )


def hourly_phi(groups: Ints, numeric: Flags) -> Floats:
    """Return φ_h = max(1, mean of U²/V of neighbouring hours over indicators with V > 0.5): (F,).

    groups: (hours, F, 10). numeric: (F,). U and V are those of `statistics.stratified`, one hour against the next.
    """
    found = compare(groups[1:], groups[:-1], numeric)
    some = (found.v > LEAST_V) & indicators(numeric)
    ratios = np.divide(found.u**2, found.v, out=np.zeros_like(found.u), where=some)
    number = np.maximum(some.sum(axis=(0, 2)), 1)
    phi: Floats = np.maximum(ratios.sum(axis=(0, 2)) / number, 1.0)
    return phi


def has_many_values(layout: Layout) -> Flags:
    """Return which features are numeric with more than FEW distinct values in the baseline: bool (F,)."""
    return np.array([_many(one.values) for one in layout.features], np.bool_)


def _many(values: object) -> bool:
    return isinstance(values, Numbers) and (len(values.cuts) > FEW or not all(values.own))


def _hours(comparison: Comparison, features: int) -> Ints:
    """Return the counts of each hour from the first hour with rows up to the running hour: (hours, F, 10)."""
    end = comparison.now_hour + 1
    first = end if comparison.first_hour is None else max(comparison.first_hour, end - (MOST_DAYS + 1) * HOURS)
    groups = np.zeros((max(end - first, 0), features, MERGED), np.int64)
    for day, profile in comparison.profiles.items():
        start = day * HOURS - first
        inside = slice(max(start, 0), max(min(start + HOURS, len(groups)), 0))
        if inside.start < inside.stop:
            groups[inside] = profile.groups[inside.start - start : inside.stop - start]
    return groups


def _cdf(groups: Ints | Floats) -> Floats:
    totals = groups.sum(axis=-1, keepdims=True)
    cumulative: Floats = np.cumsum(groups, axis=-1) / np.maximum(totals, 1)
    return cumulative
