"""When a model has been silent for too long: the automatic limit against whole histories of traffic."""

from collections.abc import Callable, Collection
from datetime import datetime, timedelta

import pytest

from driftguard.platform.times import hour_start
from driftguard.verdicts.silence import silence

MONDAY = 498_000 // 168 * 168 + 96
"""An hour that begins a Monday: hour 0 of 1970 was on a Thursday."""

type Outages = list[tuple[datetime, datetime]]


def alerts(
    active: Callable[[int], bool], days: int, setting: int | str = "auto", late: int = 0
) -> list[tuple[int, int]]:
    """Check every hour. Return when `no_data` opened and closed, in hours after Monday 0:00."""
    hours = [hour for hour in range(days * 24) if active(hour)]
    outages: Outages = []
    found: list[tuple[int, int]] = []
    opened: int | None = None
    for now in range(hours[0] + 1, days * 24):
        before = [MONDAY + hour for hour in hours if hour < now]
        last = hour_start(before[-1]) + timedelta(minutes=late)
        silent = silence(setting, last, hour_start(MONDAY + now), before, outages, is_open=opened is not None).silent  # type: ignore[arg-type]
        if silent and opened is None:
            opened = now
        elif opened is not None and not silent:
            outages.append((hour_start(MONDAY + opened), hour_start(MONDAY + now)))
            found.append((opened, now))
            opened = None
    return found if opened is None else [*found, (opened, days * 24)]


def on_weekdays(hour: int) -> bool:
    """Traffic from 8 to 18 o'clock on Monday to Friday."""
    return hour // 24 % 7 < 5 and 8 <= hour % 24 < 18


def outside(*outages: tuple[int, int]) -> Callable[[int], bool]:
    """Traffic in every hour but those from a first to before a last one."""
    return lambda hour: not any(first <= hour < last for first, last in outages)


def nightly(hour: int) -> bool:
    """One batch each night at 2 o'clock, an hour late every second night and two hours late every fourth."""
    return hour % 24 == 2 + (0, 1, 0, 2)[hour // 24 % 4]


def test_a_model_on_weekdays_alerts_on_its_first_weekend_only() -> None:
    """Six weeks of working hours: one alert, and it ends on Monday."""
    (only,) = alerts(on_weekdays, 42)
    assert only == (4 * 24 + 17 + 24, 7 * 24 + 9)


def test_an_outage_after_a_usual_weekend_is_found_when_the_week_before_had_traffic() -> None:
    """Traffic that does not return on Monday is found, although weekends are usual."""
    found = alerts(lambda hour: on_weekdays(hour) and not 21 * 24 <= hour < 28 * 24, 40)
    assert len(found) == 2
    opened, closed = found[1]
    assert 21 * 24 + 8 < opened < 23 * 24
    assert closed == 28 * 24 + 9


def test_a_nightly_batch_that_is_late_is_no_outage() -> None:
    """Gaps of 22 to 26 hours raise nothing once one is known, and a missed night is found within 39 hours."""
    second_night = (2 + 24, 24 + 4)
    assert alerts(nightly, 30) == [second_night]
    assert alerts(lambda hour: nightly(hour) and hour // 24 != 20, 30) == [
        second_night,
        (19 * 24 + 4 + 39, 21 * 24 + 4),
    ]


@pytest.mark.parametrize("week", [0, 2])
def test_each_of_two_outages_of_a_day_is_found(week: int) -> None:
    """An outage during which `no_data` was open does not widen the limit, in a first week and later."""
    start = week * 168
    found = alerts(outside((start + 30, start + 60), (start + 90, start + 120)), start // 24 + 7)
    assert found == [(start + 53, start + 61), (start + 113, start + 121)]


def test_a_gap_that_raised_nothing_widens_the_limit_for_14_days() -> None:
    """After 20 silent hours the limit is 1.5 times 21 hours; 14 days later it is 24 hours again."""
    assert alerts(outside((100, 120), (300, 330)), 20) == []
    assert alerts(outside((100, 120), (300, 332)), 20) == [(299 + 32, 333)]
    assert alerts(outside((100, 120), (470, 500)), 25) == [(469 + 24, 501)]


def test_an_open_alert_stays_open_whatever_the_limit_becomes() -> None:
    """A weekend that begins earlier than usual opens an alert, which ends with traffic and not before."""
    early = alerts(lambda hour: on_weekdays(hour) and not 7 * 24 + 4 * 24 <= hour < 7 * 24 + 5 * 24, 14)
    assert early[1][1] >= 14 * 24


def test_a_number_is_the_limit_whatever_the_rhythm_is() -> None:
    """36 hours and 80 hours as set: no nightly alert, no weekend alert; 30 hours alert on every weekend."""
    assert alerts(nightly, 30, 36) == []
    assert alerts(nightly, 4, 24) == [(26, 28), (74, 77)]
    assert alerts(on_weekdays, 30, 80) == []
    assert len(alerts(on_weekdays, 28, 30)) == 4


@pytest.mark.parametrize(
    ("setting", "hours", "said"),
    [
        (36, (), "The limit is 36 hours, as in the model's settings."),
        ("auto", (0, 1, 2), "The limit is 24 hours, the least of the automatic limit."),
        ("auto", (0, 20), "The limit is 30 hours, 1.5 times the longest gap of the last 14 days."),
    ],
)  # fmt: skip
def test_the_sentence_says_which_limit_applied(setting: int | str, hours: Collection[int], said: str) -> None:
    """A number, the least and a learned limit are told apart."""
    last = hour_start(MONDAY + 20)
    known = [MONDAY + hour for hour in hours]
    found = silence(setting, last, last + timedelta(hours=40.6), known, [], is_open=False)  # type: ignore[arg-type]
    assert found.sentence == f"No predictions have arrived for at least 40 hours. {said}"
    assert found.silent
