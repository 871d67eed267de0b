"""An idle model costs a fraction of a busy one, and nothing comes later than with a full check at every tick."""

import random
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from bench.cost import measure
from bench.cost.prices import database_dollars
from driftguard.alerts.tables import Outbox
from driftguard.checks import check as checking
from driftguard.checks import messages, triggers
from driftguard.checks.messages import LookMessage, ModelKey, Queues
from driftguard.checks.tables import Runs
from driftguard.checks.task import Task
from driftguard.models.tables import Models
from driftguard.platform.dynamodb import transaction
from driftguard.platform.times import iso
from sandbox.gateway import LambdaContext, function
from sandbox.meter import Usage, metered
from tests.functional.conftest import Stack
from tests.functional.models import make_model, records, rows, tick
from tests.functional.notifying import happened

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
TICK = timedelta(minutes=15)


class Clock:
    """The time that every function sees."""

    now = NOW


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that a test moves."""
    made = Clock()
    names = ("log_predictions", "check_drift", "schedule_checks", "manage_baselines", "manage_models", "query_drift")
    for name in (*names, "manage_alerts", "serve_status"):
        monkeypatch.setattr(function(name), "datetime", SimpleNamespace(now=lambda zone: made.now))
    return made


def log(deployed: Stack, model_id: str, moment: datetime, shift: float = 0.0, count: int = 200) -> None:
    """Log predictions of one moment."""
    sent = [{**row, "timestamp": iso(moment)} for row in rows(2, shift, count=count)]
    answer = deployed.call("POST", "/predictions/batch", {"model_id": model_id, "predictions": sent})
    assert answer.status == 202, answer.text


def ticks(deployed: Stack, clock: Clock, count: int) -> None:
    """Run the schedule this many times, each time 15 minutes later."""
    for _ in range(count):
        clock.now += TICK
        tick(deployed, clock.now.isoformat())


def checks(deployed: Stack, model_id: str) -> list[datetime]:
    """When the full checks were made, oldest first."""
    answer = deployed.call("GET", f"/drift/models/{model_id}/history?limit=500&days=30")
    return [datetime.fromisoformat(row["checked_at"]) for row in reversed(answer.body)]


@pytest.fixture
def idle(deployed: Stack, clock: Clock) -> str:
    """A model that got its last data an hour ago and has been checked since. It is idle from the last tick on."""
    model_id = make_model(deployed, min_samples=100)
    log(deployed, model_id, clock.now)
    ticks(deployed, clock, 4)
    assert len(checks(deployed, model_id)) < 4
    return model_id


def test_an_idle_day_costs_at_most_a_fifth_of_a_busy_one() -> None:
    """In write and read units at their prices, for 50 features, over a whole day with its roll-up."""
    rng = random.Random(2)
    with measure.tables():
        model_id, pool = measure.filled(rng, 50, 12, NOW, days=3, no_data_hours=48)
        measure.run(model_id, NOW)
        measure.log(model_id, pool[:12], NOW + timedelta(minutes=1))
        busy = spent(model_id, NOW, 1)
        # The second check after the last data folds them, and the model is idle from then on.
        spent(model_id, NOW + TICK, 2)
        idle = spent(model_id, NOW + TICK * 3, 96)
    assert database_dollars(idle) <= database_dollars(busy) / 5
    assert 0 < idle.write_units <= busy.write_units / 5


def spent(model_id: str, begin: datetime, count: int) -> Usage:
    """The mean of what this many checks use, one every 15 minutes after `begin`."""
    with metered() as usage:
        for number in range(1, count + 1):
            measure.run(model_id, begin + TICK * number)
    return Usage(usage.write_units / count, usage.read_units / count)


def test_an_idle_model_gets_a_full_check_every_two_hours(deployed: Stack, clock: Clock, idle: str) -> None:
    """The ticks in between write the run record only."""
    before = checks(deployed, idle)[-1]
    ticks(deployed, clock, 20)
    later = [moment for moment in checks(deployed, idle) if moment > before]
    assert [moment - before for moment in later] == [timedelta(hours=2), timedelta(hours=4)]
    jobs = deployed.call("GET", "/scheduler/status").body["jobs"]
    assert (jobs[0]["models_checked"], jobs[0]["models_failed"]) == (1, 0)
    assert Runs.ended("acme", clock.now.isoformat(), idle)


def test_a_tick_a_few_seconds_early_does_not_delay_the_full_check(deployed: Stack, clock: Clock, idle: str) -> None:
    """Seven ticks after a full check, the eighth may come a little less than two hours later."""
    before = checks(deployed, idle)[-1]
    clock.now = before + timedelta(hours=2) - TICK - timedelta(seconds=30)
    ticks(deployed, clock, 1)
    assert checks(deployed, idle)[-1] == clock.now


def test_new_data_are_checked_at_the_next_tick(deployed: Stack, clock: Clock, idle: str) -> None:
    """Data that arrive between two ticks are in the report of the second one."""
    clock.now += timedelta(minutes=1)
    log(deployed, idle, clock.now)
    clock.now -= timedelta(minutes=1)
    ticks(deployed, clock, 1)
    assert checks(deployed, idle)[-1] == clock.now
    assert deployed.call("GET", f"/drift/models/{idle}/report").body["n_window"] == 400


def test_a_slow_writer_is_seen(deployed: Stack, clock: Clock, idle: str) -> None:
    """A batch that is stored after a check, with an arrival before it, is checked at the next tick."""
    ticks(deployed, clock, 8)
    at = checks(deployed, idle)[-1]
    clock.now = at - timedelta(minutes=5)
    log(deployed, idle, clock.now)
    clock.now = at
    ticks(deployed, clock, 1)
    assert checks(deployed, idle)[-1] == clock.now
    assert deployed.call("GET", f"/drift/models/{idle}/report").body["n_window"] == 400


def test_no_data_opens_on_time(deployed: Stack, clock: Clock, idle: str) -> None:
    """The alert opens at the first tick that is 24 hours after the last arrival."""
    clock.now = NOW + timedelta(hours=23)
    ticks(deployed, clock, 3)
    assert deployed.call("GET", f"/drift/models/{idle}/alerts").body == []
    ticks(deployed, clock, 1)
    (alert,) = deployed.call("GET", f"/drift/models/{idle}/alerts").body
    assert alert["alert_type"] == "no_data"
    assert datetime.fromisoformat(alert["detected_at"]) == NOW + timedelta(hours=24)
    ticks(deployed, clock, 1)
    assert checks(deployed, idle)[-1] == clock.now  # while it is open, every check is a full one


@pytest.mark.parametrize("change", ["settings", "baseline"])
def test_a_changed_definition_is_checked_at_the_next_tick(
    deployed: Stack, clock: Clock, idle: str, change: str
) -> None:
    """New settings and a new baseline need a full check, although there are no new data."""
    if change == "settings":
        answer = deployed.call("PATCH", f"/models/{idle}", {"settings": {"window_days": 3}})
    else:
        sample = [{"features": row["features"], "prediction": row["prediction"]} for row in rows(5, 0.0, count=2000)]
        answer = deployed.call("PUT", f"/models/{idle}/baseline", {"rows": sample, "days": 14})
    assert answer.status == 200, answer.text
    ticks(deployed, clock, 1)
    assert checks(deployed, idle)[-1] == clock.now


def test_an_alert_resolved_by_hand_opens_again_on_time(deployed: Stack, clock: Clock) -> None:
    """While drift continues without new data, a new alert opens at the first tick after `renotify_hours`."""
    settings: dict[str, Any] = {"min_samples": 100, "renotify_hours": 3, "no_data_hours": 48, "warmup_hours": 0}
    model_id = make_model(deployed, **settings)
    log(deployed, model_id, clock.now, shift=1.5)
    ticks(deployed, clock, 4)
    opened = deployed.call("GET", f"/drift/models/{model_id}/alerts").body
    assert opened
    for alert in opened:
        assert deployed.call("POST", f"/drift/alerts/{alert['id']}/resolve").status == 200
    due = clock.now + timedelta(hours=3)
    clock.now = due - TICK * 3
    ticks(deployed, clock, 4)
    alerts = deployed.call("GET", f"/drift/models/{model_id}/alerts").body
    assert due in [datetime.fromisoformat(one["detected_at"]) for one in alerts if one["status"] == "firing"]


def test_an_empty_window_needs_no_full_check(deployed: Stack, clock: Clock) -> None:
    """After the check that found the window empty there is none, until data arrive."""
    model_id = make_model(deployed, window_days=1, no_data_hours=24 * 30, min_samples=100)
    log(deployed, model_id, clock.now)
    while clock.now < NOW + timedelta(hours=30):
        # Time passes in steps of two hours and a quarter, so most of these checks would be due.
        clock.now += timedelta(hours=2)
        ticks(deployed, clock, 1)
    made = checks(deployed, model_id)
    assert deployed.call("GET", f"/drift/models/{model_id}/report").body["n_window"] == 0
    assert NOW + timedelta(hours=24) < made[-1] < clock.now - timedelta(hours=2)
    clock.now += timedelta(minutes=1)
    log(deployed, model_id, clock.now)
    ticks(deployed, clock, 1)
    assert checks(deployed, model_id) == [*made, clock.now]


def test_a_look_publishes_what_a_crash_left(deployed: Stack, clock: Clock, idle: str) -> None:
    """An event that still waits when the model is idle goes out at the next tick."""
    with transaction() as write:
        Outbox.write(write, happened(model_id=idle))
    made = checks(deployed, idle)
    ticks(deployed, clock, 1)
    assert checks(deployed, idle) == made
    assert Outbox.pending(idle) == []


@pytest.fixture
def three(deployed: Stack, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Three models that got their last data an hour ago, so that they are idle. A message names two models at most."""
    monkeypatch.setattr(messages, "LOOKS_AT_ONCE", 2)
    made = [make_model(deployed, name=f"model {number}", min_samples=10) for number in range(3)]
    for model_id in made:
        log(deployed, model_id, clock.now, count=20)
    ticks(deployed, clock, 4)
    return made


