"""What the verdict compares with a model's own past."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from driftguard.counting.knowledge import Knowledge
from driftguard.counting.profiles import HOURS, Profile
from driftguard.statistics.arrays import Flags

DAYS_BEFORE = 3
"""Days before the last one that a window of the sudden part can reach."""

FIRST_DAYS = 6
"""Days before the last one that a window of the first week can reach."""

BadDays = Mapping[int, Flags]
"""By day, bool (F,): the features for which the day says nothing about what is normal."""

NO_BAD_DAYS: BadDays = MappingProxyType({})


@dataclass(frozen=True, eq=False)
class Comparison:
    """The last hours of a model, and what its past says about them.

    knowledge: of the day that holds the last counted row; None if the last days have no rows.
    profiles: by day since 1970, the counts of this day so far and of the days before it, including the newest
    predictions. Days without rows are absent. There are three days before it, and six until the model is a week old.
    now_hour: the running hour, or the hour of the last counted row if that is later, in hours since 1970.
    first_day: the first whole day with counts.
    timed: whether the baseline says in which hours of the week its values occurred.
    """

    knowledge: Knowledge | None
    profiles: Mapping[int, Profile]
    now_hour: int
    first_day: int
    timed: bool

    @property
    def history_days(self) -> int:
        """The number of whole days with counts before this day."""
        return max(0, self.now_hour // 24 - self.first_day)

    @property
    def first_hour(self) -> int | None:
        """The first hour of the profiles with rows, None without rows."""
        hours = (day * HOURS + int(one.rows.nonzero()[0][0]) for day, one in self.profiles.items() if one.rows.any())
        return min(hours, default=None)


def first_day_of(first_hour: int) -> int:
    """Return the first whole day with counts from the first hour with counts."""
    return -(-first_hour // HOURS)


def days_before(today: int, first_day: int) -> int:
    """Return how many days before today windows can reach."""
    return FIRST_DAYS if today - first_day <= FIRST_DAYS else DAYS_BEFORE


def last_hour_of(profiles: Mapping[int, Profile]) -> int | None:
    """Return the last hour with rows, None without rows."""
    hours = (day * HOURS + int(one.rows.nonzero()[0][-1]) for day, one in profiles.items() if one.rows.any())
    return max(hours, default=None)
