"""Reads a model's days and notes which of them have become mature."""

from datetime import datetime

import numpy as np

from driftguard.models.settings import ModelSettings
from driftguard.performance.counts import Counts
from driftguard.performance.maturity import Day, Waiting
from driftguard.performance.tables import DAYS_KEPT, Joined
from driftguard.platform.times import hour_of, parse


def mature_days(model_id: str, settings: ModelSettings, now: datetime, days: int = DAYS_KEPT) -> list[Day]:
    """Return the last days of a model in order, and store which of them have become mature.

    The delays of all days that still take labels decide how long a day waits.
    """
    today = hour_of(now) // 24
    items = Joined.days(model_id, today - days + 1, today + 1)
    found = [_day(item) for item in items]
    delays = [day.counts.delays for day, item in zip(found, items, strict=True) if item.takes_until > now]
    if not delays:
        return found
    most = max(len(part) for part in delays)
    total = np.sum([np.pad(part, ((0, most - len(part)), (0, 0))) for part in delays], axis=0)
    waiting = Waiting.of(total, settings.maturity_hours)
    result = []
    for day, item in zip(found, items, strict=True):
        after = waiting.matured(day, settings.label_ratio, now)
        if after is not day:
            item.mature(now)
        result.append(after)
    return result


def _day(item: Joined) -> Day:
    matured_at = parse(item.matured_at) if item.matured_at else None
    return Day(item.number, Counts.decode(item.counts), matured_at)
