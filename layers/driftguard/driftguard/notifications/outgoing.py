"""Outgoing HTTP. Requests go to public addresses only, to the address that was checked, and follow no redirect.

An answer is hostile input: it has one deadline, however slowly it arrives, and only its beginning is read.
"""

import email.utils
import http.client
import io
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import HTTPError, NewConnectionError, SSLError
from urllib3.exceptions import TimeoutError as HttpTimeoutError

from driftguard.alerts.words import one_line
from driftguard.notifications.addresses import Refused, Resolver, check_url, pin
from driftguard.notifications.providers.base import MASK, Post

TIMEOUT = urllib3.Timeout(connect=3, read=10)
"""The longest wait for the connection and for one read, in seconds."""

DEADLINE = 12.0
"""The longest time for a request and its answer, in seconds. A provider may send single bytes within TIMEOUT."""

MOST_BYTES = 128 * 1024
"""Most bytes of an answer that are read, status and headers included."""

MAX_WAIT = 10**9
"""The longest time that a Retry-After may ask for, in seconds."""

WORDS = 300
"""Most characters of a provider's answer that are kept."""

WORTH_RETRYING = (408, 425, 429)
"""The 4xx statuses that a later attempt may not get."""


@dataclass(frozen=True)
class Call:
    """A POST. address: the address to connect to without another DNS lookup."""

    url: str
    headers: Mapping[str, str]
    body: bytes
    address: str | None = None


@dataclass(frozen=True)
class Answer:
    """A response: the status, the headers by lower-case name, and the beginning of the body."""

    status: int
    headers: Mapping[str, str]
    words: str


