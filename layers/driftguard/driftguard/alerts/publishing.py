"""The way of an alert's events to SNS: written with the alert, published, then forgotten."""

from collections.abc import Callable
from typing import Any

from driftguard.alerts.events import AlertEvent
from driftguard.alerts.tables import Outbox

type Publish = Callable[[AlertEvent], None]


def to_topic(sns: Any, topic_arn: str) -> Publish:
    """A function that publishes one event to the topic, with the attributes a subscription may filter by."""

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
    """Publish every event of a model that SNS may not have yet, oldest first; returns how many.

    An event is forgotten only once SNS has taken it: what a crash leaves behind goes out with the next check, and the
    notifiers know an event that comes twice by its id.
    """
    pending = Outbox.pending(model_id)
    for item, event in pending:
        publish(event)
        item.delete()
    return len(pending)
