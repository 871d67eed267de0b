"""Reads a model's days and notes which of them have become mature."""

from collections.abc import Mapping
from datetime import datetime

from driftguard.models.settings import ModelSettings
from driftguard.performance.counts import Counts
from driftguard.performance.maturity import Day, Waiting
from driftguard.performance.tables import DAYS_KEPT, Joined
from driftguard.platform.times import hour_of, parse


def mature_days(
    model_id: str,
    settings: ModelSettings,
    now: datetime,
    days: int = DAYS_KEPT,
    unsettled: Mapping[int, Counts] | None = None,
) -> list[Day]:
    """Return the last days of a model in order, and store which of them have become mature.

    The delays of all days that still take labels decide how long a day waits. unsettled: counts of days that are more
    recent than the stored counts.
    """
    first, last = hour_of(now) // 24 - days + 1, hour_of(now) // 24 + 1
    items = {item.number: item for item in Joined.days(model_id, first, last)}
    more = {number: counts for number, counts in (unsettled or {}).items() if first <= number <= last}
    counted = {number: Counts.decode(item.counts) for number, item in items.items() if number not in more} | more
    found = [Day(number, counts, _matured_at(items.get(number))) for number, counts in sorted(counted.items())]
    open_days = [day.counts for day in found if day.day not in items or items[day.day].takes_until > now]
    if not open_days:
        return found
    waiting = Waiting.of(open_days, settings.maturity_hours)
    result = []
    for day in found:
        after = waiting.matured(day, settings.label_ratio, now)
        if after is not day and day.day in items:
            items[day.day].mature(now)
        result.append(after)
    return result


def stored_days(model_id: str, now: datetime, days: int) -> list[Day]:
    """Return the last days of a model in order, as they are stored."""
    last = hour_of(now) // 24
    items = Joined.days(model_id, last - days + 1, last)
    return [Day(item.number, Counts.decode(item.counts), _matured_at(item)) for item in items]


def _matured_at(item: Joined | None) -> datetime | None:
    return parse(item.matured_at) if item is not None and item.matured_at else None
