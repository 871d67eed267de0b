"""Gathers the counts of the window and of the last whole days, and passes them to the verdict."""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache, partial
from typing import NamedTuple

from driftguard.alerts.findings import Occasion
from driftguard.alerts.schemas import Window
from driftguard.baselines.tables import Baselines
from driftguard.checks.comparisons import NO_BAD_DAYS, BadDays, Hours, compare, fresh_hours
from driftguard.checks.silence import Outages, Silence, silence
from driftguard.counting.counts import Counts
from driftguard.counting.series import Fresh, Series, Span, State, read_days, window
from driftguard.distributions import encoding
from driftguard.models.settings import ModelSettings
from driftguard.models.tables import Models
from driftguard.models.traffic import Traffic
from driftguard.platform.times import hour_of, hour_start
from driftguard.rows.reading import MAX_AHEAD
from driftguard.verdicts.comparison import Comparison
from driftguard.verdicts.judging import Verdict, judge

RHO_DAYS = 14

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
class Moment:
    """The time of a verdict and its window, in hours since 1970.

    first_hour, last_hour: the window. covered_since: the earliest hour for which the model has counts.
    known_since: the earliest hour for which the model had data, whatever its baseline was.
    silence: how long no prediction has arrived, and the limit.
    """

    now: datetime
    first_hour: int
    last_hour: int
    covered_since: int
    known_since: int
    silence: Silence | None


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
    """What a check looks at: the counts of the window and of each whole day, the model's own past, and the moment."""

    counts: Counts
    days: list[Counts]
    comparison: Comparison
    moment: Moment


def decide(model: Models, series: Series, state: State, fresh: Fresh, past: Past, now: datetime) -> Verdict:
    """Return the verdict on the window that ends now."""
    settings = model.settings
    found = gather(series, settings, state, fresh, past, now)
    return verdict_on(model, settings, series, found.counts, found.days, found.moment)


def gather(
    series: Series,
    settings: ModelSettings,
    state: State,
    fresh: Fresh,
    past: Past,
    now: datetime,
    bad: BadDays = NO_BAD_DAYS,
) -> Gathered:
    """Return what a check at `now` looks at. bad: the days that say nothing about what is normal."""
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
    days = read_days(series, today - RHO_DAYS, today - 1, consistent=lagging)
    # Clients may send predictions up to MAX_AHEAD before their event time, so the next hour can have counts already.
    reach = max(last_hour, hour_of(now + MAX_AHEAD))
    hours = Hours(series)
    counts = window(series, days, first_hour, reach, state.rolled_before, hours.add, days_may_lag=lagging)
    if since(first_hour) in fresh.counts:
        counts += fresh.counts[since(first_hour)]
    comparison = compare(series, state, fresh, hours, bad, now)
    return Gathered(counts, _with_fresh(series, days, fresh, whole_days(moment)), comparison, moment)


def fresh_spans(settings: ModelSettings, now: datetime) -> list[Span]:
    """Return the spans of event time for which a check at `now` needs fresh predictions.

    They are the window, the whole days, and the last hours one by one.
    """
    today = hour_of(now) // 24
    first_hour = hour_of(now - timedelta(days=settings.window_days))
    return [since(first_hour), *map(day_span, range(today - RHO_DAYS, today)), *fresh_hours(now)]


def since(hour: int) -> Span:
    """Return the span from an hour on."""
    return hour, FOREVER


def day_span(day: int) -> Span:
    """Return the hours of a day."""
    return day * 24, day * 24 + 23


def verdict_on(
    model: Models, settings: ModelSettings, series: Series, counts: Counts, days: Sequence[Counts], moment: Moment
) -> Verdict:
    """Return the verdict on a window's counts with `settings`. days: the counts of the days in `whole_days`."""
    found = occasion(model, settings, moment, n_baseline=series.baseline.rows, n_window=counts.rows)
    return judge(series.baseline, counts, None, found)


def occasion(model: Models, settings: ModelSettings, moment: Moment, *, n_baseline: int, n_window: int) -> Occasion:
    """Return the context of a check. n_baseline, n_window: the rows in the baseline and in the window."""
    covered_hours = moment.last_hour - max(moment.known_since, moment.first_hour)
    return Occasion(
        now=moment.now,
        organization_id=model.organization_id,
        model_id=model.model_id,
        model_name=str(model.name),
        settings=settings,
        baseline_version=None if model.baseline_version is None else int(model.baseline_version),
        n_baseline=n_baseline,
        n_window=n_window,
        window=Window(start=hour_start(moment.first_hour), end=moment.now),
        preliminary=moment.known_since > moment.first_hour,
        warming_up=covered_hours < settings.warmup_hours,
        silent=moment.silence is not None and moment.silence.silent,
        silence=moment.silence.sentence if moment.silence is not None else "",
    )


def whole_days(moment: Moment) -> range:
    """Return the last 14 whole days, oldest first, including days without data.

    For a newer model the range starts with the first whole day after its first counts.
    """
    today = hour_of(moment.now) // 24
    return range(max(-(-moment.covered_since // 24), today - RHO_DAYS), today)


def _with_fresh(series: Series, days: Mapping[int, Counts], fresh: Fresh, wanted: range) -> list[Counts]:
    """Return the counts of the `wanted` days, oldest first, including predictions that are not folded yet."""
    nothing = Counts.empty(series.baseline)
    found = []
    for day in wanted:
        stored, late = days.get(day, nothing), fresh.counts.get(day_span(day))
        found.append(stored if late is None else stored + late)
    return found
