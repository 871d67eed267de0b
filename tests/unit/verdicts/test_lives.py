"""An alert's life with the model's own past: each change of the values gives exactly one alert."""

from datetime import timedelta

import pytest

from driftguard.alerts.schemas import Alert
from driftguard.counting.profiles import HOURS
from driftguard.platform.times import hour_start
from tests.unit.counting.worlds import MONDAY
from tests.unit.verdicts.lives import Life

BEGIN = 35
"""The day on which values change."""


def since(day: float) -> float:
    """The hours from the first hour to a day."""
    return day * HOURS


def only_alert(life: Life, *, resolved: bool) -> Alert:
    """Return the only drift alert of the life, of which the opening and the end were sent once."""
    alerts = [alert for alert in life.alerts.values() if alert.alert_type == "data_drift"]
    assert len(alerts) == 1, [(one.detected_at, one.resolved_at) for one in alerts]
    (alert,) = alerts
    assert alert.is_open is not resolved
    kinds = [event.kind for event in life.events if event.alert.id == alert.id]
    assert kinds.count("opened") == 1
    assert kinds.count("resolved") == int(resolved)
    return alert


def test_a_quiet_model_raises_no_alert() -> None:
    """Daily cycles of values and traffic and days that differ raise nothing from the first hour on."""
    assert Life(60, lambda _hour: 0.0, effect=0.05, every=6).run().alerts == {}


def test_a_lasting_shift_is_one_alert_that_stays_open() -> None:
    """The sudden part finds the shift within a day, the week takes over, and the alert is still open a month later."""
    life = Life(70, lambda hour: 1.0 if hour >= since(BEGIN) else 0.0).run()
    alert = only_alert(life, resolved=False)
    start = hour_start(int(MONDAY * HOURS + since(BEGIN)))
    assert start < alert.detected_at <= start + timedelta(hours=6)
    assert alert.onset is not None
    assert abs(alert.onset - start) <= timedelta(hours=6)
    assert [feature.name for feature in alert.features if feature.drifted] == ["x0"]
    assert alert.features[0].change is None, "the week holds the alert now"


def test_an_incident_of_twelve_hours_is_one_alert() -> None:
    """The alert is resolved soon after the incident, and the incident is no reference later."""
    life = Life(65, lambda hour: 1.5 if since(BEGIN) <= hour < since(BEGIN + 0.5) else 0.0).run()
    alert = only_alert(life, resolved=True)
    assert alert.resolved_at is not None
    assert alert.resolved_at - alert.detected_at < timedelta(days=9)
    assert not life.episodes.current
    assert MONDAY + BEGIN in life.episodes.bad_days(MONDAY + 65)


def test_a_drift_of_ten_days_is_one_alert() -> None:
    """Neither the beginning nor the return nor a reference with drifted days raises a second alert."""
    life = Life(85, lambda hour: 0.8 if since(BEGIN) <= hour < since(BEGIN + 10) else 0.0, every=6).run()
    only_alert(life, resolved=True)
    assert {MONDAY + BEGIN + day for day in range(10)} <= life.episodes.bad_days(MONDAY + 85).keys()


def test_the_return_from_a_drift_present_since_the_first_day_is_part_of_its_alert() -> None:
    """The first week finds the drift, and when the values return to the baseline, no second alert opens."""
    life = Life(65, lambda hour: 1.0 if hour < since(25) else 0.0, every=6).run()
    alert = only_alert(life, resolved=True)
    assert alert.detected_at < hour_start((MONDAY + 3) * HOURS)


def test_a_new_level_near_the_baseline_ends_the_alert_and_is_the_reference() -> None:
    """After seven days a change that the week does not see is the new level, and no further alert opens."""
    life = Life(80, lambda hour: 0.35 if hour >= since(BEGIN) else 0.0, every=6)
    life.settings = life.settings.model_copy(update={"min_drift_score": 0.2, "sudden_score": 0.075})
    life.run()
    only_alert(life, resolved=True)
    assert [event.reason for event in life.events if event.kind == "resolved"] == ["new_level"]
    assert life.episodes.bad_days(MONDAY + 80)[MONDAY + BEGIN - 1] == [0]
    assert MONDAY + BEGIN not in life.episodes.bad_days(MONDAY + 80)


@pytest.mark.parametrize("hours", [6, 30])
def test_a_level_that_a_person_accepts_is_the_reference(hours: int) -> None:
    """After a person resolves the alert, the sudden part does not find the same change again."""
    life = Life(65, lambda hour: 0.35 if hour >= since(BEGIN) else 0.0, every=6)
    life.settings = life.settings.model_copy(update={"min_drift_score": 0.2, "sudden_score": 0.075})
    hour = int(since(BEGIN))
    while not life.open:
        hour += 6
        life.run(hour - 6, hour) if life.alerts or hour > since(BEGIN) + 6 else life.run(0, hour)
    life.run(hour, hour + hours)
    life.episodes = life.episodes.resolved_by_hand("data_drift", MONDAY * HOURS + hour + hours)
    life.open.clear()
    life.run(hour + hours)
    assert len(life.alerts) == 1
