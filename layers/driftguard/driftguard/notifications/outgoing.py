"""Outgoing requests. They go to public addresses only, to the address that was checked, and follow no redirect."""

import email.utils
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from driftguard.alerts.words import one_line
from driftguard.notifications.addresses import Refused, Resolver, check_url, pin
from driftguard.notifications.providers.base import MASK, Post

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
