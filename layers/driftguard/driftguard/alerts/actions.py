"""Reads, acknowledges, snoozes and resolves alerts for users, and closes alerts when the baseline is replaced."""

from collections.abc import Callable, Container
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import get_args

from driftguard.alerts import findings, lifecycle, transitions
from driftguard.alerts.episodes import Episodes
from driftguard.alerts.publishing import Publish, publish_pending
from driftguard.alerts.schemas import (
    OF_LABELS,
    WITHOUT_BASELINE,
    Alert,
    AlertDetail,
    AlertStatus,
    AlertType,
    DeliveryRecord,
    Note,
    Severity,
    Snooze,
)
from driftguard.alerts.tables import Alerts, add_outcomes
from driftguard.models.activity import ActivityKind, Change
from driftguard.models.registry import MAX_ID
from driftguard.models.settings import ModelSettings
from driftguard.models.statuses import Statuses
from driftguard.models.tables import Models
from driftguard.platform.dynamodb import transaction
from driftguard.platform.errors import Conflict, NotFound
from driftguard.platform.ids import earliest_id
from driftguard.platform.paging import Page, decode_key, encode_cursor
from driftguard.platform.retries import retrying
from driftguard.platform.times import hour_of, iso

TRIES = 6

type Action = Callable[[Alert, findings.Memory], findings.Outcome]
type Recorded = Callable[[Alert], Change]


def find(organization_id: str, alert_id: str) -> Alert:
    """Return the organization's alert.

    Raises NotFound if the alert is unknown, belongs to another organization, or its model was deleted.
    """
    alert = Alerts.one(organization_id, alert_id) if len(alert_id) <= MAX_ID else None
    if alert is None or Models.one(organization_id, alert.model_id) is None:
        raise NotFound("No alert has this id. Check the id, or list alerts at GET /drift/alerts.")
    return alert


@dataclass(frozen=True)
class AlertFilters:
    """The query parameters of a list of alerts."""

    limit: int
    days: int | None
    status: AlertStatus | None
    severity: Severity | None
    alert_type: AlertType | None
    cursor: str | None


def page(organization_id: str, filters: AlertFilters, *, model_id: str | None, now: datetime) -> Page[Alert]:
    """Return a page of alerts, newest first: alerts detected in the last `days`, and all open alerts.

    model_id: return this model's alerts only. None returns the alerts of all models.
    Alerts of deleted models are left out: they stay in the table until the erasure removes them.
    """
    owner = model_id or organization_id
    before = decode_key("alerts", owner, filters.cursor)
    found, following = Alerts.newest(
        organization_id,
        model_id=model_id,
        since_id=earliest_id(now - timedelta(days=filters.days)) if filters.days else None,
        before=before,
        status=filters.status,
        severity=filters.severity,
        alert_type=filters.alert_type,
        limit=filters.limit,
        as_of=lambda alert: transitions.lapse(alert, now),
    )
    there = {model_id} if model_id else Models.existing(organization_id, {alert.model_id for alert in found})
    return Page(
        [alert for alert in found if alert.model_id in there],
        encode_cursor("alerts", owner, following) if following else None,
        lambda alert: encode_cursor("alerts", owner, alert.id),
    )


def detail(
    organization_id: str,
    alert_id: str,
    base_url: str,
    now: datetime,
    deliveries_of: Callable[[str], tuple[list[DeliveryRecord], int]],
) -> AlertDetail:
    """Return one alert with its timeline and its deliveries. Raises NotFound.

    deliveries_of: returns the records of an alert's latest deliveries, and the number of earlier deliveries.
    """
    alert = transitions.lapse(find(organization_id, alert_id), now)
    return alert.detail(base_url, *deliveries_of(alert_id))


def acknowledging(body: Note, now: datetime, actor: str) -> Action:
    """Return the transition to `acknowledged`."""
    return lambda alert, memory: transitions.acknowledge(alert, memory, now=now, actor=actor, note=body.note)


def snoozing(body: Snooze, now: datetime, actor: str) -> Action:
    """Return the transition to `snoozed`."""
    return lambda alert, memory: findings.Outcome(
        [transitions.snooze(alert, until=body.until, now=now, actor=actor, note=body.note)], [], memory
    )


def resolving(body: Note, now: datetime, actor: str) -> Action:
    """Return the transition to `resolved`.

    While the drift continues, no new alert of this type opens for the model's `renotify_hours`.
    """

    def resolve(alert: Alert, memory: findings.Memory) -> findings.Outcome:
        model = Models.one(alert.organization_id, alert.model_id)
        hours = model.settings.renotify_hours if model else ModelSettings().renotify_hours
        return transitions.resolve(alert, memory, renotify_hours=hours, now=now, actor=actor, note=body.note)

    return resolve


