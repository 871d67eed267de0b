"""A day of one model on a clock of its own: its client, its checks and the messages they send."""

import copy
import json
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from driftguard.alerts.events import ALERT_NEWS, AlertEvent, changes_in
from driftguard.checks.tables import Runs
from driftguard.checks.window import load_series
from driftguard.counting.batches import count
from driftguard.counting.series import read_days, read_hours
from driftguard.models.registry import find
from driftguard.models.statuses import Statuses
from driftguard.platform.times import DAY, iso
from driftguard.predictions.tables import Predictions
from driftguard.rows.unpacking import columns, unpack_rows
from sandbox.calls import Call
from sandbox.gateway import LambdaContext, function
from tests.functional.conftest import Stack
from tests.functional.faults import (
    Fault,
    Killed,
    calls_to_aws,
    passed,
    put_back,
    tables_of_moto,
)
from tests.functional.models import make_model, records
from tests.functional.notifying import Provider, add, by_sns, queued

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=15)


@dataclass
class Clock:
    """The time that every function sees."""

    now: datetime = NOW


@dataclass
class Day:
    """A model, a client that logs its predictions, the queue of its checks, SNS and Slack."""

    deployed: Stack
    clock: Clock
    slack: Provider
    model_id: str = ""
    published: list[AlertEvent] = field(default_factory=list)

    def under(self, fault: Fault) -> Any:
        """In the block, calls to AWS go through the fault. Events that SNS accepts are added to `published`."""

        def noting(call: Call) -> Any:
            if call.operation == "ChangeMessageVisibility":
                return {}  # these tests build their messages themselves, so no queue contains them

            def make(*changed: Any) -> Any:
                answer = call.make(*changed)
                if call.operation == "Publish":
                    self.published += changes_in(ALERT_NEWS.validate_json(call.parameters["Message"]))
                return answer

            return fault(replace(call, make=make))

        return calls_to_aws(noting)

    def check(self, tick: str, fault: Fault = passed, tries: int = 60) -> None:
        """Deliver a message of the check queue until the function accepts it. Before each retry, the lease ends."""
        body = json.dumps({"organization_id": "acme", "model_id": self.model_id, "tick": tick})
        for _try in range(tries):
            with self.under(fault):
                answer = function("check_drift").handler(records(body), LambdaContext())
            if not answer["batchItemFailures"]:
                assert Runs.ended("acme", tick, self.model_id), "SQS has forgotten the message, and nothing came of it"
                return
            Statuses("acme", f"status#{self.model_id}").update(actions=[Statuses.lease_until.remove()])
        pytest.fail("never done")

    def check_once(self, tick: str, fault: Fault) -> None:
        """Deliver a message whose function dies or fails. SQS delivers it again at once, and again after the lease."""
        body = json.dumps({"organization_id": "acme", "model_id": self.model_id, "tick": tick})
        for pause in (0, 5, 120, 60):
            self.clock.now += timedelta(seconds=pause)
            with self.under(passed if pause else fault), suppress(Killed):
                answer = function("check_drift").handler(records(body), LambdaContext())
                if not answer["batchItemFailures"]:
                    assert Runs.ended("acme", tick, self.model_id), "SQS has forgotten the message"
                    return
        pytest.fail("never done")

    def told(self) -> None:
        """Deliver each published event to notify_slack, as many times as it was published."""
        for event in self.published:
            function("notify_slack").handler(by_sns(event), LambdaContext())

    def stored(self) -> int:
        """The number of rows in the table. Fails if a batch is stored twice."""
        heads = list(Predictions.arrivals(self.model_id, find("acme", self.model_id).partition_count))
        assert len({(head.pk, head.sk) for head in heads}) == len(heads)
        return sum(len(unpack_rows(payload)[0]) for _head, payload in Predictions.payloads(heads))

    def counted(self) -> int:
        """The number of rows in the hourly counts. Fails if a bin differs from a count of all stored rows."""
        series = load_series(find("acme", self.model_id))
        hours = {hour: counts for hour, counts in read_hours(series, 0, 9_999_999) if counts.rows}
        heads = Predictions.arrivals(self.model_id, series.partitions)
        expected = count(series.baseline, [columns(payload) for _head, payload in Predictions.payloads(heads)])
        assert hours.keys() == expected.keys()
        for hour, counts in expected.items():
            np.testing.assert_array_equal(hours[hour].bins, counts.bins)
        for day, counts in read_days(series, 0, 9_999_999).items():
            np.testing.assert_array_equal(
                counts.bins, sum(expected[hour].bins for hour in expected if hour // 24 == day)
            )
        return sum(counts.rows for counts in hours.values())


@pytest.fixture
def day(deployed: Stack, monkeypatch: pytest.MonkeyPatch) -> Day:
    """An empty stack with its own clock and a Slack channel."""
    made = Day(deployed, Clock(), Provider())
    clocks = ("manage_baselines", "log_predictions", "check_drift", "join_labels", "schedule_checks")
    for name in (*clocks, "notify_email", "notify_slack", "notify_webhook"):
        monkeypatch.setattr(function(name), "datetime", SimpleNamespace(now=lambda zone: made.clock.now))
    for name in ("notify_slack", "notify_webhook"):
        monkeypatch.setattr(function(name), "by_urllib3", made.slack)
        monkeypatch.setattr(function(name), "system_resolver", lambda host, port: ["3.3.3.3"])
    monkeypatch.setenv("RETRY_QUEUE_URL", deployed.variables["SLACK_RETRY_QUEUE_URL"])
    monkeypatch.setenv("EMAIL_QUEUE_URL", deployed.variables["EMAIL_RETRY_QUEUE_URL"])
    add("C1", min_severity="LOW")
    return made


def drifted(seed: int, number: int, ages: Callable[[int], timedelta]) -> list[dict[str, Any]]:
    """Predictions whose feature `age` has moved. `ages` gives the age of each prediction."""
    rng = random.Random(seed)
    return [
        {
            "features": {"age": rng.gauss(52, 6), "plan": rng.choice("abc")},
            "prediction": rng.random(),
            "timestamp": iso(NOW - ages(place)),
        }
        for place in range(number)
    ]


@pytest.fixture
def moments(day: Day) -> Callable[[], None]:
    """A model with drift in one hour of each of two days. Its rows are not counted yet, and a check makes few calls.

    Call the fixture's value to restore this state.
    """
    day.model_id = make_model(day.deployed)
    sent = drifted(9, 320, lambda place: place % 2 * DAY)
    day.deployed.call("POST", "/predictions/batch", {"model_id": day.model_id, "predictions": sent})
    kept = copy.deepcopy(tables_of_moto())

    def again() -> None:
        put_back(kept)
        day.clock.now = LATER
        day.published.clear()
        day.slack.calls.clear()
        queued(day.deployed)

    return again
