"""Compares a window with a baseline, by the tests that the service runs on the last days of a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import reduce
from operator import add
from typing import Any

from driftguard_engine.alerts.findings import Occasion
from driftguard_engine.alerts.schemas import Window
from driftguard_engine.counting.batches import count
from driftguard_engine.counting.counts import Counts
from driftguard_engine.distributions.baseline import Baseline
from driftguard_engine.models.settings import ModelSettings
from driftguard_engine.rows.columns import Columns
from driftguard_engine.verdicts.judging import Verdict, judge
from driftguard_engine.verdicts.moments import RHO_DAYS

from driftguard_client.comparing.counting import DAY, Progress, Roles, Sample, Span, baseline_of, columns_of
from driftguard_client.comparing.errors import CompareError
from driftguard_client.comparing.files import CsvOptions
from driftguard_client.comparing.options import check_features, settings_of
from driftguard_client.comparing.result import Comparison
from driftguard_client.comparing.sources import Batch, Source, opened

HOUR = 3_600_000


def compare(
    baseline: Any,
    window: Any,
    *,
    prediction: str | None = None,
    timestamp: str | None = None,
    exclude: Sequence[str] = (),
    settings: ModelSettings | Mapping[str, Any] | None = None,
    looks: int = 1,
    csv: CsvOptions | None = None,
    progress: Progress = lambda _what, _rows: None,
) -> Comparison:
    """Compare two samples and return what differs.

    baseline, window: data frames (pandas, polars), Arrow tables, mappings of columns, lists of dicts, or paths of CSV,
      JSON Lines or Parquet files. The baseline is usually the training data.
    prediction, timestamp: their columns. Without a name, columns called `prediction` and `timestamp` are used.
    exclude: columns to leave out. settings: as of a model of the service.
    looks: the number of comparisons that share `alpha`, the accepted share of false alarms. The service uses 2880, the
      checks of a month.

    Raises CompareError if the data or an argument cannot be used.
    """
    if isinstance(looks, bool) or not isinstance(looks, int) or looks < 1:
        raise CompareError(f"looks must be a whole number from 1, not {looks!r}.")
    valid = settings_of(settings)
    first, second = opened(baseline, "baseline", csv), opened(window, "window", csv)
    roles = Roles.of(first, second, prediction=prediction, timestamp=timestamp, exclude=exclude)
    reference, before = baseline_of(first, roles, progress)
    check_features(valid, [feature.key for feature in reference.features])
    counts, days, now = window_of(reference, second, roles, progress)
    progress("Comparing", 0)
    verdict = verdict_on(reference, counts, days, now, valid, looks)
    return Comparison.of(verdict, before, now, valid, looks, [*first.notes, *second.notes])


def window_of(
    baseline: Baseline, source: Source, roles: Roles, progress: Progress
) -> tuple[Counts, list[Counts], Sample]:
    """Return the counts of all rows, the counts of the last whole days, and what is known of the sample.

    Without a timestamp column there are no days.
    """

    def read(batches: Iterator[Batch]) -> tuple[dict[int, Counts], Sample]:
        span, rows = Span(), 0

        def columns() -> Iterator[Columns]:
            nonlocal rows
            for batch in batches:
                found = columns_of(batch, source, roles)
                rows += found.rows
                if roles.timestamp is not None:
                    times = span.add_bytes(found.times)
                    # The engine counts by the hour. A day is all that is needed here.
                    found.times = (times // DAY * HOUR).astype("<i8").tobytes()
                progress(f"Reading {source.name}", rows)
                yield found

        counted = count(baseline, columns())
        return counted, span.sample(source.name, rows)

    by_day, sample = source.read(read)
    nothing = Counts.empty(baseline)
    whole = _whole_days(sample)
    return reduce(add, by_day.values(), nothing), [by_day.get(day, nothing) for day in whole], sample


def verdict_on(
    baseline: Baseline, counts: Counts, days: Sequence[Counts], sample: Sample, settings: ModelSettings, looks: int
) -> Verdict:
    """Return the verdict of the service's check on a window that is complete."""
    now = datetime.now(UTC)
    start, end = (_moment(time, now) for time in (sample.start, sample.end))
    if sample.days is not None:
        # The window has the days that its rows have, whatever the service's setting is.
        settings = settings.model_copy(update={"window_days": sample.days})
    occasion = Occasion(
        now=now,
        organization_id="local",
        model_id="local",
        model_name=sample.name,
        settings=settings,
        baseline_version=1,
        n_baseline=baseline.rows,
        n_window=counts.rows,
        window=Window(start=start, end=end),
        preliminary=False,
        warming_up=False,
        silent=False,
        looks=looks,
    )
    return judge(baseline, counts, days, occasion)


def _whole_days(sample: Sample) -> range:
    """Return the last whole days of a sample, at most as many as the service looks at."""
    if sample.start is None or sample.end is None:
        return range(0)
    first, last = -(-(sample.start // HOUR) // 24), (sample.end // HOUR + 1) // 24
    return range(max(first, last - RHO_DAYS), last)


def _moment(milliseconds: int | None, default: datetime) -> datetime:
    if milliseconds is None:
        return default
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
