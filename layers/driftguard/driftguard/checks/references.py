"""Compares the window with earlier days of the model: in a check, if the settings say so, or on request."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from driftguard.alerts.episodes import Episodes
from driftguard.checks.onsets import Stored
from driftguard.checks.window import Past, decide, fresh_spans, load_series
from driftguard.counting.folding import load_state
from driftguard.counting.fresh import count_fresh
from driftguard.models.settings import EarlierDays
from driftguard.models.statuses import Statuses
from driftguard.models.tables import Models
from driftguard.models.traffic import Traffic
from driftguard.platform.errors import Conflict
from driftguard.verdicts.bounds import bounded
from driftguard.verdicts.judging import Verdict
from driftguard.verdicts.references import compared, days_of
from driftguard.verdicts.shapes import Compared


def with_reference(verdict: Verdict, stored: Stored) -> Verdict:
    """Return the verdict with the comparison that the settings ask for. Earlier days are read only for it."""
    source = verdict.occasion.settings.reference
    if source == "training":
        return verdict
    return replace(verdict, report=bounded({**verdict.report, "reference": _compared(source, verdict, stored)}))


def compare(model: Models, source: EarlierDays, now: datetime, may_go_on: Callable[[], bool]) -> Compared:
    """Compare the window that ends now with earlier days. No report, history or alert changes.

    Raises Conflict if the model has no baseline or no data, or if too many predictions are not counted yet.
    """
    if model.baseline_version is None:
        raise Conflict("The model has no baseline yet. Create a baseline before you compare.")
    series = load_series(model)
    state = load_state(series, now)
    status = Statuses.one(model.organization_id, model.model_id)
    episodes = Episodes.load(status.episodes, series.version)
    fresh = count_fresh(series, state.cursor, now, fresh_spans(model.settings, now, episodes), may_go_on)
    if fresh is None:
        raise Conflict(
            "Too many predictions are waiting to be counted. Please try again after the next check.", retry_after=900
        )
    if state.first_hour is None and not fresh.hours:
        raise Conflict("No predictions have been counted yet. Log predictions before you compare.")
    past = Past(last_arrival=now, traffic=Traffic.decode(status.traffic) | state.traffic | fresh.traffic)
    verdict = decide(model, series, state, fresh, past, now, episodes)
    return _compared(source, verdict, Stored.of(series, state, fresh, now, may_go_on))


def _compared(source: EarlierDays, verdict: Verdict, stored: Stored) -> Compared:
    if verdict.week is None or verdict.window is None:
        raise ValueError("a verdict without a window has nothing to compare")
    days = days_of(source, verdict.occasion)
    counts = stored.days(days.start, days.stop - 1)
    return compared(stored.series.baseline, source, counts, verdict.window, verdict.week, verdict.occasion)
