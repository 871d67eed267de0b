"""Outgoing HTTP: to public addresses only, pinned to the one that was checked, never following a redirect."""

import email.utils
import json
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import urllib3
from urllib3.exceptions import HTTPError, NewConnectionError, SSLError
from urllib3.exceptions import TimeoutError as HttpTimeoutError

from driftguard.notifications.addresses import Refused, Resolver, check_url, pin

TIMEOUT = urllib3.Timeout(connect=3, read=10)

WORDS = 300
"""Characters of a provider's answer that are kept."""

AGAIN_LATER = (408, 425, 429)


@dataclass(frozen=True)
class Call:
    """A POST. address: what to connect to when the host's name must not be looked up again."""

    url: str
    headers: Mapping[str, str]
    body: bytes
    address: str | None = None


@dataclass(frozen=True)
class Answer:
    """What came back: the status, the headers by lower-case name, and the first words of the body."""

    status: int
    headers: Mapping[str, str]
    words: str


type HttpClient = Callable[[Call], Answer]
"""Makes a call as it stands, without retries or redirects. Raises DeliveryFailed when no answer came."""


@dataclass(frozen=True)
class Outgoing:
    """Posts to webhooks.

    endpoint: where every request goes instead, with the URL it was meant for in `x-driftguard-to` and the type of
    channel in `x-driftguard-channel`; empty on AWS.
    Private addresses are refused all the same, but a host that is unknown there is let through.
    """

    resolve: Resolver
    client: HttpClient
    endpoint: str = ""

    def post(
        self,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        *,
        channel_type: str,
        now: datetime,
        secrets: Sequence[str] = (),
    ) -> str:
        """Post JSON; returns the provider's answer, shortened. Raises DeliveryFailed.

        What a provider repeats of the URL or of `secrets` is masked: its words are recorded and logged.
        """
        sent = {"content-type": "application/json", "user-agent": "DriftGuard", **headers}
        address = self._pin(url)
        if self.endpoint:
            call = Call(self.endpoint, {**sent, "x-driftguard-to": url, "x-driftguard-channel": channel_type}, body)
        else:
            call = Call(url, sent, body, address)
        answer = self.client(call)
        words = _masked(answer.words, [check_url(url).path, *secrets])
        if 200 <= answer.status < 300:
            return words or str(answer.status)
        if 300 <= answer.status < 400:
            raise DeliveryFailed(f"{answer.status}: redirects are not followed.", permanent=True)
        raise DeliveryFailed(
            f"{answer.status}: {words}" if words else str(answer.status),
            permanent=answer.status < 500 and answer.status not in AGAIN_LATER,
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
            words = words.replace(secret, "****")
    return words


def encode(payload: Mapping[str, Any]) -> bytes:
    """JSON in UTF-8. Raises ValueError for NaN, which providers do not read."""
    return json.dumps(payload, ensure_ascii=False, allow_nan=False).encode()


def by_urllib3(call: Call, context: ssl.SSLContext | None = None) -> Answer:
    """The real client; `context` is what a certificate is checked with, against the host's name and not its address."""
    try:
        answer = _send(call, context)
        try:
            words = answer.read(4 * WORDS, decode_content=True).decode("utf-8", "replace").strip()[:WORDS]
        finally:
            answer.close()
    except NewConnectionError:
        # By urllib3's classes a kind of time-out, though nobody was waited for.
        raise DeliveryFailed("The connection failed: nobody answers at that address and port.") from None
    except HttpTimeoutError:
        raise DeliveryFailed("The provider did not answer in time.") from None
    except SSLError as error:
        raise DeliveryFailed(f"The TLS connection failed: {str(error)[:WORDS]}") from None
    except HTTPError as error:
        # Not the error's text: it may hold the URL, which is a secret.
        raise DeliveryFailed(f"The connection failed: {type(error).__name__}.") from None
    return Answer(answer.status, {name.lower(): value for name, value in answer.headers.items()}, words)


def _send(call: Call, context: ssl.SSLContext | None) -> urllib3.BaseHTTPResponse:
    pool: urllib3.PoolManager | urllib3.HTTPSConnectionPool
    if call.address is None:
        pool, url, headers = urllib3.PoolManager(ssl_context=context), call.url, dict(call.headers)
    else:
        target = check_url(call.url)
        pool = urllib3.HTTPSConnectionPool(
            call.address,
            target.port,
            server_hostname=target.host,
            assert_hostname=target.host,
            cert_reqs="CERT_REQUIRED",
            ssl_context=context,
        )
        url = target.path
        headers = {**call.headers, "host": target.host if target.port == 443 else f"{target.host}:{target.port}"}
    return pool.request(
        "POST",
        url,
        body=call.body,
        headers=headers,
        timeout=TIMEOUT,
        retries=False,
        redirect=False,
        preload_content=False,
    )


def retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds that a Retry-After header asks to wait: a number or an HTTP date; None without a readable one."""
    if not value:
        return None
    if value.strip().isdecimal():
        return float(min(int(value.strip()), 10**9))
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    return max(0.0, (moment - now).total_seconds())


class DeliveryFailed(Exception):
    """A provider did not take a message.

    detail: the provider's own words, or what happened on the way; never a secret. permanent: trying again later does
    not help. retry_after: seconds that the provider asked to wait.
    """

    def __init__(self, detail: str, *, permanent: bool = False, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.permanent = permanent
        self.retry_after = retry_after
