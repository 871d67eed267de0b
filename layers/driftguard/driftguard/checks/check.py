"""The check of one model: fold what arrived, test, decide, keep the alerts, tell.

All that a check decides is stored in one transaction, so that a check that dies is as if it had not been, and one that
is delivered twice is one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from driftguard.alerts import lifecycle
from driftguard.alerts.publishing import Publish, publish_pending
from driftguard.alerts.tables import Alerts, Outbox
from driftguard.baselines.tables import Baselines
from driftguard.checks import reports
from driftguard.checks.tables import History
from driftguard.counting import Counts
from driftguard.counting.folding import (
    Fresh,
    Overtaken,
    Series,
    State,
    count_fresh,
    fold,
    load_state,
    read_days,
    window,
)
from driftguard.distributions.baseline import Baseline
from driftguard.models.schemas import ModelSettings
from driftguard.models.tables import CheckOutcome, Models, Runs, Statuses
from driftguard.platform.dynamodb import ConditionFailed, transaction
from driftguard.platform.ids import new_id
from driftguard.platform.times import hour_of, hour_start, iso, parse
from driftguard.verdicts import Verdict, judge

LEASE_MARGIN = timedelta(seconds=15)
RHO_DAYS = 14
RECENT_DAYS = 7
TRIES = 6


class Busy(Exception):
    """Another check of the model is running; `seconds` says when its lease ends at the latest."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"another check of this model is running, for {seconds} s at most")
        self.seconds = seconds


@dataclass(frozen=True)
class Task:
    """One check: of which model, when, by which tick of the schedule (None: by hand), and how long it may take.

    request: names a check by hand that comes from the queue.
    """

    model: Models
    now: datetime
    tick: str | None
    time_left: Callable[[], timedelta]
    publish: Publish
    keep: timedelta
    request: str | None = None

    def may_go_on(self) -> bool:
        """Whether there is time for another step."""
        return self.time_left() > timedelta(0)


@dataclass(frozen=True)
class Result:
    """How a check ended. finished: False when time ran out at a safe point and another message must go on.

    report: the full report, None when the check was skipped by the schedule or made before.
    """

    outcome: CheckOutcome
    report: dict[str, Any] | None
    finished: bool = True


def check(task: Task) -> Result:
    """Check one model now. Raises Busy while another check runs; whatever else is raised left nothing half done."""
    model = task.model
    check_id = new_id(task.now)
    owner = f"{task.tick or 'by-hand'}#{check_id}"
    try:
        status = Statuses.lease(
            model.organization_id, model.model_id, owner, task.now, max(task.time_left(), timedelta(0)) + LEASE_MARGIN
        )
    except ConditionFailed:
        ends = Statuses.lease_ends(model.organization_id, model.model_id)
        raise Busy(max(1, round((ends - task.now).total_seconds())) if ends else 1) from None
    try:
        made = _made_before(task, status)
        # Read again, as its baseline may have been replaced before the lease was taken.
        current = model if made else Models.one(model.organization_id, model.model_id)
        if current is None:
            return Result("skipped", None)
        try:
            return Result("checked", None) if made else _check_leased(replace(task, model=current), check_id, status)
        finally:
            # What this check tells, and what a crash left behind: after the check, so that an SNS that refuses keeps
            # nobody from being watched, and also when it fails.
            publish_pending(model.model_id, task.publish)
    except Overtaken:
        raise Busy(5) from None
    finally:
        Statuses.release(model.organization_id, model.model_id, owner)


def _check_leased(task: Task, check_id: str, status: Statuses) -> Result:
    model, now = task.model, task.now
    if model.baseline_version is None:
        return _skip(task, _empty_report(model, now, "no_baseline", "the model has no baseline yet"))
    series = load_series(model)
    state, complete = fold(series, load_state(series, now), now, task.may_go_on)
    fresh = count_fresh(series, state.cursor, now, task.may_go_on) if complete else None
    if fresh is None:
        return Result("checked", None, finished=False)
    last_arrival = fresh.last_arrival or state.last_arrival
    if last_arrival is None:
        return _skip(task, _empty_report(model, now, "no_data", "no prediction was ever logged", series.baseline.rows))
    verdict, context = decide(task.model, series, state, fresh, _arrival_time(last_arrival), now)
    _commit(task, check_id, status, verdict, context)
    return Result("checked", verdict.report)


