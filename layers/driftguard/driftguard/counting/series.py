"""A model's stored counts against one baseline version, and how far they reach."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from driftguard.counting import GROUP_SIZE, Counts
from driftguard.counting import tables as buckets
from driftguard.distributions.baseline import Baseline
from driftguard.platform.times import iso

REPLICA_LAG = timedelta(minutes=5)
"""Replicas follow within a second or so; after this long nobody has to ask for consistency."""


@dataclass(frozen=True)
class State:
    """How far a model's predictions have been folded for one baseline version.

    cursor: the arrival up to which everything is counted. first_hour: the earliest event hour counted.
    rolled_before: days before this one are rolled up. last_arrival: when a prediction last arrived.
    rolled_at: when a day was last rolled up. stored: whether there is a record of this state yet.
    """

    cursor: str
    first_hour: int | None = None
    rolled_before: int | None = None
    last_arrival: str | None = None
    rolled_at: str | None = None
    stored: bool = True

    def days_may_lag(self, now: datetime) -> bool:
        """Whether a replica may still lack a day that was rolled up; reading without strong consistency costs half."""
        return self.rolled_at is None or self.rolled_at > iso(now - REPLICA_LAG)


@dataclass(frozen=True)
class Series:
    """What belongs together in each step: whose counts, against which baseline."""

    model_id: str
    partitions: int
    version: int
    baseline: Baseline

    @property
    def groups(self) -> int:
        """Into how many items the features of one hour are split."""
        return max(1, -(-len(self.baseline.features) // GROUP_SIZE))


@dataclass(frozen=True)
class Fresh:
    """What arrived after the fold: counts by event hour, and when the last of it came."""

    by_hour: Mapping[int, Counts] = field(default_factory=dict)
    last_arrival: str | None = None


def window(
    series: Series,
    fresh: Fresh,
    days: Mapping[int, Counts],
    first_hour: int,
    last_hour: int,
    rolled_before: int | None,
) -> Counts:
    """The counts of the hours from `first_hour` to `last_hour`, `fresh` included; whole days that have been rolled up
    come from `days`, which must hold those of the window that have any counts."""
    total = Counts.empty(series.baseline)
    first_day, end_day = -(-first_hour // 24), min(last_hour // 24, rolled_before or 0)
    if first_day < end_day:
        spans = [(first_hour, first_day * 24 - 1), (end_day * 24, last_hour)]
        for day in range(first_day, end_day):
            if day in days:
                total = total + days[day]
    else:
        spans = [(first_hour, last_hour)]
    for first, last in spans:
        for counts in read_hours(series, first, last).values():
            total = total + counts
    for hour, counts in fresh.by_hour.items():
        if first_hour <= hour <= last_hour:
            total = total + counts
    return total


def read_hours(series: Series, first: int, last: int) -> dict[int, Counts]:
    """The hours from `first` to `last`, both included, that have any predictions."""
    return _decode(series, buckets.Counts.hours(series.model_id, series.version, first, last))


def read_days(series: Series, first: int, last: int, *, consistent: bool = True) -> dict[int, Counts]:
    """The rolled-up days from `first` to `last`, both included, that have any predictions."""
    return _decode(series, buckets.Counts.days(series.model_id, series.version, first, last, consistent=consistent))


def _decode(series: Series, items: Iterable[buckets.Counts]) -> dict[int, Counts]:
    by_moment: dict[int, dict[int, bytes]] = {}
    for item in items:
        moment, group = item.place
        by_moment.setdefault(moment, {})[group] = item.data
    return {moment: Counts.decode(series.baseline, groups) for moment, groups in by_moment.items()}