def test_idle_models_share_messages(deployed: Stack, clock: Clock, three: list[str]) -> None:
    """Three idle models are two messages, and the run of each is recorded."""
    clock.now += TICK
    assert len(tick(deployed, clock.now.isoformat())) == 2
    assert all(Runs.ended("acme", clock.now.isoformat(), model_id) for model_id in three)


def test_a_model_with_new_data_is_checked_beside_idle_ones(deployed: Stack, clock: Clock, three: list[str]) -> None:
    """The look at new data queues a check at the same tick. The other models of the message stay idle."""
    before = {model_id: checks(deployed, model_id) for model_id in three}
    clock.now += timedelta(minutes=1)
    log(deployed, three[1], clock.now)
    clock.now += timedelta(minutes=14)
    assert len(tick(deployed, clock.now.isoformat())) == 3
    after = {model_id: checks(deployed, model_id) for model_id in three}
    assert after == {**before, three[1]: [*before[three[1]], clock.now]}


def test_a_look_that_fails_leaves_the_other_models_alone(
    deployed: Stack, clock: Clock, three: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model gets a check, which records the failure. The runs of the others are recorded as usual."""
    real = checking.look

    def failing(task: Task, tick_id: str) -> bool:
        if task.model.model_id == three[0]:
            raise RuntimeError("the status is damaged")
        return real(task, tick_id)

    def damaged(_task: Task) -> Any:
        raise RuntimeError("the status is damaged")

    monkeypatch.setattr(triggers, "look", failing)
    monkeypatch.setattr(triggers, "check", damaged)
    ticks(deployed, clock, 1)
    assert Runs.outcomes("acme", clock.now.isoformat()) == {"checked": 2, "skipped": 0, "failed": 1}


def test_looks_are_repeated_if_a_check_cannot_be_queued(
    deployed: Stack, clock: Clock, three: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """While SQS refuses messages, the looks stay in the queue. The next delivery queues the check."""
    clock.now += timedelta(minutes=1)
    log(deployed, three[0], clock.now)
    clock.now += timedelta(minutes=14)
    refused: list[str] = []

    def refuse(self: Queues, model: Models, tick_id: str) -> None:
        if not refused:
            refused.append(model.model_id)
            raise ConnectionError("SQS does not answer")
        real(self, model, tick_id)

    real, given_back = Queues.send_scheduled, Queues.give_back
    monkeypatch.setattr(Queues, "send_scheduled", refuse)
    monkeypatch.setattr(Queues, "give_back", lambda self, handle, _seconds: given_back(self, handle, 0))
    tick(deployed, clock.now.isoformat())
    assert refused == [three[0]]
    assert checks(deployed, three[0])[-1] == clock.now


def test_a_model_deleted_after_the_tick_is_left_out(deployed: Stack, clock: Clock, idle: str) -> None:
    """A look at a model that is gone is no failure."""
    body = LookMessage(tick="tick-x", models=[ModelKey(organization_id="acme", model_id="gone")]).model_dump_json()
    answer = function("check_drift").handler(records(body), LambdaContext())
    assert answer == {"batchItemFailures": []}
    assert not Runs.ended("acme", "tick-x", idle)
