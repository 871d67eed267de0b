"""Lambda function that acknowledges, snoozes and resolves alerts."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Body

from driftguard.alerts import actions
from driftguard.alerts.publishing import to_topic
from driftguard.alerts.schemas import AlertDetail, Note, Snooze
from driftguard.api.problems import answers
from driftguard.api.resolver import Api
from driftguard.models.activity import ActivityKind
from driftguard.notifications.deliveries import Deliveries
from driftguard.platform import aws

app = Api()


@app.post("/drift/alerts/<alert_id>/acknowledge", responses=answers(200, AlertDetail, 404, 409), tags=["Alerts"])
def acknowledge(alert_id: str, body: Annotated[Note | None, Body()] = None) -> AlertDetail:
    """Acknowledge an alert. An acknowledged alert sends no more reminders."""
    return _act(alert_id, "alert_acknowledged", actions.acknowledging, body or Note())


@app.post("/drift/alerts/<alert_id>/snooze", responses=answers(200, AlertDetail, 404, 409), tags=["Alerts"])
def snooze(alert_id: str, body: Annotated[Snooze, Body()]) -> AlertDetail:
    """Snooze an alert until a given time. The alert sends no reminders until then. The snooze ends by itself.
    Snooze the alert again to change the time."""
    return _act(alert_id, "alert_snoozed", actions.snoozing, body)


@app.post("/drift/alerts/<alert_id>/resolve", responses=answers(200, AlertDetail, 404, 409), tags=["Alerts"])
def resolve(alert_id: str, body: Annotated[Note | None, Body()] = None) -> AlertDetail:
    """Resolve an alert. If the drift continues, no new alert of this type opens for the model's `renotify_hours`."""
    return _act(alert_id, "alert_resolved", actions.resolving, body or Note())


def _act[Body: Note](
    alert_id: str, kind: ActivityKind, transition: Callable[[Body, datetime, str], actions.Action], body: Body
) -> AlertDetail:
    organization_id, publish = app.caller.organization_id, to_topic(aws.client("sns"), app.environment.alerts_topic_arn)
    now, actor = datetime.now(UTC), app.caller.key_name
    recorded = actions.recording(kind, body, now, actor)
    actions.act(organization_id, alert_id, transition(body, now, actor), publish=publish, recorded=recorded)
    return actions.detail(organization_id, alert_id, app.base_url, datetime.now(UTC), Deliveries.latest)


handler = app.handle
