"""Microsoft Teams channels: settings, and messages as Adaptive Cards that a Teams workflow posts. Pure.

Every text is a `TextRun` of a `RichTextBlock`, which Teams does not format. A name therefore cannot create links or
mentions.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple, override

from driftguard.alerts.events import AlertNews
from driftguard.alerts.words import shorten
from driftguard.notifications.content import Content, FeatureView, Letter, describe_all
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

BUTTONS = 5
"""Most buttons that Teams shows below a card."""

type Block = dict[str, Any]


class Size(NamedTuple):
    """How much of each alert a card shows. details: whether it has more than the lead of each of several alerts."""

    pictures: int
    features: int
    details: bool = True


SIZES = (Size(3, 6), Size(1, 6), Size(0, 6), Size(0, 3), Size(0, 1), Size(0, 0, details=False))
"""From the most to the least."""


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
    def posts(self, news: AlertNews, *, public_url: str, now: datetime) -> list[Post]:
        return [Post(self.webhook_url, encode(render(news, public_url=public_url)))]


class TeamsChannel(ShownChannel):
    """A Microsoft Teams workflow. `webhook_url` is a secret and is masked."""

    type: Literal["teams"]
    webhook_url: str


def render(news: AlertNews, *, public_url: str) -> dict[str, Any]:
    """The request body for a workflow's webhook. Pictures, then features are left out until it fits."""
    letter = describe_all(news, public_url)
    for size in SIZES:
        message = _message(letter, size)
        if len(json.dumps(message, ensure_ascii=False).encode()) <= MESSAGE:
            break
    return message


def _message(letter: Letter, size: Size) -> dict[str, Any]:
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "fallbackText": shorten(f"{letter.news}: {letter.subject}. {letter.lead}", TEXT),
        "body": _body(letter, size),
        "actions": _actions(letter),
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def _actions(letter: Letter) -> list[Block]:
    """A button for each alert, as far as Teams shows buttons."""
    titles = ["Open the alert"] if len(letter.parts) == 1 else [f"Open: {part.subject}" for part in letter.parts]
    return [
        {"type": "Action.OpenUrl", "title": shorten(title, NAME), "url": part.alert_url}
        for title, part in zip(titles, letter.parts, strict=True)
    ][:BUTTONS]


def _body(letter: Letter, size: Size) -> list[Block]:
    body = [
        _text(letter.news, color=COLORS[letter.tone], weight="bolder"),
        _text(letter.subject, size="large", weight="bolder", spacing="none"),
        _text(letter.lead),
    ]
    several = len(letter.parts) > 1
    for part in letter.parts:
        if several:
            title = f"{part.news}: {part.subject}"
            body += [_text(title, color=COLORS[part.tone], weight="bolder", separator=True), _text(part.lead)]
        if size.details or not several:
            body += _part(part, size)
    ids = ", ".join(part.alert_id for part in letter.parts)
    body.append(_text(f"DriftGuard · alert {ids}", size="small", subtle=True, separator=True))
    return body


def _part(content: Content, size: Size) -> list[Block]:
    """The blocks about one alert, below its lead."""
    body: list[Block] = []
    if content.note:
        body.append(_text(f"Note: {content.note}"))
    facts = [("Model", content.model_name), ("Model id", content.model_id), *content.facts]
    body += _facts(facts)
    for place, feature in enumerate(content.features[: size.features]):
        body += _feature(feature, with_picture=place < size.pictures)
    more = content.more_features + max(0, len(content.features) - size.features)
    if more:
        body.append(_text(f"{more} more in the alert", subtle=True))
    if content.actions:
        body.append(_text("What to do", weight="bolder", separator=True))
        body += [_text(f"{place}. {action}", spacing="small") for place, action in enumerate(content.actions, 1)]
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
