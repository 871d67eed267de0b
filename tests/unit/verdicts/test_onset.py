"""Since when the week's score is above its limit."""

from functools import cache

import numpy as np
import pytest

from driftguard.counting.counts import Counts
from driftguard.counting.layout import layout_of
from driftguard.counting.profiles import HOURS
from driftguard.models.settings import ModelSettings
from driftguard.verdicts.drift import drift_tests
from driftguard.verdicts.onset import MOST_DAYS, week_onsets
from driftguard.verdicts.rules import Rules
from driftguard.verdicts.week import Week
from tests.unit.counting.worlds import MONDAY
from tests.unit.verdicts.lives import FEATURES, Life

WEEK = Week(np.full(FEATURES, 1.3), np.full(FEATURES, 0.001), np.full(FEATURES, 7.0), np.ones(FEATURES, np.bool_))


@cache
def life(begin: int, end: int = 10**6) -> Life:
    """A model of 50 days whose first feature is shifted in these hours."""
    return Life(50, lambda hour: 0.6 if begin <= hour < end else 0.0)


def onsets(of: Life, now: int, features: tuple[int, ...] = (0,)) -> dict[int, int]:
    """The onsets in hours since the first one. now: the running hour."""
    today = now // HOURS

    def hours(day: int) -> dict[int, Counts]:
        first = (day - MONDAY) * HOURS
        return {day * HOURS + hour: of.between(first + hour, first + hour) for hour in range(HOURS)}

    days = {
        MONDAY + day: of.between(day * HOURS, day * HOURS + HOURS - 1)
        for day in range(max(today - MOST_DAYS - 7, 0), today)
    }
    found = week_onsets(of.baseline, ModelSettings(), WEEK, features, days, hours, MONDAY * HOURS + now)
    return {place: hour - MONDAY * HOURS for place, hour in found.items()}


def fires(of: Life, first: int, last: int) -> bool:
    """Whether a window drifts."""
    layout = layout_of(of.baseline)
    tests = drift_tests(layout, of.between(first, last), WEEK, Rules.of(layout, ModelSettings()), baseline_days=7)
    return bool(tests.fired[0])


def test_the_onset_is_the_hour_from_which_the_score_stayed_above_the_limit() -> None:
    """Of the first day whose windows fire until now, it is the hour whose window fires as all later ones do."""
    begin = 30 * HOURS + 9
    onset = onsets(life(begin), 36 * HOURS + 3)[0]
    assert begin < onset < begin + 3 * HOURS
    week = 7 * HOURS - 1
    assert not fires(life(begin), onset - 1 - week, onset - 1)
    assert all(fires(life(begin), hour - week, hour) for hour in range(onset, onset // HOURS * HOURS + HOURS))


def test_a_break_ends_the_search() -> None:
    """An earlier drift that ended is not part of the present one."""
    of = Life(50, lambda hour: 0.6 if hour < 20 * HOURS or hour >= 40 * HOURS else 0.0)
    assert 40 * HOURS < onsets(of, 45 * HOURS)[0] < 43 * HOURS


def test_an_old_drift_is_followed_back_for_four_weeks() -> None:
    """A drift since the first day has its onset 28 days ago, at the first hour."""
    assert onsets(life(0), 45 * HOURS + 5)[0] // HOURS == 45 - MOST_DAYS


@pytest.mark.parametrize("hours", [0, 5])
def test_a_feature_that_fires_for_the_first_time_has_its_onset_now(hours: int) -> None:
    """Without any window before that fires, the running hour stands for the onset."""
    now = 30 * HOURS + hours
    assert onsets(life(now), now, (0, 1)) == {0: now, 1: now}
