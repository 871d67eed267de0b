"""The messages that notifiers receive: alert events, notices about channels, and retries."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from driftguard.alerts.events import AlertEvent
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


class TestRequest(BaseModel):
    """A request to send a test message, which `manage_channels` makes of a notifier."""

    __test__ = False

    organization_id: str
    channel_id: str


class Retry(BaseModel):
    """A message in a notifier's retry queue: the next attempt to deliver one event to one channel."""

    event: AlertEvent | ChannelNotice
    channel_id: str
    attempt: int
