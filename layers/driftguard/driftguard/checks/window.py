"""Gathers the counts of the window and of the last whole days, and passes them to the verdict."""

from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache, partial

from driftguard.baselines.tables import Baselines
from driftguard.counting.counts import Counts
from driftguard.counting.series import Fresh, Series, Span, State, read_days, window
from driftguard.distributions import encoding
from driftguard.models.settings import ModelSettings
from driftguard.models.tables import Models
from driftguard.models.traffic import Traffic
from driftguard.platform.times import hour_of
from driftguard.rows.reading import MAX_AHEAD
from driftguard.verdicts.judging import Verdict
from driftguard.verdicts.moments import RHO_DAYS, Moment, verdict_on, whole_days
from driftguard.verdicts.silence import Outages, silence

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
    return Series(model.model_id, model.partition_count, int(model.baseline_version), baseline)


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


def decide(model: Models, series: Series, state: State, fresh: Fresh, past: Past, now: datetime) -> Verdict:
    """Return the verdict on the window that ends now."""
    settings = model.settings
    counts, days, moment = gather(series, settings, state, fresh, past, now)
    return verdict_on(model, settings, series.baseline, counts, days, moment)


def gather(
    series: Series, settings: ModelSettings, state: State, fresh: Fresh, past: Past, now: datetime
) -> tuple[Counts, list[Counts], Moment]:
    """Return the counts of the window that ends now, the counts of each whole day, and the moment."""
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
    days = read_days(series, today - RHO_DAYS, today - 1, consistent=state.days_may_lag(now))
    # Clients may send predictions up to MAX_AHEAD before their event time, so the next hour can have counts already.
    reach = max(last_hour, hour_of(now + MAX_AHEAD))
    counts = window(series, days, first_hour, reach, state.rolled_before)
    if since(first_hour) in fresh.counts:
        counts += fresh.counts[since(first_hour)]
    return counts, _with_fresh(series, days, fresh, whole_days(moment)), moment


def fresh_spans(settings: ModelSettings, now: datetime) -> list[Span]:
    """Return the spans of event time for which a check at `now` needs fresh predictions: the window and whole days."""
    today = hour_of(now) // 24
    first_hour = hour_of(now - timedelta(days=settings.window_days))
    return [since(first_hour), *map(day_span, range(today - RHO_DAYS, today))]


def since(hour: int) -> Span:
    """Return the span from an hour on."""
    return hour, FOREVER


def day_span(day: int) -> Span:
    """Return the hours of a day."""
    return day * 24, day * 24 + 23


def _with_fresh(series: Series, days: Mapping[int, Counts], fresh: Fresh, wanted: range) -> list[Counts]:
    """Return the counts of the `wanted` days, oldest first, including predictions that are not folded yet."""
    nothing = Counts.empty(series.baseline)
    found = []
    for day in wanted:
        stored, late = days.get(day, nothing), fresh.counts.get(day_span(day))
        found.append(stored if late is None else stored + late)
    return found
