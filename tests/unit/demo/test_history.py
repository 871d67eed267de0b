"""The history that the demo replays: its moments, its times, its rows and its labels."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pandas as pd
import pytest

from demo.flights import FEATURES, PREDICTION, STORMS, TRUTH, Flights, scores
from demo.history import FIRST, LABELS_AT, LAST, LIVE, OFTEN, SELDOM, WEEK, WEEKS, History, last_labelled
from demo.history import STORMS as STORM_WEEKS

NOW = datetime(2026, 11, 26, 10, tzinfo=UTC)


@pytest.fixture(scope="module")
def flights() -> Flights:
    """The data set, read once."""
    return Flights.load()


@pytest.fixture(scope="module")
def history(flights: Flights) -> History:
    """The whole history, which ends at NOW."""
    return History(flights, NOW)


@pytest.mark.parametrize("hours", [0, 1, 23, 24, 100, 167])
def test_the_history_ends_now_on_the_same_weekday_and_hour(flights: Flights, hours: int) -> None:
    """Whenever it is told, all of June is past, not more than a week of July, and all moves by whole weeks."""
    now = NOW + timedelta(hours=hours)
    history = History(flights, now)
    assert history.now(history.end) == now
    assert history.then(now) == history.end
    assert LAST <= history.end < LAST + WEEK
    assert (history.end.weekday(), history.end.hour) == (now.weekday(), now.hour)
    assert history.shift % WEEK == timedelta(0)


def test_checks_cover_all_months_and_are_frequent_in_storms(history: History) -> None:
    """They start after the first eight hours of March, end some hours ago, and leave no gap."""
    moments = [history.first, *history.moments()]
    assert moments[0] == FIRST
    assert moments[-1] == history.live <= history.end - LIVE < history.live + SELDOM
    gaps = {(before, after - before) for before, after in pairwise(moments)}
    for before, gap in gaps:
        assert gap == (OFTEN if any(start <= before < end for start, end in STORM_WEEKS) else SELDOM)
    assert {moment.month for moment in moments} == {3, 4, 5, 6, 7}


def test_each_flight_is_in_one_step_or_in_the_last_hours(history: History) -> None:
    """Together they are all flights from March on, each with an id of its own."""
    steps = list(history.steps())
    today = history.between(history.live, history.end)
    ids = pd.concat([*(step.flights["prediction_id"] for step in steps), today["prediction_id"]])
    assert ids.is_unique
    assert len(ids) == len(history.rows) > 110_000
    for step in steps:
        assert (step.flights["moment"] < step.at).all()


def test_each_landed_flight_is_labelled_once_after_it_landed(history: History) -> None:
    """The morning labels the flights since the morning before, and the last hours those after the last morning."""
    mornings = [at for at in history.moments() if at.hour == LABELS_AT]
    assert last_labelled(history) == mornings[-1]
    parts = [history.landed(*pair) for pair in zip([history.first, *mornings], [*mornings, history.end], strict=True)]
    ids = pd.concat([part["prediction_id"] for part in parts])
    known = history.rows.dropna(subset=[TRUTH])
    assert ids.is_unique
    assert set(ids) == set(known.loc[known["landed"] <= history.end, "prediction_id"])
    body = history.labels(parts[1])
    assert body.columns is not None
    assert body.columns["labelled_at"][0] == history.now(parts[1]["landed"].iloc[0]).isoformat()


def test_a_batch_has_the_rows_and_the_times_of_now(history: History) -> None:
    """Missing values are null, and times keep their place in the week."""
    flights = history.between(datetime(2013, 6, 28, tzinfo=UTC), datetime(2013, 6, 29, tzinfo=UTC))
    body = history.batch("model-1", flights)
    assert body.columns is not None
    assert body.predictions is not None
    assert body.timestamps is not None
    assert list(body.columns) == list(FEATURES)
    assert body.predictions.count(None) == flights[PREDICTION].isna().sum() > 0
    times = [datetime.fromisoformat(moment) for moment in body.timestamps]
    assert [moment - history.shift for moment in times] == flights["moment"].tolist()


def test_the_baseline_has_all_flights_of_two_months(history: History) -> None:
    """All 51,955 flights of January and February, with their times and labels, cancelled ones with nulls."""
    body = history.baseline()
    assert body.columns is not None
    assert body.timestamps is not None
    others = [values or [] for values in (body.predictions, body.labels, body.timestamps)]
    assert {len(values) for values in [*body.columns.values(), *others]} == {51_955}
    assert body.columns["dep_delay"].count(None) == 1_782
    assert max(map(datetime.fromisoformat, body.timestamps)) < history.now(FIRST)


def test_a_short_history_is_the_end_of_the_long_one(flights: Flights, history: History) -> None:
    """With fewer weeks it begins later and has the same steps from there on."""
    short = History(flights, NOW, 4)
    assert short.first == LAST - 4 * WEEK
    moments = short.moments()
    assert moments == history.moments()[-len(moments) :]
    assert History(flights, NOW, WEEKS).first == FIRST


def test_the_storms_move_delays_but_not_the_schedule(flights: Flights) -> None:
    """By SciPy on the raw rows, departure delay moves to 0.244 while hour and distance stay under 0.05."""
    found = scores(flights.baseline, flights.between(*STORMS))
    assert found["dep_delay"] == pytest.approx(0.2441, abs=5e-5)
    assert found[PREDICTION] == pytest.approx(0.1695, abs=1e-3)
    assert max(found["hour"], found["distance"]) < 0.05


def test_a_flight_that_never_left_has_no_prediction(flights: Flights) -> None:
    """Predictions are missing exactly where the model lacks one of its features."""
    rows = flights.between(*STORMS)
    missing = rows[PREDICTION].isna()
    assert missing.any()
    assert missing.equals(rows[list(FEATURES)].isna().any(axis=1))
