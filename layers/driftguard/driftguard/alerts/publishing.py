"""Publishes pending alert events to SNS. Events are stored with their alert and deleted after publishing."""

from collections.abc import Callable
from typing import Any

from driftguard.alerts.events import AlertEvent
from driftguard.alerts.tables import Outbox

type Publish = Callable[[AlertEvent], None]


def to_topic(sns: Any, topic_arn: str) -> Publish:
    """Return a function that publishes one event to the topic, with attributes for subscription filters."""

    def publish(event: AlertEvent) -> None:
        attributes = {
            "organization_id": event.organization_id,
            "model_id": event.model_id,
            "alert_type": event.alert.alert_type,
            "severity": event.severity,
            "kind": event.kind,
        }
        sns.publish(
            TopicArn=topic_arn,
            Message=event.model_dump_json(),
            MessageAttributes={
                name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
            },
        )

    return publish


def publish_pending(model_id: str, publish: Publish) -> int:
    """Publish the pending events of a model, oldest first. Returns the number of events.

    An event is deleted only after SNS accepted it. If this function crashes, the next check publishes the rest.
    The notifiers recognize a repeated event by its id.
    """
    pending = Outbox.pending(model_id)
    for item, event in pending:
        publish(event)
        item.delete()
    return len(pending)
