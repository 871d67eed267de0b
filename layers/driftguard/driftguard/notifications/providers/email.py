"""E-mail channels: settings, and messages in HTML and plain text that load nothing remote. Pure."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from email import message_from_bytes
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, NoReturn, override

from pydantic import AfterValidator, Field, StringConstraints, ValidationInfo

from driftguard.alerts.events import AlertNews, changes_in
from driftguard.alerts.words import minute, one_line, percent, shorten
from driftguard.notifications.content import describe_all
from driftguard.notifications.messages import ChannelNotice
from driftguard.notifications.pictures import text_picture
from driftguard.notifications.providers.base import (
    Common,
    NewChannel,
    NotifierName,
    ShownChannel,
    StoredChannel,
    distinct,
    is_stored,
)

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parents[1] / "templates"

BAR_HEIGHT = 44
"""Height of the highest upright bar, in pixels."""


def _email_address(text: str, info: ValidationInfo) -> str:
    if is_stored(info):
        return text
    import email_validator  # noqa: PLC0415  only invocations that read or store an e-mail channel pay for it

    # A company's own mail server may use `.local` or `.test`. The test message shows whether mail arrives.
    email_validator.SPECIAL_USE_DOMAIN_NAMES.clear()
    try:
        address = email_validator.validate_email(
            text, check_deliverability=False, allow_smtputf8=False, globally_deliverable=False
        )
    except email_validator.EmailNotValidError as error:
        raise ValueError(str(error)) from None
    accepted = address.ascii_email or address.normalized
    as_header(accepted)
    return accepted


def as_header(address: str) -> Address:
    """The address for the header To. Raises ValueError if an e-mail cannot name exactly this address there.

    The headers of a message are built and read again, because several valid addresses do not survive that.
    """
    message = EmailMessage()
    try:
        made = Address(addr_spec=address)
        message["To"] = made
        read = message_from_bytes(message.as_bytes(policy=SMTP), policy=SMTP)["To"].addresses
    except Exception:  # noqa: BLE001  the standard library raises errors of many kinds for odd addresses
        read = ()
    if [each.addr_spec for each in read] != [address]:
        raise ValueError("this address cannot be written into the header of an e-mail; use another address")
    return made


EmailAddress = Annotated[str, StringConstraints(max_length=320, strict=True), AfterValidator(_email_address)]
Recipients = Annotated[
    list[EmailAddress],
    Field(min_length=1, max_length=50, description="E-mail addresses. Each address receives its own message."),
    AfterValidator(distinct),
]


class NewEmailChannel(NewChannel):
    """E-mail to up to 50 addresses. Each address receives its own message."""

    notifier: ClassVar[NotifierName] = "email"

    type: Literal["email"]
    to: Recipients

    @property
    @override
    def default_name(self) -> str:
        return f"E-mail to {self.to[0]}"

    @property
    @override
    def targets(self) -> Sequence[str]:
        return self.to

    @override
    def shown(self, common: Common) -> "EmailChannel":
        return EmailChannel(type="email", to=self.to, **common)

    @override
    def posts(self, news: AlertNews, *, public_url: str, now: datetime) -> NoReturn:
        raise TypeError("e-mail channels do not use HTTP")


class EmailChannel(ShownChannel):
    """An e-mail channel."""

    type: Literal["email"]
    to: list[str]


@cache
def _environment() -> "Environment":
    # Only notify_email renders e-mails. Other functions import this module for its settings.
    from jinja2 import (  # noqa: PLC0415  see above
        Environment,
        FileSystemLoader,
        StrictUndefined,
        select_autoescape,
    )

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


def render(news: AlertNews, channel: StoredChannel, recipient: str, *, sender: str, public_url: str) -> EmailMessage:
    """The e-mail about the alerts of one check to one address of a channel. The same arguments give the same bytes.

    All e-mails of one alert refer to one message id, and those about a single alert keep one subject. Mail programs
    therefore show them as one conversation, even when the provider replaces the Message-ID, as SES does.
    """
    letter = describe_all(news, public_url)
    events = changes_in(news)
    first = events[0]
    domain = sender.rpartition("@")[2]
    threads = list(dict.fromkeys(f"<alert.{event.alert.id}.{channel.id}@{domain}>" for event in events))
    message = EmailMessage()
    message["From"] = Address("DriftGuard", addr_spec=sender)
    message["To"] = as_header(recipient)
    message["Subject"] = header(f"Re: {letter.subject}" if letter.follows else letter.subject)
    message["Date"] = format_datetime(first.at)
    whom = hashlib.sha256(recipient.encode()).hexdigest()[:12]
    message["Message-ID"] = f"<{first.event_id}.{channel.id}.{whom}@{domain}>"
    if first.kind != "test":
        message["In-Reply-To"] = threads[0]
        message["References"] = " ".join(threads)
    if any(event.severity == "HIGH" and event.kind in ("opened", "escalated") for event in events):
        message["Importance"] = "high"
    message["Auto-Submitted"] = "auto-generated"
    message["List-Id"] = f"DriftGuard alerts <alerts.{domain}>"
    message["List-Unsubscribe"] = f"<{letter.channels_url}>"
    message["X-DriftGuard-Alert"] = ", ".join(dict.fromkeys(event.alert.id for event in events))
    message["X-DriftGuard-Event"] = first.kind
    values = {"letter": letter, "channel": one_line(channel.name)}
    message.set_content(_environment().get_template("alert.txt").render(values), cte="quoted-printable")
    html = _environment().get_template("alert.html").render(values)
    message.add_alternative(html, subtype="html", cte="quoted-printable")
    message.set_boundary(f"driftguard-{first.event_id}-{whom}")
    return message


def render_notice(notice: ChannelNotice, recipient: str, *, sender: str, public_url: str) -> EmailMessage:
    """The e-mail about a channel that does not work, to one address. The same arguments always give the same bytes."""
    domain = sender.rpartition("@")[2]
    message = EmailMessage()
    message["From"] = Address("DriftGuard", addr_spec=sender)
    message["To"] = as_header(recipient)
    message["Subject"] = header(f"Alert channel does not work: {notice.channel_name}")
    message["Date"] = format_datetime(notice.since)
    whom = hashlib.sha256(recipient.encode()).hexdigest()[:12]
    moment = f"{notice.since:%Y%m%d%H%M%S%f}"
    message["Message-ID"] = f"<channel.{notice.channel_id}.{moment}.{whom}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"
    shown = notice.model_copy(update={"channel_name": one_line(notice.channel_name), "reason": one_line(notice.reason)})
    values = {"notice": shown, "since": minute(notice.since), "channels_url": f"{public_url}/dashboard#/channels"}
    message.set_content(_environment().get_template("channel.txt").render(values), cte="quoted-printable")
    html = _environment().get_template("channel.html").render(values)
    message.add_alternative(html, subtype="html", cte="quoted-printable")
    message.set_boundary(f"driftguard-{notice.channel_id}-{moment}-{whom}")
    return message


def header(text: str) -> str:
    """The text as a header value of at most 200 characters.

    A name that looks like an encoded word (RFC 2047) would be decoded by the reader, to any text and any header.
    """
    return shorten(one_line(text), 200).replace("=?", "= ?")
