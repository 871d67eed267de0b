"""A model whose rows partly arrive late: what its checks know depends on their time."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bench.alarms.history import A_DAY, QUARTERS, History
from bench.alarms.scenarios import LATE_HOURS, Traffic
from bench.columns import Ints
from driftguard.counting.counts import Counts
from driftguard.distributions.baseline import Baseline


@dataclass(frozen=True)
class _Known:
    """Sums before each quarter, of which those of late rows end at the quarter `until`."""

    in_time: Ints
    late: Ints
    until: int

    def __getitem__(self, quarter: Any) -> Any:
        return self.in_time[quarter] + self.late[np.minimum(quarter, self.until)]


class LateHistory(History):
    """The counts of a model as they are known at one quarter, see `see`."""

    def __init__(self, baseline: Baseline, traffic: Traffic, days: int) -> None:
        super().__init__(baseline, _only(traffic, late=False), days)
        self._late = History(baseline, _only(traffic, late=True), days)
        self._until = 0

    def see(self, quarter: int) -> None:
        """Set until when rows have arrived."""
        self._until = max(quarter - LATE_HOURS * QUARTERS, 0)

    def is_complete(self, day: int) -> bool:
        """Whether no more rows of a day can arrive."""
        return self._until >= (day + 1) * A_DAY

    @property
    def rows(self) -> Any:
        """The number of rows before each quarter, as far as they have arrived."""
        return _Known(self._rows, self._late.rows, self._until)

    @property
    def merged(self) -> Any:
        """The counts of merged groups before each quarter, as far as their rows have arrived."""
        return _Known(self._merged, self._late.merged, self._until)

    def known_flaws(self) -> Any:
        """The flaws before each quarter, as far as their rows have arrived."""
        return _Known(self.flaws, self._late.flaws, self._until)

    def between(self, first: int, end: int) -> Counts:
        """The sum of the quarters from `first` to before `end`, as far as their rows have arrived."""
        return super().between(first, end) + self._late.between(first, min(end, self._until))


def _only(traffic: Traffic, *, late: bool) -> Traffic:
    if traffic.late is None:
        raise ValueError("no row of this traffic is late")
    kept = traffic.late == late
    return replace(traffic, times=traffic.times[kept], values=traffic.values[:, kept], late=None)
