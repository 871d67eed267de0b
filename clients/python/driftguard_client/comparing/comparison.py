"""Compares a window with a baseline, by the tests that the service runs on the last days of a model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import reduce
from operator import add
from typing import Any

from driftguard_engine.alerts.findings import Occasion
from driftguard_engine.alerts.schemas import Window
from driftguard_engine.counting.batches import count
from driftguard_engine.counting.counts import Counts
from driftguard_engine.counting.knowledge import REACH
from driftguard_engine.counting.layout import layout_of
from driftguard_engine.counting.learning import learn
from driftguard_engine.distributions.baseline import Baseline
from driftguard_engine.models.settings import ModelSettings
from driftguard_engine.rows.columns import Columns
from driftguard_engine.verdicts.comparison import Comparison as Past
from driftguard_engine.verdicts.comparison import first_day_of
from driftguard_engine.verdicts.judging import Verdict, judge

from driftguard_client.comparing.counting import Progress, Roles, Sample, Span, baseline_of, columns_of
from driftguard_client.comparing.csv_files import CsvOptions
from driftguard_client.comparing.errors import CompareError
from driftguard_client.comparing.history import HOUR, History
from driftguard_client.comparing.labelled import Labelled, Tapped, task_of
from driftguard_client.comparing.options import check_features, settings_of
from driftguard_client.comparing.performance import Performance, performance_of
from driftguard_client.comparing.result import Comparison
from driftguard_client.comparing.sources import Batch, Source, opened


def compare(
    baseline: Any,
    window: Any,
    *,
    prediction: str | None = None,
    label: str | None = None,
    score: str | None = None,
    timestamp: str | None = None,
    exclude: Iterable[str] = (),
    settings: ModelSettings | Mapping[str, Any] | None = None,
    looks: int = 1,
    csv: CsvOptions | None = None,
    progress: Progress = lambda _what, _rows: None,
) -> Comparison:
    """Compare two samples and return what differs.

    baseline, window: data frames (pandas, polars), Arrow tables, mappings of columns, lists of dicts, or paths of CSV,
      JSON Lines or Parquet files. The baseline is usually the training data.
    prediction, timestamp: their columns. Without a name, columns called `prediction` and `timestamp` are used.
    label: the column of true values. The result then says how well the model predicts, and whether it became worse.
    score: the column of the positive class's probability. `settings={"task": {…}}` says which label is positive, unless
      the labels are 0 and 1.
    exclude: columns to leave out, a list or one name. settings: as of a model of the service.
    looks: the number of comparisons that share `alpha`, the accepted share of false alarms. The service uses 2880, the
      checks of a month.

    Raises CompareError if the data or an argument cannot be used.
    """
    if isinstance(looks, bool) or not isinstance(looks, int) or looks < 1:
        raise CompareError(f"looks must be a whole number from 1, not {looks!r}.")
    if score is not None and label is None:
        raise CompareError("A score needs the column of labels (--label), which it is compared with.")
    valid = settings_of(settings)
    first, second = opened(baseline, "baseline", csv), opened(window, "window", csv)
    roles = Roles.of(
        first, second, prediction=prediction, timestamp=timestamp, exclude=exclude, label=label, score=score
    )
    before_tap, now_tap = Tapped(first, roles), Tapped(second, roles)
    if label is not None:
        first, second = before_tap, now_tap
    reference, before = baseline_of(first, roles, progress)
    check_features(valid, [feature.key for feature in reference.features])
    counts, past, now = window_of(reference, second, roles, progress)
    progress("Comparing", 0)
    verdict = verdict_on(reference, counts, past, now, valid, looks)
    performance = None
    if label is not None:
        performance = _performance(before_tap.labelled, now_tap.labelled, roles, valid, looks)
    return Comparison.of(verdict, before, now, valid, looks, [*first.notes, *second.notes], performance)


def _performance(before: Labelled, now: Labelled, roles: Roles, settings: ModelSettings, looks: int) -> Performance:
    if roles.prediction is None and roles.score is None:
        raise CompareError("Labels need a column of predictions or scores to be compared with. Name --prediction.")
    task = task_of(settings.task, [before, now], has_score=roles.score is not None)
    return performance_of(
        now.counts(task), before.counts(task), task, settings, looks, timed=roles.timestamp is not None
    )


def window_of(
    baseline: Baseline, source: Source, roles: Roles, progress: Progress
) -> tuple[Counts, Past | None, Sample]:
    """Return the counts of all rows, what their days say about each other, and what is known of the sample.

    Without a timestamp column, nothing is known of days.
    """

    def read(batches: Iterator[Batch]) -> tuple[Counts, Past | None, Sample]:
        span, rows = Span(), 0

        def columns() -> Iterator[Columns]:
            nonlocal rows
            for batch in batches:
                found = columns_of(batch, source, roles)
                rows += found.rows
                if roles.timestamp is not None:
                    span.add_bytes(found.times)
                progress(f"Reading {source.name}", rows)
                yield found

        if roles.timestamp is None:
            counted = count(baseline, columns())
            return reduce(add, counted.values(), Counts.empty(baseline)), None, span.sample(source.name, rows)
        history = History(baseline, HOUR)
        history.add(columns())
        total = history.between(history.first_hour * HOUR, history.end)
        return total, past_of(baseline, history), span.sample(source.name, rows)

    return source.read(read)


def past_of(baseline: Baseline, history: History) -> Past:
    """Return what the days of a sample say about each other, as on the day after its last one."""
    last = history.days[-1]
    first_day = first_day_of(history.first_hour)
    profiles = {day: history.profile(day) for day in history.days if last - REACH <= day <= last}
    knowledge = learn(layout_of(baseline), last + 1, profiles, None, {}, first_day)
    return Past(knowledge, {}, last * 24 + 23, first_day, timed=False)


def verdict_on(
    baseline: Baseline, counts: Counts, past: Past | None, sample: Sample, settings: ModelSettings, looks: int
) -> Verdict:
    """Return the verdict of the service's check on a window that is complete, without its sudden part."""
    now = datetime.now(UTC)
    start, end = (_moment(time, now) for time in (sample.start, sample.end))
    # The window has the days that its rows have, whatever the service's setting is.
    settings = settings.model_copy(update={"sudden": False, "window_days": sample.days or settings.window_days})
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
    return judge(baseline, counts, past, occasion)


def _moment(milliseconds: int | None, default: datetime) -> datetime:
    if milliseconds is None:
        return default
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
