"""Publishes pending alert events to SNS. Events are stored with their alert and deleted after publishing."""

import json
from collections.abc import Callable
from itertools import groupby
from typing import Any

from driftguard.alerts.events import AlertNews, changes_in, news_of
from driftguard.alerts.tables import Outbox

type Publish = Callable[[AlertNews], None]


def to_topic(sns: Any, topic_arn: str) -> Publish:
    """Return a function that publishes one message to the topic, with attributes for subscription filters.

    A filter matches if any alert of the message matches.
    """

    def publish(news: AlertNews) -> None:
        changes = changes_in(news)
        shared = {"organization_id": changes[0].organization_id, "model_id": changes[0].model_id}
        several: dict[str, list[str]] = {
            "alert_type": [change.alert.alert_type for change in changes],
            "severity": [change.severity for change in changes],
            "kind": [change.kind for change in changes],
        }
        sns.publish(
            TopicArn=topic_arn,
            Message=news.model_dump_json(),
            MessageAttributes={
                **{name: {"DataType": "String", "StringValue": value} for name, value in shared.items()},
                **{name: _attribute(list(dict.fromkeys(values))) for name, values in several.items()},
            },
        )

    return publish


def _attribute(values: list[str]) -> dict[str, str]:
    if len(values) == 1:
        return {"DataType": "String", "StringValue": values[0]}
    return {"DataType": "String.Array", "StringValue": json.dumps(values)}


def publish_pending(model_id: str, publish: Publish) -> int:
    """Publish the pending events of a model, oldest first. Returns the number of events.

    The events of one check have the same time and are published as one message. An event is deleted only after SNS
    accepted it. If this function crashes, the next check publishes the rest. The notifiers recognize a repeated event
    by its id.
    """
    pending = Outbox.pending(model_id)
    for _at, group in groupby(pending, key=lambda pair: pair[1].at):
        check = list(group)
        publish(news_of([event for _item, event in check]))
        for item, _event in check:
            item.delete()
    return len(pending)
