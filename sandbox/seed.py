"""Stores what the files in events/ refer to in a local stack: an organization, its key, a model, channels, an alert."""

import json
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from driftguard.alerts.events import AlertEvent
from driftguard.alerts.schemas import Alert
from driftguard.alerts.tables import Alerts
from driftguard.models.settings import ModelSettings
from driftguard.models.tables import Models
from driftguard.notifications.messages import Retry
from driftguard.notifications.providers.base import StoredChannel
from driftguard.notifications.schemas import NEW_CHANNEL
from driftguard.notifications.tables import Channels
from driftguard.organizations.tables import ApiKeys
from driftguard.platform.dynamodb import connect, transaction
from driftguard.platform.environment import Environment
from driftguard.platform.times import iso

EVENTS: Final = Path(__file__).resolve().parent.parent / "events"


def seed(stack: dict[str, Any]) -> None:
    """Store them with the project's own table classes. `stack` is the content of the launcher's stack.json."""
    os.environ |= {
        "AWS_ENDPOINT_URL": stack["aws_endpoint"],
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": stack["region"],
        "AWS_DEFAULT_REGION": stack["region"],
    }
    tables = {name: value for name, value in stack["resources"].items() if name.endswith("Table")}
    connect(Environment({re.sub(r"(?<!^)(?=[A-Z])", "_", name).upper(): value for name, value in tables.items()}))

    message = AlertEvent.model_validate_json(_load("notify_email.topic")["Records"][0]["Sns"]["Message"])
    organization_id, now = message.organization_id, datetime.now(UTC)
    ApiKeys.add_organization(organization_id, "Acme", now)
    organization = ApiKeys.organization(organization_id)
    if organization is None:
        raise RuntimeError("the organization was stored but cannot be read back; start the local stack afresh")
    key_id = _load("manage_models.list")["requestContext"]["identity"]["apiKeyId"]
    ApiKeys.add_key(organization, key_id, "admin", "by hand", now)
    model = Models(
        organization_id,
        f"model#{message.model_id}",
        organization_id=organization_id,
        model_id=message.model_id,
        name="churn",
        partitions=[4],
        created_at=iso(now),
    )
    model.settings = ModelSettings()
    Models.add(model)
    for event, settings in (
        ("notify_email.retry", {"type": "email", "to": ["team@example.com"]}),
        ("notify_slack.retry", {"type": "slack", "webhook_url": "https://hooks.slack.com/services/T1/B1/x"}),
        ("notify_webhook.retry", {"type": "webhook", "url": "https://hooks.example.com/drift"}),
    ):
        channel_id = Retry.model_validate_json(_load(event)["Records"][0]["body"]).channel_id
        channel = NEW_CHANNEL.validate_python(settings)
        Channels.add(StoredChannel(channel_id, organization_id, channel, now, now))
    with transaction() as write:
        alert = message.alert.model_dump(exclude={"features_total"})
        Alerts.write(write, Alert(organization_id=organization_id, **alert))


def _load(name: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    return event
