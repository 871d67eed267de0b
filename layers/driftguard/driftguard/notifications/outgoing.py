"""Outgoing HTTP. Requests go to public addresses only, to the address that was checked, and follow no redirect."""

import email.utils
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import urllib3
from urllib3.exceptions import HTTPError, NewConnectionError, SSLError
from urllib3.exceptions import TimeoutError as HttpTimeoutError

from driftguard.notifications.addresses import Refused, Resolver, check_url, pin
from driftguard.notifications.providers.base import MASK, Post

TIMEOUT = urllib3.Timeout(connect=3, read=10)

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
        words = _masked(answer.words, [check_url(post.url).path, *post.secrets])
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
    try:
        answer = _send(call, context)
        try:
            words = answer.read(4 * WORDS, decode_content=True).decode("utf-8", "replace").strip()[:WORDS]
        finally:
            answer.close()
    except NewConnectionError:
        # urllib3 makes this a subclass of its time-out error.
        raise DeliveryFailed("The connection failed: no server answers at that address and port.") from None
    except HttpTimeoutError:
        raise DeliveryFailed("The provider did not answer in time.") from None
    except SSLError as error:
        raise DeliveryFailed(f"The TLS connection failed: {str(error)[:WORDS]}") from None
    except HTTPError as error:
        # The error's text may contain the URL, which is a secret.
        raise DeliveryFailed(f"The connection failed: {type(error).__name__}.") from None
    return Answer(answer.status, {name.lower(): value for name, value in answer.headers.items()}, words)


def _send(call: Call, context: ssl.SSLContext | None) -> urllib3.BaseHTTPResponse:
    pool: urllib3.PoolManager | urllib3.HTTPSConnectionPool
    if call.address is None:
        pool, url, headers = urllib3.PoolManager(ssl_context=context), call.url, dict(call.headers)
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
    """The seconds to wait by a Retry-After header, which is a number or an HTTP date. None when it is neither."""
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
    """A provider did not accept a message.

    detail: the provider's own words, or the error on the way to it. It never contains a secret.
    permanent: a retry cannot succeed. retry_after: the seconds that the provider asked to wait.
    """

    def __init__(self, detail: str, *, permanent: bool = False, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.permanent = permanent
        self.retry_after = retry_after
