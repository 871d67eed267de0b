"""Times are aware UTC datetimes in the code and RFC 3339 texts with `Z` outside. Hours are counted since 1970."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

NO_TIME = "not an RFC 3339 time; send a text such as 2026-11-06T07:26:10Z"

_RFC_3339 = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?(?P<offset>[Zz]|[+-]\d{2}:\d{2})?", re.ASCII)
"""Python's own parser also reads other formats of ISO 8601, such as week dates and offsets without a colon."""


def iso(moment: datetime) -> str:
    """Return an aware time in UTC as RFC 3339 with exactly six decimals. The texts sort in the order of the times."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def parse(text: str) -> datetime:
    """Parse an RFC 3339 text to an aware UTC time. Raises ValueError if it is no time or has no offset."""
    found = _RFC_3339.fullmatch(text)
    if found is None:
        raise ValueError(NO_TIME)
    if not found["offset"]:
        raise ValueError("the time has no offset from UTC; add one, for example Z at the end")
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except ValueError:
        raise ValueError(NO_TIME) from None
    except OverflowError:
        raise ValueError("the time is out of range; send a time in the years 1 to 9999") from None


def microseconds(moment: datetime) -> int:
    """Return a time in microseconds since 1970-01-01T00:00Z."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def in_milliseconds(moment: datetime) -> int:
    """Return a time in milliseconds since 1970-01-01T00:00Z, rounded as event times are when they are stored."""
    return round(moment.timestamp() * 1000)


def hour_of(moment: datetime) -> int:
    """Return the number of the hour that contains `moment`, counted since 1970-01-01T00:00Z."""
    return int(moment.timestamp() // 3600)


def hour_start(hour: int) -> datetime:
    """Return the first moment of an hour counted since 1970-01-01T00:00Z."""
    return datetime.fromtimestamp(hour * 3600, UTC)


def _text_only(value: object) -> datetime:
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str):
        raise ValueError(  # noqa: TRY004  pydantic reports a ValueError, but not a TypeError
            "must be a string in RFC 3339 format, such as 2026-11-06T07:26:10Z"
        )
    return parse(value)


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


UtcTime = Annotated[datetime, BeforeValidator(_text_only, json_schema_input_type=AwareDatetime), AfterValidator(_utc)]
"""A pydantic field. It accepts RFC 3339 with an offset, holds an aware UTC time and returns RFC 3339 with `Z`."""
