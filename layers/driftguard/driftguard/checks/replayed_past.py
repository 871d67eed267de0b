"""What a replayed check compares with the model's own past."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from driftguard.checks.comparisons import NO_BAD_DAYS, BadDays, days_before, first_day_of, last_hour_of, table_of
from driftguard.counting.counts import Counts
from driftguard.counting.knowledge import REACH, Knowledge
from driftguard.counting.layout import layout_of
from driftguard.counting.learning import learn
from driftguard.counting.past import TABLE_DAYS, read_profiles
from driftguard.counting.profiles import HOURS, Profile, Table
from driftguard.counting.series import Series
from driftguard.platform.times import hour_start
from driftguard.verdicts.comparison import Comparison


@dataclass
class ReplayedPast:
    """The past of a model at each hour of a replay.

    profiles: by day, complete days. table: the baseline's counts by hour of the week.
    bad: by day, the features for which the day says nothing about what is normal. The replay changes it.
    judges_from: the first replayed check whose sudden part could judge a feature.
    """

    series: Series
    profiles: Mapping[int, Profile]
    table: Table | None
    first_day: int
    bad: BadDays = NO_BAD_DAYS
    judges_from: datetime | None = None
    _known: tuple[bytes, Knowledge] | None = field(default=None, init=False)

    @classmethod
    def of(
        cls,
        series: Series,
        first: int,
        rolled_before: int,
        late: Mapping[int, Mapping[int, Counts]],
        first_hour: int,
    ) -> "ReplayedPast":
        """Read what a replay needs that begins at the hour `first`. first_hour: the model's first hour with counts.

        rolled_before: the days before it have stored profiles. late: by day, the counts of hours that these profiles
        lack.
        """
        profiles = read_profiles(series, first // HOURS - REACH, rolled_before - 1)
        layout = layout_of(series.baseline)
        for day, hours in late.items():
            own = Profile.of(layout, day, hours)
            profiles[day] = profiles[day] + own if day in profiles else own
        first_day = first_day_of(first_hour)
        table = table_of(series) if first // HOURS - first_day < TABLE_DAYS else None
        return cls(series, profiles, table, first_day)

    def comparison(self, now_hour: int) -> Comparison:
        """Return what a check at the end of an hour compares."""
        today = now_hour // HOURS
        days = range(today - days_before(today, self.first_day), today + 1)
        profiles = {day: self.profiles[day] for day in days if day in self.profiles}
        if today in profiles:
            profiles[today] = until(profiles[today], now_hour % HOURS)
        profiles = {day: profile for day, profile in profiles.items() if profile.rows.any()}
        last_hour = last_hour_of(profiles)
        known = None if last_hour is None else self._knowledge(last_hour // HOURS)
        if known is not None and self.judges_from is None and not known.learning.all():
            self.judges_from = hour_start(now_hour + 1)
        return Comparison(known, profiles, now_hour, self.first_day, timed=self.series.timed)

    def _knowledge(self, day: int) -> Knowledge:
        """Return what was known at the start of a day. Only that of the last day is kept."""
        bad = {number: flags for number, flags in self.bad.items() if day - REACH <= number < day and flags.any()}
        made_of = repr((day, [(number, bad[number].tobytes()) for number in sorted(bad)])).encode()
        if self._known is None or self._known[0] != made_of:
            known = learn(layout_of(self.series.baseline), day, self.profiles, self.table, bad, self.first_day)
            self._known = made_of, known
        return self._known[1]


def until(profile: Profile, hour: int) -> Profile:
    """Return a profile without the hours of the day after this one."""
    kept = np.arange(HOURS) <= hour
    return Profile(
        profile.day, profile.rows * kept, profile.groups * kept[:, None, None], profile.flaws * kept[:, None, None]
    )
