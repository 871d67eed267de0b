"""The past of a model on real tables: profiles and knowledge are those of one clean pass, whatever happens."""

import copy
import random
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import numpy as np
import pytest

from driftguard.alerts.episodes import Episodes
from driftguard.baselines.tables import Baselines
from driftguard.checks.window import Past, fresh_spans, gather
from driftguard.counting import folding, past
from driftguard.counting.batches import count
from driftguard.counting.fresh import count_fresh
from driftguard.counting.knowledge import AXES, REACH, Knowledge
from driftguard.counting.layout import layout_of
from driftguard.counting.learning import learn
from driftguard.counting.past import _Parts, read_profiles
from driftguard.counting.profiles import Profile, Table
from driftguard.counting.series import Series
from driftguard.counting.tables import KNOWLEDGE_LIFE, PROFILE_LIFE, StoredCounts
from driftguard.distributions import encoding
from driftguard.distributions.baseline import Baseline, build
from driftguard.distributions.weeks import weeks_of
from driftguard.models.settings import ModelSettings
from driftguard.models.tables import Models
from driftguard.models.traffic import Traffic
from driftguard.platform.times import DAY, HOUR, hour_of, iso
from driftguard.predictions import intake
from driftguard.predictions.arrivals import SETTLED
from driftguard.predictions.schemas import BatchBody
from driftguard.predictions.tables import Predictions
from driftguard.rows.unpacking import columns
from driftguard.verdicts.comparison import NO_BAD_DAYS, BadDays, Comparison
from sandbox.calls import Call
from tests.functional.conftest import Stack
from tests.functional.faults import calls_to_aws, put_back, tables_of_moto

START = datetime(2026, 11, 2, tzinfo=UTC)
PARTITIONS = 4


class Killed(BaseException):
    """The function's life ends here; nothing may catch it."""


@pytest.fixture
def model_id(deployed: Stack) -> str:
    """A model without a baseline."""
    made: str = deployed.call("POST", "/models", {"name": "known"}).body["id"]
    return made


@pytest.fixture(scope="module")
def baseline() -> Baseline:
    """A number, a category and a boolean."""
    return a_baseline(1)


def a_baseline(seed: int) -> Baseline:
    """A baseline whose bins depend on the seed."""
    rng = random.Random(seed)
    rows = [values(rng) for _row in range(400)]
    return build({name: [row[name] for row in rows] for name in rows[0]}, None, days=1)


def values(rng: random.Random) -> dict[str, Any]:
    """The features of one row."""
    return {"age": rng.gauss(40, 9), "plan": rng.choice("aabcdefghijkl"), "vip": rng.random() < 0.3}


def log(model_id: str, arrived: datetime, times: list[datetime], seed: int) -> None:
    """Log a batch at `arrived` with one row for each event time."""
    rng = random.Random(seed)
    rows = [{"features": values(rng), "timestamp": iso(time)} for time in times]
    if rows:
        intake.log_batch("acme", BatchBody(model_id=model_id, predictions=rows, batch_id=f"b{seed}"), now=arrived)


def log_days(model_id: str, days: range, every: timedelta = HOUR / 2) -> None:
    """One batch for each day after START, at the end of the day, with rows at these distances."""
    for day in days:
        begin = START + day * DAY
        times = [begin + at * every for at in range(int(DAY / every))]
        log(model_id, begin + DAY - timedelta(minutes=20), times, 1000 + day)


def series_of(model_id: str, baseline: Baseline, version: int = 1, *, timed: bool = False) -> Series:
    """What is counted in these tests."""
    return Series(model_id, PARTITIONS, version, baseline, timed)


def marked(series: Series, bad: BadDays) -> Episodes:
    """Episodes that ended and whose days are bad."""
    features = range(len(series.baseline.features))
    return Episodes(bad={one: tuple((day, day) for day in sorted(bad) if bad[day][one]) for one in features})


def check(series: Series, now: datetime, bad: BadDays = NO_BAD_DAYS) -> Comparison:
    """Fold, and gather what a check compares, as a check does."""
    state, complete = folding.fold(series, folding.load_state(series, now), now, lambda: True)
    assert complete
    settings = ModelSettings()
    fresh = count_fresh(series, state.cursor, now, fresh_spans(settings, now), lambda: True)
    assert fresh is not None
    return gather(series, settings, state, fresh, Past(now, Traffic()), now, marked(series, bad)).comparison


