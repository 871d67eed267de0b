"""The senders against real ends on this machine: an HTTPS server and an SMTP server with TLS and passwords."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import urllib3
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from driftguard.notifications import outgoing
from driftguard.notifications.outgoing import Call, DeliveryFailed, by_urllib3
from driftguard.notifications.transports import SmtpServer, by_smtp
from tests.local.ends import Certificate, certificate_in


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """Made for this run."""
    return certificate_in(tmp_path_factory.mktemp("tls"), "hooks.example")


class Handler(BaseHTTPRequestHandler):
    """Answers by its path: a status, `/hang`, `/close`, `/redirect`, `/large`."""

    seen: list[tuple[str, str | None, bytes]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.seen.append((self.path, self.headers["host"], body))
        what = self.path.strip("/").partition("?")[0]
        if what == "hang":
            time.sleep(1.5)
        if what in ("hang", "close"):
            self.close_connection = True
            return
        status = int(what) if what.isdecimal() else {"redirect": 302}.get(what, 200)
        answer = b"x" * 5_000_000 if what == "large" else b"no_service" if status == 404 else b"ok"
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        if status == 429:
            self.send_header("Retry-After", "7")
        if status == 302:
            self.send_header("Location", f"https://{self.headers['host']}/elsewhere")
        self.end_headers()
        try:
            self.wfile.write(answer)
        except OSError:
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class's name
        return


@dataclass
class Provider:
    """A provider of webhooks at `hooks.example`."""

    port: int
    context: ssl.SSLContext
    seen: list[tuple[str, str | None, bytes]] = field(default_factory=list)

    def call(self, path: str, host: str = "hooks.example", body: bytes = b"{}") -> outgoing.Answer:
        """Post as the sender does once it has looked the host up."""
        url = f"https://{host}:{self.port}{path}"
        return by_urllib3(Call(url, {"content-type": "application/json"}, body, "127.0.0.1"), self.context)


@pytest.fixture(scope="module")
def provider(certificate: Certificate) -> Iterator[Provider]:
    """An HTTPS server on this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = certificate.server().wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda request, client_address: None  # type: ignore[method-assign]
    found = Provider(server.server_address[1], certificate.client())
    Handler.seen = found.seen
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_pinned_address_is_called_by_the_hosts_name(provider: Provider) -> None:
    """The connection goes to the address given, TLS and Host speak of the name, the path keeps its query."""
    answer = provider.call("/200?a=b", body=b'{"text": "hi"}')
    assert (answer.status, answer.words) == (200, "ok")
    assert provider.seen[-1] == ("/200?a=b", f"hooks.example:{provider.port}", b'{"text": "hi"}')


def test_a_certificate_of_another_name_is_refused(provider: Provider) -> None:
    """An address that does not prove to be the host gets nothing."""
    before = len(provider.seen)
    with pytest.raises(DeliveryFailed, match="TLS") as caught:
        provider.call("/secret", host="other.example")
    assert len(provider.seen) == before
    assert "secret" not in caught.value.detail


def test_redirects_are_not_followed(provider: Provider) -> None:
    """The answer is the redirect itself; nothing else is asked for."""
    before = len(provider.seen)
    assert provider.call("/redirect").status == 302
    assert len(provider.seen) == before + 1


def test_answers_come_back_with_their_words_and_headers(provider: Provider) -> None:
    """Refusals are told in the provider's words, shortened; Retry-After is there by its lower-case name."""
    assert provider.call("/404").words == "no_service"
    assert provider.call("/429").headers["retry-after"] == "7"
    assert len(provider.call("/large").words) == outgoing.WORDS


@pytest.mark.parametrize(("path", "said"), [("/hang", "in time"), ("/close", "connection failed")])
def test_no_answer_is_a_failure_that_may_pass(
    provider: Provider, monkeypatch: pytest.MonkeyPatch, path: str, said: str
) -> None:
    """A provider that hangs or hangs up is given up, once and without retrying in place."""
    monkeypatch.setattr(outgoing, "TIMEOUT", urllib3.Timeout(connect=1, read=0.3))
    before = len(provider.seen)
    with pytest.raises(DeliveryFailed, match=said) as caught:
        provider.call(path)
    assert not caught.value.permanent
    assert len(provider.seen) == before + 1


def test_a_port_where_nobody_listens_is_a_failure_that_may_pass(certificate: Certificate) -> None:
    """The URL is not told."""
    with pytest.raises(DeliveryFailed, match="connection failed") as caught:
        by_urllib3(Call("https://hooks.example:1/secret", {}, b"{}", "127.0.0.1"), certificate.client())
    assert not caught.value.permanent
    assert "secret" not in caught.value.detail


@dataclass
class Mail:
    """What an SMTP server has taken."""

    port: int
    taken: list[tuple[list[str], bytes]] = field(default_factory=list)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  aiosmtpd's name
        if "full@example.com" in envelope.rcpt_tos:
            return "452 mailbox full"
        self.taken.append((envelope.rcpt_tos, envelope.content))
        return "250 taken"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:  # noqa: N802
        if address == "nobody@example.com":
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 fine"


@pytest.fixture
def mail(certificate: Certificate) -> Iterator[Mail]:
    """An SMTP server that wants STARTTLS, then the password."""

    def authenticate(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        right = isinstance(data, LoginPassword) and (data.login, data.password) == (b"user", b"right")
        return AuthResult(success=right, handled=False)

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        box = Mail(free.getsockname()[1])
    controller = Controller(
        box,
        hostname="127.0.0.1",
        port=box.port,
        tls_context=certificate.server(),
        require_starttls=True,
        auth_required=True,
        authenticator=authenticate,
    )
    controller.start()
    yield box
    controller.stop()


def message(recipient: str = "ops@example.com") -> EmailMessage:
    """A small message."""
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = "drift@example.com", recipient, "Größe"
    made["Message-ID"] = "<E1@example.com>"
    made.set_content("Hello, wörld\n.\nstill here")
    return made


def test_mail_arrives_over_starttls_with_a_password(mail: Mail, certificate: Certificate) -> None:
    """The whole message is taken, a lone dot in it too."""
    send = by_smtp(SmtpServer("127.0.0.1", mail.port, "user", "right"), certificate.client())
    assert send(message(), "ops@example.com") == "<E1@example.com>"
    ((recipients, content),) = mail.taken
    assert recipients == ["ops@example.com"]
    assert b"still here" in content


@pytest.mark.parametrize(
    ("password", "recipient", "permanent", "said"),
    [
        ("wrong", "ops@example.com", True, "535"),
        ("right", "nobody@example.com", True, "550 no such user"),
        ("right", "full@example.com", False, "452 mailbox full"),
    ],
)
def test_a_servers_refusal_is_told_in_its_words(
    mail: Mail, certificate: Certificate, password: str, recipient: str, permanent: bool, said: str
) -> None:
    """Bad credentials and unknown people are permanent, a full mailbox is not; nothing is taken."""
    send = by_smtp(SmtpServer("127.0.0.1", mail.port, "user", password), certificate.client())
    with pytest.raises(DeliveryFailed, match=said) as caught:
        send(message(recipient), recipient)
    assert caught.value.permanent is permanent
    assert mail.taken == []


def test_a_server_whose_certificate_is_not_trusted_gets_no_password(mail: Mail) -> None:
    """Without a certificate that holds, nothing is said at all."""
    with pytest.raises(DeliveryFailed, match=r"(?i)certificate"):
        by_smtp(SmtpServer("127.0.0.1", mail.port, "user", "right"))(message(), "ops@example.com")
    assert mail.taken == []
