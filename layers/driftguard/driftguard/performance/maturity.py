"""Decides when enough labels of a day have arrived to judge it."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from driftguard.performance.counts import DELAY_EDGES, DELAYS, Counts
from driftguard.platform.times import DAY, hour_start
from driftguard.statistics import ks
from driftguard.statistics.arrays import Ints

SHORTEST = 24
"""Hours that a day waits at least, unless the settings say otherwise."""

ON_TIME = 0.95
"""Share of the labels that arrive within the default of `maturity_hours`."""

UNEVEN = 0.001
"""p-value below which the labels of two classes arrive at different speeds."""


@dataclass(frozen=True, slots=True, eq=False)
class Day:
    """The counts of a day. day: counted since 1970. matured_at: when the day became mature."""

    day: int
    counts: Counts
    matured_at: datetime | None = None

    @property
    def end(self) -> datetime:
        """The first moment after the day."""
        return hour_start(self.day * 24) + DAY

    @property
    def coverage(self) -> float:
        """The share of the predictions that have a label; 0 without predictions."""
        tally = self.counts.tally
        return tally.labelled / tally.predictions if tally.predictions else 0.0


@dataclass(frozen=True, slots=True)
class Waiting:
    """How long a day waits for its labels. hours: after its end. share_counts: whether the labelled share suffices."""

    hours: float
    share_counts: bool

    @classmethod
    def of(cls, delays: Ints, maturity_hours: float | None) -> "Waiting":
        """Return the wait. delays: (C, DELAYS) of all open days. maturity_hours: the setting, None by default."""
        if maturity_hours is None:
            maturity_hours = max(SHORTEST, delay_quantile(delays, ON_TIME) or 0)
        return cls(maturity_hours, not uneven(delays))

    def matured(self, day: Day, label_ratio: float, now: datetime) -> Day:
        """Return the day with the time at which it became mature. A mature day stays mature."""
        if day.matured_at is not None or now < day.end:
            return day
        old = now - day.end >= timedelta(hours=self.hours)
        enough = self.share_counts and day.counts.tally.predictions > 0 and day.coverage >= label_ratio
        return replace(day, matured_at=now) if old or enough else day


def delay_quantile(delays: Ints, share: float) -> int | None:
    """Return the hours within which this share of the labels arrived; None without labels.

    delays: (C, DELAYS). The hours are the end of a bin, which is one hour wide up to 48 hours and 5 % wide above.
    """
    running = np.cumsum(delays.sum(axis=0))
    if not running[-1]:
        return None
    place = int(np.searchsorted(running, share * running[-1]))
    return int(DELAY_EDGES[min(place + 1, DELAYS - 1)])


def uneven(delays: Ints) -> bool:
    """Whether the labels of one class arrive earlier than those of the others: early labels are then biased.

    Compares each class with all others by the Kolmogorov–Smirnov test, at UNEVEN divided by the number of tests.
    """
    classes = len(delays)
    if classes < 2:
        return False
    own = delays[: 1 if classes == 2 else classes]
    others = delays.sum(axis=0) - own
    n, m = own.sum(axis=1), others.sum(axis=1)
    kept = (n > 0) & (m > 0)
    if not kept.any():
        return False
    own, others, n, m = own[kept], others[kept], n[kept], m[kept]
    distance = np.abs(np.cumsum(own, axis=1) / n[:, None] - np.cumsum(others, axis=1) / m[:, None]).max(axis=1)
    return bool((ks.ks_p_value(distance, n, m) < UNEVEN / len(n)).any())
