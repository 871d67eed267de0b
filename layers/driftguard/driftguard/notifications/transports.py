"""The e-mail transports: SES, an SMTP server, or the log.

Each sends a finished message and returns the provider's message id, or raises DeliveryFailed.
"""

import json
import smtplib
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from functools import cache
from typing import Any

import boto3
import botocore.exceptions
from botocore.config import Config

from driftguard.alerts.words import one_line
from driftguard.notifications.outgoing import WORDS, DeliveryFailed
from driftguard.platform.observability import logger

type Transport = Callable[[EmailMessage, str], str]
"""Sends a message to one recipient and returns the provider's message id."""

TIMEOUT_SECONDS = 10

PERMANENT = {
    "AccessDeniedException",
    "BadRequestException",
    "MailFromDomainNotVerifiedException",
    "MessageRejected",
    "NotFoundException",
}
"""The SES errors that a retry cannot fix. Throttling, a paused or suspended account and server faults are temporary."""


@cache
def ses_client() -> Any:
    """boto3's SES v2 client without its own retries.

    When SES does not answer, it may have accepted the message. Only the retry queue repeats messages.
    """
    options = Config(connect_timeout=3, read_timeout=TIMEOUT_SECONDS, retries={"total_max_attempts": 1})
    return boto3.client("sesv2", config=options)


def by_ses(client: Any) -> Transport:
    """Send through the SES v2 API. `client` is `ses_client()`."""

    def send(message: EmailMessage, recipient: str) -> str:
        try:
            answer = client.send_email(
                FromEmailAddress=str(message["From"]),
                Destination={"ToAddresses": [recipient]},
                Content={"Raw": {"Data": message.as_bytes(policy=SMTP)}},
            )
        except botocore.exceptions.ClientError as error:
            code = str(error.response["Error"]["Code"])
            words = error.response["Error"].get("Message", "")
            if code.startswith("AccessDenied"):  # SES names our IAM role, which the channel's owner must not see
                logger.error("SES denied", extra={"reason": words})
                words = (
                    "AWS does not allow this stack to send from EmailFrom. The log of notify_email names the missing "
                    "permission."
                )
            raise DeliveryFailed(one_line(f"{code}: {words}"), permanent=code in PERMANENT) from None
        except botocore.exceptions.BotoCoreError as error:
            raise DeliveryFailed(f"SES cannot be reached: {type(error).__name__}") from None
        return str(answer["MessageId"])

    return send


@dataclass(frozen=True)
class SmtpServer:
    """An SMTP server. Port 465 uses TLS from the first byte. All other ports require STARTTLS."""

    host: str
    port: int
    username: str | None = None
    password: str | None = None


def by_smtp(server: SmtpServer, context: ssl.SSLContext | None = None) -> Transport:
    """Send through an SMTP server. Its certificate is checked with `context`."""
    context = context or ssl.create_default_context()

    def connect() -> smtplib.SMTP:
        if server.port == 465:
            return smtplib.SMTP_SSL(server.host, server.port, timeout=TIMEOUT_SECONDS, context=context)
        connection = smtplib.SMTP(server.host, server.port, timeout=TIMEOUT_SECONDS)
        try:
            connection.starttls(context=context)
        except BaseException:
            connection.close()
            raise
        return connection

    def hand_over(connection: smtplib.SMTP, message: EmailMessage, recipient: str) -> None:
        try:
            if server.username is not None and server.password is not None:
                connection.login(server.username, server.password)
            connection.send_message(message, to_addrs=[recipient])
            # The server has accepted the message. A failing QUIT must not cause a second one.
            with suppress(smtplib.SMTPException, OSError):
                connection.quit()
        finally:
            connection.close()

    def send(message: EmailMessage, recipient: str) -> str:
        try:
            hand_over(connect(), message, recipient)
        except smtplib.SMTPRecipientsRefused as error:
            code, words = next(iter(error.recipients.values()))
            raise _refused(code, words) from None
        except smtplib.SMTPResponseException as error:
            raise _refused(error.smtp_code, error.smtp_error) from None
        except smtplib.SMTPException as error:
            raise DeliveryFailed(one_line(f"{type(error).__name__}: {error}")[:WORDS]) from None
        except OSError as error:
            raise DeliveryFailed(
                f"The SMTP server cannot be reached: {error.strerror or type(error).__name__}"
            ) from None
        return str(message["Message-ID"])

    return send


def _refused(code: int, words: bytes | str) -> DeliveryFailed:
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    return DeliveryFailed(one_line(f"{code} {text}")[:WORDS], permanent=500 <= code < 600)


def by_log(message: EmailMessage, recipient: str) -> str:
    """Write the message to the log only, for development."""
    text = message.get_body(("plain",))
    logger.info(
        "e-mail",
        extra={"to": recipient, "subject": str(message["Subject"]), "text": text.get_content() if text else ""},
    )
    return str(message["Message-ID"])


def smtp_credentials(client: Any, secret_arn: str) -> tuple[str | None, str | None]:
    """User name and password from Secrets Manager, or (None, None) without an ARN. `client` is boto3's.

    Raises DeliveryFailed when the secret cannot be read or is not `{"username", "password"}`.
    """
    if not secret_arn:
        return None, None
    try:
        secret = json.loads(client.get_secret_value(SecretId=secret_arn)["SecretString"])
        return str(secret["username"]), str(secret["password"])
    except (botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError) as error:
        raise DeliveryFailed(f"The SMTP secret cannot be read: {type(error).__name__}") from None
    except (ValueError, KeyError, TypeError):
        raise DeliveryFailed('The SMTP secret must be {"username": …, "password": …}.', permanent=True) from None
