"""Fills the history of a model whose first baseline came after its first predictions, with one row per stored day.

The first check replays the week part on the counts of earlier days, so that a chart of the score does not begin with a
single dot. The key of a row depends on its day alone, so a check that is repeated after a crash writes the same rows.
"""

from dataclasses import replace

import numpy as np

from driftguard.baselines.tables import Baselines
from driftguard.checks import reports
from driftguard.checks.onsets import HOURS, Stored, day_span
from driftguard.checks.schemas import HistoryRow
from driftguard.checks.tables import History
from driftguard.checks.task import Task
from driftguard.counting.counts import Counts
from driftguard.counting.layout import layout_of
from driftguard.counting.series import Series, State, read_days, read_hours
from driftguard.models.statuses import Statuses
from driftguard.platform.ids import earliest_id
from driftguard.platform.times import hour_of, hour_start, iso
from driftguard.predictions.tables import RECOUNT_DAYS, Predictions
from driftguard.verdicts.drift import drift_tests
from driftguard.verdicts.findings import strongest
from driftguard.verdicts.judging import Verdict
from driftguard.verdicts.rules import Rules
from driftguard.verdicts.week import Week

type DayScore = tuple[str, float | None]
"""A day and its drift score."""


def backfill(task: Task, status: Statuses, state: State, verdict: Verdict, stored: Stored) -> list[DayScore] | None:
    """Store a row for each earlier day and return the scores of these days, oldest first. Return None if time runs out.

    Later checks read and write nothing here. verdict: that of the check. stored: the earlier counts.
    """
    if status.checked_at is not None or verdict.week is None or not _logged_before(stored.series):
        return []
    today = hour_of(task.now) // HOURS
    # Earlier days may be counted in part only, see `folding.recount_from`.
    first = today - RECOUNT_DAYS
    days = _days(stored, state, first, today)
    if not days:
        return None if days is None else []
    covered_since = max(
        first * HOURS, min(hour for hour in (state.first_hour, *stored.fresh.hours) if hour is not None)
    )
    scores = []
    for day in sorted(days):
        if not task.may_go_on():
            return None
        row = _row(stored.series, verdict, verdict.week, days, day, covered_since)
        end = hour_start((day + 1) * HOURS)
        History.entry(task.model.model_id, earliest_id(end), reports.pack_row(row), end, task.keep).save()
        scores.append((hour_start(day * HOURS).date().isoformat(), row["drift_score"]))
    return scores


def _logged_before(series: Series) -> bool:
    """Whether predictions arrived before the baseline was created."""
    head = Baselines.head(series.model_id, series.version)
    if head is None or head.created_at is None:
        return False
    earlier = Predictions.arrivals(series.model_id, series.partitions, until=head.created_at, limit=1)
    return next(earlier, None) is not None


def _days(stored: Stored, state: State, first: int, today: int) -> dict[int, Counts] | None:
    """Return the counts of the days from `first` to before today that have rows. Return None if time runs out."""
    late = stored.late([day_span(day) for day in range(first, today)])
    if late is None:
        return None
    found = read_days(stored.series, first, today - 1)
    # Shortly after midnight, yesterday is not rolled up yet.
    for day in range(max(first, today if state.rolled_before is None else state.rolled_before), today):
        hours = read_hours(stored.series, *day_span(day))
        found[day] = sum((counts for _hour, counts in hours), Counts.empty(stored.series.baseline))
    for (start, _end), counts in late.items():
        day = start // HOURS
        found[day] = found[day] + counts if day in found else counts
    return {day: counts for day, counts in found.items() if counts.rows}


def _row(
    series: Series, verdict: Verdict, week: Week, days: dict[int, Counts], day: int, covered_since: int
) -> HistoryRow:
    """Return the row of the window that ends with a day. covered_since: the earliest hour with complete counts."""
    settings, layout = verdict.occasion.settings, layout_of(series.baseline)
    first = day - settings.window_days + 1
    window = sum((days[one] for one in range(first, day + 1) if one in days), Counts.empty(series.baseline))
    preliminary = covered_since > first * HOURS
    features = len(layout.features)
    limits = replace(
        week,
        days=np.full(features, float(settings.window_days)),
        covered=np.full(features, not preliminary),
    )
    rules = Rules.of(layout, settings, verdict.occasion.looks)
    tests = drift_tests(layout, window, limits, rules, baseline_days=series.baseline.days)
    score, p_value = strongest(tests, tests.testable)
    shown = {index: one.key for index, one in enumerate(layout.features) if rules.enabled[index]}
    return {
        "checked_at": iso(hour_start((day + 1) * HOURS)),
        "status": "drift" if tests.fired.any() else "ok" if tests.testable.any() else "insufficient_data",
        "preliminary": preliminary,
        "drift_score": score,
        "p_value": p_value,
        "drifted_features": [key for index, key in shown.items() if tests.fired[index]],
        "n_window": window.rows,
        "baseline_version": series.version,
        "feature_scores": {
            key: float(tests.score[index]) if tests.testable[index] else None for index, key in shown.items()
        },
        "features_left_out": 0,
        "replayed": True,
    }
