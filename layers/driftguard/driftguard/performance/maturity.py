"""Decides when enough labels of a day have arrived to judge it."""

from collections.abc import Sequence
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
    """How long a day waits for its labels.

    hours: after its end. share_counts: whether a labelled share suffices that is not the whole day.
    """

    hours: float
    share_counts: bool

    @classmethod
    def of(cls, days: Sequence[Counts], maturity_hours: float | None) -> "Waiting":
        """Return the wait. days: the counts of all open days. maturity_hours: the setting, None by default."""
        classes = max((len(day.delays) for day in days), default=1)
        delays = np.zeros((len(days), classes, DELAYS), np.int64)
        for place, day in enumerate(days):
            delays[place, : len(day.delays)] = day.delays
        if maturity_hours is None:
            maturity_hours = max(SHORTEST, delay_quantile(delays.sum(axis=0), ON_TIME) or 0)
        return cls(maturity_hours, not uneven(delays))

    def matured(self, day: Day, label_ratio: float, now: datetime) -> Day:
        """Return the day with the time at which it became mature. A mature day stays mature.

        A day without predictions never matures, because nothing of it can be judged.
        """
        if day.matured_at is not None or now < day.end or not day.counts.tally.predictions:
            return day
        old = now - day.end >= timedelta(hours=self.hours)
        return replace(day, matured_at=now) if old or self.suffices(day, label_ratio) else day

    def suffices(self, day: Day, label_ratio: float) -> bool:
        """Whether the labelled share makes the day mature, whatever its age. Nothing is missing from a whole day."""
        return day.coverage >= 1 or (self.share_counts and day.coverage >= label_ratio)


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

    Compares each class with all others by the Kolmogorov–Smirnov test, at UNEVEN divided by the number of tests. Within
    each day, so that neither a class that becomes more frequent nor a day whose labels come late looks like a
    difference: the delays of the others are weighed by day as the class's own are (direct standardization). Their
    number is the effective one of Kish (1965), 1/Σ(w²/m) for the weights w and the numbers m of the days.

    delays: (D, C, DELAYS), the delays of each class on each day.
    """
    classes = delays.shape[1]
    if classes < 2:
        return False
    own = delays[:, : 1 if classes == 2 else classes]
    others = delays.sum(axis=1, keepdims=True) - own
    n, m = own.sum(axis=2), others.sum(axis=2)
    both = (n > 0) & (m > 0)  # only days with both say anything
    n, m = n * both, np.maximum(m, 1)
    total = n.sum(axis=0)
    kept = total > 0
    if not kept.any():
        return False
    weights = n / np.maximum(total, 1)
    ours = (own * both[..., None]).sum(axis=0)[kept] / total[kept, None]
    theirs = (others * (weights / m)[..., None]).sum(axis=0)[kept]
    effective = np.round(1 / (weights**2 / m).sum(axis=0)[kept]).astype(np.int64)
    distance = np.abs(np.cumsum(ours - theirs, axis=1)).max(axis=1)
    return bool((ks.ks_p_value(distance, total[kept], effective) < UNEVEN / kept.sum()).any())
