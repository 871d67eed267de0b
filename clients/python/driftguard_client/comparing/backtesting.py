"""Replays a history through the service's counting, verdicts and alert lifecycle, with the clock as an argument."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
from driftguard_engine.alerts.episodes import Episodes
from driftguard_engine.alerts.replaying import ReplayedAlerts
from driftguard_engine.counting.counts import Counts
from driftguard_engine.counting.knowledge import REACH
from driftguard_engine.counting.layout import layout_of
from driftguard_engine.counting.profiles import Profile, Table
from driftguard_engine.distributions.baseline import Baseline
from driftguard_engine.models.settings import ModelSettings
from driftguard_engine.platform.times import hour_of
from driftguard_engine.rows.columns import Columns
from driftguard_engine.verdicts.comparison import first_day_of
from driftguard_engine.verdicts.judging import Verdict
from driftguard_engine.verdicts.moments import Moment, verdict_on
from driftguard_engine.verdicts.replayed_past import ReplayedPast
from driftguard_engine.verdicts.silence import Silence, silence
from driftguard_engine.verdicts.standing import Standing, bad_days

from driftguard_client.comparing.backtest_result import Backtest, Point
from driftguard_client.comparing.counting import Progress, Roles, Sample, Span, columns_of, reference_of
from driftguard_client.comparing.csv_files import CsvOptions
from driftguard_client.comparing.errors import CompareError
from driftguard_client.comparing.history import HOUR, History
from driftguard_client.comparing.options import check_features, settings_of
from driftguard_client.comparing.sources import Batch, Source, opened

TRAFFIC_DAYS = 28
"""Days of traffic that the service remembers."""

EVERY = re.compile(r"(\d+)\s*(m|min|h|d)")
MINUTES = {"m": 1, "min": 1, "h": 60, "d": 1440}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Model:
    """The model that is replayed."""

    name: str
    organization_id: str = "local"
    model_id: str = "local"
    baseline_version: int = 1


@dataclass
class Replay:
    """The checks of one model on its history.

    past: what the model's own past says at each hour. alerts, episodes: what its checks found so far.
    """

    model: Model
    baseline: Baseline
    history: History
    settings: ModelSettings
    past: ReplayedPast
    alerts: ReplayedAlerts = field(default_factory=ReplayedAlerts)
    episodes: Episodes = field(default_factory=Episodes)

    def check(self, now: datetime) -> Verdict:
        """Check the model at `now` on the rows that came before, and bring its alerts up to date."""
        time = (now - EPOCH) // timedelta(milliseconds=1)
        first_hour = hour_of(now - timedelta(days=self.settings.window_days))
        moment = Moment(
            now=now,
            first_hour=first_hour,
            last_hour=hour_of(now),
            covered_since=self.history.first_hour,
            known_since=self.history.first_hour,
            silence=self._silence(now, time),
        )
        # At a full hour, the hour that just ended is the running one.
        running = (time - 1) // HOUR
        features = len(self.baseline.features)
        self.past.bad = bad_days(self.episodes, features, running // 24)
        counts = self._counts(first_hour, time)
        comparison = self.past.comparison(running, self.history.profile(running // 24, time))
        verdict = verdict_on(self.model, self.settings, self.baseline, counts, comparison, moment, self.episodes)
        self.alerts.apply(verdict.findings, verdict.occasion)
        kept_for = self.settings.resolve_after_hours
        self.episodes = self.episodes.after(verdict.sights, self.alerts.open.keys(), verdict.now_hour, kept_for)
        return verdict

    def _counts(self, first_hour: int, time: int) -> Counts:
        """Return the counts of the window. Those of a feature are the whole days after its last episode."""
        counts = self.history.between(first_hour * HOUR, time)
        first_days = Standing.of(self.episodes, len(self.baseline.features)).first_days
        for day in np.unique(first_days[first_days * 24 > first_hour]).tolist():
            midnight = time // (24 * HOUR) * 24 * HOUR
            later = self.history.between(min(day * 24 * HOUR, midnight), midnight)
            counts = counts.replaced(first_days == day, later)
        return counts

    def _silence(self, now: datetime, time: int) -> Silence | None:
        last = self.history.last_before(time)
        if last is None:
            return None
        return silence(
            self.settings.no_data_hours,
            EPOCH + timedelta(milliseconds=last),
            now,
            self.history.hours_before(time, TRAFFIC_DAYS),
            self.alerts.memory_of("no_data").outages,
            is_open="no_data" in self.alerts.open,
        )


def backtest(
    baseline: Any,
    history: Any,
    *,
    timestamp: str | None = None,
    prediction: str | None = None,
    exclude: Iterable[str] = (),
    settings: ModelSettings | Mapping[str, Any] | None = None,
    every: str = "15m",
    csv: CsvOptions | None = None,
    progress: Progress = lambda _what, _rows: None,
) -> Backtest:
    """Replay a history and return the alerts that the service would have opened, and the messages it would have sent.

    baseline, history, prediction, exclude, settings: as of `compare`.
    timestamp: the column of times. Without a name, a column called `timestamp` is used. If the baseline has it, its
      hours of the week are the reference of the first weeks, as in the service.
    every: the time between two checks, such as `15m`, `1h` or `1d`. The service checks every 15 minutes.

    Raises CompareError if the data or an argument cannot be used.
    """
    step, valid = minutes_of(every), settings_of(settings)
    first, second = opened(baseline, "baseline", csv), opened(history, "history", csv)
    roles = Roles.of(first, second, prediction=prediction, timestamp=timestamp, exclude=exclude)
    if roles.timestamp is None or roles.timestamp not in second.names:
        raise CompareError("A backtest needs the time of each row. Name its column with timestamp (--timestamp).")
    baseline, before, weeks = reference_of(first, roles, progress)
    check_features(valid, [feature.key for feature in baseline.features])
    counted = History(baseline, min(step, 60) * 60_000)
    sample = second.read(lambda batches: _count(counted, batches, second, roles, progress))
    first_day = counted.first_hour // 24
    if weeks is not None and before.end is not None and before.end >= first_day * 24 * HOUR:
        # The history has these days, too, and one day must not count as two.
        weeks = reference_of(first, roles, progress, before=first_day).weeks
    table = None if weeks is None else Table.of(weeks)
    past = ReplayedPast(
        layout_of(baseline), Profiles(counted), table, first_day_of(counted.first_hour), timed=table is not None
    )
    replay = Replay(Model(second.name), baseline, counted, valid, past)
    points = list(_replayed(replay, sample, step, progress))
    notes = [*first.notes, *second.notes]
    return Backtest.of(points, replay.alerts, before, sample, valid, step, notes)


class Profiles(Mapping[int, Profile]):
    """The whole days of a history, each counted by the hour when it is first needed. The latest days are kept."""

    def __init__(self, history: History) -> None:
        self._days = frozenset(history.days)
        self._profile = lru_cache(maxsize=2 * REACH)(history.profile)

    def __getitem__(self, day: int) -> Profile:
        if day not in self._days:
            raise KeyError(day)
        return self._profile(day)

    def __iter__(self) -> Iterator[int]:
        return iter(sorted(self._days))

    def __len__(self) -> int:
        return len(self._days)


def minutes_of(every: str) -> int:
    """Return the minutes between two checks. Raises CompareError."""
    found = EVERY.fullmatch(every.strip().lower())
    minutes = int(found[1]) * MINUTES[found[2]] if found else 0
    if not minutes or (60 % minutes if minutes < 60 else minutes % 60):
        raise CompareError(f"every must be a part of an hour or whole hours, such as 15m, 1h or 1d, not {every!r}.")
    return minutes


def _count(history: History, batches: Iterator[Batch], source: Source, roles: Roles, progress: Progress) -> Sample:
    span = Span()

    def columns() -> Iterator[Columns]:
        rows = 0
        for batch in batches:
            found = columns_of(batch, source, roles)
            span.add_bytes(found.times)
            rows += found.rows
            progress(f"Reading {source.name}", rows)
            yield found

    history.clear()
    history.add(columns())
    return span.sample(source.name, history.rows)


def _replayed(replay: Replay, sample: Sample, step: int, progress: Callable[[str, int], None]) -> Iterator[Point]:
    """Check at every step from the first row to the first check after the last row."""
    width = step * 60_000
    first = int(sample.start or 0) // width + 1
    last = -(-(int(sample.end or 0) + 1) // width)
    for number, place in enumerate(range(first, last + 1)):
        now = EPOCH + timedelta(milliseconds=place * width)
        verdict = replay.check(now)
        yield Point(now, str(verdict.report["status"]), verdict.report["drift_score"], verdict.report["n_window"])
        if now.hour == now.minute == 0:
            reach = replay.settings.window_days + 2
            replay.history.forget_before(int((now - EPOCH - timedelta(days=reach)) / timedelta(milliseconds=1)))
        progress(f"Replaying {now:%Y-%m-%d}, check {number + 1:,} of {last - first + 1:,}", 0)