def _made_before(task: Task, status: Statuses) -> bool:
    """Whether this very check has its verdict already: its message has come again."""
    if task.request:
        return status.request == task.request
    return task.tick is not None and Runs.ended(task.model.organization_id, task.tick, task.model.model_id)


def load_series(model: Models) -> Series:
    """The model's current baseline and what its counts are found by. Raises LookupError when the baseline is gone."""
    head = Baselines.head(model.model_id, int(model.baseline_version))
    if head is None:
        raise LookupError(f"baseline {model.baseline_version} of model {model.model_id} is gone")
    baseline = Baseline.decode(head.payload())
    return Series(model.model_id, model.partition_count, int(model.baseline_version), baseline)


@dataclass(frozen=True)
class Moment:
    """When a verdict is made and on what: first_hour to last_hour is the window, covered_since the earliest hour that
    the model has any counts of, silent whether its traffic has stopped."""

    now: datetime
    first_hour: int
    last_hour: int
    covered_since: int
    silent: bool


def decide(
    model: Models, series: Series, state: State, fresh: Fresh, last_arrival: datetime, now: datetime
) -> tuple[Verdict, lifecycle.Context]:
    """The verdict on the window that ends now, and what the alerts need to know around it."""
    settings = model.settings
    counts, days, moment = gather(series, settings, state, fresh, last_arrival, now)
    return verdict_on(model, settings, series, counts, days, moment)


def gather(
    series: Series, settings: ModelSettings, state: State, fresh: Fresh, last_arrival: datetime, now: datetime
) -> tuple[Counts, list[Counts], Moment]:
    """What a verdict is made of: the counts of the window that ends now, those of the whole days, and when that is."""
    last_hour = max(hour_of(now), max(fresh.by_hour, default=0))
    first_hour = hour_of(now - timedelta(days=settings.window_days))
    counted = [hour for hour in (state.first_hour, *fresh.by_hour) if hour is not None]
    moment = Moment(
        now=now,
        first_hour=first_hour,
        last_hour=last_hour,
        covered_since=min(counted, default=last_hour),
        silent=now - last_arrival >= timedelta(hours=settings.no_data_hours),
    )
    today = hour_of(now) // 24
    days = read_days(series, today - RHO_DAYS, today - 1, consistent=state.days_may_lag(now))
    counts = window(series, fresh, days, first_hour, last_hour, state.rolled_before)
    return counts, _with_fresh(series, days, fresh, whole_days(moment)), moment


def verdict_on(
    model: Models, settings: ModelSettings, series: Series, counts: Counts, days: Sequence[Counts], moment: Moment
) -> tuple[Verdict, lifecycle.Context]:
    """The verdict on a window's counts under `settings`; days: as `whole_days` says which."""
    preliminary = moment.covered_since > moment.first_hour
    verdict = judge(
        series.baseline,
        counts,
        days,
        settings,
        now=moment.now,
        window_start=hour_start(moment.first_hour),
        window_end=moment.now,
        preliminary=preliminary,
        baseline_version=series.version,
        model_id=model.model_id,
        no_data=moment.silent,
    )
    context = lifecycle.Context(
        now=moment.now,
        organization_id=model.organization_id,
        model_id=model.model_id,
        model_name=str(model.name),
        baseline_version=series.version,
        n_baseline=verdict.report["n_baseline"],
        n_window=verdict.report["n_window"],
        window_start=hour_start(moment.first_hour),
        window_end=moment.now,
        preliminary=preliminary,
        warming_up=moment.last_hour - max(moment.covered_since, moment.first_hour) < settings.warmup_hours,
        renotify_hours=settings.renotify_hours,
        resolve_after_hours=settings.resolve_after_hours,
    )
    return verdict, context