@dataclass
class Clean:
    """What one clean pass over everything that arrived until a moment makes."""

    series: Series
    until: datetime

    @cached_property
    def profiles(self) -> dict[int, Profile]:
        """The profile of each finished day."""
        since = iso(folding.recount_from(START))
        heads = Predictions.arrivals(self.series.model_id, PARTITIONS, after=since, until=iso(self.until))
        hours = count(self.series.baseline, [columns(payload) for _head, payload in Predictions.payloads(heads)])
        self.first_day = -(-min(hours) // 24)
        days = {hour // 24 for hour in hours if hour // 24 < hour_of(self.until) // 24}
        return {day: Profile.of(layout_of(self.series.baseline), day, hours) for day in sorted(days)}

    def knowledge(self, day: int, table: Table | None = None, bad: BadDays = NO_BAD_DAYS) -> Knowledge:
        """What is known at the start of a day."""
        profiles = {number: one for number, one in self.profiles.items() if day - REACH <= number < day}
        return learn(layout_of(self.series.baseline), day, profiles, table, bad, self.first_day)


def same_profiles(found: dict[int, Profile], expected: dict[int, Profile]) -> None:
    """Fail if two sets of profiles differ."""
    assert found.keys() == expected.keys()
    for day, profile in expected.items():
        for name in ("rows", "groups", "flaws"):
            np.testing.assert_array_equal(getattr(found[day], name), getattr(profile, name), err_msg=f"{name} of {day}")


def same_knowledge(found: Knowledge | None, expected: Knowledge) -> None:
    """Fail if what is known differs."""
    assert found is not None
    assert found.day == expected.day
    for name in AXES:
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)


def stored_knowledge(series: Series, day: int) -> Knowledge | None:
    """The stored knowledge of a day, if its parts belong together."""
    parts = _Parts.read(series, day, consistent=True)
    return None if parts is None else parts.knowledge


def same_past(
    series: Series, now: datetime, comparison: Comparison, bad: BadDays = NO_BAD_DAYS, clean: Clean | None = None
) -> None:
    """Fail if the stored past differs from one clean pass over everything that had settled at `now`."""
    clean = clean or Clean(series, now - SETTLED)
    same_profiles(read_profiles(series, 0, 9_999_999), clean.profiles)
    assert comparison.knowledge is not None
    day = comparison.knowledge.day
    expected = clean.knowledge(day, bad=bad)
    same_knowledge(comparison.knowledge, expected)
    same_knowledge(stored_knowledge(series, day), expected)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_late_rows_gaps_and_wrong_clocks_make_no_difference(model_id: str, baseline: Baseline, seed: int) -> None:
    """Rows up to 21 days late, rows ahead of the clock, missing hours and days, checks at any time: the stored past is
    that of one clean pass."""
    rng = random.Random(seed)
    series = series_of(model_id, baseline)
    quiet = rng.randrange(3, 20)
    for number in range(26 * 4):
        now = START + number * 6 * HOUR + timedelta(minutes=rng.randrange(300))
        lateness = [rng.choice([0, 0, 1, 30, 24 * 20.9]) for _row in range(rng.randrange(12))]
        times = [now - hours * HOUR * rng.random() + timedelta(minutes=rng.choice([0, 0, 14])) for hours in lateness]
        log(model_id, now, [time for time in times if (time - START) // DAY != quiet], number)
        if rng.random() < 0.4:
            check(series, now + timedelta(minutes=rng.randrange(15)))
    end = START + 27 * DAY
    log(model_id, end, [end], 9999)
    check(series, end + HOUR)
    later = end + timedelta(hours=2, minutes=5)
    same_past(series, later, check(series, later))


@pytest.fixture
def almost_a_week(model_id: str, baseline: Baseline) -> Series:
    """A model whose next check rolls up a day and has late rows of two finished days."""
    series = series_of(model_id, baseline)
    log_days(model_id, range(6), 8 * HOUR)
    check(series, START + 5 * DAY + HOUR)
    midnight = START + 6 * DAY
    log(model_id, midnight - timedelta(minutes=12), [midnight - 3 * DAY, midnight - 4 * DAY + HOUR], 1)
    log(model_id, midnight + timedelta(minutes=5), [midnight + timedelta(minutes=5)], 2)
    return series


class Killer:
    """Kills the process before or after the n-th call to AWS."""

    def __init__(self, number: int = 0, *, after: bool = False) -> None:
        self.calls, self._number, self._after = 0, number, after

    def __call__(self, call: Call) -> Any:
        self.calls += 1
        if self.calls == self._number and not self._after:
            raise Killed
        answer = call.make()
        if self.calls == self._number:
            raise Killed
        return answer


def moments(calls: int) -> Iterator[tuple[int, bool]]:
    """Each moment to die at."""
    for number in range(1, calls + 1):
        yield number, False
        yield number, True


def stored(series: Series) -> list[StoredCounts]:
    """Every item of the counts of a model."""
    return list(StoredCounts.query(series.model_id, consistent_read=True))


def test_a_check_killed_at_any_call_is_made_good(almost_a_week: Series) -> None:
    """Kill a check before and after each call to AWS while it folds, rolls up and learns. The next check ends with the
    past of one clean pass."""
    series, now = almost_a_week, START + 6 * DAY + timedelta(minutes=20)
    before = copy.deepcopy(tables_of_moto())
    killer = Killer()
    with calls_to_aws(killer):
        check(series, now)
    kinds = {item.sk.split("#")[1] for item in stored(series)}
    assert kinds == {"state", "h", "d", "p", "k"}
    later = now + timedelta(minutes=15)
    clean = Clean(series, later - SETTLED)
    for number, after in moments(killer.calls):
        put_back(before)
        with calls_to_aws(Killer(number, after=after)), pytest.raises(Killed):
            check(series, now)
        same_past(series, later, check(series, later), clean=clean)


def test_two_checks_at_once_leave_one_past(almost_a_week: Series) -> None:
    """A second check that runs to its end before any write of a first one: the first stops or writes the same, and the
    next check finds the past of one clean pass."""
    series, now = almost_a_week, START + 6 * DAY + timedelta(minutes=20)
    before = copy.deepcopy(tables_of_moto())
    writes = ("PutItem", "BatchWriteItem")
    seen = 0

    def counting(call: Call) -> Any:
        nonlocal seen
        seen += call.operation in writes
        return call.make()

    with calls_to_aws(counting):
        check(series, now)
    later = now + timedelta(minutes=15)
    clean = Clean(series, later - SETTLED)
    for moment in range(1, seen + 1):
        put_back(before)
        left = moment

        def second(call: Call) -> Any:
            nonlocal left
            left -= call.operation in writes
            if left == 0 and call.operation in writes:
                left = -1
                check(series, now + timedelta(seconds=1))
            return call.make()

        with calls_to_aws(second), suppress(folding.Overtaken):
            check(series, now)
        same_past(series, later, check(series, later), clean=clean)


def test_a_baseline_replaced_in_the_middle_has_a_past_of_its_own(model_id: str, baseline: Baseline) -> None:
    """A new version counts the last 14 days again, with their profiles and knowledge; those of the old one stay."""
    log_days(model_id, range(10))
    first, second = series_of(model_id, baseline), series_of(model_id, a_baseline(2), version=2)
    now = START + 10 * DAY + HOUR
    check(first, now - DAY)
    check(first, now)
    old = read_profiles(first, 0, 9_999_999)
    comparison = check(second, now + timedelta(minutes=15))
    same_past(second, now + timedelta(minutes=15), comparison)
    same_profiles(read_profiles(first, 0, 9_999_999), old)
    log(model_id, now + timedelta(minutes=20), [now - 3 * DAY], 5)
    later = now + timedelta(hours=3)
    same_past(second, later, check(second, later))
    same_past(first, later, check(first, later))


def forget_profiles(series: Series) -> None:
    """Make the counts look as an older version of the code left them."""
    for item in stored(series):
        if item.sk.split("#")[1] in ("p", "k"):
            item.delete()
        elif item.sk.endswith("state"):
            item.update(actions=[StoredCounts.profiled_from.remove()])


def test_the_upgrade_makes_the_past_from_the_hours_in_slices(model_id: str, baseline: Baseline) -> None:
    """Counts without profiles get them at the first check, a few days at a time, even if it is killed in between."""
    log_days(model_id, range(20), 6 * HOUR)
    series, now = series_of(model_id, baseline), START + 20 * DAY + HOUR
    check(series, START + DAY + HOUR)
    check(series, now)
    forget_profiles(series)
    rounds, complete = 0, False
    while not complete:
        answers = iter([True] * 5 + [False] * 50)
        state, complete = folding.fold(series, folding.load_state(series, now), now, answers.__next__)
        assert complete == (state.profiled_from == 0)
        rounds += 1
        with calls_to_aws(Killer(10, after=rounds % 2 == 0)), suppress(Killed):
            folding.fold(series, folding.load_state(series, now), now, lambda: True)
    assert rounds >= 3
    same_past(series, now, check(series, now))
    writes = Killer()
    with calls_to_aws(writes):
        folding.fold(series, folding.load_state(series, now), now, lambda: True)
    assert writes.calls <= 6


def test_the_upgrade_leaves_out_days_whose_hours_expire(model_id: str, baseline: Baseline) -> None:
    """A day of which some hours may have expired gets no profile, because a part of a day is not the whole day."""
    log_days(model_id, range(3))
    log_days(model_id, range(30, 37))
    series = series_of(model_id, baseline)
    check(series, START + 3 * DAY + HOUR)
    now = START + 37 * DAY + HOUR
    check(series, now - HOUR)
    forget_profiles(series)
    check(series, now)
    first = hour_of(START) // 24
    assert set(read_profiles(series, 0, 9_999_999)) == {first + day for day in range(30, 37)}


def test_knowledge_is_made_again_when_its_past_changes_but_not_all_the_time(
    model_id: str, baseline: Baseline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Checks of a day share what is known. Late rows and bad days change it, at most once an hour."""
    made: list[int] = []

    def counting(*arguments: Any) -> Knowledge:
        made.append(arguments[1])
        return learn(*arguments)

    monkeypatch.setattr(past, "learn", counting)
    log_days(model_id, range(12))
    series, now = series_of(model_id, baseline), START + 12 * DAY + timedelta(minutes=15)
    log(model_id, now - timedelta(minutes=12), [now - timedelta(minutes=12)], 1)
    check(series, now)
    check(series, now + timedelta(minutes=15))
    assert len(made) == 1
    log(model_id, now + timedelta(minutes=16), [now - 3 * DAY], 2)
    for minutes in (30, 45):
        check(series, now + timedelta(minutes=minutes))
    assert len(made) == 1
    check(series, now + timedelta(minutes=61))
    assert len(made) == 2
    day = hour_of(now) // 24
    bad = {day - 8: np.array([True, False, False]), day - REACH - 1: np.array([True, True, True])}
    for minutes in (75, 90, 121):
        same_or_later = check(series, now + timedelta(minutes=minutes), bad)
    assert len(made) == 3
    same_past(series, now + timedelta(minutes=121), same_or_later, bad)
    assert (stored_knowledge(series, day) or made) is not made


def test_knowledge_whose_parts_do_not_belong_together_is_made_again(model_id: str, baseline: Baseline) -> None:
    """A part that is missing or of another making is noticed, and the check makes the knowledge anew."""
    log_days(model_id, range(9))
    series, now = series_of(model_id, baseline), START + 9 * DAY + HOUR
    log(model_id, now - timedelta(minutes=20), [now - timedelta(minutes=20)], 1)
    expected = check(series, now).knowledge
    assert expected is not None
    (part,) = StoredCounts.knowledge(series.model_id, 1, expected.day, consistent=True)
    part.update(actions=[StoredCounts.pieces.set(2)])
    assert stored_knowledge(series, expected.day) is None
    same_knowledge(check(series, now + timedelta(minutes=15)).knowledge, expected)
    same_knowledge(stored_knowledge(series, expected.day), expected)


def test_the_hours_of_a_timed_baseline_are_a_reference_from_the_first_day(model_id: str, baseline: Baseline) -> None:
    """A model with rows of one hour is compared with the hours of the week of its baseline."""
    rng = random.Random(5)
    rows = [values(rng) for _row in range(24 * 14)]
    given = {name: [row[name] for row in rows] for name in rows[0]}
    timed = build(given, None, days=14)
    hours = [hour_of(START) - 24 * 14 + at for at in range(len(rows))]
    weeks = weeks_of(timed, given, None, hours)
    assert weeks is not None
    Baselines.add(
        model_id,
        1,
        encoding.encode(timed),
        b"",
        weeks.encode(),
        rows=len(rows),
        days=14,
        source="inline",
        now=START,
        hours_of_week=weeks.hours,
    )
    now = START + 5 * HOUR
    log(model_id, now - HOUR, [now - HOUR] * 30, 1)
    comparison = check(series_of(model_id, timed, timed=True), now)
    assert comparison.timed
    known = comparison.knowledge
    assert known is not None
    assert known.reference_days.tolist() == [2] * 3
    np.testing.assert_array_equal(known.of_table, known.groups.sum(axis=3))
    same_knowledge(known, Clean(series_of(model_id, timed), now).knowledge(hour_of(now) // 24, Table.of(weeks)))


def test_a_comparison_holds_the_last_hours_with_their_newest_rows(model_id: str, baseline: Baseline) -> None:
    """The last days by hour include rows that have just arrived; rows ahead of the clock move the running hour."""
    log_days(model_id, range(9))
    series, midnight = series_of(model_id, baseline), START + 9 * DAY
    early = check(series, midnight + timedelta(minutes=5))
    assert early.knowledge is not None
    assert early.knowledge.day == hour_of(midnight) // 24 - 1
    assert early.now_hour == hour_of(midnight) - 1
    times = [midnight + 2 * HOUR, midnight + timedelta(hours=1, minutes=59), midnight - 30 * HOUR]
    log(model_id, midnight + timedelta(hours=1, minutes=59), times, 1)
    found = check(series, midnight + 2 * HOUR)
    assert found.knowledge is not None
    day = found.knowledge.day
    assert (day, found.now_hour, found.first_day) == (hour_of(midnight) // 24, hour_of(midnight) + 2, day - 9)
    assert found.history_days == 9
    assert sorted(found.profiles) == [day - 3, day - 2, day - 1, day]
    assert found.profiles[day].rows[:4].tolist() == [0, 1, 1, 0]
    assert found.profiles[day - 2].rows[18] == 3
    assert found.profiles[day - 2].groups[18].sum(axis=1).tolist() == [3, 3, 3]


def test_a_model_in_its_first_week_sees_all_of_it(model_id: str, baseline: Baseline) -> None:
    """The days since the first row are all there, for the windows of the first week."""
    log_days(model_id, range(5))
    found = check(series_of(model_id, baseline), START + 5 * DAY + HOUR)
    first = hour_of(START) // 24
    assert sorted(found.profiles) == [first + day for day in range(5)]
    assert (found.first_day, found.history_days) == (first, 5)


def test_a_silent_model_has_nothing_to_compare(model_id: str, baseline: Baseline) -> None:
    """Days after the last row, no past is read or made."""
    log_days(model_id, range(2))
    series = series_of(model_id, baseline)
    check(series, START + 2 * DAY + HOUR)
    found = check(series, START + 20 * DAY)
    assert (found.knowledge, found.profiles) == (None, {})


def test_the_past_expires_and_is_erased_with_its_model(model_id: str, baseline: Baseline) -> None:
    """Profiles live for 100 days and knowledge for four, and erasing a model finds both."""
    log_days(model_id, range(3))
    now = START + 3 * DAY + HOUR
    series = series_of(model_id, baseline)
    log(model_id, now - timedelta(minutes=20), [now - timedelta(minutes=20)], 1)
    check(series, now)
    lives = {item.sk.split("#")[1]: item.expires_at for item in stored(series)}
    assert lives["p"] == int((now + PROFILE_LIFE).timestamp())
    assert lives["k"] == int((now + KNOWLEDGE_LIFE).timestamp())
    model = Models.one("acme", model_id)
    assert model is not None
    assert {item.sk for item in StoredCounts.of_model(model)} == {item.sk for item in stored(series)}