class DeliveryFailed(Exception):
    """A provider did not accept a message.

    detail: the provider's own words, or the error on the way to it. It never contains a secret.
    permanent: a retry cannot succeed. retry_after: the seconds that the provider asked to wait.
    """

    def __init__(self, detail: str, *, permanent: bool = False, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.permanent = permanent
        self.retry_after = retry_after


type HttpClient = Callable[[Call], Answer]
"""Makes one call without retries or redirects. Raises DeliveryFailed when there is no answer."""


@dataclass(frozen=True)
class Outgoing:
    """Sends requests to providers.

    endpoint: empty on AWS. Otherwise every request goes to this URL. The header `x-driftguard-to` then has the
    original URL and `x-driftguard-channel` the channel type. Private addresses are still refused, unknown hosts are
    accepted.
    """

    resolve: Resolver
    client: HttpClient
    endpoint: str = ""

    def post(self, post: Post, *, channel_type: str, now: datetime) -> str:
        """Send a request. Returns the beginning of the provider's answer. Raises DeliveryFailed.

        The answer is recorded and logged. The URL's path and `post.secrets` are therefore masked in it.
        """
        headers = {"content-type": "application/json", "user-agent": "DriftGuard", **post.headers}
        address = self._pin(post.url)
        if self.endpoint:
            headers |= {"x-driftguard-to": post.url, "x-driftguard-channel": channel_type}
            call = Call(self.endpoint, headers, post.body)
        else:
            call = Call(post.url, headers, post.body, address)
        answer = self.client(call)
        words = one_line(_masked(answer.words, [check_url(post.url).path, *post.secrets]))
        if 200 <= answer.status < 300:
            return words or str(answer.status)
        if 300 <= answer.status < 400:
            raise DeliveryFailed(f"{answer.status}: redirects are not followed.", permanent=True)
        raise DeliveryFailed(
            f"{answer.status}: {words}" if words else str(answer.status),
            permanent=answer.status < 500 and answer.status not in WORTH_RETRYING,
            retry_after=retry_after(answer.headers.get("retry-after"), now),
        )

    def _pin(self, url: str) -> str | None:
        try:
            return pin(check_url(url), self.resolve)
        except Refused as error:
            raise DeliveryFailed(f"The webhook URL {error}.", permanent=True) from None
        except OSError:
            if self.endpoint:
                return None
            raise DeliveryFailed(f"The webhook's host cannot be resolved: {check_url(url).host}.") from None


def _masked(words: str, secrets: Sequence[str]) -> str:
    for secret in secrets:
        if len(secret) > 1:  # not the path "/"
            words = words.replace(secret, MASK)
    return words


def by_urllib3(call: Call, context: ssl.SSLContext | None = None) -> Answer:
    """The real client. The certificate is checked with `context` and against the host's name, not its address."""
    with _deadline() as deadline:
        try:
            answer = _send(call, context, deadline)
        except Exception as error:  # noqa: BLE001  libraries raise errors of many kinds for a hostile answer
            raise _no_answer(error, late=deadline.passed) from None
        words = _words(answer)
    return Answer(answer.status, {name.lower(): value for name, value in answer.headers.items()}, words)


def _words(answer: urllib3.BaseHTTPResponse) -> str:
    """The beginning of the body. Empty for a body that breaks off: the status has decided about the message."""
    try:
        # A compressed body could unpack to any size, so it is not unpacked.
        body = answer.read(4 * WORDS, decode_content=False)
    except Exception:  # noqa: BLE001  see above
        return ""
    finally:
        answer.close()
    return one_line(body.decode("utf-8", "replace").strip())[:WORDS]


def _no_answer(error: Exception, *, late: bool) -> DeliveryFailed:
    """The failure to report. Only TLS errors are quoted: other errors may contain the URL, which is a secret."""
    if late:
        return DeliveryFailed(f"The provider did not complete its answer within {DEADLINE:g} seconds.")
    if isinstance(error, NewConnectionError):
        # urllib3 makes this a subclass of its time-out error.
        return DeliveryFailed("The connection failed: no server answers at that address and port.")
    if isinstance(error, HttpTimeoutError):
        return DeliveryFailed("The provider did not answer in time.")
    if isinstance(error, SSLError):
        return DeliveryFailed(f"The TLS connection failed: {one_line(str(error))[:WORDS]}")
    if isinstance(error, (HTTPError, http.client.HTTPException, OSError)):
        return DeliveryFailed(f"The connection failed: {type(error).__name__}.")
    return DeliveryFailed(f"The provider's answer is not valid HTTP: {type(error).__name__}.")


class _Deadline:
    """Closes the connections of one request when its time is up, whatever the request waits for."""

    def __init__(self) -> None:
        self.passed = False
        self._connections: list[socket.socket] = []
        self._timer = threading.Timer(DEADLINE, self._pass)
        self._timer.daemon = True
        self._timer.start()

    def watch(self, connection: socket.socket) -> None:
        """Close this connection at the deadline. The copy stays valid when TLS takes over the original."""
        self._connections.append(connection.dup())

    def end(self) -> None:
        """Stop waiting. The connections that are still open stay open."""
        self._timer.cancel()
        for connection in self._connections:
            connection.close()

    def _pass(self) -> None:
        self.passed = True
        for connection in list(self._connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # already closed by the provider


@contextmanager
def _deadline() -> Iterator[_Deadline]:
    deadline = _Deadline()
    try:
        yield deadline
    finally:
        deadline.end()


class _Beginning(io.RawIOBase):
    """The first MOST_BYTES of a connection. After them it looks closed."""

    def __init__(self, raw: io.RawIOBase) -> None:
        self._raw = raw
        self._left = MOST_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        count = self._raw.readinto(memoryview(buffer)[: self._left])
        self._left -= count or 0
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    """A response whose size is limited. A negative or huge chunk length would be read until memory is full."""

    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self.fp.close()
        self.fp = io.BufferedReader(_Beginning(sock.makefile("rb", buffering=0)))


class _Connection(urllib3.connection.HTTPConnection):
    """A connection with a deadline and limited responses."""

    response_class = _Response

    def __init__(self, *arguments: Any, deadline: _Deadline, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._deadline = deadline

    def _new_conn(self) -> socket.socket:
        connection = super()._new_conn()
        self._deadline.watch(connection)
        return connection


class _TlsConnection(_Connection, urllib3.connection.HTTPSConnection):
    """The same with TLS."""


def _send(call: Call, context: ssl.SSLContext | None, deadline: _Deadline) -> urllib3.BaseHTTPResponse:
    pool: urllib3.HTTPConnectionPool
    if call.address is None:
        pool = urllib3.connection_from_url(call.url)
        url, headers = urlsplit(call.url).path or "/", dict(call.headers)
    else:
        parsed = check_url(call.url)
        pool = urllib3.HTTPSConnectionPool(
            call.address,
            parsed.port,
            server_hostname=parsed.host,
            assert_hostname=parsed.host,
            cert_reqs="CERT_REQUIRED",
            ssl_context=context,
        )
        url = parsed.path
        headers = {
            **call.headers,
            "host": parsed.host if parsed.port == 443 else f"{parsed.host}:{parsed.port}",
        }
    kind = _TlsConnection if isinstance(pool, urllib3.HTTPSConnectionPool) else _Connection
    # The pool calls this factory once. It has no public way to pass the deadline to its connections.
    pool.ConnectionCls = partial(kind, deadline=deadline)  # type: ignore[assignment]
    return pool.request(
        "POST",
        url,
        body=call.body,
        headers={"accept-encoding": "identity", **headers},
        timeout=TIMEOUT,
        retries=False,
        redirect=False,
        preload_content=False,
    )


def retry_after(value: str | None, now: datetime) -> float | None:
    """The seconds to wait by a Retry-After header, which is a number or an HTTP date. None when it is neither."""
    text = (value or "").strip()
    if text.isdecimal():
        # Python refuses to read numbers of many thousand digits.
        return float(min(int(text), MAX_WAIT)) if len(text) <= 10 else float(MAX_WAIT)
    try:
        moment = email.utils.parsedate_to_datetime(text)
        seconds = (moment - now).total_seconds()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None  # neither a number nor a date with a time zone
    return min(max(0.0, seconds), float(MAX_WAIT))