def whole_days(moment: Moment) -> range:
    """The last 14 whole days, oldest first; of a younger model those since its first counts, silent ones included."""
    today = hour_of(moment.now) // 24
    return range(max(-(-moment.covered_since // 24), today - RHO_DAYS), today)


def _with_fresh(series: Series, days: Mapping[int, Counts], fresh: Fresh, wanted: range) -> list[Counts]:
    """The `wanted` days, what is not folded yet included, oldest first."""
    whole = dict(days)
    for hour, counts in fresh.by_hour.items():
        day = hour // 24
        whole[day] = whole[day] + counts if day in whole else counts
    nothing = Counts.empty(series.baseline)
    return [whole.get(day, nothing) for day in wanted]


def _empty_report(model: Models, now: datetime, state: str, reason: str, n_baseline: int = 0) -> dict[str, Any]:
    start = hour_start(hour_of(now - timedelta(days=model.settings.window_days)))
    return {
        "model_id": model.model_id,
        "checked_at": iso(now),
        "status": state,
        "reason": reason,
        "preliminary": False,
        "drift_score": None,
        "p_value": None,
        "baseline_version": model.baseline_version,
        "window": {"start": iso(start), "end": iso(now)},
        "n_baseline": n_baseline,
        "n_window": 0,
        "features": [],
    }


def _skip(task: Task, report: dict[str, Any]) -> Result:
    if task.tick:
        Runs.of(task.model.organization_id, task.tick, task.model.model_id, "skipped", task.now).save()
    return Result("skipped", report)


def _commit(task: Task, check_id: str, status: Statuses, verdict: Verdict, context: lifecycle.Context) -> None:
    """Store the verdict, the alerts and their events in one transaction, on the state that was read."""
    model, now = task.model, task.now
    report = verdict.report
    body = reports.pack(report)
    slot = "b" if status.report_slot == "a" else "a"
    try:
        chunk_count = History.put_report(model.model_id, slot, check_id, body, over=status.report_spare)
    except ConditionFailed:
        raise Overtaken from None
    entry = History.entry(model.model_id, check_id, reports.pack_row(report), now, task.keep)
    for _try in range(TRIES):
        changed = _apply(status, verdict, context)
        status.state = report["status"]
        status.preliminary = context.preliminary
        status.checked_at = iso(now)
        status.drift_score = report["drift_score"]
        status.report_slot = slot
        status.report_spare, status.report_id = status.report_id, check_id
        status.report_chunks = chunk_count
        status.request = task.request
        status.recent = _recent(status.recent or [], report["drift_score"], now)
        revision, status.revision = status.revision, status.revision + 1
        try:
            with transaction() as write:
                write.save(
                    status, condition=(Statuses.revision == revision) & (Statuses.lease_owner == status.lease_owner)
                )
                write.save(entry)
                if task.tick:
                    write.save(Runs.of(model.organization_id, task.tick, model.model_id, "checked", now))
                for outcome in changed:
                    for alert in outcome.alerts:
                        Alerts.write(write, alert)
                    for event in outcome.events:
                        Outbox.write(write, event)
        except ConditionFailed:
            # Somebody acknowledged, snoozed or resolved meanwhile: decide again on what is there now.
            fresh = Statuses.one(model.organization_id, model.model_id)
            there = Models.one(model.organization_id, model.model_id)
            unchanged = there is not None and there.baseline_version == model.baseline_version
            if fresh.lease_owner != status.lease_owner or not unchanged:
                raise Overtaken from None
            status = fresh
            continue
        return
    raise Overtaken


def _apply(status: Statuses, verdict: Verdict, context: lifecycle.Context) -> list[lifecycle.Outcome]:
    """Bring the model's alerts up to date; `status` takes which are open and what is to be remembered."""
    open_ids = dict(status.open_alerts or {})
    memory = dict(status.memory or {})
    stored = Alerts.several(context.organization_id, open_ids.values()) if open_ids else {}
    outcomes = []
    for finding in verdict.findings:
        kind = finding.alert_type
        alert = stored.get(open_ids.get(kind, ""))
        outcome = lifecycle.apply(finding, alert, lifecycle.Memory.load(memory.get(kind)), context)
        outcomes.append(outcome)
        open_ids, memory = lifecycle.remember(open_ids, memory, outcome, kind)
    status.open_alerts, status.memory = open_ids, memory
    return outcomes


def _recent(old: list[list[Any]], score: float | None, now: datetime) -> list[list[Any]]:
    """The highest drift score of each of the last 7 days: [day, score], oldest first."""
    today = now.date().isoformat()
    by_day = {str(day): value for day, value in old}
    known = [value for value in (by_day.get(today), score) if value is not None]
    by_day[today] = max(known, default=None)
    first = (now - timedelta(days=RECENT_DAYS - 1)).date().isoformat()
    return [[day, by_day[day]] for day in sorted(by_day) if day >= first]


def _arrival_time(arrived_at: str) -> datetime:
    return parse(arrived_at.partition("#")[0])
