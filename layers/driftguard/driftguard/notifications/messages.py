"""What the notifiers are sent besides alert events: notices of channels, and retries."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from driftguard.alerts.events import AlertEvent
from driftguard.platform.times import UtcTime, iso


class ChannelNotice(BaseModel):
    """A channel that does not work any more: of no model, and told to e-mail channels only."""

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
        """The channel, in the place of an alert."""
        return f"channel#{self.channel_id}"

    @property
    def event_id(self) -> str:
        """The same however often the trouble is found."""
        return iso(self.since)


type Event = AlertEvent | ChannelNotice


class Retry(BaseModel):
    """What waits in a notifier's retry queue: one event's next attempt at one channel."""

    event: AlertEvent | ChannelNotice
    channel_id: str
    attempt: int
