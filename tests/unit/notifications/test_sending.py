"""Sending through SES, SMTP, the log and HTTP, and the meaning of each failure."""

import json
import smtplib
import socket
import ssl
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any, ClassVar

import botocore.exceptions
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftguard.notifications.delivery import delay
from driftguard.notifications.outgoing import Answer, Call, DeliveryFailed, Outgoing, retry_after
from driftguard.notifications.providers.base import Post, encode
from driftguard.notifications.transports import SmtpServer, by_log, by_ses, by_smtp, smtp_credentials

NOW = datetime(2026, 11, 23, 10, 15, tzinfo=UTC)
HOOK = "https://hooks.slack.com/services/T1/B1/secret"


def message() -> EmailMessage:
    """A small message."""
    made = EmailMessage()
    made["From"] = "DriftGuard <drift@example.com>"
    made["To"] = "ops@example.com"
    made["Subject"] = "Data drift in churn"
    made["Message-ID"] = "<E1@example.com>"
    made.set_content("Hello")
    return made


class Ses:
    """SES's client, which answers or raises `error`."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.sent: list[dict[str, Any]] = []

    def send_email(self, **arguments: Any) -> dict[str, str]:
        if self.error:
            raise self.error
        self.sent.append(arguments)
        return {"MessageId": "ses-1"}


def test_ses_gets_the_whole_message_for_one_recipient() -> None:
    """SES receives the raw message, the sender and one address, and its message id is returned."""
    client = Ses()
    assert by_ses(client)(message(), "ops@example.com") == "ses-1"
    (sent,) = client.sent
    assert sent["Destination"] == {"ToAddresses": ["ops@example.com"]}
    assert sent["FromEmailAddress"] == "DriftGuard <drift@example.com>"
    assert b"Subject: Data drift in churn\r\n" in sent["Content"]["Raw"]["Data"]


@pytest.mark.parametrize(
    ("code", "permanent"),
    [
        ("MessageRejected", True),
        ("MailFromDomainNotVerifiedException", True),
        ("TooManyRequestsException", False),
        ("SendingPausedException", False),
        ("InternalServiceError", False),
    ],
)
def test_ses_errors_are_told_in_its_own_words(code: str, permanent: bool) -> None:
    """Refusals are permanent, throttling and server faults are not, and SES's own words are kept."""
    error = botocore.exceptions.ClientError({"Error": {"Code": code, "Message": "Address not verified"}}, "SendEmail")
    with pytest.raises(DeliveryFailed) as caught:
        by_ses(Ses(error))(message(), "ops@example.com")
    assert (caught.value.detail, caught.value.permanent) == (f"{code}: Address not verified", permanent)


def test_what_ses_says_of_our_own_role_is_for_the_log_alone(caplog: pytest.LogCaptureFixture) -> None:
    """When SES denies our role, its words go to the log and the channel's owner reads a neutral reason."""
    words = "User: arn:aws:sts::123456789012:assumed-role/driftguard-NotifyEmailRole is not authorized"
    error = botocore.exceptions.ClientError({"Error": {"Code": "AccessDeniedException", "Message": words}}, "SendEmail")
    with pytest.raises(DeliveryFailed) as caught:
        by_ses(Ses(error))(message(), "ops@example.com")
    assert caught.value.permanent
    assert caught.value.detail == (
        "AccessDeniedException: AWS does not allow this stack to send from EmailFrom. The log of notify_email names "
        "the missing permission."
    )
    assert words in [record.__dict__.get("reason") for record in caplog.records]


def test_ses_out_of_reach_is_tried_again() -> None:
    """A failed connection to SES is not permanent."""
    with pytest.raises(DeliveryFailed) as caught:
        by_ses(Ses(botocore.exceptions.EndpointConnectionError(endpoint_url="https://x")))(message(), "a@b.example")
    assert not caught.value.permanent


