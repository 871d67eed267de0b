"""The demo's judgement of what DriftGuard found: what pandas and SciPy say passes, and each deviation is named."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from demo.expectations import Found, about, missing
from demo.flights import PREDICTION, TRUTH, Flights, scores
from demo.history import WEEK, History

NOW = datetime(2026, 11, 26, 10, tzinfo=UTC)
type Change = Callable[[Found], Found]


def feature(name: str, score: float, test: str = "ks") -> dict[str, Any]:
    """A feature of a report, as much of it as is judged."""
    return {"name": name, "test": test, "drift_score": score, "window_start": None, "part": "week"}


def alert(history: History, alert_type: str, opened: datetime, severity: str = "HIGH") -> dict[str, Any]:
    """An alert in detail, escalated and resolved after six days, all of it delivered."""
    events = ("opened", "escalated", "resolved")
    return {
        "id": f"alert-{alert_type}",
        "alert_type": alert_type,
        "severity": severity,
        "detected_at": history.now(opened).isoformat(),
        "resolved_at": history.now(opened + timedelta(days=6)).isoformat(),
        "recommended_actions": ["Look at the flights."],
        "timeline": [{"event": event} for event in events],
        "deliveries": [
            {"type": channel, "event": event, "outcome": "delivered"}
            for channel in ("email", "slack")
            for event in events
        ],
    }


def message(channel: str, alert_type: str) -> dict[str, Any]:
    """A message of the outbox about model-1."""
    text = f"flights (model-1): alert-{alert_type}"
    return {"channel": channel, "subject": "Drift", "html": text, "text": text, "payload": {"blocks": [text]}}


@pytest.fixture(scope="module")
def found() -> Found:
    """The last four weeks as they must be found."""
    history = History(Flights.load(), NOW, 4)
    window = history.between(history.end - WEEK, history.end)
    baseline = history.flights.baseline
    landed = history.landed(history.first, history.end)
    errors = (landed[PREDICTION] - landed[TRUTH]).abs().groupby(landed["moment"].dt.date).mean()
    types = ("data_drift", "prediction_drift", "performance")
    opened = (
        datetime(2013, 6, 7, 12, tzinfo=UTC),
        datetime(2013, 6, 13, tzinfo=UTC),
        datetime(2013, 6, 24, tzinfo=UTC),
    )
    return Found(
        history=history,
        model={"id": "model-1", "name": "flights", "state": "drift"},
        report={
            "status": "drift",
            "preliminary": False,
            "n_baseline": len(baseline),
            "n_window": len(window),
            "window": {"start": history.now(history.end - WEEK).isoformat()},
            "features": [feature(name, score) for name, score in scores(baseline, window).items()],
        },
        alerts=[
            *(alert(history, *pair) for pair in zip(types, opened, strict=True)),
            {**alert(history, "data_quality", datetime(2013, 7, 1, tzinfo=UTC)), "resolved_at": None},
        ],
        performance={
            "days": [
                {"day": f"{day + history.shift:%F}", "mature": True, "value": errors[day]} for day in errors.index[:-1]
            ],
            "reference": {"metrics": {"mae": history.flights.error(baseline)}},
        },
        checks=[],
        messages=[message(channel, kind) for kind in (*types, "data_quality") for channel in ("email", "slack")],
    )


def change_report(**changes: Any) -> Change:
    """Change the report."""
    return lambda found: replace(found, report={**found.report, **changes})


def change_alert(place: int, **changes: Any) -> Change:
    """Change one alert."""

    def change(found: Found) -> Found:
        return replace(found, alerts=[{**one, **(changes if n == place else {})} for n, one in enumerate(found.alerts)])

    return change


def change_feature(place: int, **changes: Any) -> Change:
    """Change one feature of the report."""

    def change(found: Found) -> Found:
        features = [{**one, **(changes if n == place else {})} for n, one in enumerate(found.report["features"])]
        return replace(found, report={**found.report, "features": features})

    return change


def change_performance(value: float) -> Change:
    """Change the error of the first day."""

    def change(found: Found) -> Found:
        first, *others = found.performance["days"]
        return replace(found, performance={**found.performance, "days": [{**first, "value": value}, *others]})

    return change


def change_message(place: int, **changes: Any) -> Change:
    """Change one message of the outbox."""

    def change(found: Found) -> Found:
        messages = [{**one, **(changes if n == place else {})} for n, one in enumerate(found.messages)]
        return replace(found, messages=messages)

    return change


def test_a_history_that_was_found_and_sent_lacks_nothing(found: Found) -> None:
    """When everything came out as it must, there is nothing to complain about."""
    assert missing(found) == []


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (change_report(status="ok"), "state is 'drift'"),
        (change_report(preliminary=True), "preliminary"),
        (change_report(n_window=6_900), "6,900 rows instead of"),
        (change_report(n_baseline=20_000), "20,000 rows instead of 51,955"),
        (change_feature(0, drift_score=None), "dep_delay scores None"),
        (change_feature(0, drift_score=0.99), "dep_delay scores 0.99, and SciPy says"),
        (change_performance(1.0), "the error of 2013-06-03 is 1.0, and pandas says"),
        (lambda found: replace(found, performance={**found.performance, "days": []}), "no day has a metric"),
        (change_alert(2, deliveries=[]), "no alert was open in the storms of 24 June"),
        (change_alert(2, resolved_at=NOW.isoformat(), detected_at=NOW.isoformat()), "in the storms of 27 June"),
        (change_alert(0, alert_type="data_quality"), "no alert is about data_drift"),
        (change_alert(1, recommended_actions=[]), "alert of 13 June recommends nothing"),
        (
            change_alert(1, deliveries=[{"type": "slack", "event": "opened", "outcome": "delivered"}]),
            "prediction_drift alert of 13 June: email delivered no opening",
        ),
        (
            change_alert(1, deliveries=[{"type": "slack", "event": "opened", "outcome": "retrying"}]),
            "prediction_drift alert of 13 June: slack is retrying",
        ),
        (lambda found: replace(found, messages=found.messages[1:]), "data_drift alert of 7 June: no email message"),
        (change_message(0, html=""), "the e-mail lacks a subject"),
        (change_message(1, payload={}), "the Slack message has no blocks"),
    ],
)
def test_each_thing_that_is_missing_is_named(found: Found, change: Change, complaint: str) -> None:
    """Each thing that must happen and did not is a complaint of its own."""
    assert any(complaint in problem for problem in missing(change(found)))


@pytest.mark.parametrize("event", ["opened", "escalated", "resolved"])
def test_alerts_must_live(found: Found, event: str) -> None:
    """A history without an alert that opened, escalated or resolved is not complete."""
    alerts = [{**one, "timeline": [e for e in one["timeline"] if e["event"] != event]} for one in found.alerts]
    assert f"no alert was {event}" in missing(replace(found, alerts=alerts))


def test_a_feature_with_a_window_of_its_own_is_not_compared(found: Found) -> None:
    """After an alert and in a sudden change, another window decides than that of the raw rows."""
    for changes in ({"window_start": NOW.isoformat()}, {"part": "sudden"}):
        assert missing(change_feature(0, drift_score=0.99, **changes)(found)) == []


def test_a_quiet_week_has_no_alert_that_was_sent(found: Found) -> None:
    """Alerts that were not sent do not count, and an alert counts in each week in which it was open."""
    first, *others = found.weeks()
    assert first == found.history.first
    assert found.quiet_weeks() == []
    low = change_alert(0, deliveries=[])(found)
    assert low.quiet_weeks() == [first]
    assert len(others) >= 4


def test_stormy_days_are_those_with_late_departures(found: Found) -> None:
    """In June 2013 the flights of these days left more than 40 minutes late on average."""
    assert [f"{day:%d}" for day in found.stormy_days() if day.month == 6] == ["13", "24", "25", "27", "28", "30"]


def test_messages_are_told_apart_by_the_model() -> None:
    """Only what names a model's id is about it."""
    mine, other = message("email", "data_drift"), {"channel": "email", "text": "something else"}
    assert about({"id": "model-1"}, [mine, other]) == [mine]
