"""A backtest is the service's checks one after the other: the same counts, verdicts, alerts and messages."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from driftguard_engine.counting.batches import count as engine_count
from driftguard_engine.counting.counts import Counts as EngineCounts
from driftguard_engine.distributions.baseline import build as engine_build
from driftguard_engine.rows.columns import Row as EngineRow
from driftguard_engine.rows.columns import columns_of, values_of
from hypothesis import given
from hypothesis import strategies as st

from driftguard.alerts.episodes import Episodes
from driftguard.alerts.replaying import ReplayedAlerts
from driftguard.counting.batches import count
from driftguard.counting.counts import Counts
from driftguard.counting.layout import layout_of
from driftguard.counting.profiles import Profile, Table
from driftguard.distributions.baseline import build
from driftguard.distributions.weeks import weeks_of
from driftguard.models.settings import ModelSettings
from driftguard.platform.times import hour_of
from driftguard.rows.columns import Row
from driftguard.rows.columns import columns_of as service_columns
from driftguard.verdicts.comparison import first_day_of
from driftguard.verdicts.moments import Moment, verdict_on
from driftguard.verdicts.replayed_past import ReplayedPast
from driftguard.verdicts.silence import silence
from driftguard.verdicts.standing import Standing, bad_days
from driftguard_client.comparing import Backtest, CompareError, backtest
from driftguard_client.comparing.backtest_result import Change, Message, Point, ReplayedAlert
from driftguard_client.comparing.counting import Sample
from driftguard_client.comparing.history import HOUR, History
from driftguard_client.comparing.slicing import Ordered

START = datetime(2026, 1, 5, 7, 20, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


def history(days: float = 26, rows: int = 6000, *, seed: int = 1, gap: bool = True) -> pd.DataFrame:
    """Rows of a model: one number moves from day 10 to day 16, and three days have no rows."""
    chance = np.random.default_rng(seed)
    hours = np.sort(chance.uniform(0, days * 24, rows))
    if gap:
        hours = hours[(hours < 20 * 24) | (hours > 23 * 24)]
    drifting = (hours > 10 * 24) & (hours < 16 * 24)
    return pd.DataFrame(
        {
            "a": (chance.normal(size=len(hours)) + 0.8 * drifting).round(4),
            "b": chance.choice(["x", "y", "z"], len(hours)),
            "c": np.where(chance.random(len(hours)) < 0.1, np.nan, chance.poisson(3, len(hours))),
            "ts": [START + timedelta(hours=hour) for hour in hours],
        }
    )


def train(rows: int = 2000) -> pd.DataFrame:
    """Rows without drift and without times."""
    chance = np.random.default_rng(9)
    return pd.DataFrame(
        {
            "a": chance.normal(size=rows).round(4),
            "b": chance.choice(["x", "y", "z"], rows),
            "c": np.where(chance.random(rows) < 0.1, np.nan, chance.poisson(3, rows)),
        }
    )


def plain(frame: pd.DataFrame, name: str) -> list[Any]:
    """A column as plain values, None for a missing one."""
    return [None if isinstance(value, float) and np.isnan(value) else value for value in frame[name].tolist()]


class Model:
    """The model of the plain replay."""

    organization_id, model_id, name, baseline_version = "o", "m", "churn", 1


def replayed(before: pd.DataFrame, rows: pd.DataFrame, settings: ModelSettings, step: timedelta) -> ReplayedAlerts:
    """The alerts of the checks, each on counts made anew from all rows before it, with the service's package."""
    baseline = build({name: plain(before, name) for name in "abc"})
    moments = [time.to_pydatetime() for time in rows["ts"]]
    given_rows = [
        Row(time.timestamp(), dict(zip("abc", values, strict=True)), None, None)
        for time, *values in zip(moments, *(plain(rows, name) for name in "abc"), strict=True)
    ]
    alerts, episodes, layout = ReplayedAlerts(), Episodes(), layout_of(baseline)
    hours = sorted({hour_of(moment) for moment in moments})
    table = None
    if "ts" in before:
        known = [hour_of(time.to_pydatetime()) for time in before["ts"]]
        columns = {name: plain(before, name) for name in "abc"}
        weeks = weeks_of(baseline, columns, None, known, before=hours[0] // 24)
        table = None if weeks is None else Table.of(weeks)
    width = step.total_seconds()
    span = min(step, timedelta(hours=1)).total_seconds()
    for place in range(int(moments[0].timestamp() // width) + 1, int(moments[-1].timestamp() // width) + 2):
        now = datetime.fromtimestamp(place * width, UTC)
        seen = [row for row in given_rows if row.event_time < now.timestamp()]
        by_hour = count(baseline, [service_columns(seen)])
        first = hour_of(now - timedelta(days=settings.window_days))
        last = max(row.event_time for row in seen)
        moment = Moment(
            now=now,
            first_hour=first,
            last_hour=hour_of(now),
            covered_since=hours[0],
            known_since=hours[0],
            silence=silence(
                settings.no_data_hours,
                datetime.fromtimestamp((last // span + 1) * span, UTC),
                now,
                [hour for hour in hours if hour * 3600 < now.timestamp()],
                alerts.memory_of("no_data").outages,
                is_open="no_data" in alerts.open,
            ),
        )
        nothing = Counts.empty(baseline)
        standing = Standing.of(episodes, len(baseline.features))
        window = sum((counts for hour, counts in by_hour.items() if hour >= first), nothing)
        for day in sorted({*standing.first_days.tolist()}):
            if day * 24 > first:
                today = hour_of(now) // 24
                later = sum((counts for hour, counts in by_hour.items() if day <= hour // 24 < today), nothing)
                window = window.replaced(standing.first_days == day, later)
        running = hour_of(now - timedelta(microseconds=1))
        profiles = {day: Profile.of(layout, day, by_hour) for day in {hour // 24 for hour in by_hour}}
        past = ReplayedPast(layout, profiles, table, first_day_of(hours[0]), timed=table is not None)
        past.bad = bad_days(episodes, len(baseline.features), running // 24)
        verdict = verdict_on(Model(), settings, baseline, window, past.comparison(running), moment, episodes)
        alerts.apply(verdict.findings, verdict.occasion)
        episodes = episodes.after(verdict.sights, alerts.open.keys(), verdict.now_hour, settings.resolve_after_hours)
    return alerts


def told(result: Backtest) -> list[tuple[Any, ...]]:
    """The alerts without their scores."""
    return [(one.type, one.opened_at, one.resolved_at, one.severity, one.features) for one in result.alerts]


@pytest.mark.parametrize("every", ["6h", "1d"])
def test_it_is_the_service_check_after_check(every: str) -> None:
    """Alerts, their times, severities, scores and messages equal those of checks on counts made anew each time."""
    rows = history()
    result = backtest(train(), rows, timestamp="ts", every=every)
    expected = replayed(train(), rows, ModelSettings(), timedelta(hours=6) if every == "6h" else timedelta(days=1))
    alerts = sorted(expected.seen.values(), key=lambda alert: alert.detected_at)
    assert {alert.alert_type for alert in alerts} == {"data_drift", "no_data"}
    assert [(one.type, one.opened_at, one.resolved_at, one.messages) for one in result.alerts] == [
        (one.alert_type, one.detected_at, one.resolved_at, one.messages) for one in alerts
    ]
    assert [one.peak for one in result.alerts] == [one.peak_score for one in alerts]
    changes = [(change, message.at) for message in result.messages for change in message.changes]
    assert [(change.kind, change.previous_severity, at) for change, at in changes] == [
        (event.kind, event.previous_severity, event.at) for event in expected.events
    ]
    assert {change.previous_severity for change, _at in changes if change.kind == "escalated"} <= {"LOW", "MEDIUM"}


@pytest.mark.parametrize("ahead", [timedelta(days=40), timedelta(days=6)], ids=["before", "overlapping"])
def test_a_baseline_with_times_is_the_reference_of_the_first_weeks(ahead: timedelta) -> None:
    """Its hours of the week are used as in the service, without the days that the history has, too."""
    rows = daily(history(9, 3000, gap=False))
    rows["a"] += 4.0 * (rows["ts"] > START + timedelta(days=3))
    before = daily(history(12, 4000, seed=2, gap=False))
    before["ts"] -= ahead
    result = backtest(before, rows, timestamp="ts", every="6h")
    expected = replayed(before, rows, ModelSettings(), timedelta(hours=6))
    alerts = sorted(expected.seen.values(), key=lambda alert: alert.detected_at)
    assert alerts
    assert [(one.type, one.opened_at, one.peak) for one in result.alerts] == [
        (one.alert_type, one.detected_at, one.peak_score) for one in alerts
    ]
    untimed = backtest(before.drop(columns="ts"), rows, timestamp="ts", every="6h")
    assert told(untimed) != told(result)


def daily(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows whose `a` follows the hour of the day and whose `b` is one value at night."""
    hour = rows["ts"].dt.hour
    return rows.assign(a=(rows["a"] / 4 + hour).round(4), b=rows["b"].where(hour > 8, "x"))


def test_checks_every_quarter_see_the_running_hour() -> None:
    """With a check every 15 minutes, alerts open at a quarter of an hour, never later than with hourly checks."""
    rows = history(18, 20_000, gap=False)
    quarters = backtest(train(), rows, timestamp="ts", every="15m")
    hours = backtest(train(), rows, timestamp="ts", every="1h")
    first, second = quarters.alerts[0].opened_at, hours.alerts[0].opened_at
    assert first <= second < first + timedelta(hours=1)
    assert quarters.checks == pytest.approx(4 * hours.checks, abs=4)
    assert quarters.start == datetime(2026, 1, 5, 7, 30, tzinfo=UTC)


def test_the_order_of_rows_does_not_matter(tmp_path: Path) -> None:
    """Rows in any order, in a frame or in files of several batches, give the same alerts and scores."""
    rows = history()
    shuffled = rows.sample(frac=1, random_state=3)
    shuffled.to_csv(tmp_path / "rows.csv", index=False)
    rows.to_parquet(tmp_path / "rows.parquet", row_group_size=500)
    expected = backtest(train(), rows, timestamp="ts", every="12h")
    for given_rows in (shuffled, tmp_path / "rows.csv", tmp_path / "rows.parquet"):
        found = backtest(train(), given_rows, timestamp="ts", every="12h")
        assert told(found) == told(expected)
        assert [point.score for point in found.points] == [point.score for point in expected.points]


def test_settings_change_what_opens() -> None:
    """With a higher limit no drift is told; with `p_value` more alerts open."""
    rows = history(gap=False)
    assert backtest(train(), rows, timestamp="ts", every="12h", settings={"min_drift_score": 0.9}).alerts == []
    usual = backtest(train(), rows, timestamp="ts", every="12h")
    classic = backtest(train(), rows, timestamp="ts", every="12h", settings={"rule": "p_value"})
    assert classic.alerts[0].opened_at <= usual.alerts[0].opened_at


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "A backtest needs the time of each row. Name its column with timestamp"),
        ({"timestamp": "when"}, "The history has no column 'when'"),
        ({"timestamp": "ts", "every": "7m"}, "every must be a part of an hour or whole hours"),
        ({"timestamp": "ts", "every": "90m"}, "every must be"),
        ({"timestamp": "ts", "every": "0m"}, "every must be"),
        ({"timestamp": "ts", "every": "soon"}, "not 'soon'"),
        ({"timestamp": "b"}, "'x' is not a time"),
    ],
)
def test_a_wrong_argument_is_refused(arguments: dict[str, Any], message: str) -> None:
    """A missing or wrong argument is refused with what to pass."""
    rows = history(3, 300).assign(b="x")
    with pytest.raises(CompareError) as error:
        backtest(
            train(300),
            rows.rename(columns={"ts": "ts"}),
            **{"exclude": ["ts"] * ("timestamp" not in arguments)} | arguments,
        )
    assert message in str(error.value)


TIMES = st.lists(st.integers(0, 30 * 24 * 4 * 15 * 60), min_size=1, max_size=60)


@given(TIMES, st.sampled_from([15, 30, 60]), st.data())
def test_sums_are_those_of_the_rows(seconds: Sequence[int], minutes: int, data: st.DataObject) -> None:
    """Counts between two times are those of the rows between them, whatever was asked for before."""
    baseline = engine_build({"a": [float(place % 50) for place in range(500)], "b": ["x", "y"] * 250})
    rows = [
        EngineRow(1_767_000_000 + second, {"a": float(second % 60), "b": "xyz"[second % 3]}, None, None)
        for second in seconds
    ]
    counted = History(baseline, minutes * 60_000)
    half = len(rows) // 2
    counted.add([columns_of(some) for some in (rows[:half], rows[half:]) if some])
    begin = min(row.event_time for row in rows) // 3600 * 3600
    for _ask in range(6):
        first = data.draw(st.integers(0, 31 * 24))
        last = data.draw(st.integers(first * 60 // minutes, 33 * 24 * 60 // minutes))
        start, end = int(begin) * 1000 + first * HOUR, int(begin) * 1000 + last * minutes * 60_000
        wanted = [row for row in rows if start <= row.event_time * 1000 < end]
        expected = EngineCounts.empty(baseline)
        for counts in engine_count(baseline, [columns_of(wanted)] if wanted else []).values():
            expected = expected + counts
        found = counted.between(start, end)
        assert found.rows == expected.rows == len(wanted)
        assert found.bins.tolist() == expected.bins.tolist()
        assert found.unseen.tolist() == expected.unseen.tolist()
        assert found.total.tolist() == pytest.approx(expected.total.tolist())


@given(st.lists(st.tuples(st.integers(0, 99), st.sampled_from([None, 1.5, 2, "x", True])), min_size=1, max_size=30))
def test_ordered_rows_keep_their_values(rows: list[tuple[int, Any]]) -> None:
    """Slices of an ordered batch hold the values of the rows in the order of their times."""
    batch = columns_of([EngineRow(float(time), {"a": value}, None, None) for time, value in rows])
    ordered = Ordered(batch)
    assert ordered.times.tolist() == sorted(time * 1000 for time, _value in rows)
    middle = len(rows) // 2
    found: dict[str, list[Any]] = {}
    for start, end in ((0, middle), (middle, len(rows))):
        for part in ordered.between(start, end, ordered.times[start:end]).feature("a"):
            found.setdefault(part.kind, []).extend(values_of(part))
    expected: dict[str, list[Any]] = {}
    for _time, value in sorted(rows, key=lambda row: row[0]):
        if value is not None:
            kind = {bool: "boolean", str: "string"}.get(type(value), "number")
            expected.setdefault(kind, []).append(value)
    assert found == expected


def test_dates_as_texts_are_named_in_the_notes() -> None:
    """Each day is a new category, so the column would drift for ever."""
    frame = history(4, 400, gap=False)
    frame["signed_up"] = frame["ts"].dt.strftime("%Y-%m-%d")
    result = backtest(frame, frame, timestamp="ts", every="1d")
    assert ["Column 'signed_up' looks like dates" in note for note in result.notes] == [True]
    assert backtest(frame, frame, timestamp="ts", every="1d", exclude="signed_up").notes == []


def test_the_text_says_what_escalated_and_which_scores_are_shown() -> None:
    """An alert that was LOW at its last reminder escalates again, to the severity it was opened with."""
    at = START + timedelta(days=1)
    kinds = [
        ("opened", "MEDIUM", None),
        ("repeated", "LOW", None),
        ("repeated", "LOW", None),
        ("escalated", "MEDIUM", "LOW"),
    ]
    sample = Sample("rows", 10, 1, 0, 1)
    result = Backtest(
        alerts=[ReplayedAlert("data_drift", "MEDIUM", at, None, 0.195, ["a"], False, 4)],
        messages=[
            Message(at + timedelta(days=day), [Change(kind, "data_drift", severity, ["a"], before)])
            for day, (kind, severity, before) in enumerate(kinds)
        ],
        points=[Point(at, "drift", 0.15, 10)],
        checks=1,
        every=15,
        start=START,
        end=at + timedelta(days=9),
        baseline=sample,
        history=sample,
        settings={},
        limit=0.05,
        notes=[],
    )
    lines = [line.strip() for line in str(result).splitlines()]
    assert [line.partition("UTC  ")[2] for line in lines[lines.index("Messages:") + 1 :]] == [
        "Data drift opened (MEDIUM): a",
        "2 reminders until 2026-01-08 07:20 UTC (Data drift LOW)",
        "Data drift escalated from LOW to MEDIUM: a",
    ]
    assert next(line for line in lines if line.startswith("score")).endswith("largest 0.15")
    assert next(line for line in lines if line.startswith("score")).startswith("score of the window")
    assert any(line.endswith("Data drift MEDIUM, peak score 0.195: a") for line in lines)
    note = "A peak can be above the score of the window, because an alert may be about the last hours alone."
    assert note in lines
    assert note in result.to_html()
    lower = replace(result, alerts=[replace(result.alerts[0], peak=0.15)])
    assert note not in str(lower)
