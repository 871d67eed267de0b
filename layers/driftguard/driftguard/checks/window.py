"""Gathers the counts of the window and the model's own past, and passes them to the verdict."""

from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np

from driftguard.alerts.episodes import Episodes
from driftguard.baselines.tables import Baselines
from driftguard.checks.comparisons import Hours, compare, fresh_hours
from driftguard.counting.counts import Counts
from driftguard.counting.series import Fresh, Series, Span, State, read_days, window
from driftguard.distributions import encoding
from driftguard.models.settings import ModelSettings
from driftguard.models.tables import Models
from driftguard.models.traffic import Traffic
from driftguard.platform.times import hour_of
from driftguard.rows.reading import MAX_AHEAD
from driftguard.verdicts.comparison import Comparison
from driftguard.verdicts.judging import NO_EPISODES, Verdict
from driftguard.verdicts.moments import Moment, verdict_on
from driftguard.verdicts.silence import Outages, silence
from driftguard.verdicts.standing import Standing, bad_days

FOREVER = 10_000_000
"""An hour after all others."""


def load_series(model: Models) -> Series:
    """Load the model's current baseline with the keys of its counts. Raises LookupError if the baseline is missing."""
    head = Baselines.head(model.model_id, int(model.baseline_version))
    if head is None:
        raise LookupError(
            f"Baseline version {model.baseline_version} of model {model.model_id} is missing. Create a new baseline."
        )
    baseline = encoding.decode(head.payload(), partial(_digests, model.model_id, int(model.baseline_version)))
    timed = head.hours_of_week is not None
    return Series(model.model_id, model.partition_count, int(model.baseline_version), baseline, timed)


@lru_cache(maxsize=8)
def _digests(model_id: str, version: int) -> Mapping[int, "array[int]"]:
    """Return the digests of a baseline's categories. A version never changes, so the result is cached."""
    head = Baselines.head(model_id, version)
    data = b"" if head is None else head.digests()
    return encoding.decode_digests(data) if data else {}


@dataclass(frozen=True)
class Past:
    """What is known of a model whatever its baseline is.

    last_arrival: of a prediction. traffic: the hours with predictions. outages: when `no_data` was open.
    is_out: whether `no_data` is open now.
    """

    last_arrival: datetime
    traffic: Traffic
    outages: Outages = ()
    is_out: bool = False


class Gathered(NamedTuple):
    """What a check looks at: the counts of the window, the last hours with the model's own past, and the moment."""

    counts: Counts
    comparison: Comparison
    moment: Moment


def decide(
    model: Models, series: Series, state: State, fresh: Fresh, past: Past, now: datetime, episodes: Episodes
) -> Verdict:
    """Return the verdict on the window that ends now. episodes: what earlier checks found."""
    settings = model.settings
    found = gather(series, settings, state, fresh, past, now, episodes)
    return verdict_on(model, settings, series.baseline, found.counts, found.comparison, found.moment, episodes)


def gather(
    series: Series,
    settings: ModelSettings,
    state: State,
    fresh: Fresh,
    past: Past,
    now: datetime,
    episodes: Episodes = NO_EPISODES,
) -> Gathered:
    """Return what a check at `now` looks at. episodes: what earlier checks found."""
    last_hour = max(hour_of(now), max(fresh.hours, default=0))
    first_hour = hour_of(now - timedelta(days=settings.window_days))
    counted = [hour for hour in (state.first_hour, *fresh.hours) if hour is not None]
    covered_since = min(counted, default=last_hour)
    known_since = past.traffic.first_hour
    moment = Moment(
        now=now,
        first_hour=first_hour,
        last_hour=last_hour,
        covered_since=covered_since,
        known_since=covered_since if known_since is None else min(covered_since, known_since),
        silence=silence(
            settings.no_data_hours, past.last_arrival, now, past.traffic.hours, past.outages, is_open=past.is_out
        ),
    )
    today = hour_of(now) // 24
    lagging = state.days_may_lag(now)
    days = read_days(series, -(-first_hour // 24), today - 1, consistent=lagging)
    # Clients may send predictions up to MAX_AHEAD before their event time, so the next hour can have counts already.
    reach = max(last_hour, hour_of(now + MAX_AHEAD))
    hours = Hours(series)
    counts = window(series, days, first_hour, reach, state.rolled_before, hours.add, days_may_lag=lagging)
    if since(first_hour) in fresh.counts:
        counts += fresh.counts[since(first_hour)]
    standing = Standing.of(episodes, len(series.baseline.features))
    for day in later_days(standing, first_hour):
        later = sum((one for number, one in days.items() if number >= day), Counts.empty(series.baseline))
        later += hours.between(day, today)
        later += fresh.counts.get(whole_days(day, now), Counts.empty(series.baseline))
        counts = counts.replaced(standing.first_days == day, later)
    bad = bad_days(episodes, len(series.baseline.features), today)
    return Gathered(counts, compare(series, state, fresh, hours, bad, now), moment)


def fresh_spans(settings: ModelSettings, now: datetime, episodes: Episodes = NO_EPISODES) -> list[Span]:
    """Return the spans of event time for which a check at `now` needs fresh predictions.

    They are the windows of all features, and the last hours one by one.
    """
    first_hour = hour_of(now - timedelta(days=settings.window_days))
    later = {-(-hour // 24) for hour in episodes.starts.values()}
    return [since(first_hour), *(whole_days(day, now) for day in later if day * 24 > first_hour), *fresh_hours(now)]


def later_days(standing: Standing, first_hour: int) -> list[int]:
    """Return the days on which windows of single features begin, if that is after the window's first hour."""
    days: list[int] = np.unique(standing.first_days).tolist()
    return [day for day in days if day * 24 > first_hour]


def whole_days(day: int, now: datetime) -> Span:
    """Return the span from a day to the last midnight before `now`. It has no hours if the day is not over."""
    return day * 24, hour_of(now) // 24 * 24 - 1


def since(hour: int) -> Span:
    """Return the span from an hour on."""
    return hour, FOREVER
