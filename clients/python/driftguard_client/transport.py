"""HTTP requests to the service with the standard library: connections kept open, gzip, time-outs, clear errors."""

from __future__ import annotations

import json
import os
import threading
import time
import zlib

from driftguard_client.errors import DriftGuardError, ResponseError, UnreachableError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import http.client
    from collections.abc import Mapping
    from typing import Any

WORTH_COMPRESSING = 1_000
"""Bytes of a body. Smaller bodies fit into one packet anyway."""
IDLE_SECONDS = 4.0
"""A connection that was idle for longer is not used again, because the other side may close it at any moment."""
NO_TLS = frozenset({"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST"})
"""What versions of OpenSSL call an answer that is no TLS."""
_ANOTHER_ROLE = "a key with another role"
_LOGGING = frozenset({"Logging predictions", "Sending labels", "POST /predictions/batch", "POST /labels"})
_UNSUPPORTED_MEDIA_TYPE = 415


class Response:
    """A response. `headers` has lower-case names."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> Any:
        """Return the content. Raises ResponseError if it is not JSON, as the page of a proxy is not."""
        try:
            return json.loads(self.body)
        except ValueError:
            raise ResponseError(
                f"The answer is not JSON (status {self.status}, {self.headers.get('content-type') or 'no type'}). "
                "Check that the URL is that of DriftGuard, with its stage, such as …amazonaws.com/v1.",
                status=self.status,
            ) from None

    def error(self, what: str) -> ResponseError:
        """Return the error of a response that is no success."""
        message, places = self._reason()
        if self.status == 403 and message == "Forbidden":
            message = "the API key is missing, unknown or revoked; check it, or run `driftguard login`"
        if self.status == 403 and _ANOTHER_ROLE in message:
            role = "ingest or admin" if what in _LOGGING else "viewer or admin" if what.startswith("GET") else "admin"
            message = message.replace(_ANOTHER_ROLE, f"a key with the role {role}")
        return ResponseError(
            f"{what}: {self.status} {message}", status=self.status, errors=places, retry_after=self.retry_after
        )

    @property
    def retry_after(self) -> float | None:
        """Return the seconds that Retry-After asks to wait; None without a valid header."""
        text = self.headers.get("retry-after", "").strip()
        if not text:
            return None
        if text.isdigit():
            return float(text)
        from email.utils import parsedate_to_datetime

        try:
            return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
        except (TypeError, ValueError, OverflowError):
            return None

    def _reason(self) -> tuple[str, list[dict[str, object]]]:
        try:
            content = json.loads(self.body)
        except ValueError:
            return self.body[:200].decode("utf-8", "replace").strip() or "(no body)", []
        if not isinstance(content, dict):
            return str(content)[:200], []
        places = [one for one in content.get("errors") or [] if isinstance(one, dict)]
        message = str(content.get("message") or content.get("detail") or content.get("title") or content)
        if places:
            shown = "; ".join(f"{_place(one)}: {one.get('msg')}" for one in places[:3])
            message = f"{message} ({shown}{'; …' if len(places) > 3 else ''})"
        return message, places


class Transport:
    """Sends requests to one service. Each thread has a connection of its own, and so has each process after a fork."""

    def __init__(self, url: str, api_key: str, timeout: float, user_agent: str) -> None:
        self._opened: dict[int, http.client.HTTPConnection] = {}
        # Imported here and not with the package: http.client and ssl take longer to import than all the rest.
        # And all of it here: a module that the sending thread imports at the moment of a fork can never be imported
        # by the child.
        import datetime  # noqa: F401
        import email.utils  # noqa: F401
        import encodings.idna  # noqa: F401  the socket module looks names up with it
        import http.client
        import socket  # noqa: F401
        import ssl

        "".encode("idna")
        self._http = http.client
        self._ssl = ssl
        self._context: ssl.SSLContext | None = None
        self._context_of = 0
        self.url = url
        self._arguments = (url, api_key, timeout, user_agent)
        scheme, _, rest = url.partition("://")
        self._secure = scheme == "https"
        self._host, _, prefix = rest.partition("/")
        self._prefix = f"/{prefix}" if prefix else ""
        self._headers = {"x-api-key": api_key, "user-agent": user_agent, "accept": "application/json"}
        self._timeout = timeout
        self._local = threading.local()
        self._takes_gzip = True

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        timeout: float | None = None,
        repeatable: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Send a request and return its response, whatever its status. Raises UnreachableError.

        repeatable: send the request once more at once if a connection that was open before turns out to be closed.
        """
        sent = {**self._headers, **(headers or {})}
        if body is not None:
            sent["content-type"] = "application/json"
            if self._takes_gzip and len(body) >= WORTH_COMPRESSING:
                packed = {**sent, "content-encoding": "gzip"}
                response = self._send(method, path, compressed(body), packed, timeout, repeatable)
                if response.status != _UNSUPPORTED_MEDIA_TYPE:
                    return response
                self._takes_gzip = False
        return self._send(method, path, body, sent, timeout, repeatable)

    def close(self) -> None:
        """Close the connection of this thread."""
        connection = getattr(self._local, "connection", None)
        self._local.connection = None
        if connection is not None:
            connection.close()

    def another(self) -> Transport:
        """Return a transport to the same service with connections of its own, for threads that soon end."""
        return Transport(*self._arguments)

    def close_all(self) -> None:
        """Close the connections of all threads."""
        for connection in self._opened.values():
            connection.close()
        self._opened.clear()

    def __del__(self) -> None:
        self.close_all()

    def _send(
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
        timeout: float | None,
        repeatable: bool,
    ) -> Response:
        timeout = self._timeout if timeout is None else max(timeout, 0.05)
        connection, is_open = self._connection(timeout)
        try:
            return self._exchange(connection, method, path, body, headers)
        except (OSError, self._http.HTTPException) as error:
            self.close()
            # TimeoutError is not a closed connection: the service may be working on the request.
            if not (is_open and repeatable) or isinstance(error, TimeoutError):
                raise self._unreachable(error, timeout) from error
        connection, _ = self._connection(timeout)
        try:
            return self._exchange(connection, method, path, body, headers)
        except (OSError, self._http.HTTPException) as error:
            self.close()
            raise self._unreachable(error, timeout) from error

    def _exchange(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
    ) -> Response:
        target = path[len(self.url) :] if path.startswith(self.url) else path
        connection.request(method, self._prefix + target, body=body, headers=dict(headers))
        raw = connection.getresponse()
        content = raw.read()
        received = {name.lower(): value for name, value in raw.getheaders()}
        if raw.will_close:
            self.close()
        self._local.used = time.monotonic()
        return Response(raw.status, received, content)

    def _connection(self, timeout: float) -> tuple[http.client.HTTPConnection, bool]:
        """Return the connection of this thread, and whether it has been used before."""
        local = self._local
        connection: http.client.HTTPConnection | None = getattr(local, "connection", None)
        if connection is not None and local.process != os.getpid():
            # The socket belongs to the parent process. It is not closed here, because TLS would say goodbye on it.
            local.inherited = connection
            connection = None
        if connection is not None and time.monotonic() - local.used > IDLE_SECONDS:
            connection.close()
            connection = None
        if connection is not None:
            if connection.sock is not None:
                connection.sock.settimeout(timeout)
            connection.timeout = timeout
            return connection, True
        if self._secure:
            if self._context is None or self._context_of != os.getpid():
                # A context whose lock another thread held at the moment of a fork would be locked for ever.
                self._context, self._context_of = self._ssl.create_default_context(), os.getpid()
            connection = self._http.HTTPSConnection(self._host, timeout=timeout, context=self._context)
        else:
            connection = self._http.HTTPConnection(self._host, timeout=timeout)
        local.connection, local.process, local.used = connection, os.getpid(), time.monotonic()
        self._opened[threading.get_ident()] = connection
        return connection, False

    def _unreachable(self, error: Exception, timeout: float) -> DriftGuardError:
        import socket

        if isinstance(error, self._ssl.SSLCertVerificationError):
            reason = (
                f"the certificate is not trusted ({error.verify_message}). "
                "Set SSL_CERT_FILE to the certificates of your organization."
            )
        elif isinstance(error, self._ssl.SSLError) and error.reason in NO_TLS:
            reason = f"the server speaks http, not https. Try http://{self.url.partition('://')[2]}."
        elif isinstance(error, TimeoutError):
            reason = f"no answer within {timeout:g} s."
        elif isinstance(error, socket.gaierror):
            reason = f"the name {self._host} cannot be resolved. Check the URL."
        elif isinstance(error, ConnectionRefusedError):
            reason = "the connection was refused. Check that the service runs and that the URL has its port."
        else:
            reason = f"the connection broke off ({type(error).__name__}: {error})."
        return UnreachableError(f"{self.url}: {reason}")


def compressed(body: bytes, level: int = 6) -> bytes:
    """Return a body in gzip format. The same body always gives the same bytes."""
    packer = zlib.compressobj(level, zlib.DEFLATED, 31)
    return packer.compress(body) + packer.flush()


def _place(error: Mapping[str, Any]) -> str:
    return ".".join(str(one) for one in error.get("loc") or [] if one != "body")
