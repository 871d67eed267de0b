"""Ids are ULIDs: opaque to clients, sorted by creation time. A sort key made of them needs no index on time.

A ULID is a 48-bit time in milliseconds and 80 random bits, in Crockford's base 32.
"""

import secrets
from base64 import b32hexencode
from collections.abc import Iterable
from datetime import datetime

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 26
RANDOM_BITS = 80

_PADDING = 4
_CROCKFORD = str.maketrans("0123456789ABCDEFGHIJKLMNOPQRSTUV", ALPHABET)


def new_id(now: datetime) -> str:
    """Return a new id of 26 characters. It sorts after every id from an earlier millisecond."""
    return _text(_milliseconds(now) << RANDOM_BITS | secrets.randbits(RANDOM_BITS))


def ids_at(places: Iterable[tuple[int, bytes]]) -> list[str]:
    """Return the id of each time (milliseconds since the epoch) and its own RANDOM_BITS bits."""
    # Base 32 encodes groups of 40 bits, so zeros in front make each id as long as a whole number of groups.
    raw = b"".join(bytes(_PADDING) + time.to_bytes(6) + own for time, own in places)
    text = b32hexencode(raw).decode().translate(_CROCKFORD)
    step = (_PADDING + 16) * 8 // 5
    return [text[end - LENGTH : end] for end in range(step, len(text) + 1, step)]


def earliest_id(moment: datetime) -> str:
    """Return the smallest possible id of `moment`, to compare ids with a time."""
    return _text(_milliseconds(moment) << RANDOM_BITS)


def random_byte(identifier: str) -> int:
    """Return one byte of the id's random part (0 to 255). The same id always has the same byte."""
    return (ALPHABET.index(identifier[-2]) << 5 | ALPHABET.index(identifier[-1])) & 0xFF


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _text(number: int) -> str:
    return "".join(ALPHABET[number >> 5 * place & 31] for place in reversed(range(LENGTH)))
