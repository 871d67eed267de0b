"""Months of hourly verdicts: the simulation counts as a join does, and finds what is there and nothing else.

`make bench-labels` judges 200 months of car loans.
"""

import numpy as np
import pytest

from bench.labels import months
from bench.labels.months import Rows, hourly, month
from driftguard.models.settings import ModelSettings
from driftguard.performance.ids import hashes_of
from driftguard.performance.matching import count
from driftguard.performance.runs import Directory, Labels


@pytest.fixture(scope="module")
def rows() -> Rows:
    """Scored rows with an accuracy of 0.85."""
    rng = np.random.default_rng(1)
    scores = rng.beta(0.6, 0.6, 12_000).astype(np.float32).astype(np.float64)
    truth = (rng.random(12_000) < scores).astype(np.int64)
    return Rows(scores, (scores >= 0.5).astype(np.int64), truth)


def test_the_days_of_a_month_are_those_of_a_join(rows: Rows) -> None:
    """After the last label of a day, its counts equal those that the product counts from runs."""
    some = rows.take(np.arange(900))
    rng = np.random.default_rng(2)
    hours, delays = np.sort(rng.uniform(0, 72, 900)), rng.uniform(0, 24, 900)
    for hour, found in hourly(some, hours, delays, ModelSettings()):
        days = found
        if hour == 96:
            break
    hashes = hashes_of("m", map(str, range(900)))
    at = (months.FIRST_DAY * 24 + hours) * 3_600_000_000
    for number in range(3):
        own = np.flatnonzero(hours // 24 == number)
        order = own[np.argsort(hashes[own])]
        directory = Directory(
            hashes[order],
            (hours[order] % 24).astype(np.uint8),
            some.predicted[order].astype(np.uint8),
            some.scores[order].astype(np.float32),
        )
        nothing = np.zeros(len(order), np.int64)
        labels = Labels(
            "classes",
            hashes[order],
            some.truth[order].astype(np.uint8),
            np.zeros(0),
            (at + delays * 3_600_000_000)[order].astype(np.int64),
            nothing,
            nothing.astype(np.uint64),
            nothing,
        )
        joined, simulated = count([directory], [labels], classes=2, day=months.FIRST_DAY + number), days[number].counts
        assert joined.tally == simulated.tally
        for name in ("confusion", "positives", "negatives", "calibration", "delays"):
            np.testing.assert_array_equal(getattr(joined, name), getattr(simulated, name))


def test_months_without_a_change_have_no_alert(rows: Rows) -> None:
    """Three months of shuffled halves: no alert at 720 looks each."""
    assert [month(rows, 0.0, seed).first for seed in range(3)] == [None] * 3


def test_a_month_with_a_drop_has_an_alert_after_it_began(rows: Rows) -> None:
    """A drop of 0.15 is found within a week of its beginning, and not before."""
    found = month(rows, 0.15, 1)
    assert found.first is not None
    assert months.WORSE_FROM * 24 < found.first < (months.WORSE_FROM + 7) * 24
