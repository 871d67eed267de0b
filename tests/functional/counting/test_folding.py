"""Folding on real tables: the same counts whatever fails, repeats or overlaps."""

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain, repeat

import numpy as np
import pytest

from driftguard.alerts.episodes import Episodes
from driftguard.checks.window import Past, fresh_spans, gather, since
from driftguard.counting import batches, folding, fresh, steps
from driftguard.counting.batches import count
from driftguard.counting.counts import Counts
from driftguard.counting.fresh import count_fresh
from driftguard.counting.layout import layout_of
from driftguard.counting.past import read_profiles
from driftguard.counting.profiles import Profile
from driftguard.counting.series import Fresh, Series, State, read_days, read_hours, window
from driftguard.counting.tables import StoredCounts
from driftguard.distributions.baseline import Baseline, build
from driftguard.models.settings import ModelSettings
from driftguard.models.tables import Models
from driftguard.models.traffic import Traffic
from driftguard.platform.times import hour_of, iso
from driftguard.predictions import intake
from driftguard.predictions.schemas import BatchBody
from driftguard.predictions.tables import Predictions
from driftguard.rows.unpacking import columns
from tests.functional.conftest import Stack

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
PARTITIONS = 4
FEATURES = 102


class Killed(BaseException):
    """The function's life ends here; nothing may catch it."""


@pytest.fixture
def model_id(deployed: Stack) -> str:
    """A model without a baseline."""
    made: str = deployed.call("POST", "/models", {"name": "folded"}).body["id"]
    return made


@pytest.fixture
def baseline() -> Baseline:
    """So many features that an hour takes two items."""
    rng = random.Random(1)
    return build({f"f{number:03d}": [rng.gauss(0, 1) for _ in range(30)] for number in range(FEATURES)}, None, days=1)


def log(model_id: str, arrived: datetime, hours_ago: list[float], seed: int) -> None:
    """Log a batch at `arrived` with one row for each event time."""
    rng = random.Random(seed)
    rows = [
        {
            "features": {f"f{number:03d}": rng.gauss(0.3, 1) for number in range(FEATURES)},
            "timestamp": iso(NOW - timedelta(hours=hours)),
        }
        for hours in hours_ago
    ]
    intake.log_batch("acme", BatchBody(model_id=model_id, predictions=rows, batch_id=f"b{seed}"), now=arrived)


def log_a_week(model_id: str, number_of_batches: int = 12) -> None:
    """Batches over five hours of arrivals: on time, one and two days late, ten days late."""
    for number in range(number_of_batches):
        arrived = NOW - timedelta(hours=5) + timedelta(minutes=25 * number)
        on_time = (NOW - arrived).total_seconds() / 3600
        log(
            model_id, arrived, [on_time, on_time + 1, on_time + 24 * (number % 3), on_time + 240 * (number % 2)], number
        )


def series_of(model_id: str, baseline: Baseline, version: int = 1) -> Series:
    """What is folded in these tests."""
    return Series(model_id, PARTITIONS, version, baseline)


def fold(series: Series, now: datetime = NOW) -> State:
    """One fold to the end."""
    state, complete = folding.fold(series, folding.load_state(series, now), now, lambda: True)
    assert complete
    return state


def stored(series: Series) -> dict[str, bytes]:
    """Every bucket by its key, as bytes."""
    items = StoredCounts.query(series.model_id, consistent_read=True)
    return {item.sk: item.data for item in items if item.data is not None}


def one_clean_pass(series: Series, until: datetime) -> dict[int, Counts]:
    """What the hours must hold: everything accepted up to `until`, counted in one go."""
    heads = list(Predictions.arrivals(series.model_id, PARTITIONS, until=iso(until)))
    return count(series.baseline, [columns(payload) for _head, payload in Predictions.payloads(heads)])


