"""Gathers what a check compares with the model's own past: the last hours, and what is known of their day."""

from datetime import datetime, timedelta

from driftguard.baselines.tables import Baselines
from driftguard.counting.counts import Counts
from driftguard.counting.layout import layout_of
from driftguard.counting.past import known_on, read_profiles
from driftguard.counting.profiles import HOURS, Profile, Table
from driftguard.counting.series import Fresh, Series, Span, State
from driftguard.distributions.weeks import Weeks
from driftguard.platform.times import hour_of
from driftguard.rows.reading import MAX_AHEAD
from driftguard.verdicts.comparison import DAYS_BEFORE, BadDays, Comparison, days_before, first_day_of, last_hour_of


class Hours:
    """Collects the counts of hours that no stored profile contains."""

    def __init__(self, series: Series) -> None:
        self._series = series
        self._stored: dict[int, Counts] = {}
        self._by_day: dict[int, dict[int, Counts]] = {}

    def add(self, hour: int, counts: Counts) -> None:
        """Add the counts of a stored hour."""
        self._stored[hour] = counts
        self.profile(hour, counts)

    def profile(self, hour: int, counts: Counts) -> None:
        """Add the counts of an hour to the profiles only."""
        by_hour = self._by_day.setdefault(hour // HOURS, {})
        by_hour[hour] = by_hour[hour] + counts if hour in by_hour else counts

    def between(self, first: int, end: int) -> Counts:
        """Return the sum of the stored hours from a day to before another."""
        later = (counts for hour, counts in self._stored.items() if first <= hour // HOURS < end)
        return sum(later, Counts.empty(self._series.baseline))

    @property
    def profiles(self) -> dict[int, Profile]:
        """The profiles by day."""
        layout = layout_of(self._series.baseline)
        return {day: Profile.of(layout, day, by_hour) for day, by_hour in self._by_day.items()}


def fresh_hours(now: datetime) -> list[Span]:
    """Return the hours for which a comparison needs the predictions that are not folded yet, each as a span."""
    last = hour_of(now + MAX_AHEAD)
    return [(hour, hour) for hour in range((last // HOURS - DAYS_BEFORE - 1) * HOURS, last + 1)]


def compare(series: Series, state: State, fresh: Fresh, unrolled: Hours, bad: BadDays, now: datetime) -> Comparison:
    """Return what a check at `now` compares with the model's own past.

    fresh: must contain the spans of `fresh_hours`. unrolled: the stored hours of days without a profile.
    """
    counted = [hour for hour in (state.first_hour, *fresh.hours) if hour is not None]
    today = hour_of(now) // HOURS
    end = today if state.rolled_before is None else min(state.rolled_before, today)
    first_day = first_day_of(min(counted, default=today * HOURS))
    for hour, _last in fresh_hours(now):
        if (hour, hour) in fresh.counts:
            unrolled.profile(hour, fresh.counts[hour, hour])
    before = days_before(end, first_day)
    profiles = read_profiles(series, end - before, end - 1, consistent=state.days_may_lag(now))
    for day, profile in unrolled.profiles.items():
        profiles[day] = profiles[day] + profile if day in profiles else profile
    profiles = {day: profile for day, profile in profiles.items() if profile.rows.any()}
    last_hour = last_hour_of(profiles)
    knowledge = None
    if last_hour is not None:
        # Rows ahead of the clock may lie on a day whose past is not complete yet.
        day = min(last_hour // HOURS, end)
        knowledge = known_on(series, state, day, first_day, lambda: table_of(series), bad, now)
    # At a full hour, the hour that just ended is the running one.
    running = hour_of(now - timedelta(microseconds=1))
    now_hour = min(max(running, last_hour or running), end * HOURS + HOURS - 1)
    return Comparison(knowledge, profiles, now_hour, first_day, timed=series.timed)


def table_of(series: Series) -> Table | None:
    """Return the counts of the baseline by hour of the week; None if its rows have no times."""
    head = Baselines.head(series.model_id, series.version) if series.timed else None
    return None if head is None else Table.of(Weeks.decode(head.week()))
