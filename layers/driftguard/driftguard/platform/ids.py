"""Ids are ULIDs: opaque to clients, sorted by creation time. A sort key made of them needs no index on time."""

from datetime import datetime

from ulid import ULID


def new_id(now: datetime) -> str:
    """Return a new id of 26 characters. It sorts after every id from an earlier millisecond."""
    return str(ULID.from_datetime(now))


def earliest_id(moment: datetime) -> str:
    """Return the smallest possible id of `moment`, to compare ids with a time."""
    return str(ULID.from_bytes(ULID.from_datetime(moment).bytes[:6] + bytes(10)))


def random_byte(identifier: str) -> int:
    """Return one byte of the id's random part (0 to 255). The same id always has the same byte."""
    return ULID.from_str(identifier).bytes[-1]
