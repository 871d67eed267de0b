"""Microsoft Teams channels: settings, and messages as Adaptive Cards that a Teams workflow posts. Pure.

Every text is a `TextRun` of a `RichTextBlock`, which Teams does not format. A name therefore cannot create links or
mentions.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, override

from driftguard.alerts.events import AlertEvent
from driftguard.alerts.words import shorten
from driftguard.notifications.content import Content, FeatureView, describe
from driftguard.notifications.pictures import text_picture
from driftguard.notifications.providers.base import (
    Common,
    NewChannel,
    Post,
    ShownChannel,
    WebhookUrl,
    encode,
    masked,
)

COLORS = {"high": "attention", "medium": "warning", "low": "accent", "resolved": "good"}

MESSAGE = 26_000
"""Most bytes in a message. Teams refuses messages over 28 kB."""

NAME, TEXT = 128, 1000

type Block = dict[str, Any]


class NewTeamsChannel(NewChannel):
    """A channel or chat in Microsoft Teams, through the URL of a workflow that posts each request as a message."""

    type: Literal["teams"]
    webhook_url: WebhookUrl

    @property
    @override
    def default_name(self) -> str:
        return "Microsoft Teams"

    @property
    @override
    def custom_url(self) -> tuple[str, str]:
        return "webhook_url", self.webhook_url

    @override
    def shown(self, common: Common) -> "TeamsChannel":
        return TeamsChannel(type="teams", webhook_url=masked(self.webhook_url), **common)

    @override
    def posts(self, event: AlertEvent, *, public_url: str, now: datetime) -> list[Post]:
        return [Post(self.webhook_url, encode(render(event, public_url=public_url)))]


class TeamsChannel(ShownChannel):
    """A Microsoft Teams workflow. `webhook_url` is a secret and is masked."""

    type: Literal["teams"]
    webhook_url: str


def render(event: AlertEvent, *, public_url: str) -> dict[str, Any]:
    """The request body for a workflow's webhook. Pictures and then features are left out until it fits MESSAGE."""
    content = describe(event, public_url)
    for pictures, features in ((3, 6), (1, 6), (0, 6), (0, 3)):
        message = _message(content, pictures, features)
        if len(json.dumps(message, ensure_ascii=False).encode()) <= MESSAGE:
            break
    return message


def _message(content: Content, pictures: int, features: int) -> dict[str, Any]:
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "fallbackText": shorten(f"{content.news}: {content.subject}. {content.lead}", TEXT),
        "body": _body(content, pictures, features),
        "actions": [{"type": "Action.OpenUrl", "title": "Open the alert", "url": content.alert_url}],
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def _body(content: Content, pictures: int, features: int) -> list[Block]:
    body = [
        _text(content.news, color=COLORS[content.tone], weight="bolder"),
        _text(content.subject, size="large", weight="bolder", spacing="none"),
        _text(content.lead),
    ]
    if content.preliminary:
        body.append(_text(content.preliminary, color="warning"))
    if content.note:
        body.append(_text(f"Note: {content.note}"))
    facts = [("Model", content.model_name), ("Model id", content.model_id), *content.facts]
    body += _facts(facts)
    for place, feature in enumerate(content.features[:features]):
        body += _feature(feature, with_picture=place < pictures)
    more = content.more_features + max(0, len(content.features) - features)
    if more:
        body.append(_text(f"{more} more in the alert", subtle=True))
    if content.actions:
        body.append(_text("Recommended actions", weight="bolder", separator=True))
        body += [_text(f"{place}. {action}", spacing="small") for place, action in enumerate(content.actions, 1)]
    body.append(_text(f"DriftGuard · alert {content.alert_id}", size="small", subtle=True, separator=True))
    return body


def _facts(facts: Sequence[tuple[str, str]]) -> list[Block]:
    """Two columns; a `FactSet` would format what is in it."""
    columns = [
        {
            "type": "Column",
            "width": "stretch",
            "items": [part for name, value in half for part in (_text(name, size="small", subtle=True), _value(value))],
        }
        for half in (facts[::2], facts[1::2])
    ]
    return [{"type": "ColumnSet", "separator": True, "columns": columns}]


def _value(value: str) -> Block:
    return _text(shorten(value, NAME), spacing="none")


def _feature(feature: FeatureView, *, with_picture: bool) -> list[Block]:
    test = f", {feature.test}" if feature.test else ""
    blocks = [
        _text(shorten(feature.name, NAME), weight="bolder", separator=True),
        _text(f"score {feature.score}, p {feature.p_value}{test}", spacing="none"),
    ]
    if feature.change:
        blocks.append(_text(feature.change, spacing="none"))
    if with_picture and feature.picture is not None:
        # Teams drops trailing spaces and merges runs of spaces.
        lines = [line.replace(" ", "\u00a0") for line in text_picture(feature.picture)]
        blocks += [_text(line, spacing="none", font="monospace", size="small") for line in lines]
    return blocks


def _text(
    text: str,
    *,
    size: str = "default",
    weight: str = "default",
    color: str = "default",
    font: str = "default",
    spacing: str = "default",
    subtle: bool = False,
    separator: bool = False,
) -> Block:
    run = {"size": size, "weight": weight, "color": color, "fontType": font}
    given = {name: value for name, value in run.items() if value != "default"} | ({"isSubtle": True} if subtle else {})
    block: Block = {
        "type": "RichTextBlock",
        "inlines": [{"type": "TextRun", "text": shorten(text, TEXT), **given}],
    }
    return block | ({"spacing": spacing} if spacing != "default" else {}) | ({"separator": True} if separator else {})
