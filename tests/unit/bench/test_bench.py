"""The benchmarks' own pieces, at tiny sizes: what they skip or shorten must change nothing."""

import math
from dataclasses import replace
from functools import reduce
from operator import add
from pathlib import Path

import numpy as np
import pytest

from bench.alarms.estimates import quantile, rate
from bench.alarms.history import A_DAY, QUARTERS, History
from bench.alarms.late import LateHistory
from bench.alarms.past import Past, table_of
from bench.alarms.replay import Replay
from bench.alarms.scenarios import DAY, DRIFTING, LIVES, MONDAY, QUIET, Scenario, since_first_row, traffic
from bench.alarms.simulation import Plan, Progress, Size, simulate
from bench.columns import baseline, batch, names
from driftguard.counting.batches import count
from driftguard.counting.counts import Counts
from driftguard.counting.profiles import Table
from driftguard.distributions.baseline import build
from driftguard.models.settings import ModelSettings
from driftguard.rows.columns import Row, columns_of

BUSY = Scenario("busy", features=3, daily=0.5, weekend=0.5, day_effects=0.05, shift=1.5, drifting=1)
SUDDEN = Scenario(
    "sudden", features=3, daily=0.5, day_effects=0.1, missing=0.02, shift=0.4, missing_then=0.1, drifting=1
)


