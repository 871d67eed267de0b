"""Cuts alerts and events to sizes that DynamoDB, SNS and the API accept. What is left out is counted.

One transaction of a check can write an old and a new alert of each type, and an event for each of them. DynamoDB
accepts 400 kB per item and 4 MB per transaction. So these limits are far below the limit of one item.
"""

from collections.abc import Sequence

from driftguard.alerts.events import AlertEvent
from driftguard.alerts.schemas import Alert, AlertFeature, TimelineEntry
from driftguard.platform.sizes import longest_fit, squeeze

TIMELINE_BYTES = 50_000
"""Most compressed bytes of a timeline. Its JSON has at most ten times as many bytes."""

ALERT_BYTES = 150_000
"""Most compressed bytes of an alert."""

ALERT_TEXT_BYTES = 1_000_000
"""Most bytes of an alert's JSON, because an API response of 6 MB must hold an alert."""

EVENT_BYTES = 150_000
"""Most bytes of an event's JSON. SNS accepts 256 kB including attributes."""


def cut_alert(alert: Alert) -> Alert:
    """Return the alert without the middle of its timeline and without its last features, as far as needed."""
    alert = _cut_timeline(alert)
    if alert_size(alert) <= ALERT_BYTES:
        return alert
    features = alert.features
    kept = longest_fit(len(features), lambda count: alert_size(_with(alert, features[:count])), ALERT_BYTES)
    return _with(alert, features[:kept])


def cut_event(event: AlertEvent) -> AlertEvent:
    """Return the event without its last features, as far as needed. `features_total` still counts all of them."""
    features = event.alert.features

    def with_first(count: int) -> AlertEvent:
        return event.model_copy(update={"alert": event.alert.model_copy(update={"features": features[:count]})})

    return with_first(longest_fit(len(features), lambda count: len(_json(with_first(count))), EVENT_BYTES))


def alert_size(alert: Alert) -> int:
    """Return the compressed bytes of an alert, or more than ALERT_BYTES if its JSON is too long for a response."""
    text = alert.model_dump_json()
    return ALERT_BYTES + 1 if len(text.encode()) > ALERT_TEXT_BYTES else len(squeeze(text))


def _with(alert: Alert, features: Sequence[AlertFeature]) -> Alert:
    left_out = alert.features_left_out + len(alert.features) - len(features)
    return alert.model_copy(update={"features": list(features), "features_left_out": left_out})


def _cut_timeline(alert: Alert) -> Alert:
    """Keep the first entry and the latest ones."""
    first, rest = alert.timeline[:1], alert.timeline[1:]

    def latest(count: int) -> list[TimelineEntry]:
        return [*first, *rest[len(rest) - count :]]

    def size(count: int) -> int:
        text = "\n".join(entry.model_dump_json() for entry in latest(count))
        length = len(text.encode())
        return length if length <= TIMELINE_BYTES else max(len(squeeze(text)), length // 10)

    kept = longest_fit(len(rest), size, TIMELINE_BYTES)
    left_out = alert.timeline_left_out + len(rest) - kept
    return alert.model_copy(update={"timeline": latest(kept), "timeline_left_out": left_out})


def _json(event: AlertEvent) -> bytes:
    return event.model_dump_json().encode()
