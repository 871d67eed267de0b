"""The benchmarks' own pieces, at tiny sizes: what they skip or shorten must change nothing."""

import math
from functools import reduce
from operator import add

import numpy as np
import pytest

from bench.alarms.estimates import median, rate
from bench.alarms.history import A_DAY, QUARTERS, History
from bench.alarms.replay import Replay
from bench.alarms.scenarios import DAY, MONDAY, QUIET, Scenario, traffic
from bench.columns import baseline, batch, names
from driftguard.counting.batches import count
from driftguard.counting.counts import Counts
from driftguard.distributions.baseline import build
from driftguard.models.settings import ModelSettings, Rule
from driftguard.rows.columns import Row, columns_of

BUSY = Scenario("busy", features=3, daily=0.5, weekend=0.5, day_effects=0.3)


def history(scenario: Scenario, seed: int, *, rows: int = 2_000, days: int = 21) -> History:
    """A simulated model."""
    rng = np.random.default_rng(seed)
    reference = traffic(scenario, rng, weeks=1, rows_a_week=rows)
    return History(
        baseline(reference.values, scenario.baseline_days),
        traffic(scenario, rng, weeks=-(-days // 7), rows_a_week=rows),
        days,
    )


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
    logged = traffic(BUSY, rng, weeks=3, rows_a_week=2_000)
    by_hour = count(model.baseline, [batch(logged.times, logged.values)])
    first_hour = MONDAY // (DAY // 24)
    for first, end in ((0, 24), (30, 198), (480, 504)):
        hours = [by_hour[first_hour + hour] for hour in range(first, end) if first_hour + hour in by_hour]
        assert_same(model.between(first * QUARTERS, end * QUARTERS), reduce(add, hours))
    assert sum(day.rows for day in model.days) == 6_000


@pytest.mark.parametrize("rule", ["budget", "p_value"])
@pytest.mark.parametrize("seed", [4, 5])
def test_checks_left_out_change_nothing(rule: Rule, seed: int) -> None:
    """Replaying only the checks in which a test may fire opens the same alerts at the same times as replaying all."""
    model = history(BUSY if seed == 4 else QUIET[0], seed, rows=1_500, days=9)
    settings = ModelSettings(rule=rule)
    runs = [Replay(model, settings, 0, skipping=skipping, every=3) for skipping in (True, False)]
    some, everything = (run.run(9 * A_DAY) for run in runs)
    assert some == everything
    assert runs[0].judged < runs[1].judged == 9 * A_DAY // 3
    assert runs[0].firing_checks == runs[1].firing_checks
    if seed == 4:
        assert some


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
    hours = median([*range(1, 31), math.inf])
    assert hours.value == 16
    assert 9 <= hours.low < 16 < hours.high <= 23
    assert math.isinf(median([1.0, math.inf, math.inf]).value)
