"""The messages that notifiers receive: alert events, notices about channels, and retries."""

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict

from driftguard.alerts.events import AlertEvent, AlertMessage, AlertNews, changes_in, news_of
from driftguard.platform.times import UtcTime, iso


class ChannelNotice(BaseModel):
    """The notice that a channel does not work. It belongs to no model and goes to e-mail channels only."""

    model_config = ConfigDict(extra="ignore")

    kind: Literal["channel_unhealthy"] = "channel_unhealthy"
    organization_id: str
    channel_id: str
    channel_name: str
    channel_type: str
    reason: str
    since: UtcTime

    @property
    def subject_id(self) -> str:
        """The partition of the notice's deliveries, where an alert event has its alert id."""
        return f"channel#{self.channel_id}"

    @property
    def event_id(self) -> str:
        """The same id however often the channel fails before it works again."""
        return iso(self.since)


type Event = AlertEvent | ChannelNotice
"""What a delivery is recorded for."""

type Message = AlertNews | ChannelNotice
"""What a channel receives at once: one event or several."""


def events_in(message: Message) -> "list[Event]":
    """The events of a message, each of which has a delivery of its own."""
    return [message] if isinstance(message, ChannelNotice) else [*changes_in(message)]


def message_of(events: "Sequence[Event]") -> Message:
    """One message for these events, which all belong to one message already."""
    notices = [event for event in events if isinstance(event, ChannelNotice)]
    return notices[0] if notices else news_of([event for event in events if isinstance(event, AlertEvent)])


class TestRequest(BaseModel):
    """A request to send a test message, which `manage_channels` makes of a notifier."""

    __test__ = False

    organization_id: str
    channel_id: str


class Retry(BaseModel):
    """A message in a notifier's retry queue: the next attempt to deliver one message to one channel.

    event: named as in version 1, where a message had one event.
    """

    event: AlertEvent | AlertMessage | ChannelNotice
    channel_id: str
    attempt: int