def check(series: Series, until: datetime) -> None:
    """Hours, days and profiles hold what one clean pass counts."""
    expected = one_clean_pass(series, until)
    hours = dict(read_hours(series, 0, 9_999_999))
    assert {hour for hour, counts in hours.items() if counts.rows} == set(expected)
    for hour, counts in expected.items():
        assert hours[hour].rows == counts.rows
        for field in ("bins", "missing", "invalid", "least", "greatest"):
            np.testing.assert_array_equal(getattr(hours[hour], field), getattr(counts, field))
        for field in ("total", "squares"):  # the order of adding shows in the last bits
            np.testing.assert_allclose(getattr(hours[hour], field), getattr(counts, field), rtol=1e-12, atol=1e-12)
    days = read_days(series, 0, 9_999_999)
    for day, total in days.items():
        parts = [counts for hour, counts in expected.items() if hour // 24 == day]
        assert total.rows == sum(part.rows for part in parts)
        np.testing.assert_array_equal(total.bins, sum(part.bins for part in parts))
    today = hour_of(until) // 24
    assert set(days) == {hour // 24 for hour in expected if hour // 24 < today}
    profiles = read_profiles(series, 0, 9_999_999)
    assert set(profiles) == set(days)
    for day, profile in profiles.items():
        whole = Profile.of(layout_of(series.baseline), day, expected)
        for field in ("rows", "groups", "flaws"):
            np.testing.assert_array_equal(getattr(profile, field), getattr(whole, field))


def test_a_fold_counts_what_has_settled_and_nothing_later(model_id: str, baseline: Baseline) -> None:
    """What arrived up to ten minutes ago is in the buckets; what came later is only counted in memory."""
    log_a_week(model_id)
    log(model_id, NOW - timedelta(minutes=9), [0.1, 30], 100)
    series = series_of(model_id, baseline)
    state = fold(series)
    check(series, NOW - folding.SETTLED)
    late = count_fresh(series, state.cursor, NOW, [since(0)], lambda: True)
    assert late is not None
    assert late.counts[since(0)].rows == 2
    assert late.hours == {hour_of(NOW - timedelta(hours=hours)) for hours in (0.1, 30)}
    later = NOW + timedelta(minutes=15)
    fold(series, later)
    check(series, later - folding.SETTLED)


def test_folding_again_writes_nothing(model_id: str, baseline: Baseline, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second fold at the same time finds nothing to do."""
    log_a_week(model_id)
    series = series_of(model_id, baseline)
    fold(series)
    before = stored(series)
    written: list[object] = []
    monkeypatch.setattr(StoredCounts, "put", lambda *args, **options: written.append(args))
    monkeypatch.setattr(StoredCounts, "advance", lambda *args, **options: written.append(args))
    fold(series)
    assert written == []
    assert stored(series) == before


class Saboteur:
    """Kills the process before or after the n-th write of a fold."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left = -1
        self.after = False
        self.writes = 0
        for name in ("put", "advance"):
            monkeypatch.setattr(StoredCounts, name, self._around(getattr(StoredCounts, name)))

    def _around(self, write: Callable[..., object]) -> Callable[..., object]:
        def writing(*args: object, **options: object) -> object:
            self.writes += 1
            self.left -= 1
            if self.left == 0 and not self.after:
                raise Killed
            result = write(*args, **options)
            if self.left == 0 and self.after:
                raise Killed
            return result

        return writing

    def moments(self, writes: int) -> Iterator[tuple[int, bool]]:
        """Each moment to die at."""
        for number in range(1, writes + 1):
            yield number, False
            yield number, True


@pytest.mark.parametrize("heads", [1, 1000], ids=["step by step", "in one step"])
def test_a_fold_killed_around_any_write_is_made_good(
    model_id: str, baseline: Baseline, monkeypatch: pytest.MonkeyPatch, heads: int
) -> None:
    """Kill the fold before and after every single write; more arrives meanwhile; the next fold ends with the counts of
    one clean pass."""
    monkeypatch.setattr(steps, "HEADS_A_STEP", heads)
    log_a_week(model_id, number_of_batches=2)
    saboteur = Saboteur(monkeypatch)
    fold(series_of(model_id, baseline, version=1))
    writes = saboteur.writes
    assert writes > 10
    later = NOW + timedelta(minutes=15)
    log(model_id, NOW - timedelta(minutes=5), [0.2, 4.2, 245], 200)
    for version, (moment, after) in enumerate(saboteur.moments(writes), start=2):
        series = series_of(model_id, baseline, version)
        saboteur.left, saboteur.after = moment, after
        with pytest.raises(Killed):
            fold(series)
        saboteur.left = -1
        fold(series, later)
        check(series, later - folding.SETTLED)


def test_two_folds_at_once_count_once(model_id: str, baseline: Baseline, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second fold that runs to its end at any write of a first one: the first stops, and everything is counted
    once."""
    log_a_week(model_id)
    put = StoredCounts.put
    for version, moment in enumerate((1, 2, 7, 20), start=1):
        series = series_of(model_id, baseline, version)
        seen = 0

        def putting(*args: object, moment: int = moment, series: Series = series, **options: object) -> object:
            nonlocal seen
            seen += 1
            if seen == moment:
                fold(series)
            return put(*args, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(StoredCounts, "put", putting)
        with pytest.raises(folding.Overtaken):
            fold(series)
        monkeypatch.setattr(StoredCounts, "put", put)
        fold(series, NOW + timedelta(minutes=1))
        check(series, NOW - folding.SETTLED)


def test_a_fold_stops_at_a_safe_point_when_time_runs_out(
    model_id: str, baseline: Baseline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fold that stops between steps, or after any write of a step, goes on to the same counts."""
    monkeypatch.setattr(steps, "HEADS_A_STEP", 3)
    log_a_week(model_id)
    for version, (questions, least_rounds) in enumerate([(1, 10), (2, 10), (7, 4), (40, 2)], start=1):
        series = series_of(model_id, baseline, version)
        rounds = 0
        complete = False
        while not complete:
            answers = chain([True] * questions, repeat(False))
            _state, complete = folding.fold(series, folding.load_state(series, NOW), NOW, answers.__next__)
            rounds += 1
            assert rounds < 400
        assert rounds >= least_rounds
        check(series, NOW - folding.SETTLED)


def test_counts_that_do_not_fit_in_memory_are_folded_group_by_group_and_batch_by_batch(
    model_id: str, baseline: Baseline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With room for one group and one batch only, the stored bytes are those of a fold in one go."""
    log_a_week(model_id)
    whole = series_of(model_id, baseline, version=1)
    fold(whole)
    monkeypatch.setattr(batches, "COUNT_BYTES", 1)
    monkeypatch.setattr(batches, "BYTES_AT_ONCE", 1)
    narrow = series_of(model_id, baseline, version=2)
    fold(narrow)
    assert [*stored(narrow).values()] == [*stored(whole).values()]
    monkeypatch.setattr(steps, "BYTES_A_STEP", 1)
    in_steps = series_of(model_id, baseline, version=3)
    fold(in_steps)
    check(in_steps, NOW - folding.SETTLED)


def test_counts_of_fresh_predictions_that_do_not_fit_in_memory_are_left_to_the_next_check(
    model_id: str, baseline: Baseline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With room for one span, two spans are refused and one is counted."""
    log(model_id, NOW - timedelta(minutes=9), [0.1, 30], 100)
    series = series_of(model_id, baseline)
    state = fold(series)
    monkeypatch.setattr(fresh, "FRESH_BYTES", batches.hour_bytes(baseline))
    hours = [hour_of(NOW - timedelta(hours=hours)) for hours in (0.1, 30)]
    spans = [(hour, hour) for hour in hours]
    assert count_fresh(series, state.cursor, NOW, spans, lambda: True) is None
    late = count_fresh(series, state.cursor, NOW, spans[:1], lambda: True)
    assert late is not None
    assert late.counts[spans[0]].rows == 1


def test_a_late_row_goes_to_its_own_hour_and_day(model_id: str, baseline: Baseline) -> None:
    """A row of ten days ago that arrives now changes that hour, its day's roll-up and profile, and no other."""
    log_a_week(model_id)
    series = series_of(model_id, baseline)
    fold(series)
    before = stored(series)
    log(model_id, NOW + timedelta(minutes=1), [9 * 24], 300)
    later = NOW + timedelta(minutes=15)
    fold(series, later)
    check(series, later - folding.SETTLED)
    changed = {key for key, data in stored(series).items() if before.get(key) != data}
    late = hour_of(NOW - timedelta(days=9))
    assert {key.split("#")[1] for key in changed} == {"h", "d", "p"}
    assert {int(key.split("#")[2]) for key in changed} == {late, late // 24}


def test_a_writer_whose_clock_is_five_minutes_off_is_counted_once(model_id: str, baseline: Baseline) -> None:
    """A batch stamped five minutes early that becomes visible only after a check is still counted by the next one."""
    series = series_of(model_id, baseline)
    log(model_id, NOW - timedelta(minutes=20), [0.5], 1)
    fold(series)
    log(model_id, NOW - timedelta(minutes=5), [0.1], 2)
    log(model_id, NOW + timedelta(minutes=5), [0.0], 3)
    later = NOW + timedelta(minutes=15)
    fold(series, later)
    check(series, later - folding.SETTLED)


def test_a_new_baseline_counts_the_last_14_days_again(model_id: str, baseline: Baseline) -> None:
    """A version that comes later counts what was logged before it, on its own bins."""
    log_a_week(model_id)
    fold(series_of(model_id, baseline, version=1))
    other = build(
        {f"f{number:03d}": [float(value) for value in range(300)] for number in range(FEATURES)}, None, days=1
    )
    series = series_of(model_id, other, version=2)
    fold(series)
    check(series, NOW - folding.SETTLED)


def test_the_window_is_the_same_from_hours_and_from_rolled_up_days(model_id: str, baseline: Baseline) -> None:
    """Whole days come from their roll-ups, the ends from hours, the newest from memory: together one pass's counts."""
    log_a_week(model_id)
    log(model_id, NOW - timedelta(minutes=3), [0.05, 50, 100], 400)
    series = series_of(model_id, baseline)
    state = fold(series)
    expected = one_clean_pass(series, NOW)
    last = hour_of(NOW)
    for days in (1, 7, 14):
        first = hour_of(NOW - timedelta(days=days))
        late = count_fresh(series, state.cursor, NOW, [since(first)], lambda: True)
        assert late is not None
        whole = read_days(series, last // 24 - 14, last // 24 - 1)
        counts = window(series, whole, first, last, state.rolled_before) + late.counts[since(first)]
        parts = [part for hour, part in expected.items() if first <= hour <= last]
        np.testing.assert_array_equal(counts.bins, sum(part.bins for part in parts))


@pytest.mark.parametrize("hours_ago", [60, 40, 3])
def test_the_window_of_a_feature_after_an_alert_has_whole_days(
    model_id: str, baseline: Baseline, hours_ago: int
) -> None:
    """It has the hours from the midnight after the alert to the last midnight, and the other features have all."""
    log_a_week(model_id)
    log(model_id, NOW - timedelta(minutes=3), [0.05, 30, 50, 100], 400)
    model = Models.one("acme", model_id)
    assert model is not None
    series = series_of(model_id, baseline)
    state, start, layout = fold(series), hour_of(NOW) - hours_ago, layout_of(baseline)
    episodes = Episodes(starts={0: start})
    late = count_fresh(series, state.cursor, NOW, fresh_spans(model.settings, NOW, episodes), lambda: True)
    assert late is not None
    found = gather(series, model.settings, state, late, Past(NOW, Traffic()), NOW, episodes).counts
    whole = range(-(-start // 24) * 24, hour_of(NOW) // 24 * 24)
    first, expected = hour_of(NOW - timedelta(days=7)), one_clean_pass(series, NOW)
    for place in range(len(layout.features)):
        span, hours = layout.span(place), whole if place == 0 else range(first, hour_of(NOW) + 1)
        parts = [part.bins[span] for hour, part in expected.items() if hour in hours]
        np.testing.assert_array_equal(found.bins[span], sum(parts, np.zeros(span.stop - span.start, np.int64)))


@pytest.mark.parametrize("minutes", [0, 20, 46, 59])
def test_a_row_ahead_of_the_clock_stays_in_the_window_once_it_is_folded(
    model_id: str, baseline: Baseline, minutes: int
) -> None:
    """A row that is up to 15 minutes ahead counts from its arrival on, in every check before and after it is folded."""
    arrived = NOW + timedelta(minutes=minutes)
    log(model_id, arrived, [-(minutes + 14.9) / 60], 1)
    model = Models.one("acme", model_id)
    assert model is not None
    series = series_of(model_id, baseline)
    for later in (1, 9, 11, 14, 16, 75):
        now = arrived + timedelta(minutes=later)
        state, complete = folding.fold(series, folding.load_state(series, now), now, lambda: True)
        spans = fresh_spans(model.settings, now)
        late = count_fresh(series, state.cursor, now, spans, lambda: True)
        assert complete
        assert late is not None
        found = gather(series, model.settings, state, late, Past(arrived, Traffic()), now)
        assert found.counts.rows == 1, later


@pytest.mark.parametrize("minutes", [0, 29, 59])
def test_a_new_baseline_counts_all_that_its_longest_window_and_its_whole_days_hold(
    model_id: str, baseline: Baseline, minutes: int
) -> None:
    """Rows at the first moment of the window and of its first whole day are counted, also if they arrived before."""
    now = NOW + timedelta(minutes=minutes)
    firsts = [NOW - timedelta(days=14), NOW.replace(hour=0) - timedelta(days=14)]
    for number, first in enumerate(firsts):
        hours = (NOW - first).total_seconds() / 3600
        log(model_id, first - timedelta(minutes=14, seconds=59), [hours], 10 + number)
        log(model_id, first + timedelta(minutes=1), [hours - 0.001], 20 + number)
    model = Models.one("acme", model_id)
    assert model is not None
    model.settings = ModelSettings(window_days=14)
    series = series_of(model_id, baseline)
    state, _complete = folding.fold(series, folding.load_state(series, now), now, lambda: True)
    counts = gather(series, model.settings, state, Fresh(), Past(now, Traffic()), now).counts
    assert counts.rows == 2
    today = hour_of(now) // 24
    days = read_days(series, today - 14, today - 1)
    assert {day: one.rows for day, one in days.items()} == {today - 14: 4}
