"""Send alert events by e-mail: through SES, through an SMTP server, or to the log."""

from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from driftguard.alerts.words import one_line
from driftguard.notifications.delivery import Notifier, to_queue
from driftguard.notifications.messages import ChannelNotice, Message
from driftguard.notifications.outgoing import DeliveryFailed
from driftguard.notifications.providers.base import StoredChannel
from driftguard.notifications.providers.email import as_header, render, render_notice
from driftguard.notifications.transports import (
    SmtpServer,
    Transport,
    by_log,
    by_ses,
    by_smtp,
    ses_client,
    smtp_credentials,
)
from driftguard.platform import aws
from driftguard.platform.dynamodb import connect
from driftguard.platform.environment import Environment
from driftguard.platform.observability import logger, measured

environment = Environment()


def transport() -> Transport:
    """The transport that the template's parameter EmailTransport selects."""
    match environment.email_transport:
        case "smtp":
            username, password = smtp_credentials(aws.client("secretsmanager"), environment.text("SMTP_SECRET_ARN", ""))
            return by_smtp(SmtpServer(environment.smtp_host, environment.smtp_port, username, password))
        case "log":
            return by_log
        case _:
            return by_ses(ses_client())


def send(message: Message, channel: StoredChannel, recipient: str) -> str:
    """Send to one address. Returns the provider's message id."""
    try:
        as_header(recipient)
    except ValueError as error:
        # The channel is older than the check of its addresses.
        raise DeliveryFailed(f"{one_line(recipient)}: {error}", permanent=True) from None
    sender = environment.text("EMAIL_FROM", "driftguard@localhost" if environment.email_transport == "log" else None)
    if isinstance(message, ChannelNotice):
        email = render_notice(message, recipient, sender=sender, public_url=environment.public_url)
    else:
        email = render(message, channel, recipient, sender=sender, public_url=environment.public_url)
    return transport()(email, recipient)


@measured
@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Handle records of SNS, records of the retry queue, or a test."""
    connect(environment)
    retries = to_queue(aws.client("sqs"), environment.retry_queue_url)
    notifier = Notifier("email", send, retries, retries, lambda: datetime.now(UTC), environment.history_retention_days)
    return notifier.handle(event, lambda: context.get_remaining_time_in_millis() / 1000)
