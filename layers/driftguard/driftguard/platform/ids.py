"""Ids are ULIDs: opaque to clients, sorted by creation time. A sort key made of them needs no index on time.

A ULID is a 48-bit time in milliseconds and 80 random bits, in Crockford's base 32.
"""

import secrets
from datetime import datetime

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 26
RANDOM_BITS = 80


def new_id(now: datetime) -> str:
    """Return a new id of 26 characters. It sorts after every id from an earlier millisecond."""
    return _text(_milliseconds(now) << RANDOM_BITS | secrets.randbits(RANDOM_BITS))


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