class Smtp:
    """smtplib's connection, which records its calls and raises the errors in `fails`."""

    fails: ClassVar[dict[str, Exception]] = {}
    calls: ClassVar[list[tuple[Any, ...]]] = []

    def __init__(self, host: str, port: int, **options: Any) -> None:
        self._do("connect", host, port, *(["tls"] if "context" in options else []))

    def _do(self, name: str, *arguments: Any) -> None:
        self.calls.append((name, *arguments))
        if name in self.fails:
            raise self.fails[name]

    def starttls(self, context: ssl.SSLContext) -> None:
        self._do("starttls")

    def login(self, username: str, password: str) -> None:
        self._do("login", username, password)

    def send_message(self, _message: EmailMessage, to_addrs: list[str]) -> None:
        self._do("send", *to_addrs)

    def quit(self) -> None:
        self._do("quit")

    def close(self) -> None:
        self._do("close")


@pytest.fixture
def smtp(monkeypatch: pytest.MonkeyPatch) -> type[Smtp]:
    """smtplib without a network."""
    monkeypatch.setattr(Smtp, "fails", {})
    monkeypatch.setattr(Smtp, "calls", [])
    monkeypatch.setattr(smtplib, "SMTP", Smtp)
    monkeypatch.setattr(smtplib, "SMTP_SSL", Smtp)
    return Smtp


def test_smtp_starts_tls_before_it_logs_in(smtp: type[Smtp]) -> None:
    """On port 587 TLS starts before the password and the message are sent."""
    send = by_smtp(SmtpServer("smtp.example.com", 587, "user", "password"))
    assert send(message(), "ops@example.com") == "<E1@example.com>"
    assert [call[0] for call in smtp.calls] == ["connect", "starttls", "login", "send", "quit", "close"]


def test_smtp_on_465_is_tls_from_the_first_byte_and_needs_no_password(smtp: type[Smtp]) -> None:
    """Port 465 connects with TLS, and without credentials there is no login."""
    by_smtp(SmtpServer("smtp.example.com", 465))(message(), "ops@example.com")
    assert smtp.calls[0] == ("connect", "smtp.example.com", 465, "tls")
    assert [call[0] for call in smtp.calls[1:]] == ["send", "quit", "close"]


@pytest.mark.parametrize(
    ("step", "error", "permanent", "said"),
    [
        ("connect", ConnectionRefusedError(111, "Connection refused"), False, "Connection refused"),
        ("connect", TimeoutError("timed out"), False, "TimeoutError"),
        ("starttls", smtplib.SMTPNotSupportedError("STARTTLS extension not supported"), False, "STARTTLS"),
        ("starttls", ssl.SSLCertVerificationError(1, "certificate verify failed"), False, "certificate verify failed"),
        ("login", smtplib.SMTPAuthenticationError(535, b"bad credentials"), True, "535 bad credentials"),
        ("send", smtplib.SMTPRecipientsRefused({"ops@example.com": (550, b"no such user")}), True, "550 no such user"),
        ("send", smtplib.SMTPRecipientsRefused({"ops@example.com": (451, b"try later")}), False, "451 try later"),
        ("send", smtplib.SMTPDataError(552, b"too big"), True, "552 too big"),
        ("send", smtplib.SMTPServerDisconnected("Connection unexpectedly closed"), False, "closed"),
    ],
)
def test_smtp_failures_are_told_and_the_connection_is_closed(
    smtp: type[Smtp], step: str, error: Exception, permanent: bool, said: str
) -> None:
    """Only 5xx is permanent, the connection is always closed, and nothing is sent without TLS."""
    smtp.fails[step] = error
    with pytest.raises(DeliveryFailed) as caught:
        by_smtp(SmtpServer("smtp.example.com", 587, "user", "password"))(message(), "ops@example.com")
    assert caught.value.permanent is permanent
    assert said in caught.value.detail
    assert "password" not in caught.value.detail
    assert step == "connect" or smtp.calls[-1] == ("close",)
    assert (("send", "ops@example.com") in smtp.calls) == (step == "send")


def test_a_farewell_that_fails_does_not_send_the_message_again(smtp: type[Smtp]) -> None:
    """A message that the server accepted counts as delivered when QUIT fails."""
    smtp.fails["quit"] = smtplib.SMTPServerDisconnected("gone")
    assert by_smtp(SmtpServer("smtp.example.com", 587))(message(), "ops@example.com") == "<E1@example.com>"


