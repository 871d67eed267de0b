"""The senders against real ends on this machine: an HTTPS server and an SMTP server with TLS and passwords."""

import socket
import ssl
import threading
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import urllib3
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from driftguard.notifications import http_client, outgoing
from driftguard.notifications.http_client import by_urllib3
from driftguard.notifications.outgoing import Call, DeliveryFailed
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
    monkeypatch.setattr(http_client, "TIMEOUT", urllib3.Timeout(connect=1, read=0.3))
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


OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
HOSTILE: dict[str, tuple[list[bytes], int | None]] = {
    "a status line, a byte at a time": ([b"H"] + [b"T"] * 1000, None),
    "a header, a byte at a time": ([OK + b"x: "] + [b"y"] * 1000, 200),
    "100 Continue for ever": ([b"HTTP/1.1 100 Continue\r\n\r\n"] * 1000, None),
    "a body, a byte at a time": ([OK + b"Content-Length: 1000\r\n\r\n"] + [b"x"] * 1000, 200),
    "a chunk of negative length": ([CHUNKED + b"-5\r\n" + b"x" * 1000], 200),
    "a chunk of length -1": ([CHUNKED + b"-1\r\n"] + [b"x" * 100_000] * 1000, 200),
    "a chunk of 2^70 bytes": ([CHUNKED + b"400000000000000000\r\n" + b"x" * 5000], 200),
    "a chunk length that is no number": ([CHUNKED + b"zz\r\n"], 200),
    "a negative content length": ([OK + b"Content-Length: -7\r\n\r\n"] + [b"x" * 100_000] * 1000, 200),
    "a content length of 10,000 digits": ([OK + b"Content-Length: " + b"9" * 10_000 + b"\r\n\r\nok"], 200),
    "a compressed body that is not": ([OK + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\nok"], 200),
    "more headers than anybody reads": ([OK + b"x: y\r\n" * 100_000], None),
    "no HTTP": ([b"\x00\xff" * 1000], None),
    "a status that is no number": ([b"HTTP/1.1 abc OK\r\n\r\n"], None),
}
"""Answers that break rules, each with the status that the client must read from it."""


@contextmanager
def raw(certificate: Certificate, parts: list[bytes]) -> Iterator[int]:
    """A TLS server that sends these bytes to its first client, with a pause after each part. Yields its port."""
    listening = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve() -> None:
        accepted, _address = listening.accept()
        with suppress(OSError), certificate.server().wrap_socket(accepted, server_side=True) as client:
            request = b""
            while not request.endswith(b"{}"):
                request += client.recv(65_536)
            for part in parts:
                client.sendall(part)
                if over.wait(0.02):
                    return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        over.set()
        thread.join(5)
        listening.close()


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_answer_ends_at_the_deadline_and_is_never_read_whole(
    certificate: Certificate, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """Every answer gives a status or a failure within the deadline, with little memory and in one line of words."""
    monkeypatch.setattr(http_client, "DEADLINE", 0.6)
    parts, status = HOSTILE[what]
    with raw(certificate, parts) as port:
        call, trusted = Call(f"https://hooks.example:{port}/", {}, b"{}", "127.0.0.1"), certificate.client()
        started = time.monotonic()
        tracemalloc.start()
        if status is None:
            with pytest.raises(DeliveryFailed) as caught:
                by_urllib3(call, trusted)
            assert not caught.value.permanent
        else:
            answer = by_urllib3(call, trusted)
            assert answer.status == status
            assert len(answer.words) <= outgoing.WORDS
            assert len(answer.words.splitlines()) <= 1
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert time.monotonic() - started < 3
        assert peak < 4_000_000


def test_a_slow_handshake_ends_at_the_deadline(certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that answers TLS with a byte now and then is given up at the deadline."""
    monkeypatch.setattr(http_client, "DEADLINE", 0.5)
    listening = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def drip() -> None:
        client, _address = listening.accept()
        with suppress(OSError):
            for byte in b"\x16\x03\x03\x40\x00" + bytes(1000):
                client.sendall(bytes([byte]))
                if over.wait(0.05):
                    break
        client.close()

    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    started = time.monotonic()
    with pytest.raises(DeliveryFailed):
        by_urllib3(
            Call(f"https://hooks.example:{listening.getsockname()[1]}/", {}, b"{}", "127.0.0.1"), certificate.client()
        )
    assert time.monotonic() - started < 2
    over.set()
    thread.join(5)
    listening.close()


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
