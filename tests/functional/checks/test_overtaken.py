"""Checks that something else overtakes between what they read and what they write."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sandbox.calls import Call
from sandbox.gateway import LambdaContext, function
from tests.functional.conftest import Stack
from tests.functional.days import Day, day, moments
from tests.functional.faults import calls_to_aws
from tests.functional.models import log, make_model, records, rows

__all__ = ["day", "moments"]


def before_the_report_is_stored(action: Callable[[], object]) -> Callable[[Call], Any]:
    """Do something once, when a check has decided and begins to write."""
    done: list[bool] = []

    def fault(call: Call) -> Any:
        if not done and call.operation == "PutItem" and "HistoryTable" in str(call.parameters):
            done.append(True)
            action()
        return call.make()

    return fault


def deliver(model_id: str, **fields: str | None) -> Any:
    """A message of the check queue, handed to the check."""
    body = json.dumps({"organization_id": "acme", "model_id": model_id, "tick": None, **fields})
    return function("check_drift").handler(records(body), LambdaContext())


def test_a_check_that_another_overtakes_leaves_its_report_in_force(day: Day, moments: Callable[[], None]) -> None:
    """A check whose lease ran out does not write over the report of the one that took it, and leaves that readable."""
    moments()

    def another() -> None:
        day.clock.now += timedelta(minutes=6)
        deliver(day.model_id, tick="t1")
        day.clock.now -= timedelta(minutes=6)

    with day.under(before_the_report_is_stored(another)):
        assert deliver(day.model_id, tick="t1")["batchItemFailures"] != []
    report = day.deployed.call("GET", f"/drift/models/{day.model_id}/report")
    assert report.status == 200
    history = day.deployed.call("GET", f"/drift/models/{day.model_id}/history").body
    assert [row["checked_at"] for row in history] == [report.body["checked_at"]]


def test_a_check_that_a_new_baseline_overtakes_opens_nothing(deployed: Stack, published: Any) -> None:
    """What was found against a baseline that is replaced meanwhile is not stored; the message comes again."""
    model_id = make_model(deployed)
    shifted = rows(20, 0.6)
    log(deployed, model_id, shifted)
    sample = [{"features": row["features"], "prediction": row["prediction"]} for row in shifted]

    def replace() -> None:
        assert deployed.call("PUT", f"/models/{model_id}/baseline", {"rows": sample}).status == 200

    with calls_to_aws(before_the_report_is_stored(replace)):
        assert deliver(model_id, tick="t1")["batchItemFailures"] != []
    assert published.refresh() == []
    assert deliver(model_id, tick="t1")["batchItemFailures"] == []
    report = deployed.call("GET", f"/drift/models/{model_id}/report").body
    assert (report["status"], report["baseline_version"]) == ("ok", 2)
    assert published.refresh() == []


def test_a_check_that_a_deletion_overtakes_tells_nothing(deployed: Stack, published: Any) -> None:
    """A model that is deleted while it is checked opens no alert, and its message then ends."""
    model_id = make_model(deployed)
    log(deployed, model_id, rows(20, 0.6))

    def delete() -> None:
        assert deployed.call("DELETE", f"/models/{model_id}").status == 204

    with calls_to_aws(before_the_report_is_stored(delete)):
        deliver(model_id, tick="t1")
    assert deliver(model_id, tick="t1")["batchItemFailures"] == []
    assert published.refresh() == []
    assert deployed.call("GET", "/drift/alerts").body == []


def test_the_rest_of_a_check_by_hand_is_one_check_however_often_it_comes(deployed: Stack) -> None:
    """A queued check that no tick names is known by its request; the next request is another check."""
    model_id = make_model(deployed)
    log(deployed, model_id, rows(20, 0.6))
    for request, checks in (("r1", 1), ("r1", 1), ("r2", 2)):
        deliver(model_id, request=request)
        assert len(deployed.call("GET", f"/drift/models/{model_id}/history").body) == checks
