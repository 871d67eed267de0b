"""Where a webhook may point: https, and only to addresses of the public internet. Pure: the resolver is passed in."""

import ipaddress
import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

type Address = ipaddress.IPv4Address | ipaddress.IPv6Address

type Resolver = Callable[[str, int], Sequence[str]]
"""Host and port to addresses. Raises OSError when the host is not known."""

MAX_URL = 2048

LOCAL_NAMES = ("localhost", "localdomain", "local", "internal", "home.arpa")
"""Names, and what ends in them, that never mean a public host: this machine, a home or office, a cloud's inside."""

TRANSLATED = ipaddress.ip_network("64:ff9b::/96")
"""IPv6 addresses that stand for IPv4 ones (RFC 6052); the IPv4 one counts."""


class Refused(ValueError):
    """The URL may not be called; the text says why, without repeating the URL."""


@dataclass(frozen=True)
class Target:
    """An https address taken apart, the host in its ASCII form."""

    host: str
    port: int
    path: str


def check_url(url: str) -> Target:
    """Take apart a URL that may be called, as far as can be told without asking for the host's addresses.

    Raises Refused for anything but https, for credentials in it, and for private addresses however they are written.
    """
    if len(url) > MAX_URL:
        raise Refused(f"must have at most {MAX_URL} characters")
    if not re.fullmatch(r"[!-~]+", url):
        raise Refused("must hold only visible ASCII characters; write others percent-encoded")
    try:
        parts = urlsplit(url)
        port = parts.port or 443
    except ValueError:
        raise Refused("is not a URL") from None
    if parts.scheme != "https":
        raise Refused("must start with https://")
    if parts.username is not None or parts.password is not None:
        raise Refused("must not hold a user name or a password")
    host = (parts.hostname or "").rstrip(".")
    if not host:
        raise Refused("must name a host")
    literal = literal_address(host)
    if literal is not None:
        _check_address(literal)
    elif not re.fullmatch(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*", host):
        raise Refused("must name a host")
    elif any(host == name or host.endswith(f".{name}") for name in LOCAL_NAMES):
        raise Refused("must not lead to a private or local address")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(host, port, path)


def pin(target: Target, resolve: Resolver) -> str:
    """The address to connect to, once every address of the host was found to be public; IPv4 before IPv6.

    Raises Refused when any is private, OSError when the host is not known.
    """
    addresses = [ipaddress.ip_address(text.partition("%")[0]) for text in resolve(target.host, target.port)]
    if not addresses:
        raise OSError("no addresses")
    for address in addresses:
        _check_address(address)
    return str(min(addresses, key=lambda address: address.version))


def literal_address(host: str) -> Address | None:
    """The address that a host is when it is no name: also 127.1, 0x7f.1 or 2130706433, as C libraries read them."""
    try:
        return ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        pass
    if not re.fullmatch(r"[0-9a-fx.]+", host):
        return None
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except OSError:
        return None


def _check_address(address: Address) -> None:
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in TRANSLATED:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            _check_address(inner)
            return
    if not address.is_global or address.is_multicast:
        raise Refused("must not lead to a private or local address")


def system_resolver(host: str, port: int) -> list[str]:
    """The operating system's resolver."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]