class Secrets:
    """Secrets Manager's client with one secret."""

    def __init__(self, text: str | Exception) -> None:
        self.text = text

    def get_secret_value(self, SecretId: str) -> dict[str, str]:  # noqa: N803  boto3's name
        if isinstance(self.text, Exception):
            raise self.text
        return {"SecretString": self.text}


def test_smtp_credentials_come_from_the_secret() -> None:
    """User name and password come from the secret; without a secret both are None."""
    assert smtp_credentials(Secrets('{"username": "u", "password": "p"}'), "arn") == ("u", "p")
    assert smtp_credentials(Secrets("unused"), "") == (None, None)


@pytest.mark.parametrize("text", ["not json, but hunter2", '{"user": "hunter2"}', "[]"])
def test_a_secret_of_another_shape_is_told_without_its_content(text: str) -> None:
    """A secret with the wrong shape is a permanent failure, and its content is not repeated."""
    with pytest.raises(DeliveryFailed) as caught:
        smtp_credentials(Secrets(text), "arn")
    assert caught.value.permanent
    assert "hunter2" not in caught.value.detail


def test_a_secret_out_of_reach_is_tried_again() -> None:
    """A failure of Secrets Manager is not permanent."""
    with pytest.raises(DeliveryFailed) as caught:
        smtp_credentials(Secrets(botocore.exceptions.ConnectTimeoutError(endpoint_url="x")), "arn")
    assert not caught.value.permanent


def test_the_log_gets_recipient_subject_and_text(caplog: pytest.LogCaptureFixture) -> None:
    """The log transport logs recipient, subject and text."""
    assert by_log(message(), "ops@example.com") == "<E1@example.com>"
    said = vars(caplog.records[-1])
    assert (said["to"], said["subject"], said["text"]) == ("ops@example.com", "Data drift in churn", "Hello\n")


class Client:
    """An HTTP client that gives one answer and records its calls."""

    def __init__(self, status: int = 200, words: str = "ok", **headers: str) -> None:
        self.answer = Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, words)
        self.calls: list[Call] = []

    def __call__(self, call: Call) -> Answer:
        self.calls.append(call)
        return self.answer


def public(host: str, port: int) -> list[str]:
    """A resolver that knows only Slack's host."""
    if host != "hooks.slack.com":
        raise socket.gaierror(-2, "Name or service not known")
    return ["3.3.3.3"]


def test_a_webhook_is_called_at_the_address_that_was_checked() -> None:
    """The request goes to the address that was checked, so DNS cannot change in between."""
    client = Client()
    assert (
        Outgoing(public, client).post(Post(HOOK, encode({"text": "hé"}), {"x-own": "1"}), channel_type="slack", now=NOW)
        == "ok"
    )
    (call,) = client.calls
    assert (call.url, call.address) == (HOOK, "3.3.3.3")
    assert json.loads(call.body) == {"text": "hé"}
    assert call.headers["content-type"] == "application/json"
    assert call.headers["x-own"] == "1"


@pytest.mark.parametrize(
    ("status", "permanent"),
    [(301, True), (308, True), (400, True), (403, True), (404, True), (410, True), (408, False), (429, False)]
    + [(status, False) for status in (500, 502, 503, 504)],
)
def test_what_a_provider_answers_decides_whether_to_try_again(status: int, permanent: bool) -> None:
    """4xx and redirects are permanent; time-outs, throttling and 5xx are retried with the provider's words kept."""
    with pytest.raises(DeliveryFailed) as caught:
        Outgoing(public, Client(status, "no_service", retry_after="7", location="https://10.0.0.1/")).post(
            Post(HOOK, b"{}"), channel_type="slack", now=NOW
        )
    assert caught.value.permanent is permanent
    assert caught.value.detail.startswith(str(status))
    assert "secret" not in caught.value.detail
    if not permanent:
        assert caught.value.retry_after == 7
        assert "no_service" in caught.value.detail


