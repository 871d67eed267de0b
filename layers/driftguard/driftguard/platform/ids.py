"""Ids: opaque to clients, ordered by time inside (ULID), so that a key sorts newest first without another index."""

from datetime import datetime

from ulid import ULID


def new_id(now: datetime) -> str:
    """A new 26-character id that sorts after every id made in an earlier millisecond."""
    return str(ULID.from_datetime(now))


def earliest_id(moment: datetime) -> str:
    """The smallest id that could have been made at `moment`; compare ids with it to cut by time."""
    return str(ULID.from_bytes(ULID.from_datetime(moment).bytes[:6] + bytes(10)))


def random_byte(identifier: str) -> int:
    """A byte of the id's random part, 0 to 255; the same for the same id."""
    return ULID.from_str(identifier).bytes[-1]
