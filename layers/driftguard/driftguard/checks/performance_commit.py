"""Decides from labels whether a model became worse, and stores the report and its alerts in one transaction.

A join holds no lease. Its transaction fails if a check, a person or another join has changed the model's status since
it was read. Then the join applies the same verdict to the new status. A check does the same if a join was faster.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pynamodb.transactions import TransactWrite

from driftguard.alerts import lifecycle
from driftguard.alerts.findings import Finding, Memory, Occasion, Outcome
from driftguard.alerts.schemas import OF_LABELS, Alert, Window
from driftguard.alerts.tables import Alerts, add_outcomes
from driftguard.baselines.references import References
from driftguard.models.schemas import Headline
from driftguard.models.statuses import Statuses
from driftguard.models.tables import Models
from driftguard.models.task import Task
from driftguard.performance.counts import total
from driftguard.performance.joining import Overtaken
from driftguard.performance.maturity import Day
from driftguard.performance.tables import Joined
from driftguard.platform.retries import retrying
from driftguard.platform.times import DAY, HOUR, iso
from driftguard.verdicts.performance import WINDOW_DAYS, Judged, label_limit
from driftguard.verdicts.performance_findings import Labelling, labels_finding, performance_finding
from driftguard.verdicts.performance_report import Reference

TRIES = 6

REPORT_EVERY = 6 * HOUR
"""A report without new rows is made again after this time, because days become mature by their age."""


@dataclass(frozen=True)
class Verdict:
    """What a join found. performance: the finding on the judged window and its context; None without a reference.

    occasion: the context of the finding on missing labels.
    """

    performance: tuple[Finding, Occasion] | None
    labelling: Labelling
    occasion: Occasion
    reference_version: int | None


def verdict_of(
    model: Models,
    days: Sequence[Day],
    reference: Reference | None,
    judged: Sequence[Judged],
    labelling: Labelling,
    *,
    reference_version: int | None,
    actor: str,
    now: datetime,
) -> Verdict:
    """Return the findings of a join. days: in order. judged: the verdict on them."""
    task = _task_of(model)
    mature = [day for day in days if day.matured_at is not None][-WINDOW_DAYS:]
    counts = total((day.counts for day in mature), task.class_count)
    tallies = [day.counts.tally for day in days]
    waiting = sum(tally.predictions - tally.labelled for tally in tallies)
    bare = replace(occasion_of(model, now, 0, waiting, mature), silence=labelling.sentence, actor=actor)
    since = labelling.last_label or now - label_limit(labelling.p90)
    occasion = replace(bare, window=Window(start=since, end=now))
    performance = None
    if reference is not None and mature:
        n_baseline = reference["counts"].n
        context = replace(bare, baseline_version=reference_version, n_baseline=n_baseline, n_window=counts.n)
        finding = performance_finding(judged, counts, reference["counts"], len(mature), task)
        performance = (finding, context)
    return Verdict(performance, labelling, occasion, reference_version)


def occasion_of(model: Models, now: datetime, n_baseline: int, n_window: int, window: Sequence[Day]) -> Occasion:
    """Return the context of a verdict on labels. window: the days that are judged, in order."""
    return Occasion(
        now=now,
        organization_id=model.organization_id,
        model_id=model.model_id,
        model_name=str(model.name),
        settings=model.settings,
        baseline_version=None,
        n_baseline=n_baseline,
        n_window=n_window,
        window=Window(start=window[0].end - DAY if window else now, end=window[-1].end if window else now),
        preliminary=False,
        warming_up=False,
        silent=False,
    )


def _task_of(model: Models) -> Task:
    if model.settings.task is None:
        raise ValueError("the model has no task")
    return model.settings.task


def store(
    model: Models, read: Joined | None, data: bytes, verdict: Verdict, made_of: str, headline: Headline | None
) -> None:
    """Store a report in place of the one that was read, with the alerts that follow from the verdict.

    made_of: names the state of the join and the reference that the report is made of.
    Raises Overtaken if another join was faster, if the reference was replaced, or if the model was deleted.
    """
    now = verdict.occasion.now
    for attempt in retrying(TRIES):
        status = Statuses.one(model.organization_id, model.model_id)
        open_alerts, memory, outcomes = _apply(status, verdict)
        changed = any(outcome.alerts for outcome in outcomes)
        with attempt:
            Joined.put_report(
                model.model_id,
                read,
                data,
                iso(_next_at(open_alerts, verdict, now)),
                made_of=made_of,
                headline=headline,
                add=_adding(model, status, open_alerts, memory, outcomes) if changed else None,
            )
        if attempt.succeeded:
            return
        _check_unchanged(model, read, verdict)
    raise Overtaken


def _adding(
    model: Models,
    status: Statuses,
    open_alerts: dict[str, str],
    memory: dict[str, object],
    outcomes: Sequence[Outcome],
) -> Callable[[TransactWrite], None]:
    def add(write: TransactWrite) -> None:
        model.must_exist(write)
        Statuses.change_alerts(write, status, open_alerts, memory)
        add_outcomes(write, outcomes)

    return add


def _check_unchanged(model: Models, read: Joined | None, verdict: Verdict) -> None:
    """Raise Overtaken if more than the model's status has changed."""
    head, reference = Joined.report_head(model.model_id), References.newest(model.model_id)
    version = int(reference.version) if reference is not None else None
    same_report = (head.revision if head is not None else None) == (read.revision if read is not None else None)
    there = Models.one(model.organization_id, model.model_id) is not None
    if not (there and same_report and version == verdict.reference_version):
        raise Overtaken


def _apply(status: Statuses, verdict: Verdict) -> tuple[dict[str, str], dict[str, object], list[Outcome]]:
    """Apply the findings to the model's alerts. Returns the open alerts, the memory, and what changed."""
    open_alerts, memory = dict(status.open_alerts or {}), dict(status.memory or {})
    ids = [open_alerts[kind] for kind in OF_LABELS if kind in open_alerts]
    stored = Alerts.several(verdict.occasion.organization_id, ids) if ids else {}
    found = [verdict.performance] if verdict.performance is not None else []
    missing = stored.get(open_alerts.get("labels_missing", ""))
    labels = labels_finding(
        verdict.labelling, _opened(missing), is_silent="no_data" in open_alerts, now=verdict.occasion.now
    )
    outcomes = []
    for finding, occasion in [*found, (labels, verdict.occasion)]:
        kind = finding.alert_type
        alert = stored.get(open_alerts.get(kind, ""))
        outcome = lifecycle.apply(finding, alert, Memory.load(memory.get(kind)), occasion)
        if outcome.alerts:
            outcomes.append(outcome)
            open_alerts, memory = lifecycle.remember(open_alerts, memory, outcome, kind)
    return open_alerts, memory, outcomes


def _opened(alert: Alert | None) -> datetime | None:
    return alert.detected_at if alert is not None and alert.is_open else None


def _next_at(open_alerts: dict[str, str], verdict: Verdict, now: datetime) -> datetime:
    """Return when the report is due again: with each hourly join while an alert is open, and when labels are missed."""
    if any(kind in open_alerts for kind in OF_LABELS):
        # A message that SQS delivers twice counts no second occurrence.
        return now + HOUR / 2
    labelling = verdict.labelling
    since = labelling.unlabelled_since or labelling.last_label
    missed = since + label_limit(labelling.p90) + timedelta(seconds=1) if since is not None else now
    return min(now + REPORT_EVERY, missed) if missed > now else now + REPORT_EVERY
