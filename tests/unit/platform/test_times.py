"""Times are RFC 3339 and nothing else."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from driftguard.platform.times import UtcTime, iso, parse

FIELD: TypeAdapter[datetime] = TypeAdapter(UtcTime)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2026-11-06T07:26:10Z", datetime(2026, 11, 6, 7, 26, 10, tzinfo=UTC)),
        ("2026-11-06t07:26:10z", datetime(2026, 11, 6, 7, 26, 10, tzinfo=UTC)),
        ("2026-11-06 07:26:10+00:00", datetime(2026, 11, 6, 7, 26, 10, tzinfo=UTC)),
        ("2026-11-06T07:26:10.5-05:30", datetime(2026, 11, 6, 12, 56, 10, 500_000, tzinfo=UTC)),
        ("2026-11-06T07:26:10.123456789Z", datetime(2026, 11, 6, 7, 26, 10, 123_456, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
        ("2024-02-29T23:59:59-00:00", datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_rfc_3339_is_read(text: str, meant: datetime) -> None:
    """Every form that RFC 3339 has is read to the time that it means."""
    assert parse(text) == FIELD.validate_python(text) == meant


@pytest.mark.parametrize(
    "text",
    [
        "2026-W45-5T07:26:10Z",
        "2026-310T07:26:10.000Z",
        "20261106T072610.0000Z",
        "2026-11-06T07:26:10+0100",
        "2026-11-06T07:26:10+01",
        "2026-11-06T07:26:10+01:00:30",
        "2026-11-06T07:26:10,5Z",
        "2026-11-06T07:26:10.Z",
        "2026-11-06T07:26Z",
        "2026-11-06T072610.0000Z",
        "2026-11-06T24:00:00.00Z",
        "2026-11-06_07:26:10.00Z",
        "2026-11-06T07:26:10Z\n",
        " 2026-11-06T07:26:10Z",
        "2026-02-30T07:26:10.00Z",
        "2026-11-06T07:26:10+24:00",
        "\u0662026-11-06T07:26:10Z",
        "2026-11-06",
        "1700000000",
        "",
        "now",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
    ],
)
def test_other_formats_are_refused(text: str) -> None:
    """Formats of ISO 8601 that RFC 3339 lacks, impossible times and other texts are no times."""
    with pytest.raises(ValueError, match=r"RFC 3339|out of range"):
        parse(text)
    with pytest.raises(ValidationError):
        FIELD.validate_python(text)


@pytest.mark.parametrize("text", ["2026-11-06T07:26:10", "2026-11-06 07:26:10", "2026-11-06T07:26:10.123456"])
def test_a_time_without_an_offset_is_told_to_have_one(text: str) -> None:
    """A naive time of any length is told that its offset is missing."""
    with pytest.raises(ValueError, match="no offset from UTC; add one"):
        parse(text)


SPAN = timedelta(days=3_652_050) // timedelta(microseconds=1)
"""Nearly all of the years 1 to 9999, with a day left at both ends for offsets."""


@given(st.integers(0, SPAN), st.integers(-1439, 1439))
def test_written_times_are_read_back_and_sort(microseconds: int, minutes: int) -> None:
    """A written time is read back exactly, and the texts sort as the times do, from year 1 on."""
    moment = datetime(1, 1, 2, tzinfo=UTC) + timedelta(microseconds=microseconds)
    other = datetime(1970, 1, 1, tzinfo=UTC)
    assert parse(iso(moment)) == moment
    assert (iso(moment) < iso(other)) == (moment < other)
    shifted = (moment + timedelta(minutes=minutes)).replace(tzinfo=None).isoformat(timespec="microseconds")
    sign = "-" if minutes < 0 else "+"
    assert parse(f"{shifted}{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}") == moment
