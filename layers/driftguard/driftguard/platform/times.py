"""Times: aware UTC inside, RFC 3339 with `Z` outside; event time is bucketed by the hour."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def iso(moment: datetime) -> str:
    """`moment` (aware) in UTC as RFC 3339 with exactly six decimals, so that the strings sort as the times do."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse(text: str) -> datetime:
    """The aware UTC time of an RFC 3339 text. Raises ValueError without an offset or when it is no time."""
    if len(text) < 20 or text[10] not in "Tt ":
        raise ValueError("not an RFC 3339 time, such as 2026-11-06T07:26:10Z")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("not an RFC 3339 time, such as 2026-11-06T07:26:10Z") from None
    if moment.tzinfo is None:
        raise ValueError("a time needs its offset from UTC, for instance a Z at the end")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("a time out of range") from None


def hour_of(moment: datetime) -> int:
    """The hour that `moment` falls in, counted from 1970-01-01T00:00Z."""
    return int(moment.timestamp() // 3600)


def hour_start(hour: int) -> datetime:
    """The first moment of an hour counted from 1970-01-01T00:00Z."""
    return datetime.fromtimestamp(hour * 3600, UTC)


def _text_only(value: object) -> datetime:
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str):
        raise ValueError(  # noqa: TRY004  pydantic turns ValueError into its own error
            "a time must be a string in RFC 3339, such as 2026-11-06T07:26:10Z"
        )
    return parse(value)


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


UtcTime = Annotated[datetime, BeforeValidator(_text_only, json_schema_input_type=AwareDatetime), AfterValidator(_utc)]
"""A pydantic field: RFC 3339 text with an offset in, an aware UTC time inside, `…Z` out."""
