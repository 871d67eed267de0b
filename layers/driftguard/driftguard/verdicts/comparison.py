"""What the verdict compares with a model's own past."""

from collections.abc import Mapping
from dataclasses import dataclass

from driftguard.counting.knowledge import Knowledge
from driftguard.counting.profiles import HOURS, Profile


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
