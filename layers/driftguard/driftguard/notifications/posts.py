"""What is posted about an event to a channel that is reached by HTTP. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from driftguard.alerts.events import AlertEvent
from driftguard.notifications.messages import Event
from driftguard.notifications.outgoing import encode
from driftguard.notifications.providers import pagerduty, slack, teams, webhook
from driftguard.notifications.schemas import (
    NewPagerDutyChannel,
    NewSlackChannel,
    NewTeamsChannel,
    NewWebhookChannel,
    StoredChannel,
)


@dataclass(frozen=True)
class Post:
    """A request to a provider. The URL is a secret, and so are `secrets`."""

    url: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    secrets: Sequence[str] = ()


def posts(event: Event, channel: StoredChannel, *, public_url: str, now: datetime) -> list[Post]:
    """The requests that tell a channel of an event, in their order. Raises TypeError for what is not told by HTTP."""
    if not isinstance(event, AlertEvent):
        raise TypeError("only alerts are told by HTTP")
    settings = channel.settings
    match settings:
        case NewSlackChannel():
            return [Post(settings.webhook_url, encode(slack.render(event, public_url=public_url)))]
        case NewTeamsChannel():
            return [Post(settings.webhook_url, encode(teams.render(event, public_url=public_url)))]
        case NewPagerDutyChannel():
            to, key = pagerduty.url(settings.region), settings.routing_key
            bodies = [
                pagerduty.render(event, action, routing_key=key, public_url=public_url)
                for action in pagerduty.ACTIONS[event.kind]
            ]
            return [Post(to, encode(body), secrets=[key]) for body in bodies]
        case NewWebhookChannel():
            message = webhook.render(event, public_url=public_url)
            body = encode(message.model_dump(mode="json"))
            headers = webhook.headers(message, body, settings.secret, now)
            return [Post(settings.url, body, headers, [settings.secret] if settings.secret else [])]
        case _:
            raise TypeError(f"not told by HTTP: {channel!r}")
