"""Times are aware UTC datetimes in the code and RFC 3339 texts with `Z` outside. Hours are counted since 1970."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def iso(moment: datetime) -> str:
    """Return an aware time in UTC as RFC 3339 with exactly six decimals. The texts sort in the order of the times."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse(text: str) -> datetime:
    """Parse an RFC 3339 text to an aware UTC time. Raises ValueError if it is no time or has no offset."""
    if len(text) < 20 or text[10] not in "Tt ":
        raise ValueError("not an RFC 3339 time; send a text such as 2026-11-06T07:26:10Z")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("not an RFC 3339 time; send a text such as 2026-11-06T07:26:10Z") from None
    if moment.tzinfo is None:
        raise ValueError("the time has no offset from UTC; add one, for example Z at the end")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("the time is out of range; send a time in the years 1 to 9999") from None


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
            "a time must be a string in RFC 3339, such as 2026-11-06T07:26:10Z"
        )
    return parse(value)


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


UtcTime = Annotated[datetime, BeforeValidator(_text_only, json_schema_input_type=AwareDatetime), AfterValidator(_utc)]
"""A pydantic field. It accepts RFC 3339 with an offset, holds an aware UTC time and returns RFC 3339 with `Z`."""
