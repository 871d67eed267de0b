"""What a replayed check compares with the model's own past."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from driftguard.counting.knowledge import REACH, Knowledge
from driftguard.counting.layout import Layout
from driftguard.counting.learning import learn
from driftguard.counting.profiles import HOURS, Profile, Table
from driftguard.platform.times import hour_start
from driftguard.verdicts.comparison import NO_BAD_DAYS, BadDays, Comparison, days_before, last_hour_of


@dataclass
class ReplayedPast:
    """The past of a model at each hour of a replay.

    profiles: by day, complete days. table: the baseline's counts by hour of the week. timed: whether it has them.
    bad: by day, the features for which the day says nothing about what is normal. The replay changes it.
    judges_from: the first replayed check whose sudden part could judge a feature.
    """

    layout: Layout
    profiles: Mapping[int, Profile]
    table: Table | None
    first_day: int
    timed: bool = False
    bad: BadDays = NO_BAD_DAYS
    judges_from: datetime | None = None
    _known: tuple[bytes, Knowledge] | None = field(default=None, init=False)

    def comparison(self, now_hour: int, so_far: Profile | None = None) -> Comparison:
        """Return what a check at the end of an hour compares.

        so_far: the counts of this day until the check, if it does not take place at the end of an hour.
        """
        today = now_hour // HOURS
        days = range(today - days_before(today, self.first_day), today + 1)
        profiles = {day: self.profiles[day] for day in days if day in self.profiles}
        if so_far is not None:
            profiles[today] = so_far
        elif today in profiles:
            profiles[today] = until(profiles[today], now_hour % HOURS)
        profiles = {day: profile for day, profile in profiles.items() if profile.rows.any()}
        last_hour = last_hour_of(profiles)
        known = None if last_hour is None else self._knowledge(last_hour // HOURS)
        if known is not None and self.judges_from is None and not known.learning.all():
            self.judges_from = hour_start(now_hour + 1)
        return Comparison(known, profiles, now_hour, self.first_day, timed=self.timed)

    def _knowledge(self, day: int) -> Knowledge:
        """Return what was known at the start of a day. Only that of the last day is kept."""
        bad = {number: flags for number, flags in self.bad.items() if day - REACH <= number < day and flags.any()}
        made_of = repr((day, [(number, bad[number].tobytes()) for number in sorted(bad)])).encode()
        if self._known is None or self._known[0] != made_of:
            known = learn(self.layout, day, self.profiles, self.table, bad, self.first_day)
            self._known = made_of, known
        return self._known[1]


def until(profile: Profile, hour: int) -> Profile:
    """Return a profile without the hours of the day after this one."""
    kept = np.arange(HOURS) <= hour
    return Profile(
        profile.day, profile.rows * kept, profile.groups * kept[:, None, None], profile.flaws * kept[:, None, None]
    )
