"""Decides when a model has been silent for too long. Pure.

The setting `auto` learns the model's rhythm. Its limit is GAP_FACTOR times the longest gap of the last 14 days, and at
least LEAST_HOURS. A gap during which `no_data` was open is an outage and does not count, unless the same hours were
silent a week earlier. The silence that goes on now is compared with the week before in the same way. So a model that
pauses on weekends raises one alert, on its first weekend.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Literal

from driftguard.platform.times import HOUR, hour_of

LEAST_HOURS = 24
GAP_FACTOR = 1.5
GAP_HOURS = 14 * 24
"""How long a gap counts after its end."""

WEEK = 7 * 24
SAME_SHARE = 0.8
"""Share of a gap's hours that must have been silent a week earlier for the gap to be part of the rhythm."""

type Outages = Sequence[tuple[datetime, datetime]]


@dataclass(frozen=True)
class Silence:
    """How long no prediction has arrived, and the limit.

    gap: the longest gap in hours that the automatic limit comes from. None for a limit that somebody set.
    """

    quiet: timedelta
    limit_hours: float
    gap: int | None
    silent: bool

    @property
    def sentence(self) -> str:
        """Return a sentence that says how long the model has been silent, and which limit applied."""
        if self.gap is None:
            limit = f"{self.limit_hours:g} hours, as in the model's settings"
        elif self.limit_hours > LEAST_HOURS:
            limit = f"{self.limit_hours:g} hours, {GAP_FACTOR:g} times the longest gap of the last 14 days"
        else:
            limit = f"{self.limit_hours:g} hours, the least of the automatic limit"
        return f"No predictions have arrived for at least {int(self.quiet / HOUR)} hours. The limit is {limit}."


def silence(
    setting: int | Literal["auto"],
    last: datetime,
    now: datetime,
    hours: Collection[int],
    outages: Outages,
    *,
    is_open: bool,
) -> Silence:
    """Return whether a model has been silent for too long.

    last: the last arrival. hours: the hours with traffic. outages: when `no_data` was open.
    is_open: whether `no_data` is open now. It then stays open until a prediction arrives, whatever the limit becomes.
    """
    quiet = now - last
    if setting != "auto":
        return Silence(quiet, setting, None, quiet >= timedelta(hours=setting))
    current = hour_of(now)
    gap = _longest_gap([hour for hour in hours if hour <= current], current, outages)
    limit = max(float(LEAST_HOURS), GAP_FACTOR * gap)
    at = LEAST_HOURS if is_open else limit
    return Silence(quiet, limit, gap, quiet >= timedelta(hours=at))


def _longest_gap(hours: Iterable[int], now: int, outages: Outages) -> int:
    """Return the longest gap that counts, in hours from one hour with traffic to the next one."""
    ordered = sorted(hours)
    if not ordered:
        return 0
    known, first, last = frozenset(ordered), ordered[0], ordered[-1]
    repeated = range(last + 1 - WEEK, now - WEEK) if _usual(last + 1, now, known, first) else range(0)
    openings = [hour_of(start) for start, _end in outages]
    return max(_counted(ordered, now, known, openings, repeated), default=0)


def _counted(
    ordered: Sequence[int], now: int, known: frozenset[int], openings: Sequence[int], repeated: range
) -> Iterator[int]:
    for before, after in pairwise(ordered):
        if GAP_FACTOR * (after - before) <= LEAST_HOURS or after < now - GAP_HOURS:
            continue
        outage = any(before < opening <= after for opening in openings)
        again = before < repeated.stop and repeated.start < after
        if not outage or again or _usual(before + 1, after, known, ordered[0]):
            yield after - before


def _usual(start: int, end: int, known: frozenset[int], first: int) -> bool:
    """Return whether most hours from `start` to before `end` were silent a week earlier, after the first traffic."""
    silent = sum(hour - WEEK not in known and hour - WEEK > first for hour in range(start, end))
    return end > start and silent >= SAME_SHARE * (end - start)
