"""Where a webhook may point: to https URLs with public addresses only. Pure: the resolver is an argument."""

import ipaddress
import re
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

type Address = ipaddress.IPv4Address | ipaddress.IPv6Address

type Resolver = Callable[[str, int], Sequence[str]]
"""Returns the addresses of a host and port. Raises OSError when the host is unknown."""

MAX_URL = 2048

RESOLVING = 3
"""The longest time for one DNS lookup, in seconds."""

LOCAL_NAMES = ("localhost", "localdomain", "local", "internal", "home.arpa")
"""Names and suffixes that never mean a public host: this machine, home and office networks, cloud-internal names."""

TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")
"""IPv6 addresses that stand for IPv4 addresses (RFC 6052). DNS64 answers with them in subnets without IPv4."""

UNICAST = ipaddress.IPv6Network("2000::/3")
"""The only IPv6 addresses that IANA has assigned as global unicast addresses."""

SPECIAL: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = (
    ipaddress.IPv4Network("192.88.99.0/24"),  # 6to4 relays (RFC 7526)
    ipaddress.IPv6Network("2001::/23"),  # protocol assignments: Teredo, benchmarking, ORCHID (RFC 2928)
    ipaddress.IPv6Network("2001:db8::/32"),  # documentation (RFC 3849)
    ipaddress.IPv6Network("2002::/16"),  # 6to4: an IPv4 address in the clothes of a global one (RFC 3056)
    ipaddress.IPv6Network("3fff::/20"),  # documentation (RFC 9637)
)
"""Networks for special purposes that Python's `is_global` accepts, or that older versions of Python accept."""


class Refused(ValueError):
    """The URL is not allowed. The text gives the reason without repeating the URL."""


@dataclass(frozen=True)
class ParsedUrl:
    """The parts of an https URL. The host is in lower-case ASCII."""

    host: str
    port: int
    path: str


def check_url(url: str) -> ParsedUrl:
    """Check and parse a URL without resolving its host.

    Raises Refused for schemes other than https, for credentials, and for private addresses in any notation.
    """
    if len(url) > MAX_URL:
        raise Refused(f"must have at most {MAX_URL} characters")
    if not re.fullmatch(r"[!-~]+", url):
        raise Refused("must contain only printable ASCII characters; percent-encode all others")
    try:
        parts = urlsplit(url)
        port = parts.port or 443
    except ValueError:
        raise Refused("is not a URL") from None
    if parts.scheme != "https":
        raise Refused("must start with https://")
    if parts.username is not None or parts.password is not None:
        raise Refused("must not contain a user name or a password")
    host = (parts.hostname or "").rstrip(".")
    if not host:
        raise Refused("must contain a valid host name")
    literal = literal_address(host)
    if literal is not None:
        _check_address(literal)
    elif len(host) > 253 or not re.fullmatch(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*", host):
        raise Refused("must contain a valid host name")
    elif any(host == name or host.endswith(f".{name}") for name in LOCAL_NAMES):
        raise Refused("must not point to a private or local address")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return ParsedUrl(host, port, path)


def pin(url: ParsedUrl, resolve: Resolver) -> str:
    """The address to connect to, IPv4 before IPv6. Every address of the host must be public.

    Raises Refused when any address is private, OSError when the host is unknown.
    """
    addresses = [ipaddress.ip_address(text.partition("%")[0]) for text in resolve(url.host, url.port)]
    if not addresses:
        raise OSError("no addresses")
    for address in addresses:
        _check_address(address)
    return str(min(addresses, key=lambda address: address.version))


def literal_address(host: str) -> Address | None:
    """The address when the host is not a name. Accepts 127.1, 0x7f.1 and 2130706433, as C libraries do."""
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
    """Refuse every address that is not an ordinary global unicast address."""
    inner = _inner(address)
    if inner is not None:
        _check_address(inner)
        return
    ordinary = address.is_global and not address.is_multicast and not any(address in network for network in SPECIAL)
    if not ordinary or (address.version == 6 and address not in UNICAST):
        raise Refused("must not point to a private or local address")


def _inner(address: Address) -> Address | None:
    """The IPv4 address that the system or a NAT64 gateway connects to in place of an IPv6 address."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in TRANSLATED:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped


def system_resolver(host: str, port: int) -> list[str]:
    """The operating system's resolver. Raises OSError after RESOLVING seconds: the system itself may wait longer."""
    found: list[str] = []
    failed: list[OSError] = []

    def resolve() -> None:
        try:
            found.extend(str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except OSError as error:
            failed.append(error)

    lookup = threading.Thread(target=resolve, daemon=True)
    lookup.start()
    lookup.join(RESOLVING)
    if lookup.is_alive():
        raise TimeoutError("the name was not resolved in time")
    if failed:
        raise failed[0]
    return found
