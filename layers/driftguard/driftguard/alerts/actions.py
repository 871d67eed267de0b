"""What people do with alerts: look, acknowledge, snooze, resolve; and what a new baseline does to them."""

from collections.abc import Callable
from datetime import datetime, timedelta

from driftguard.alerts import findings, lifecycle
from driftguard.alerts.publishing import Publish, publish_pending
from driftguard.alerts.schemas import Alert, AlertDetail, AlertFilters, DeliveryRecord, Note, Snooze
from driftguard.alerts.tables import Alerts, add_outcomes
from driftguard.models.registry import MAX_ID
from driftguard.models.settings import ModelSettings
from driftguard.models.statuses import Statuses
from driftguard.models.tables import Models
from driftguard.platform.dynamodb import ConditionFailed, transaction
from driftguard.platform.errors import Conflict, NotFound
from driftguard.platform.ids import earliest_id
from driftguard.platform.paging import Page, decode_key, encode_cursor

TRIES = 6

type Action = Callable[[Alert, findings.Memory], findings.Outcome]


def find(organization_id: str, alert_id: str) -> Alert:
    """The organization's alert. Raises NotFound, for another organization's alert and a deleted model's too."""
    alert = Alerts.one(organization_id, alert_id) if len(alert_id) <= MAX_ID else None
    if alert is None or Models.one(organization_id, alert.model_id) is None:
        raise NotFound("There is no such alert.")
    return alert


def page(organization_id: str, filters: AlertFilters, *, model_id: str | None, now: datetime) -> Page[Alert]:
    """Alerts newest first, of one model or all: those detected in the last `days`, and all that are still open; none of
    a deleted model, which are there until they are erased."""
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
        as_of=lambda alert: lifecycle.lapse(alert, now),
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
    deliveries_of: Callable[[str], list[DeliveryRecord]],
) -> AlertDetail:
    """One alert with its timeline and its deliveries, newest first. Raises NotFound.

    deliveries_of: the delivery records of an alert, by its id.
    """
    alert = lifecycle.lapse(find(organization_id, alert_id), now)
    return alert.detail(base_url, deliveries_of(alert_id))


def acknowledging(body: Note, now: datetime) -> Action:
    """The transition to `acknowledged`."""
    return lambda alert, memory: lifecycle.acknowledge(alert, memory, now=now, note=body.note)


def snoozing(body: Snooze, now: datetime) -> Action:
    """The transition to `snoozed`."""
    return lambda alert, memory: findings.Outcome(
        [lifecycle.snooze(alert, until=body.until, now=now, note=body.note)], [], memory
    )


def resolving(body: Note, now: datetime) -> Action:
    """The transition to `resolved`; how long none opens again is the model's `renotify_hours`."""

    def resolve(alert: Alert, memory: findings.Memory) -> findings.Outcome:
        model = Models.one(alert.organization_id, alert.model_id)
        hours = model.settings.renotify_hours if model else ModelSettings().renotify_hours
        return lifecycle.resolve(alert, memory, renotify_hours=hours, now=now, note=body.note)

    return resolve


def act(organization_id: str, alert_id: str, action: Action, *, publish: Publish) -> Alert:
    """Change an alert by a transition of `driftguard.alerts.lifecycle`, and its model's status with it.

    Raises NotFound, and Conflict when the transition makes no sense.
    """
    for _try in range(TRIES):
        alert = find(organization_id, alert_id)
        status = Statuses.one(organization_id, alert.model_id)
        memory = findings.Memory.load((status.memory or {}).get(alert.alert_type))
        outcome = action(alert, memory)
        try:
            _store(status, alert.alert_type, outcome)
        except ConditionFailed:
            continue  # a check, or somebody else, was faster: look again
        publish_pending(alert.model_id, publish)
        return outcome.alerts[-1]
    raise Conflict("The alert is being changed by others; please try again.", retry_after=1)


def replace_baseline(model: Models, *, publish: Publish, now: datetime) -> None:
    """Close every open alert that speaks of an older baseline; the next check would do it too."""
    status = Statuses.one(model.organization_id, model.model_id)
    for alert_id in (status.open_alerts or {}).values():
        alert = Alerts.one(model.organization_id, alert_id)
        if alert is None or alert.alert_type == "no_data":
            continue
        try:
            act(
                model.organization_id,
                alert_id,
                lambda found, memory: (
                    lifecycle.replace_baseline(found, memory, now=now)
                    if found.is_open
                    else findings.Outcome([found], [], memory)
                ),
                publish=publish,
            )
        except Conflict:
            continue


def _store(status: Statuses, alert_type: str, outcome: findings.Outcome) -> None:
    """Write the outcome and what the status says of it together. Raises ConditionFailed when either has moved on."""
    open_alerts, memory = lifecycle.remember(status.open_alerts or {}, status.memory or {}, outcome, alert_type)
    revision = status.revision
    with transaction() as write:
        write.update(
            Statuses(status.pk, status.sk),
            actions=[
                Statuses.open_alerts.set(open_alerts),
                Statuses.memory.set(memory),
                Statuses.revision.set(revision + 1),
            ],
            condition=Statuses.revision == revision,
        )
        add_outcomes(write, [outcome])
