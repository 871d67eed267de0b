"""The hours in which a model had traffic."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftguard.models.traffic import HOURS_KEPT, NO_TRAFFIC, Traffic

HOUR = 498_000

FORMAT_1 = bytes.fromhex("01000799570007994d0007995a0920")
"""Arrivals at 498007 and 498010, rows at 497997."""


def test_the_stored_form_stays_readable() -> None:
    """Bytes of format 1 hold the hours, the first arrival and the first hour."""
    found = Traffic.decode(FORMAT_1)
    assert found == Traffic(frozenset({498_007, 498_010, 497_997}), 498_007, 497_997)
    assert found.encode() == FORMAT_1


def test_an_unknown_format_is_refused() -> None:
    """Bytes of a later version are an error, not other hours."""
    with pytest.raises(ValueError, match="unknown format"):
        Traffic.decode(b"\x02" + FORMAT_1[1:])


@given(st.lists(st.tuples(st.integers(0, 2000), st.lists(st.integers(-900, 0), max_size=5)), min_size=1, max_size=30))
def test_traffic_survives_storing_and_joins_in_any_order(logged: list[tuple[int, list[int]]]) -> None:
    """Encoding loses nothing, and parts joined in either order have the last four weeks of every hour of arrival."""
    parts = [NO_TRAFFIC.seen([HOUR + at], [HOUR + at + age for age in ages]) for at, ages in logged]
    forward, backward = NO_TRAFFIC, NO_TRAFFIC
    for part in parts:
        forward |= part
    for part in reversed(parts):
        backward = part | backward
    assert forward == backward == Traffic.decode(forward.encode())
    assert len(forward.encode() or b"") <= 13 + HOURS_KEPT // 8
    latest = HOUR + max(at for at, _ages in logged)
    assert {HOUR + at for at, _ages in logged if HOUR + at > latest - HOURS_KEPT} <= forward.hours
    assert forward.first_hour == min(HOUR + at + min([0, *ages]) for at, ages in logged)


def test_rows_logged_afterwards_count_by_their_own_hours_and_late_rows_do_not() -> None:
    """A backlog shows the rhythm before the first arrival. A late row does not fill the hours of an outage."""
    backlog = NO_TRAFFIC.seen([HOUR], [HOUR - 24, HOUR - 48])
    assert backlog.hours == {HOUR, HOUR - 24, HOUR - 48}
    assert backlog.seen([HOUR + 30], [HOUR + 10]).hours == {HOUR, HOUR - 24, HOUR - 48, HOUR + 30}


def test_no_traffic_is_not_stored() -> None:
    """A model without predictions has no bytes."""
    assert NO_TRAFFIC.encode() is None
    assert Traffic.decode(None) == NO_TRAFFIC
