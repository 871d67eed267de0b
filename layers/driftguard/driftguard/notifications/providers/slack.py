"""An event as a Slack message in Block Kit. Pure.

What people named (models, features, categories) is put where Slack formats nothing (`plain_text`), or into code with
Slack's three special characters escaped and backticks replaced, so that no name can format, link or mention.
"""

from typing import Any

from driftguard.alerts.events import AlertEvent
from driftguard.alerts.words import shorten
from driftguard.notifications.content import Content, FeatureView, describe
from driftguard.notifications.pictures import text_picture

SIGNS = {"high": "🔴", "medium": "🟠", "low": "🔵", "resolved": "🟢"}

HEADER, SECTION, FALLBACK = 150, 3000, 1000
"""Characters: what Slack takes in a header, in a section, and what we put into the notification's text."""

PICTURES = 3


def render(event: AlertEvent, *, public_url: str) -> dict[str, Any]:
    """The body for Slack's incoming webhook."""
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
    blocks.append(
        {"type": "context", "elements": [_markdown(f"DriftGuard · alert {code(content.alert_id)}")]},
    )
    return {
        "text": escape(shorten(f"{header}. {content.lead}", FALLBACK)),
        "mrkdwn": False,
        "unfurl_links": False,
        "unfurl_media": False,
        "blocks": blocks,
    }


def _fields(content: Content) -> list[dict[str, Any]]:
    """At most ten, which is what Slack takes."""
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
    said = f" — {escape(feature.said.replace('`', 'ˋ'))}" if feature.said else ""
    line = f"{code(feature.name)}  score *{feature.score}*, p {feature.p_value}"
    if feature.test:
        line += f", {escape(feature.test)}"
    text = f"{line}{_inert(said)}"
    if with_picture and feature.picture is not None:
        drawn = "\n".join(escape(row.replace("`", "ˋ")) for row in text_picture(feature.picture))
        text += f"\n```{drawn}```"
    return text


def escape(text: str) -> str:
    """Slack's three special characters as text."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def code(text: str) -> str:
    """A name as inline code, in which nothing else is formatted."""
    return f"`{escape(shorten(text, 128).replace('`', 'ˋ'))}`"


def _inert(text: str) -> str:
    """Formatting characters within names made ones that only look like them."""
    return text.translate({ord("*"): "∗", ord("_"): "ˍ", ord("~"): "∼"})


def _plain(text: str, longest: int = SECTION) -> dict[str, Any]:
    return {"type": "plain_text", "text": shorten(text, longest), "emoji": False}


def _markdown(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text, "verbatim": True}
