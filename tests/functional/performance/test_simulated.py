"""Simulations of the settings that decide about labels."""

from datetime import timedelta
from typing import Any

import pytest

from driftguard.checks.schemas import Simulation
from driftguard.checks.simulated_labels import with_maturity
from driftguard.checks.simulation import simulate
from driftguard.models.settings import ModelSettings, SettingsPatch
from driftguard.performance.maturing import stored_days
from driftguard.platform.times import DAY, HOUR
from tests.functional.conftest import Stack
from tests.functional.performance.labelled_model import NOON, Labelled, evening, labelled_model


@pytest.fixture
def labelled(deployed: Stack) -> Labelled:
    """A model that was right on 90 % of its rows, then on 80 %."""
    model = labelled_model()
    model.baseline(0.9)
    for number in range(12):
        model.day(number, 0.9 if number < 4 else 0.8)
        model.join(evening(number))
    return model


def simulated(labelled: Labelled, **settings: Any) -> Simulation:
    """The last 12 days with other settings."""
    patch = SettingsPatch.model_validate(settings)
    return simulate(labelled.model, patch, 12, evening(11), lambda: True)


def test_the_settings_as_they_are_replay_what_happened(labelled: Labelled) -> None:
    """The replay opens the alert on performance that the joins have opened, at the hour of their join."""
    alert = labelled.alert("performance")
    assert alert is not None
    (found,) = [one for one in simulated(labelled).alerts if one.alert_type == "performance"]
    assert found.opened_at == alert.detected_at
    assert found.resolved_at is None
    assert "accuracy" in found.features


def test_stricter_settings_open_no_alert(labelled: Labelled) -> None:
    """A drop of ten points is below a minimum of 20, and 1,400 labels are fewer than 5,000."""
    for settings in ({"min_performance_drop": 0.2}, {"min_labels": 5000}):
        assert [one for one in simulated(labelled, **settings).alerts if one.alert_type == "performance"] == []


def test_days_that_mature_later_open_the_alert_later(labelled: Labelled) -> None:
    """With a longer wait and a share that no day reaches, the same alert opens days later."""
    first = simulated(labelled).alerts[0].opened_at
    later = simulated(labelled, maturity_hours=96, label_ratio=1.0).alerts
    assert first <= later[0].opened_at
    days = stored_days(labelled.model_id, evening(11), 20)
    before = ModelSettings()
    assert with_maturity(days, before, before) == days
    slow = before.model_copy(update={"maturity_hours": 96})
    aged = with_maturity(days, before.model_copy(update={"label_ratio": 0.5}), slow)
    assert [one.matured_at for one in aged] == [one.matured_at for one in days]
    none = [one for one in days if one.matured_at is None]
    assert [one.matured_at for one in with_maturity(none, before, slow)] == [one.end + 96 * HOUR for one in none]
    assert days[0].end == NOON - timedelta(hours=12) + DAY
