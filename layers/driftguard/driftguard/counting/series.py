"""The stored counts of a model for one baseline version, and how far they reach."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby

from driftguard.counting.counts import Counts
from driftguard.counting.layout import GROUP_SIZE
from driftguard.counting.tables import StoredCounts
from driftguard.distributions.baseline import Baseline
from driftguard.models.traffic import NO_TRAFFIC, Traffic
from driftguard.platform.times import iso

REPLICA_LAG = timedelta(minutes=5)
"""Replicas of a table lag by about a second. After this time, reads need not be strongly consistent."""


@dataclass(frozen=True)
class State:
    """How far a model's predictions are counted for one baseline version.

    cursor: the last arrival that is counted. first_hour: the earliest event hour with counts.
    rolled_before: days before this day are rolled up. last_arrival: when the last prediction arrived.
    rolled_at: when a day was last rolled up. traffic: the hours with counted arrivals.
    profiled_from: days from this day on have profiles; 0 if none lack one, None if an older version stored the state.
    stored: whether the table has a record of this state.
    """

    cursor: str
    first_hour: int | None = None
    rolled_before: int | None = None
    last_arrival: str | None = None
    rolled_at: str | None = None
    traffic: Traffic = NO_TRAFFIC
    profiled_from: int | None = None
    stored: bool = True

    def days_may_lag(self, now: datetime) -> bool:
        """Whether a replica may still lack the last rolled-up day. If not, reads at half the price are enough."""
        return self.rolled_at is None or self.rolled_at > iso(now - REPLICA_LAG)


@dataclass(frozen=True)
class Series:
    """The model and the baseline version that counts belong to.

    partitions: of the model's predictions. timed: whether the baseline has counts by hour of the week.
    """

    model_id: str
    partitions: int
    version: int
    baseline: Baseline
    timed: bool = False

    @property
    def groups(self) -> int:
        """The number of items that hold the features of one hour."""
        return max(1, -(-len(self.baseline.features) // GROUP_SIZE))


type Span = tuple[int, int]
"""The first and the last hour of a span of event time."""


@dataclass(frozen=True)
class Fresh:
    """Predictions that arrived after the fold: what they add to each span, and the hours of traffic.

    hours: the event hours of all predictions, also of those outside the spans.
    """

    counts: Mapping[Span, Counts] = field(default_factory=dict)
    hours: frozenset[int] = frozenset()
    last_arrival: str | None = None
    traffic: Traffic = NO_TRAFFIC


def window(
    series: Series,
    days: Mapping[int, Counts],
    first_hour: int,
    last_hour: int,
    rolled_before: int | None,
    seen: Callable[[int, Counts], None] = lambda _hour, _counts: None,
    *,
    days_may_lag: bool = True,
) -> Counts:
    """Return the stored counts of the hours from `first_hour` to `last_hour`.

    Whole days that are rolled up come from `days`, which must hold every day of the window that has counts.
    seen: receives the hours that are read of days that are not rolled up. days_may_lag: see `State`. The hours of
    rolled-up days change together with their day.
    """
    total = Counts.empty(series.baseline)
    first_day, end_day = -(-first_hour // 24), min(last_hour // 24, rolled_before or 0)
    if first_day < end_day:
        spans = [(first_hour, first_day * 24 - 1, days_may_lag), (end_day * 24, last_hour, True)]
        for day in range(first_day, end_day):
            if day in days:
                total += days[day]
    else:
        spans = [(first_hour, last_hour, True)]
    for first, last, consistent in spans:
        for hour, counts in read_hours(series, first, last, consistent=consistent):
            total += counts
            if hour // 24 >= (rolled_before or 0):
                seen(hour, counts)
    return total


def read_hours(series: Series, first: int, last: int, *, consistent: bool = True) -> Iterator[tuple[int, Counts]]:
    """Yield the hours from `first` to `last`, both included, that have counts."""
    return _decode(series, StoredCounts.hours(series.model_id, series.version, first, last, consistent=consistent))


def read_days(series: Series, first: int, last: int, *, consistent: bool = True) -> dict[int, Counts]:
    """Return the rolled-up days from `first` to `last`, both included, that have counts."""
    return dict(_decode(series, StoredCounts.days(series.model_id, series.version, first, last, consistent=consistent)))


def _decode(series: Series, items: Iterable[StoredCounts]) -> Iterator[tuple[int, Counts]]:
    for moment, of_moment in groupby(items, lambda item: item.place[0]):
        yield moment, Counts.decode(series.baseline, {item.place[1]: item.data for item in of_moment})
