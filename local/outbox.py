"""Everything that would have left the machine, as `GET /_local/outbox` shows it."""

import base64
import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.utils import getaddresses
from typing import Any
from urllib.parse import urlsplit

from local.persistence import Store

type Message = dict[str, Any]


class Outbox:
    """Takes messages from SES's call and from outgoing HTTP requests."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add_email(self, request: Mapping[str, Any]) -> None:
        """Keep what a SendEmail request of SES version 2 carries, simple or as raw MIME."""
        self._add(read_email(request))

    def add_request(self, headers: Mapping[str, str], body: bytes) -> None:
        """Keep an outgoing HTTP request."""
        self._add(read_request(headers, body))

    def newest_first(self) -> list[Message]:
        """All messages."""
        return self._store.sent()

    def _add(self, message: Message) -> None:
        now = time.time()
        sent_at = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self._store.add_sent({**message, "sent_at": sent_at}, now)


def read_email(request: Mapping[str, Any]) -> Message:
    """A SendEmail request (SES version 2) as a message of the outbox."""
    addresses: list[str] = [one for part in (request.get("Destination") or {}).values() for one in part]
    content = request.get("Content") or {}
    if raw := (content.get("Raw") or {}).get("Data"):
        mail = message_from_bytes(base64.b64decode(raw), policy=policy.default)
        text, html = mail.get_body(("plain",)), mail.get_body(("html",))
        subject = str(mail["subject"] or "")
        parts = {"text": text.get_content() if text else None, "html": html.get_content() if html else None}
        headers = {name: str(value) for name, value in mail.items()}
        addresses = addresses or [
            address for _, address in getaddresses([str(value) for value in mail.get_all("to", [])])
        ]
    else:
        simple = content.get("Simple") or {}
        subject = (simple.get("Subject") or {}).get("Data", "")
        body = simple.get("Body") or {}
        parts = {"text": (body.get("Text") or {}).get("Data"), "html": (body.get("Html") or {}).get("Data")}
        headers = {one["Name"]: one["Value"] for one in simple.get("Headers") or []}
    return {
        "channel": "email",
        "to": addresses,
        "from": request.get("FromEmailAddress"),
        "subject": subject,
        **parts,
        "payload": None,
        "headers": headers,
    }


def read_request(headers: Mapping[str, str], body: bytes) -> Message:
    """An outgoing HTTP request (header names in lower case) as a message of the outbox."""
    to = headers.get("x-driftguard-to", "")
    text = body.decode("utf-8", "replace")
    try:
        payload = json.loads(text)
    except ValueError:
        payload = text
    by_host = "slack" if urlsplit(to).hostname == "hooks.slack.com" else "webhook"
    own = {
        name: value
        for name, value in headers.items()
        if name not in ("host", "content-length", "connection", "accept-encoding")
    }
    return {
        "channel": headers.get("x-driftguard-channel", by_host),
        "to": to,
        "subject": None,
        "html": None,
        "text": payload.get("text") if isinstance(payload, dict) else None,
        "payload": payload,
        "headers": own,
        "body": text,
    }
