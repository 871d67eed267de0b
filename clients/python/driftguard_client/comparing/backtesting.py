"""Replays a history through the service's counting, verdicts and alert lifecycle, with the clock as an argument."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from driftguard_engine.alerts.replaying import ReplayedAlerts
from driftguard_engine.distributions.baseline import Baseline
from driftguard_engine.models.settings import ModelSettings
from driftguard_engine.platform.times import hour_of
from driftguard_engine.rows.columns import Columns
from driftguard_engine.verdicts.judging import Verdict
from driftguard_engine.verdicts.moments import Moment, verdict_on, whole_days
from driftguard_engine.verdicts.silence import Silence, silence

from driftguard_client.comparing.backtest_result import Backtest, Point
from driftguard_client.comparing.counting import Progress, Roles, Sample, Span, baseline_of, columns_of
from driftguard_client.comparing.errors import CompareError
from driftguard_client.comparing.files import CsvOptions
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
    """The checks of one model on its history. alerts: those that its checks opened so far."""

    model: Model
    baseline: Baseline
    history: History
    settings: ModelSettings
    alerts: ReplayedAlerts = field(default_factory=ReplayedAlerts)

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
        counts = self.history.between(first_hour * HOUR, time)
        days = [self.history.day(day) for day in whole_days(moment)]
        verdict = verdict_on(self.model, self.settings, self.baseline, counts, days, moment)
        self.alerts.apply(verdict.findings, verdict.occasion)
        return verdict

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
    exclude: Sequence[str] = (),
    settings: ModelSettings | Mapping[str, Any] | None = None,
    every: str = "15m",
    csv: CsvOptions | None = None,
    progress: Progress = lambda _what, _rows: None,
) -> Backtest:
    """Replay a history and return the alerts that the service would have opened, and the messages it would have sent.

    baseline, history, prediction, exclude, settings: as of `compare`.
    timestamp: the column of times. Without a name, a column called `timestamp` is used.
    every: the time between two checks, such as `15m`, `1h` or `1d`. The service checks every 15 minutes.

    Raises CompareError if the data or an argument cannot be used.
    """
    step, valid = minutes_of(every), settings_of(settings)
    first, second = opened(baseline, "baseline", csv), opened(history, "history", csv)
    roles = Roles.of(first, second, prediction=prediction, timestamp=timestamp, exclude=exclude)
    if roles.timestamp is None or roles.timestamp not in second.names:
        raise CompareError("A backtest needs the time of each row. Name its column with timestamp (--timestamp).")
    reference, before = baseline_of(first, roles, progress)
    check_features(valid, [feature.key for feature in reference.features])
    counted = History(reference, min(step, 60) * 60_000)
    sample = second.read(lambda batches: _count(counted, batches, second, roles, progress))
    replay = Replay(Model(second.name), reference, counted, valid)
    points = list(_replayed(replay, sample, step, progress))
    notes = [*first.notes, *second.notes]
    return Backtest.of(points, replay.alerts, before, sample, valid, step, notes)


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
            reach = max(replay.settings.window_days, TRAFFIC_DAYS) + 2
            replay.history.forget_before(int((now - EPOCH - timedelta(days=reach)) / timedelta(milliseconds=1)))
        progress(f"Replaying {now:%Y-%m-%d}, check {number + 1:,} of {last - first + 1:,}", 0)
