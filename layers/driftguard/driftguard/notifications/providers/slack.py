"""Slack channels: settings, and messages in Block Kit. Pure.

Names of models, features and categories are user input. They appear only as `plain_text`, which Slack does not format,
or as inline code with Slack's three special characters escaped and backticks replaced. A name therefore cannot create
formatting, links or mentions.
"""

from datetime import datetime
from typing import Any, ClassVar, Literal, override

from driftguard.alerts.events import AlertEvent
from driftguard.alerts.words import shorten
from driftguard.notifications.content import Content, FeatureView, describe
from driftguard.notifications.pictures import text_picture
from driftguard.notifications.providers.base import (
    Common,
    NewChannel,
    NotifierName,
    Post,
    ShownChannel,
    WebhookUrl,
    encode,
    masked,
)

SIGNS = {"high": "🔴", "medium": "🟠", "low": "🔵", "resolved": "🟢"}

HEADER, SECTION, FALLBACK = 150, 3000, 1000
"""Most characters: Slack's limits for a header and a section, and our limit for the notification's text."""

PICTURES = 3


class NewSlackChannel(NewChannel):
    """Slack, through an incoming webhook."""

    notifier: ClassVar[NotifierName] = "slack"

    type: Literal["slack"]
    webhook_url: WebhookUrl

    @property
    @override
    def default_name(self) -> str:
        return "Slack"

    @property
    @override
    def custom_url(self) -> tuple[str, str]:
        return "webhook_url", self.webhook_url

    @override
    def shown(self, common: Common) -> "SlackChannel":
        return SlackChannel(type="slack", webhook_url=masked(self.webhook_url), **common)

    @override
    def posts(self, event: AlertEvent, *, public_url: str, now: datetime) -> list[Post]:
        return [Post(self.webhook_url, encode(render(event, public_url=public_url)))]


class SlackChannel(ShownChannel):
    """A Slack channel. `webhook_url` is a secret and is masked."""

    type: Literal["slack"]
    webhook_url: str


def render(event: AlertEvent, *, public_url: str) -> dict[str, Any]:
    """The request body for Slack's incoming webhook."""
    content = describe(event, public_url)
    sign = SIGNS[content.tone]
    header = f"{sign} {content.news}: {content.subject}"
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": _plain(header, HEADER)},
        {"type": "section", "text": _plain(content.lead)},
    ]
    if content.preliminary:
        blocks.append({"type": "section", "text": _plain(f"⚠️ {content.preliminary}")})
    if content.note:
        blocks.append({"type": "section", "text": _plain(f"Note: {content.note}")})
    blocks.append({"type": "section", "fields": _fields(content)})
    blocks += _features(content)
    if content.actions:
        steps = "\n".join(f"{place}. {action}" for place, action in enumerate(content.actions, 1))
        blocks.append({"type": "divider"})
        blocks.append({"type": "section", "text": _markdown("*Recommended actions*")})
        blocks.append({"type": "section", "text": _plain(steps)})
    blocks.append(
        {
            "type": "actions",
            "elements": [
                {
                    "type": "button",
                    "action_id": "open_alert",
                    "text": _plain("Open the alert"),
                    "url": content.alert_url,
                    "style": "primary",
                }
            ],
        }
    )
    blocks.append({"type": "context", "elements": [_markdown(f"DriftGuard · alert {code(content.alert_id)}")]})
    return {
        "text": escape(shorten(f"{header}. {content.lead}", FALLBACK)),
        "mrkdwn": False,
        "unfurl_links": False,
        "unfurl_media": False,
        "blocks": blocks,
    }


def _fields(content: Content) -> list[dict[str, Any]]:
    """At most ten fields, which is Slack's limit."""
    named = [("Model", code(content.model_name)), ("Model id", code(content.model_id))]
    facts = [(name, escape(value)) for name, value in content.facts if name not in ("First seen", "Seen in")]
    return [_markdown(f"*{name}*\n{value}") for name, value in [*named, *facts][:10]]


def _features(content: Content) -> list[dict[str, Any]]:
    if not content.features:
        return []
    blocks: list[dict[str, Any]] = [{"type": "divider"}]
    for place, feature in enumerate(content.features):
        blocks.append({"type": "section", "text": _markdown(_feature(feature, with_picture=place < PICTURES))})
    if content.more_features:
        more = f"{content.more_features} more in the alert"
        blocks.append({"type": "context", "elements": [_plain(more)]})
    return blocks


def _feature(feature: FeatureView, *, with_picture: bool) -> str:
    change = f" — {escape(feature.change.replace('`', 'ˋ'))}" if feature.change else ""
    line = f"{code(feature.name)}  score *{feature.score}*, p {feature.p_value}"
    if feature.test:
        line += f", {escape(feature.test)}"
    text = f"{line}{_inert(change)}"
    if with_picture and feature.picture is not None:
        drawn = "\n".join(escape(row.replace("`", "ˋ")) for row in text_picture(feature.picture))
        text += f"\n```{drawn}```"
    return text


def escape(text: str) -> str:
    """The text with Slack's three special characters escaped."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def code(text: str) -> str:
    """A name as inline code, which Slack does not format."""
    return f"`{escape(shorten(text, 128).replace('`', 'ˋ'))}`"


def _inert(text: str) -> str:
    """The text with formatting characters replaced by look-alikes."""
    return text.translate({ord("*"): "∗", ord("_"): "ˍ", ord("~"): "∼"})


def _plain(text: str, longest: int = SECTION) -> dict[str, Any]:
    return {"type": "plain_text", "text": shorten(text, longest), "emoji": False}


def _markdown(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text, "verbatim": True}
