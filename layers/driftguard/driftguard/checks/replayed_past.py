"""Reads the past of a model for a replay of its checks."""

from collections.abc import Mapping

from driftguard.checks.comparisons import table_of
from driftguard.counting.counts import Counts
from driftguard.counting.knowledge import REACH
from driftguard.counting.layout import layout_of
from driftguard.counting.past import TABLE_DAYS, read_profiles
from driftguard.counting.profiles import HOURS, Profile
from driftguard.counting.series import Series
from driftguard.verdicts.comparison import first_day_of
from driftguard.verdicts.replayed_past import ReplayedPast


def read_past(
    series: Series, first: int, rolled_before: int, late: Mapping[int, Mapping[int, Counts]], first_hour: int
) -> ReplayedPast:
    """Read what a replay needs that begins at the hour `first`. first_hour: the model's first hour with counts.

    rolled_before: the days before it have stored profiles. late: by day, the counts of hours that these profiles lack.
    """
    profiles = read_profiles(series, first // HOURS - REACH, rolled_before - 1)
    layout = layout_of(series.baseline)
    for day, hours in late.items():
        own = Profile.of(layout, day, hours)
        profiles[day] = profiles[day] + own if day in profiles else own
    first_day = first_day_of(first_hour)
    table = table_of(series) if first // HOURS - first_day < TABLE_DAYS else None
    return ReplayedPast(layout, profiles, table, first_day, series.timed)
