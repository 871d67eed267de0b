"""What replayed checks compare with the model's own past."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from driftguard.checks import replayed_past as reading
from driftguard.counting.batches import count
from driftguard.counting.knowledge import AXES, Knowledge
from driftguard.counting.layout import layout_of
from driftguard.counting.learning import learn
from driftguard.counting.profiles import Profile
from driftguard.counting.series import Series
from driftguard.distributions.baseline import build
from driftguard.platform.times import hour_of, hour_start
from driftguard.rows.columns import Row, columns_of
from driftguard.verdicts import replayed_past
from driftguard.verdicts.replayed_past import ReplayedPast

START = datetime(2026, 11, 2, tzinfo=UTC)
FIRST_DAY = hour_of(START) // 24
DAYS = 12


@pytest.fixture(scope="module")
def series() -> Series:
    """A series with one number."""
    return Series("m", 1, 1, build({"age": [float(value) for value in range(100)]}, None, days=1))


@pytest.fixture(scope="module")
def profiles(series: Series) -> dict[int, Profile]:
    """Days with three rows in each hour."""
    times = [START + timedelta(minutes=20 * at) for at in range(DAYS * 72)]
    rows = [Row(time.timestamp(), {"age": float(at * 7 % 100)}, None, None) for at, time in enumerate(times)]
    hours = count(series.baseline, [columns_of(rows)])
    layout = layout_of(series.baseline)
    return {day: Profile.of(layout, day, hours) for day in range(FIRST_DAY, FIRST_DAY + DAYS)}


def same(found: Knowledge | None, expected: Knowledge) -> bool:
    """Whether two pieces of knowledge are equal."""
    return found is not None and all(np.array_equal(getattr(found, name), getattr(expected, name)) for name in AXES)


def test_a_replayed_hour_sees_its_day_up_to_that_hour(series: Series, profiles: dict[int, Profile]) -> None:
    """Later hours are hidden, earlier days are whole, and what is known is that of the day's start."""
    past = ReplayedPast(layout_of(series.baseline), profiles, None, FIRST_DAY)
    day = FIRST_DAY + 9
    found = past.comparison(day * 24 + 5)
    assert sorted(found.profiles) == [day - 3, day - 2, day - 1, day]
    assert found.profiles[day].rows.tolist() == [3] * 6 + [0] * 18
    assert found.profiles[day].groups[6:].sum() == 0
    assert found.profiles[day - 1].rows.tolist() == [3] * 24
    assert (found.now_hour, found.first_day, found.timed) == (day * 24 + 5, FIRST_DAY, False)
    assert same(found.knowledge, learn(layout_of(series.baseline), day, profiles, None, {}, FIRST_DAY))


def test_a_day_without_rows_yet_is_held_against_the_day_before(series: Series, profiles: dict[int, Profile]) -> None:
    """Before the first row of a day, what is known is that of the last day with rows; after days of silence nothing."""
    past = ReplayedPast(layout_of(series.baseline), profiles, None, FIRST_DAY)
    end = FIRST_DAY + DAYS
    found = past.comparison(end * 24 + 2)
    assert found.knowledge is not None
    assert found.knowledge.day == end - 1
    assert past.comparison((end + 5) * 24).knowledge is None


def test_knowledge_is_learned_once_a_day_and_again_for_new_bad_days(
    series: Series, profiles: dict[int, Profile], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All hours of a day share what is known until a day turns bad."""
    made: list[int] = []

    def learning(*arguments: Any) -> Knowledge:
        made.append(arguments[1])
        return learn(*arguments)

    monkeypatch.setattr(replayed_past, "learn", learning)
    past = ReplayedPast(layout_of(series.baseline), profiles, None, FIRST_DAY)
    day = FIRST_DAY + 9
    for hour in range(24):
        past.comparison(day * 24 + hour)
    assert made == [day]
    past.bad = {day - 2: np.array([True]), day: np.array([True]), day - 3: np.array([False])}
    known = past.comparison(day * 24 + 23).knowledge
    past.comparison(day * 24 + 24)
    assert made == [day, day, day + 1]
    assert same(known, learn(layout_of(series.baseline), day, profiles, None, {day - 2: np.array([True])}, FIRST_DAY))


def test_a_replay_knows_from_when_its_sudden_part_could_judge(series: Series, profiles: dict[int, Profile]) -> None:
    """The first check with a reference is remembered; a model of a few days has none."""
    past = ReplayedPast(layout_of(series.baseline), profiles, None, FIRST_DAY)
    for hour in range(FIRST_DAY * 24, (FIRST_DAY + 6) * 24, 5):
        past.comparison(hour)
    assert past.judges_from is None
    for hour in range((FIRST_DAY + 6) * 24, (FIRST_DAY + DAYS) * 24):
        past.comparison(hour)
    assert past.judges_from is not None
    day = hour_of(past.judges_from - timedelta(hours=1)) // 24
    known = learn(layout_of(series.baseline), day, profiles, None, {}, FIRST_DAY)
    before = learn(layout_of(series.baseline), day - 1, profiles, None, {}, FIRST_DAY)
    assert (known.learning.all(), before.learning.all()) == (False, True)
    assert past.judges_from == hour_start(day * 24 + 1)


def test_late_rows_are_added_to_the_stored_profiles(
    series: Series, profiles: dict[int, Profile], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stored profiles, hours without a profile and rows that are not folded yet make up the days of a replay."""
    monkeypatch.setattr(reading, "read_profiles", lambda *_arguments: dict(profiles))
    row = Row((START + timedelta(days=3, hours=4)).timestamp(), {"age": 5.0}, None, None)
    late = count(series.baseline, [columns_of([row])])
    (hour,) = late
    first = (FIRST_DAY + 8) * 24
    past = reading.read_past(series, first, FIRST_DAY + DAYS, {hour // 24: late, FIRST_DAY + DAYS: {}}, first_hour=hour)
    assert past.profiles[FIRST_DAY + 3].rows[4] == 4
    assert past.profiles[FIRST_DAY + 3].groups[4].sum() == 4
    assert past.profiles[FIRST_DAY + 4].rows.sum() == 72
    assert past.first_day == FIRST_DAY + 4
