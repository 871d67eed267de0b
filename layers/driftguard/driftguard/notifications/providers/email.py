"""An event as an e-mail: HTML and plain text, threading headers, nothing remote. Pure."""

import hashlib
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from driftguard.alerts.events import AlertEvent
from driftguard.alerts.words import minute, percent
from driftguard.notifications.content import describe
from driftguard.notifications.messages import ChannelNotice
from driftguard.notifications.pictures import text_picture
from driftguard.notifications.schemas import StoredChannel

TEMPLATES = Path(__file__).parents[1] / "templates"

BAR_HEIGHT = 44
"""Pixels of the highest upright bar."""


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(("html",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["text_picture"] = text_picture
    environment.globals["percent"] = percent
    environment.globals["bar_height"] = BAR_HEIGHT
    return environment


def render(event: AlertEvent, channel: StoredChannel, recipient: str, *, sender: str, public_url: str) -> EmailMessage:
    """The message about an event to one address of a channel; the same each time it is made.

    Every message of an alert refers to one id, so that mail programs keep them as one conversation even where the
    provider, as SES does, puts ids of its own on them; the subject stays the same for the same reason.
    """
    content = describe(event, public_url)
    domain = sender.rpartition("@")[2]
    thread = f"<alert.{event.alert.id}.{channel.id}@{domain}>"
    message = EmailMessage()
    message["From"] = Address("DriftGuard", addr_spec=sender)
    message["To"] = Address(addr_spec=recipient)
    message["Subject"] = one_line(f"Re: {content.subject}" if content.follows else content.subject)
    message["Date"] = format_datetime(event.at)
    whom = hashlib.sha256(recipient.encode()).hexdigest()[:12]
    message["Message-ID"] = f"<{event.event_id}.{channel.id}.{whom}@{domain}>"
    if event.kind != "test":
        message["In-Reply-To"] = thread
        message["References"] = thread
    if event.severity == "HIGH" and event.kind in ("opened", "escalated"):
        message["Importance"] = "high"
    message["Auto-Submitted"] = "auto-generated"
    message["List-Id"] = f"DriftGuard alerts <alerts.{domain}>"
    message["List-Unsubscribe"] = f"<{content.channels_url}>"
    message["X-DriftGuard-Alert"] = event.alert.id
    message["X-DriftGuard-Event"] = event.kind
    values = {"content": content, "channel": channel.name}
    message.set_content(_environment().get_template("alert.txt").render(values), cte="quoted-printable")
    html = _environment().get_template("alert.html").render(values)
    message.add_alternative(html, subtype="html", cte="quoted-printable")
    message.set_boundary(f"driftguard-{event.event_id}-{whom}")
    return message


def render_notice(notice: ChannelNotice, recipient: str, *, sender: str, public_url: str) -> EmailMessage:
    """The message that a channel does not work, to one address; the same each time it is made."""
    domain = sender.rpartition("@")[2]
    message = EmailMessage()
    message["From"] = Address("DriftGuard", addr_spec=sender)
    message["To"] = Address(addr_spec=recipient)
    message["Subject"] = one_line(f"Alert channel does not work: {notice.channel_name}")
    message["Date"] = format_datetime(notice.since)
    whom = hashlib.sha256(recipient.encode()).hexdigest()[:12]
    moment = f"{notice.since:%Y%m%d%H%M%S%f}"
    message["Message-ID"] = f"<channel.{notice.channel_id}.{moment}.{whom}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"
    values = {"notice": notice, "since": minute(notice.since), "channels_url": f"{public_url}/dashboard#/channels"}
    message.set_content(_environment().get_template("channel.txt").render(values), cte="quoted-printable")
    html = _environment().get_template("channel.html").render(values)
    message.add_alternative(html, subtype="html", cte="quoted-printable")
    message.set_boundary(f"driftguard-{notice.channel_id}-{moment}-{whom}")
    return message


def one_line(text: str) -> str:
    """A text fit for a header: no control characters, at most 200 characters."""
    clean = "".join(character if character.isprintable() else " " for character in text)
    return clean if len(clean) <= 200 else clean[:199] + "…"
