"""Maturity of days: by the labelled share, by age, and never back."""

from datetime import UTC, datetime, timedelta

import numpy as np

from driftguard.performance.counts import DELAYS, Counts, delay_bin
from driftguard.performance.maturity import Day, Waiting, delay_quantile, uneven
from driftguard.performance.tally import Tally
from driftguard.statistics.arrays import Ints

RNG = np.random.default_rng(1)
END = datetime(2026, 11, 20, tzinfo=UTC)
NUMBER = int(END.timestamp() // 86400) - 1


def delays(*hours: Ints) -> Ints:
    """The binned delays of each class."""
    return np.stack([np.bincount(delay_bin(one), minlength=DELAYS) for one in hours])


def counts_of(*hours: Ints) -> Counts:
    """The counts of a day with these delays of each class."""
    counts = Counts.empty(2)
    object.__setattr__(counts, "delays", delays(*hours))
    return counts


def waiting_of(*hours: Ints, maturity_hours: float | None = None) -> Waiting:
    """The wait of one day with these delays of each class."""
    return Waiting.of([counts_of(*hours)], maturity_hours)


def day(labelled: int, predictions: int = 1000) -> Day:
    """A day with so many labels."""
    counts = Counts.empty(2)
    object.__setattr__(counts, "tally", Tally(predictions, labelled))
    return Day(NUMBER, counts)


def test_a_day_is_mature_when_enough_of_it_is_labelled_or_when_it_is_old() -> None:
    """80 % labelled suffices at once after the day's end; else its age decides; the current day never is mature."""
    waiting = Waiting(hours=48, share_counts=True)
    assert day(800).end == END
    assert waiting.matured(day(800), 0.8, END).matured_at == END
    assert waiting.matured(day(799), 0.8, END).matured_at is None
    assert waiting.matured(day(1000), 0.8, END - timedelta(seconds=1)).matured_at is None
    assert waiting.matured(day(10), 0.8, END + timedelta(hours=47.9)).matured_at is None
    later = END + timedelta(hours=48)
    assert waiting.matured(day(10), 0.8, later).matured_at == later
    assert waiting.matured(day(0, 0), 0.8, END).matured_at is None
    assert waiting.matured(day(0, 0), 0.8, END + timedelta(days=90)).matured_at is None


def test_a_mature_day_stays_mature() -> None:
    """Later predictions without labels do not take maturity back, nor move its time."""
    waiting = Waiting(hours=1000, share_counts=True)
    mature = waiting.matured(day(900), 0.8, END)
    assert waiting.matured(Day(NUMBER, day(900, 9000).counts, mature.matured_at), 0.8, END + timedelta(1)) is not mature
    assert waiting.matured(mature, 0.8, END + timedelta(days=3)).matured_at == END


def test_early_labels_of_one_class_do_not_make_a_day_mature() -> None:
    """If fraud is known late and the rest early, the labelled share alone does not suffice."""
    early, late = RNG.integers(0, 12, 5000), RNG.integers(0, 96, 300)
    waiting = waiting_of(early, late)
    assert not waiting.share_counts
    assert waiting.matured(day(950), 0.8, END + timedelta(hours=2)).matured_at is None
    assert waiting_of(early, RNG.integers(0, 12, 300)).share_counts
    assert waiting_of(early).share_counts
    assert not uneven(delays(early, np.zeros(0, np.int64))[None])


def test_a_day_with_all_its_labels_is_mature_however_they_arrived() -> None:
    """No label is missing, so none of a class can be missing."""
    waiting = Waiting(hours=1000, share_counts=False)
    assert waiting.matured(day(999), 0.8, END).matured_at is None
    assert waiting.matured(day(1000), 0.8, END).matured_at == END


def test_labels_sent_at_once_for_days_whose_classes_change_do_not_look_uneven() -> None:
    """Fraud rises from 2 to 30 % in 40 days, and all labels are sent on the last day: one speed on every day."""
    days = []
    for age in range(40):
        rows = RNG.integers(24 * age, 24 * (age + 1), 500)
        fraud = RNG.random(500) < 0.30 - 0.007 * age
        days.append(counts_of(rows[~fraud], rows[fraud]))
    assert uneven(np.sum([one.delays for one in days], axis=0)[None])  # what a comparison of all days at once says
    assert Waiting.of(days, None).share_counts


def test_an_uneven_speed_is_found_in_days_whose_classes_change() -> None:
    """On each day the labels of fraud need three days longer, whatever share of the day they are."""
    days = []
    for age in range(40):
        fraud = RNG.random(500) < 0.30 - 0.007 * age
        days.append(counts_of(RNG.integers(0, 12, int((~fraud).sum())), RNG.integers(0, 84, int(fraud.sum()))))
    assert not Waiting.of(days, None).share_counts


def test_days_alike_are_called_uneven_as_rarely_as_the_level_says() -> None:
    """Two classes whose shares and speeds differ from day to day, but not within a day: 1,000 models."""
    found = 0
    for _model in range(1000):
        shares, speeds = RNG.uniform(0.05, 0.6, 10), RNG.integers(2, 40, 10)
        found += uneven(
            np.stack(
                [
                    delays(RNG.integers(0, speed, int(150 * (1 - share))), RNG.integers(0, speed, int(150 * share)))
                    for share, speed in zip(shares, speeds, strict=True)
                ]
            )
        )
    assert found <= 5


def test_several_classes_are_compared_with_the_others() -> None:
    """One late class of five is found, and five classes alike are not in 200 repetitions."""
    alike = [delays(*(RNG.integers(0, 48, 200) for _ in range(5)))[None] for _ in range(200)]
    assert sum(map(uneven, alike)) <= 2
    assert uneven(delays(*(RNG.integers(0, 48, 200) for _ in range(4)), RNG.integers(30, 90, 200))[None])


def test_the_wait_is_the_delay_of_95_percent_but_at_least_a_day() -> None:
    """`maturity_hours` of the settings decides; without it the labels' delays do."""
    fast, slow = RNG.integers(0, 3, 1000), np.arange(1000) // 10
    assert waiting_of(fast).hours == 24
    assert waiting_of(fast, maturity_hours=5).hours == 5
    assert 95 <= waiting_of(slow).hours <= 95 * 1.06
    assert Waiting.of([Counts.empty(2)], None).hours == 24


def test_quantiles_of_the_delay_are_whole_hours_or_5_percent() -> None:
    """A quantile is the end of the bin that holds it; None without labels."""
    hours = RNG.integers(0, 40, 999)
    for share in (0.5, 0.9, 0.99):
        assert delay_quantile(delays(hours), share) == np.quantile(hours, share, method="inverted_cdf") + 1
    assert delay_quantile(np.zeros((1, DELAYS), np.int64), 0.5) is None
    assert delay_quantile(delays(np.array([10**6])), 0.5) is not None


def test_coverage_is_a_share() -> None:
    """Coverage is the labelled share of the predictions, and 0 without predictions."""
    assert day(250).coverage == 0.25
    assert day(0, 0).coverage == 0