@pytest.mark.parametrize("endpoint", ["", "http://127.0.0.1:4000/outbox"])
@pytest.mark.parametrize("url", ["https://10.0.0.1/x", "https://localhost/x", "https://[::1]/x", "http://example.com/"])
def test_a_private_address_is_never_called(url: str, endpoint: str) -> None:
    """A private address is a permanent failure, on AWS and locally."""
    client = Client()
    with pytest.raises(DeliveryFailed) as caught:
        Outgoing(public, client, endpoint).post(Post(url, b"{}"), channel_type="slack", now=NOW)
    assert caught.value.permanent
    assert client.calls == []


def test_a_name_that_now_leads_inside_is_never_called() -> None:
    """The host is checked before each request, not only when the channel is created."""
    client = Client()
    with pytest.raises(DeliveryFailed, match="private"):
        Outgoing(lambda host, port: ["169.254.169.254"], client).post(Post(HOOK, b"{}"), channel_type="slack", now=NOW)
    assert client.calls == []


def test_an_unknown_host_is_tried_again_later() -> None:
    """An unknown host is a temporary failure, and the error contains only the host."""
    with pytest.raises(DeliveryFailed, match=r"cannot be resolved: later\.example") as caught:
        Outgoing(public, Client()).post(Post("https://later.example/secret", b"{}"), channel_type="slack", now=NOW)
    assert not caught.value.permanent
    assert "secret" not in caught.value.detail


def test_with_an_endpoint_set_every_request_goes_there_and_says_where_it_was_meant_for() -> None:
    """With an endpoint every request goes there with the original URL and channel type in its headers."""
    client = Client()
    outgoing = Outgoing(public, client, "http://127.0.0.1:4000/outbox")
    for url in (HOOK, "https://unknown.example/x"):
        outgoing.post(Post(url, b"{}"), channel_type="teams", now=NOW)
    assert {call.headers["x-driftguard-channel"] for call in client.calls} == {"teams"}
    assert [(call.url, call.address, call.headers["x-driftguard-to"]) for call in client.calls] == [
        ("http://127.0.0.1:4000/outbox", None, HOOK),
        ("http://127.0.0.1:4000/outbox", None, "https://unknown.example/x"),
    ]


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("30", 30),
        (" 5 ", 5),
        ("soon", None),
        ("-1", None),
        ("Mon, 23 Nov 2026 10:16:00 GMT", 60),
        ("Mon, 23 Nov 2026 10:00:00 GMT", 0),
        ("9" * 400, 10**9),
        ("9" * 60_000, 10**9),
        ("1e9", None),
        ("Mon, 23 Nov 99999999999 10:16:00 GMT", None),
        ("Mon, 23 Nov 9999 10:16:00 GMT", 10**9),
    ],
)
def test_retry_after_is_read_in_both_its_forms(value: str | None, seconds: float | None) -> None:
    """Retry-After is read as seconds or an HTTP date, and anything else is ignored."""
    assert retry_after(value, NOW) == seconds


@given(
    st.text() | st.from_regex(r"[A-Z][a-z]{2}, [0-9]+ [A-Z][a-z]{2} [0-9]+ [0-9:]+ ([+-][0-9]+|GMT)", fullmatch=True)
)
def test_no_retry_after_breaks_the_sender(value: str) -> None:
    """Any value gives a number of seconds within limits, or none."""
    seconds = retry_after(value, NOW)
    assert seconds is None or 0 <= seconds <= 10**9
    assert 1 <= delay(1, seconds) <= 900


@pytest.mark.parametrize(
    ("attempt", "asked", "seconds"),
    [(1, None, 30), (2, None, 60), (5, None, 480), (6, None, 900), (1, 7.2, 8), (5, 0, 1), (1, 10**9, 900)],
)
def test_waiting_doubles_or_is_what_the_provider_asks(attempt: int, asked: float | None, seconds: int) -> None:
    """The delay doubles up to SQS's 15 minutes, and Retry-After has priority."""
    assert delay(attempt, asked) == seconds
