"""Finds since when a window's score has been above its limit, on the counts of earlier days."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import partial

import numpy as np

from driftguard.counting.counts import Counts
from driftguard.counting.layout import layout_of
from driftguard.counting.profiles import HOURS
from driftguard.distributions.baseline import Baseline
from driftguard.models.settings import ModelSettings
from driftguard.statistics.arrays import Flags
from driftguard.verdicts.drift import drift_tests
from driftguard.verdicts.rules import Rules
from driftguard.verdicts.week import Week

MOST_DAYS = 28
"""Days before today to which an onset is followed back."""


def week_onsets(
    baseline: Baseline,
    settings: ModelSettings,
    week: Week,
    features: Collection[int],
    days: Mapping[int, Counts],
    hours_of: Callable[[int], Mapping[int, Counts]],
    now_hour: int,
) -> dict[int, int]:
    """Return for each feature the hour since 1970 from which the week part has fired without a break.

    The windows of earlier days end with the day, and those of the first day above the limit end with its hours.

    Args:
        baseline: what the windows are compared with.
        settings: the limits.
        week: how much the values vary, as known now.
        features: the features that fire now.
        days: the counts of the last MOST_DAYS + `window_days` days before today. Days without rows may be absent.
        hours_of: returns the counts of the hours of a day.
        now_hour: the running hour since 1970.
    """
    fires = partial(_fires, baseline, Rules.of(layout_of(baseline), settings), week)
    today, length = now_hour // HOURS, settings.window_days
    first_days = dict.fromkeys(features, today)
    still = set(features)
    for day in range(today - 1, today - 1 - MOST_DAYS, -1):
        flags = fires(_sum(baseline, days, day - length + 1, day))
        still = {place for place in still if flags[place]}
        if not still:
            break
        first_days |= dict.fromkeys(still, day)
    onsets: dict[int, int] = {}
    for day in set(first_days.values()):
        whole = _sum(baseline, days, day - length + 1, day - 1)
        of_day = [place for place in features if first_days[place] == day]
        last = min(now_hour, day * HOURS + HOURS - 1)
        onset = dict.fromkeys(of_day, last)
        fired_before = dict.fromkeys(of_day, False)
        hours, leaving = hours_of(day), hours_of(day - length)
        for hour in range(day * HOURS, last + 1):
            inside = [counts for at, counts in hours.items() if at <= hour]
            inside += [counts for at, counts in leaving.items() if at > hour - length * HOURS]
            flags = fires(sum(inside, whole))
            for place in of_day:
                if flags[place] and not fired_before[place]:
                    onset[place] = hour
                fired_before[place] = bool(flags[place])
        onsets |= {place: hour if fired_before[place] else last for place, hour in onset.items()}
    return onsets


def _fires(baseline: Baseline, rules: Rules, week: Week, window: Counts) -> Flags:
    covered = replace(week, covered=np.ones(len(week.covered), np.bool_))
    return drift_tests(layout_of(baseline), window, covered, rules, baseline_days=baseline.days).fired


def _sum(baseline: Baseline, days: Mapping[int, Counts], first: int, last: int) -> Counts:
    total = Counts.empty(baseline)
    for day in range(first, last + 1):
        if day in days:
            total += days[day]
    return total