def recording(kind: ActivityKind, body: Note, now: datetime, actor: str) -> Recorded:
    """Return what records the change of an alert by a user."""
    until = {"until": iso(body.until)} if isinstance(body, Snooze) else {}

    def record(alert: Alert) -> Change:
        details = {"alert_type": alert.alert_type, "note": body.note, **until}
        return Change(alert.organization_id, actor, kind, alert.id, now, alert.model_id, details)

    return record


def act(
    organization_id: str, alert_id: str, action: Action, *, publish: Publish, recorded: Recorded | None = None
) -> Alert:
    """Apply a transition of `driftguard.alerts.transitions` to an alert, and update its model's status.

    recorded: returns the record of the change, which is stored with it.
    Raises NotFound if there is no such alert, and Conflict if its status does not allow the transition.
    """
    alert = _apply(organization_id, alert_id, action, recorded)
    publish_pending(alert.model_id, publish)
    return alert


def replace_baseline(model: Models, *, publish: Publish, now: datetime, actor: str, with_labels: bool = False) -> None:
    """Close every open alert that compares with a replaced baseline, without waiting for the next check.

    with_labels: whether the new baseline is also the new reference of the model's performance.
    """
    types = set(get_args(AlertType)) - {*OF_LABELS, *WITHOUT_BASELINE}
    _close_replaced(model, types | ({"performance"} if with_labels else set()), publish=publish, now=now, actor=actor)


def replace_reference(model: Models, *, publish: Publish, now: datetime, actor: str) -> None:
    """Close an open alert on the performance of a model that has a new reference, without waiting for the next join."""
    _close_replaced(model, {"performance"}, publish=publish, now=now, actor=actor)


def _close_replaced(model: Models, types: Container[str], *, publish: Publish, now: datetime, actor: str) -> None:
    def close(alert: Alert, memory: findings.Memory) -> findings.Outcome:
        if alert.alert_type not in types:
            return findings.Outcome([], [], memory)
        return transitions.replace_baseline(alert, memory, now=now, actor=actor)

    _close_open(model, close, publish=publish)


def close_deleted(model: Models, *, publish: Publish, now: datetime, actor: str) -> None:
    """Close every open alert of a model before it is deleted, so that no incident stays open at a provider."""
    hours = model.settings.renotify_hours
    _close_open(
        model,
        lambda alert, memory: transitions.delete_model(alert, memory, renotify_hours=hours, now=now, actor=actor),
        publish=publish,
    )


def _close_open(model: Models, close: Action, *, publish: Publish) -> None:
    """Close the open alerts of a model and publish their events as one message."""

    def unless_closed(alert: Alert, memory: findings.Memory) -> findings.Outcome:
        return close(alert, memory) if alert.is_open else findings.Outcome([], [], memory)

    status = Statuses.one(model.organization_id, model.model_id)
    for alert_id in (status.open_alerts or {}).values():
        with suppress(Conflict, NotFound):
            _apply(model.organization_id, alert_id, unless_closed)
    publish_pending(model.model_id, publish)


def _apply(organization_id: str, alert_id: str, action: Action, recorded: Recorded | None = None) -> Alert:
    for attempt in retrying(TRIES):
        alert = find(organization_id, alert_id)
        status = Statuses.one(organization_id, alert.model_id)
        memory = findings.Memory.load((status.memory or {}).get(alert.alert_type))
        outcome = action(alert, memory)
        if not outcome.alerts:
            return alert
        with attempt:
            _store(status, alert, outcome, recorded(outcome.alerts[-1]) if recorded else None)
        if attempt.succeeded:
            return outcome.alerts[-1]
    raise Conflict("Other requests are changing this alert. Please try again in a second.", retry_after=1)


def _store(status: Statuses, before: Alert, outcome: findings.Outcome, change: Change | None) -> None:
    """Write the outcome, the model's status and the record of the change in one transaction.

    before: the alert before the change.

    Raises ConditionFailed if the alert or the status changed since it was read.
    """
    open_alerts, memory = lifecycle.remember(status.open_alerts or {}, status.memory or {}, outcome, before.alert_type)
    revision = status.revision
    episodes = _episodes_after(status, before, outcome.alerts[-1])
    with transaction() as write:
        write.update(
            Statuses(status.pk, status.sk),
            actions=[
                Statuses.open_alerts.set(open_alerts),
                Statuses.memory.set(memory),
                *([Statuses.episodes.set(episodes)] if episodes is not None else []),
                Statuses.revision.set(revision + 1),
            ],
            condition=Statuses.revision == revision,
        )
        add_outcomes(write, [outcome])
        if change is not None:
            change.record(write)


def _episodes_after(status: Statuses, before: Alert, after: Alert) -> bytes | None:
    """Return the episodes after a person resolved an alert, or None if they stay as they are."""
    version = before.baseline_version
    if before.alert_type in OF_LABELS or version is None or not status.episodes:
        return None
    if after.is_open or after.resolved_at is None:
        return None
    episodes = Episodes.load(status.episodes, version)
    return episodes.resolved_by_hand(before.alert_type, hour_of(after.resolved_at)).dump(version)