def timed_history(
    scenario: Scenario, seed: int, *, rows: int = 2_000, days: int = 21, onset: float = 15.3
) -> tuple[History, Table]:
    """A simulated model whose drift, if any, sets in on day `onset`, and the table of its baseline."""
    rng = np.random.default_rng(seed)
    reference = traffic(scenario, rng, weeks=1, rows_a_week=rows)
    model = History(
        baseline(reference.values, scenario.baseline_days),
        traffic(scenario, rng, weeks=-(-days // 7), rows_a_week=rows, onset=onset),
        days,
    )
    return model, table_of(model.layout, model.baseline, reference)


def history(scenario: Scenario, seed: int, *, rows: int = 2_000, days: int = 21) -> History:
    """A simulated model."""
    return timed_history(scenario, seed, rows=rows, days=days)[0]


def assert_same(one: Counts, other: Counts) -> None:
    """Both count the same rows; sums but for the last bits."""
    assert one.rows == other.rows
    for field in ("bins", "missing", "invalid", "least", "greatest"):
        np.testing.assert_array_equal(getattr(one, field), getattr(other, field))
    for field in ("total", "squares", "beyond"):
        np.testing.assert_allclose(getattr(one, field), getattr(other, field), rtol=1e-9, atol=1e-9)


def test_baselines_of_arrays_are_those_of_rows() -> None:
    """The baseline made without a detour over lists is the one that the product builds."""
    rng = np.random.default_rng(1)
    values = np.stack([rng.normal(size=700), rng.integers(0, 30, 700).astype(float), np.round(rng.normal(size=700), 1)])
    ours = baseline(values, 7)
    theirs = build(dict(zip(names(3), values.tolist(), strict=True)), days=7)
    assert (ours.rows, ours.days) == (theirs.rows, theirs.days)
    for mine, other in zip(ours.features, theirs.features, strict=True):
        assert (mine.name, mine.type, mine.present) == (other.name, other.type, other.present)
        for field in ("cuts", "own", "counts", "quantiles"):
            assert getattr(mine.values, field) == getattr(other.values, field)


def test_batches_of_arrays_are_counted_as_rows_are() -> None:
    """Arrays handed to counting give the counts of the same values sent row by row."""
    rows = traffic(BUSY, np.random.default_rng(2), weeks=1, rows_a_week=300)
    reference = baseline(rows.values[:, :200], 7)
    listed = [
        Row(time / 1000, dict(zip(names(3), values, strict=True)), None, None)
        for time, values in zip(rows.times.tolist(), rows.values.T.tolist(), strict=True)
    ]
    ours, theirs = (count(reference, [data]) for data in (batch(rows.times, rows.values), columns_of(listed)))
    assert ours.keys() == theirs.keys()
    for hour, counts in ours.items():
        assert_same(counts, theirs[hour])


def test_sums_over_time_are_those_of_hourly_counts() -> None:
    """A window out of the running sums is the sum of what the product counts hour by hour."""
    model = history(BUSY, 3)
    rng = np.random.default_rng(3)
    traffic(BUSY, rng, weeks=1, rows_a_week=2_000)  # the baseline's rows are drawn first
    logged = traffic(BUSY, rng, weeks=3, rows_a_week=2_000, onset=15.3)
    by_hour = count(model.baseline, [batch(logged.times, logged.values)])
    first_hour = MONDAY // (DAY // 24)
    for first, end in ((0, 24), (30, 198), (480, 504)):
        hours = [by_hour[first_hour + hour] for hour in range(first, end) if first_hour + hour in by_hour]
        assert_same(model.between(first * QUARTERS, end * QUARTERS), reduce(add, hours))
    assert sum(day.rows for day in model.days) == 6_000


@pytest.mark.parametrize("variant", ["budget", "timestamps", "p_value"])
@pytest.mark.parametrize("seed", [4, 5])
def test_checks_left_out_change_nothing(variant: str, seed: int) -> None:
    """Replaying only the checks in which a test may fire opens the same alerts at the same times as replaying all."""
    model, table = timed_history(BUSY if seed == 4 else QUIET[0], seed, rows=1_500, days=9, onset=5.3)
    settings = ModelSettings(rule="p_value" if variant == "p_value" else "budget", first_week_score=0.05)
    timed = table if variant == "timestamps" else None
    every = 3 if variant == "p_value" else 6
    runs = [Replay(model, settings, 0, timed, skipping=skipping, every=every) for skipping in (True, False)]
    some, everything = (run.run(9 * A_DAY) for run in runs)
    assert some == everything
    assert runs[0].judged < runs[1].judged == 9 * A_DAY // every
    assert runs[0].firing_checks == runs[1].firing_checks
    if seed == 4:
        assert some


@pytest.mark.parametrize("timed", [True, False])
def test_the_sudden_part_fires_only_where_it_may(timed: bool) -> None:
    """`Past.may_fire` misses no check that fires, and is not much more often true, from a model's first day on."""
    model, table = timed_history(SUDDEN, 11, rows=4_000, days=21)
    settings = ModelSettings(alpha=0.2, min_drift_score=0.02)
    past = Past(model, settings, table if timed else None)
    nothing, starts = np.zeros(3, np.bool_), np.zeros(3, np.int64)
    may, fires = [], []
    for day in (0, 3, 8, 15, 17, 20):
        may += past.may_fire(day).tolist()
        for quarter in range(day * A_DAY, (day + 1) * A_DAY):
            tests = past.check(quarter, nothing, starts)
            fires.append(bool(tests.fired.any() or tests.flaws.fired.any()))
    assert sum(fires) > 50
    assert all(one or not other for one, other in zip(may, fires, strict=True))
    assert sum(may) < 1.5 * sum(fires)


@pytest.mark.parametrize("begins", [0, 14])
def test_checks_of_categories_and_of_a_day_that_begins_late_may_be_left_out(begins: int) -> None:
    """With categories, and with a first row in the afternoon, replaying all checks opens the same alerts."""
    moved = Scenario(
        "moved", features=2, daily=0.3, categories=0 if begins else 30, shift=1.0, drifting=1, begins=begins
    )
    rng = np.random.default_rng(3)
    reference = traffic(moved, rng, weeks=1, rows_a_week=2_000)
    rows = since_first_row(moved, traffic(moved, rng, weeks=2, rows_a_week=2_000, onset=8.2))
    base = baseline(reference.values, 7, as_categories=reference.categories)
    model = History(base, rows, 10)
    assert model.begin == begins * QUARTERS
    settings = ModelSettings(first_week_score=0.1)
    runs = [Replay(model, settings, 0, skipping=skipping, every=6) for skipping in (True, False)]
    some, everything = (run.run(10 * A_DAY) for run in runs)
    assert some == everything != []
    assert runs[0].judged < runs[1].judged


def test_categories_of_arrays_are_counted_as_rows_are() -> None:
    """Numbers of categories become the same baseline and counts as their names in rows."""
    drawn = Scenario("drawn", features=1, categories=40, missing=0.1)
    first, second = (traffic(drawn, np.random.default_rng(seed), weeks=1, rows_a_week=1_000) for seed in (1, 2))
    base = baseline(first.values, 7, as_categories=True)
    named = [[None if math.isnan(one) else f"category {one:.0f}" for one in some.values[0]] for some in (first, second)]
    (feature,) = build({names(1)[0]: named[0]}, None, days=7).features
    assert (feature.values, feature.missing) == (base.features[0].values, base.features[0].missing)
    rows = [Row(0.0, {names(1)[0]: value}, None, None) for value in named[1]]
    expected = reduce(add, count(base, [columns_of(rows)]).values())
    found = reduce(add, count(base, [batch(second.times, second.values, as_categories=True)]).values())
    np.testing.assert_array_equal(found.bins, expected.bins)
    np.testing.assert_array_equal(found.unseen, expected.unseen)


def test_late_rows_are_counted_when_they_have_arrived() -> None:
    """A check sees the rows that came in time, and those of a day before that were late. In the end all are counted."""
    scenario = Scenario("late", features=2, late=0.3)
    rows = traffic(scenario, np.random.default_rng(4), weeks=1, rows_a_week=4_000)
    assert rows.late is not None
    base = baseline(rows.values, None)
    model, whole = LateHistory(base, rows, 9), History(base, rows, 9)
    late = (rows.times[rows.late] - MONDAY) // (DAY // A_DAY)
    model.see(3 * A_DAY)
    missing = int(((late >= 2 * A_DAY) & (late < 3 * A_DAY)).sum())
    assert missing > 100
    assert model.between(0, 3 * A_DAY).rows == whole.between(0, 3 * A_DAY).rows - missing
    assert model.rows[3 * A_DAY] == whole.rows[3 * A_DAY] - missing
    assert [model.is_complete(day) for day in (1, 2)] == [True, False]
    model.see(9 * A_DAY)
    np.testing.assert_array_equal(model.between(0, 7 * A_DAY).bins, whole.between(0, 7 * A_DAY).bins)
    np.testing.assert_array_equal(model.merged[7 * A_DAY], whole.merged[7 * A_DAY])


def test_progress_says_how_long_the_rest_takes() -> None:
    """The estimate counts the models that are missing, and follows the speed of those that are done."""
    plans = [Plan(replace(BUSY, name=name), Size(10_000, 10_000), 10) for name in ("one", "two")]
    progress = Progress.of(plans, [list(range(10)), list(range(4, 10))], 2)
    assert str(progress).startswith("16 models left, about ")
    expected = progress.seconds / 2
    progress.add(plans[0], range(10), 3 * plans[0].seconds(0) * 10 / 2)
    assert progress.models == 6
    assert progress.seconds * progress.speed == pytest.approx(3 * expected * 6 / 16)


def test_results_are_kept_and_continued(tmp_path: Path) -> None:
    """A second run takes what the first one has simulated, and simulates only the rest."""
    broken = Scenario("broken", features=1, constant=True, drifting=1, at_start=True)
    plan, kept = Plan(broken, Size(10_000, 1_000), 1), tmp_path / "kept.jsonl"
    (first,) = simulate([plan], 1, print, kept)
    line = kept.read_text()
    (again,) = simulate([plan], 1, print, kept)
    assert again.delays == first.delays
    assert [delay.variant for delay in again.delays] == ["budget", "timestamps"]
    assert all(delay.hours is not None and delay.hours < 24 for delay in again.delays)
    assert kept.read_text() == line
    (more,) = simulate([replace(plan, models=2)], 1, print, kept)
    assert len(more.delays) == 4
    assert kept.read_text().count("\n") == 2


@pytest.mark.parametrize("scenario", LIVES, ids=lambda scenario: scenario.name)
def test_one_change_gives_exactly_one_alert(scenario: Scenario) -> None:
    """A lasting shift, an incident, a long drift and the end of an old drift each open one alert, with ρ estimated."""
    rng = np.random.default_rng(5)
    reference = traffic(scenario, rng, weeks=1, rows_a_week=10_000)
    rows = traffic(scenario, rng, weeks=5, rows_a_week=10_000, onset=0.0 if scenario.at_start else 15.4)
    model = History(baseline(reference.values, 7), rows, 33)
    replay = Replay(model, ModelSettings(), 0, every=3 * QUARTERS)
    assert [opening.alert_type for opening in replay.run(33 * A_DAY)] == ["data_drift"]
    assert bool(replay.alerts.open) == math.isinf(scenario.lasts)


def test_a_model_with_cycles_is_quiet_and_its_drift_is_found_within_hours() -> None:
    """With cycles and a weekend step no alert opens in 35 days, and half a σ is found within a day of its onset."""
    quiet, table = timed_history(QUIET[3], 23, rows=10_000, days=35)
    (mean,) = [scenario for scenario in DRIFTING if scenario.name == "mean 0.5 σ"]
    for timed in (None, table):
        assert Replay(quiet, ModelSettings(), 0, timed).run(35 * A_DAY) == []
    drifting, table = timed_history(mean, 22, rows=10_000, days=17)
    for timed in (None, table):
        replay = Replay(drifting, ModelSettings(), int(15.3 * A_DAY), timed)
        (opening, *_more) = replay.run(17 * A_DAY, until_opened=True)
        assert opening.quarter - 15.3 * A_DAY < 24 * QUARTERS


def test_drift_sets_in_when_it_is_said_to() -> None:
    """Before its onset the rows are without drift, and after it shifted and scaled as the scenario says."""
    drifting = Scenario("drifting", features=2, shift=1.0, scale=2.0, drifting=1)
    rows = traffic(drifting, np.random.default_rng(6), weeks=2, rows_a_week=20_000, onset=7.0)
    since = (rows.times - MONDAY) / DAY
    before, after = rows.values[:, since < 7], rows.values[:, since >= 7]
    assert before.mean(axis=1) == pytest.approx([0, 0], abs=0.05)
    assert after.mean(axis=1) == pytest.approx([1, 0], abs=0.08)
    assert after.std(axis=1) == pytest.approx([2, 1], abs=0.08)


def test_cycles_return_every_week() -> None:
    """Weekends are higher and quieter, and every time of day comes back."""
    rows = traffic(Scenario("weekend", weekend=0.5), np.random.default_rng(7), weeks=2, rows_a_week=20_000)
    day = (rows.times - MONDAY) // DAY % 7
    weekend = rows.values[:, day >= 5]
    assert weekend.mean() == pytest.approx(0.5, abs=0.05)
    assert weekend.shape[1] == pytest.approx(40_000 / 6, rel=0.05)
    assert np.all(np.diff(rows.times) >= 0)


def test_intervals_hold_what_they_should() -> None:
    """No event in 100 months leaves up to 0.037 possible; a median's interval is between its neighbours."""
    none = rate([0] * 100)
    assert (none.value, none.low) == (0, 0)
    assert none.high == pytest.approx(0.0369, abs=1e-4)
    some = rate([1, 0, 2, 0, 3] * 4)
    assert some.low < some.value == 1.2 < some.high
    hours = quantile([*range(1, 31), math.inf], 0.5)
    assert hours.value == 16
    assert 9 <= hours.low < 16 < hours.high <= 23
    assert math.isinf(quantile([1.0, math.inf, math.inf], 0.5).value)
