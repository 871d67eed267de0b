"""The client that makes a request and reads its answer.

An answer is hostile input: it has one deadline, however slowly it arrives, and only its beginning is read.
"""

import http.client
import io
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import HTTPError, NewConnectionError, SSLError
from urllib3.exceptions import TimeoutError as HttpTimeoutError

from driftguard.alerts.words import one_line
from driftguard.notifications.addresses import check_url
from driftguard.notifications.outgoing import WORDS, Answer, Call, DeliveryFailed

TIMEOUT = urllib3.Timeout(connect=3, read=10)
"""The longest wait for the connection and for one read, in seconds."""

DEADLINE = 12.0
"""The longest time for a request and its answer, in seconds. A provider may send single bytes within TIMEOUT."""

MOST_BYTES = 128 * 1024
"""Most bytes of an answer that are read, status and headers included."""


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
