"""Slack channels: settings, and messages in Block Kit. Pure.

Names of models, features and categories are user input. They appear only as `plain_text`, which Slack does not format,
or as inline code with Slack's three special characters escaped and backticks replaced. A name therefore cannot create
formatting, links or mentions.
"""

from datetime import datetime
from typing import Any, ClassVar, Literal, override

from driftguard.alerts.events import AlertNews
from driftguard.alerts.words import shorten
from driftguard.notifications.content import SHOWN_FEATURES, Content, FeatureView, Letter, describe_all
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

BLOCKS = 50
"""Most blocks in a message, by Slack's limit."""


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
    def posts(self, news: AlertNews, *, public_url: str, now: datetime) -> list[Post]:
        return [Post(self.webhook_url, encode(render(news, public_url=public_url)))]


class SlackChannel(ShownChannel):
    """A Slack channel. `webhook_url` is a secret and is masked."""

    type: Literal["slack"]
    webhook_url: str


def render(news: AlertNews, *, public_url: str) -> dict[str, Any]:
    """The request body for Slack's incoming webhook. Features are left out until it has at most BLOCKS blocks."""
    letter = describe_all(news, public_url)
    header = f"{SIGNS[letter.tone]} {letter.news}: {letter.subject}"
    for features in (SHOWN_FEATURES, 2, 1, 0):
        blocks = _blocks(letter, header, features)
        if len(blocks) <= BLOCKS:
            break
    return {
        "text": escape(shorten(f"{header}. {letter.lead}", FALLBACK)),
        "mrkdwn": False,
        "unfurl_links": False,
        "unfurl_media": False,
        "blocks": blocks,
    }


def _blocks(letter: Letter, header: str, features: int) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": _plain(header, HEADER)},
        {"type": "section", "text": _plain(letter.lead)},
    ]
    several = len(letter.parts) > 1
    for part in letter.parts:
        if several:
            title = f"{SIGNS[part.tone]} {part.news}: {part.subject}\n{part.lead}"
            blocks += [{"type": "divider"}, {"type": "section", "text": _plain(title)}]
        if not several or features:
            blocks += _part(part, features)
        blocks.append({"type": "actions", "elements": [_button(part)]})
    ids = ", ".join(code(part.alert_id) for part in letter.parts)
    blocks.append({"type": "context", "elements": [_markdown(f"DriftGuard · alert {ids}")]})
    return blocks


def _part(content: Content, features: int) -> list[dict[str, Any]]:
    """The blocks about one alert, between its lead and its button."""
    blocks: list[dict[str, Any]] = []
    if content.note:
        blocks.append({"type": "section", "text": _plain(f"Note: {content.note}")})
    blocks.append({"type": "section", "fields": _fields(content)})
    blocks += _features(content, features)
    if content.actions:
        steps = "\n".join(f"{place}. {action}" for place, action in enumerate(content.actions, 1))
        blocks.append({"type": "divider"})
        blocks.append({"type": "section", "text": _markdown("*What to do*")})
        blocks.append({"type": "section", "text": _plain(steps)})
    return blocks


def _button(content: Content) -> dict[str, Any]:
    return {
        "type": "button",
        "action_id": "open_alert",
        "text": _plain("Open the alert"),
        "url": content.alert_url,
        "style": "primary",
    }


def _fields(content: Content) -> list[dict[str, Any]]:
    """At most ten fields, which is Slack's limit. Both ends of the window share one."""
    all_facts = dict(content.facts)
    window = f"{all_facts['Window from']} to {all_facts['Window to']}"
    named = [("Model", code(content.model_name)), ("Model id", code(content.model_id))]
    facts = [
        ("Window", escape(window)) if name == "Window from" else (name, escape(value))
        for name, value in content.facts
        if name not in ("Opened", "Seen in", "Window to")
    ]
    return [_markdown(f"*{name}*\n{value}") for name, value in [*named, *facts][:10]]


def _features(content: Content, most: int) -> list[dict[str, Any]]:
    if not content.features:
        return []
    blocks: list[dict[str, Any]] = [{"type": "divider"}]
    for place, feature in enumerate(content.features[:most]):
        blocks.append({"type": "section", "text": _markdown(_feature(feature, with_picture=place < PICTURES))})
    more = content.more_features + len(content.features[most:])
    if more:
        blocks.append({"type": "context", "elements": [_plain(f"{more} more in the alert")]})
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
