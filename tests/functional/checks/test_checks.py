"""Checks over the API and from the queue, on the template's own tables, queues and topic."""

import json
import zlib
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from driftguard.alerts.tables import Outbox
from driftguard.baselines.tables import Baselines
from driftguard.checks import check, task, triggers
from driftguard.checks.tables import History, Runs
from driftguard.counting import folding, steps
from driftguard.models.statuses import Statuses
from driftguard.models.tables import Models
from driftguard.platform.paging import encode_cursor
from driftguard.platform.times import iso
from sandbox.gateway import LambdaContext, function
from tests.functional.conftest import Stack, add_organization
from tests.functional.faults import as_strict_as_aws, calls_to_aws
from tests.functional.models import DAY, drain, log, make_model, records, rows, tick


def test_drift_is_found_reported_kept_and_told(deployed: Stack, published: Any) -> None:
    """A shifted feature: report, history row, alert, model state and one event, all saying the same."""
    model_id = make_model(deployed)
    log(deployed, model_id, rows(2, 0.6))
    answer = deployed.call("POST", f"/drift/models/{model_id}/check")
    assert answer.status == 200, answer.text
    report = answer.body
    assert report["status"] == "drift"
    assert report["preliminary"] is False
    by_name = {feature["name"]: feature for feature in report["features"]}
    assert [name for name, feature in by_name.items() if feature["drifted"]] == ["age"]
    assert report["drift_score"] == by_name["age"]["drift_score"] == max(f["drift_score"] for f in report["features"])
    stored = deployed.call("GET", f"/drift/models/{model_id}/report")
    assert stored.text == answer.text, "both routes send the same bytes"
    history = deployed.call("GET", f"/drift/models/{model_id}/history").body
    assert [(row["status"], row["drifted_features"]) for row in history] == [("drift", ["age"])]
    assert history[0]["feature_scores"]["age"] == report["drift_score"]
    alerts = deployed.call("GET", f"/drift/models/{model_id}/alerts").body
    assert [(alert["alert_type"], alert["status"]) for alert in alerts] == [("data_drift", "firing")]
    assert alerts == deployed.call("GET", "/drift/alerts").body
    assert alerts[0]["drift_score"] == report["drift_score"]
    assert alerts[0]["dashboard_url"] == f"https://drift.example.com/dashboard#/alerts/{alerts[0]['id']}"
    model = deployed.call("GET", f"/models/{model_id}").body
    assert (model["state"], model["open_alerts"], model["drift_score"]) == ("drift", 1, report["drift_score"])
    assert [entry["drift_score"] for entry in model["recent_scores"]] == [report["drift_score"]]
    events = published.refresh()
    assert [(event["kind"], event["alert"]["id"]) for event in events] == [("opened", alerts[0]["id"])]
    assert Outbox.pending(model_id) == []


def test_no_drift_is_ok_and_quiet(deployed: Stack, published: Any) -> None:
    """The same distribution: every feature ok, no alert, nothing told."""
    model_id = make_model(deployed)
    log(deployed, model_id, rows(3, 0.0))
    report = deployed.call("POST", f"/drift/models/{model_id}/check").body
    assert report["status"] == "ok", report
    assert deployed.call("GET", "/drift/alerts").body == []
    assert published.refresh() == []


def test_a_model_without_baseline_or_data_is_skipped_and_counted(deployed: Stack) -> None:
    """Neither is an error: both are counted as skipped, neither gets history; by hand each says why."""
    bare = deployed.call("POST", "/models", {"name": "bare"}).body["id"]
    silent = make_model(deployed, "silent")
    assert deployed.call("POST", f"/drift/models/{bare}/check").body["status"] == "no_baseline"
    assert deployed.call("POST", f"/drift/models/{silent}/check").body["status"] == "no_data"
    assert all(answer == {"batchItemFailures": []} for answer in tick(deployed))
    job = deployed.call("GET", "/scheduler/status").body["jobs"][0]
    assert (job["models_checked"], job["models_skipped"], job["models_failed"]) == (0, 2, 0)
    for model_id in (bare, silent):
        assert deployed.call("GET", f"/drift/models/{model_id}/history").body == []
        assert deployed.call("GET", f"/drift/models/{model_id}/report").status == 404


def test_one_poisoned_model_stops_no_other(deployed: Stack, caplog: pytest.LogCaptureFixture) -> None:
    """A baseline that cannot be read fails its own check, is counted with its reason in the log, and no more."""
    good, bad = make_model(deployed, "good"), make_model(deployed, "bad")
    for model_id in (good, bad):
        log(deployed, model_id, rows(4, 0.0))
    for chunk in Baselines.query(bad, Baselines.sk.startswith("chunk#")):
        chunk.data = b"nonsense"
        chunk.save()
    assert all(answer == {"batchItemFailures": []} for answer in tick(deployed))
    status = deployed.call("GET", "/scheduler/status").body
    job = status["jobs"][0]
    assert (job["models_checked"], job["models_skipped"], job["models_failed"]) == (1, 0, 1)
    assert (status["is_running"], job["trigger"]) == (True, "interval[0:15:00]")
    assert job["last_run"] < job["next_run"]
    assert deployed.call("GET", f"/models/{good}").body["state"] == "ok"
    failures = [record.__dict__ for record in caplog.records if record.getMessage() == "check failed"]
    assert [(failure["model_id"], failure["reason"]) for failure in failures] == [
        (bad, "ValueError: a baseline of unknown format")
    ]


def test_a_tick_delivered_twice_is_one_check(deployed: Stack, published: Any) -> None:
    """The same tick again, and the same message again, make no second history row and no second event; another tick
    does make another check."""
    model_id = make_model(deployed)
    log(deployed, model_id, rows(5, 0.6))
    message = json.dumps({"organization_id": "acme", "model_id": model_id, "tick": "t1"})
    for _delivery in range(3):
        assert function("check_drift").handler(records(message), LambdaContext()) == {"batchItemFailures": []}
    assert len(deployed.call("GET", f"/drift/models/{model_id}/history").body) == 1
    assert [event["kind"] for event in published.refresh()] == ["opened"]
    tick(deployed, "t2")
    assert len(deployed.call("GET", f"/drift/models/{model_id}/history").body) == 2
    alerts = deployed.call("GET", "/drift/alerts").body
    assert [alert["occurrences"] for alert in alerts] == [2]


def test_a_second_check_at_once_is_refused(deployed: Stack) -> None:
    """While one check holds the lease, another by hand is 409 with Retry-After; from the queue it is given back."""
    model_id = make_model(deployed)
    log(deployed, model_id, rows(6, 0.0))
    Statuses.lease("acme", model_id, "somebody", datetime.now(UTC), timedelta(seconds=40))
    refused = deployed.call("POST", f"/drift/models/{model_id}/check")
    assert refused.status == 409
    assert 30 <= int(refused.headers["retry-after"]) <= 41
    boto3.client("sqs").send_message(
        QueueUrl=deployed.variables["CHECK_QUEUE_URL"],
        MessageBody=json.dumps({"organization_id": "acme", "model_id": model_id, "tick": "t"}),
        MessageGroupId=model_id,
        MessageDeduplicationId="t",
    )
    assert drain(deployed)[0]["batchItemFailures"]
    Statuses.release("acme", model_id, "somebody")
    assert deployed.call("POST", f"/drift/models/{model_id}/check").status == 200


def test_a_check_that_dies_before_it_publishes_is_made_good_by_the_next(
    deployed: Stack, published: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The event was written with the alert: the next check publishes it, once."""
    model_id = make_model(deployed)
    log(deployed, model_id, rows(7, 0.6))
    with monkeypatch.context() as patch:
        patch.setattr(check, "publish_pending", lambda *_: 0)
        assert deployed.call("POST", f"/drift/models/{model_id}/check").status == 200
    assert len(Outbox.pending(model_id)) == 1
    assert published.refresh() == []
    assert deployed.call("POST", f"/drift/models/{model_id}/check").status == 200
    assert [event["kind"] for event in published.refresh()] == ["opened"]


def check_while_sns_refuses(model_id: str, tick_id: str, now: datetime) -> None:
    """A scheduled check as if it were `now`, which has something to tell and cannot."""
    model = Models.one("acme", model_id)
    assert model is not None

    def refusing(_event: Any) -> None:
        raise ConnectionError("SNS is away")

    with pytest.raises(ConnectionError):
        check.check(task.Task(model, now, tick_id, lambda: timedelta(seconds=60), refusing, DAY))


def test_an_event_that_sns_refuses_stays_until_it_takes_it(deployed: Stack, published: Any) -> None:
    """Publishing fails: the verdict stands, the event is kept, and goes out when SNS is back."""
    model_id = make_model(deployed)
    log(deployed, model_id, rows(8, 0.6))
    check_while_sns_refuses(model_id, "t1", datetime.now(UTC))
    assert len(deployed.call("GET", f"/drift/models/{model_id}/history").body) == 1
    message = json.dumps({"organization_id": "acme", "model_id": model_id, "tick": "t1"})
    function("check_drift").handler(records(message), LambdaContext())
    assert [event["kind"] for event in published.refresh()] == ["opened"]
    assert len(deployed.call("GET", f"/drift/models/{model_id}/history").body) == 1


def test_a_model_is_watched_while_sns_refuses(deployed: Stack, published: Any) -> None:
    """An event that cannot be told yet keeps no check from being made; what opened it is counted on."""
    model_id = make_model(deployed)
    log(deployed, model_id, rows(8, 0.6))
    for number in range(3):
        check_while_sns_refuses(model_id, f"t{number}", datetime.now(UTC) + number * timedelta(minutes=15))
    assert len(deployed.call("GET", f"/drift/models/{model_id}/history").body) == 3
    assert [alert["occurrences"] for alert in deployed.call("GET", "/drift/alerts").body] == [3]
    assert published.refresh() == []


def test_what_is_to_be_told_is_told_even_where_the_next_check_fails(deployed: Stack, published: Any) -> None:
    """A crash left an event behind, and the baseline is damaged since: the check fails, the event goes out."""
    model_id = make_model(deployed)
    log(deployed, model_id, rows(8, 0.6))
    check_while_sns_refuses(model_id, "t1", datetime.now(UTC))
    for chunk in Baselines.query(model_id, Baselines.sk.startswith("chunk#")):
        chunk.update(actions=[Baselines.data.set(b"damaged")])
    message = json.dumps({"organization_id": "acme", "model_id": model_id, "tick": "t2"})
    function("check_drift").handler(records(message), LambdaContext())
    assert [event["kind"] for event in published.refresh()] == ["opened"]
    assert not Runs.ended("acme", "t2", model_id)


def test_people_act_on_alerts(deployed: Stack) -> None:
    """Acknowledge, snooze, resolve: each once where it makes sense, 409 where not, with notes in the timeline."""
    model_id = make_model(deployed)
    log(deployed, model_id, rows(9, 0.6))
    deployed.call("POST", f"/drift/models/{model_id}/check")
    path = f"/drift/alerts/{deployed.call('GET', '/drift/alerts').body[0]['id']}"
    taken = deployed.call("POST", f"{path}/acknowledge", {"note": "looking"})
    assert (taken.status, taken.body["status"]) == (200, "acknowledged"), taken.text
    assert [entry["note"] for entry in taken.body["timeline"] if entry["event"] == "acknowledged"] == ["looking"]
    assert deployed.call("POST", f"{path}/acknowledge").status == 409
    until = iso(datetime.now(UTC) + DAY)
    assert deployed.call("POST", f"{path}/snooze", {"until": until}).body["status"] == "snoozed"
    assert deployed.call("POST", f"{path}/snooze", {"until": "2020-01-01T00:00:00Z"}).status == 422
    assert deployed.call("POST", f"{path}/snooze", {}).status == 422
    assert deployed.call("POST", f"{path}/resolve", {"nope": 1}).status == 422
    assert deployed.call("POST", f"{path}/resolve").body["status"] == "resolved"
    for action, body in (("acknowledge", None), ("snooze", {"until": until}), ("resolve", None)):
        assert deployed.call("POST", f"{path}/{action}", body).status == 409
    assert deployed.call("GET", f"/models/{model_id}").body["open_alerts"] == 0
    report = deployed.call("POST", f"/drift/models/{model_id}/check").body
    assert report["status"] == "ok", "the window of the feature begins after the alert"
    assert len(deployed.call("GET", "/drift/alerts").body) == 1, "resolved by hand, it stays closed for a while"


def test_alert_lists_filter_and_page(deployed: Stack) -> None:
    """Every filter chooses, unknown values are 422, pages follow each other, days keep what is still open."""
    for number in range(3):
        model_id = make_model(deployed, f"m{number}")
        log(deployed, model_id, rows(10 + number, 0.6))
        deployed.call("POST", f"/drift/models/{model_id}/check")
    everything = deployed.call("GET", "/drift/alerts").body
    assert len(everything) == 3
    assert [alert["detected_at"] for alert in everything] == sorted(
        (a["detected_at"] for a in everything), reverse=True
    )
    deployed.call("POST", f"/drift/alerts/{everything[1]['id']}/resolve")
    for query, expected in (
        ("status=resolved", [1]),
        ("status=firing", [0, 2]),
        ("alert_type=data_drift", [0, 1, 2]),
        ("alert_type=no_data", []),
        ("severity=LOW", []),
        ("days=1", [0, 1, 2]),
        ("days=1&status=firing", [0, 2]),
    ):
        found = [alert["id"] for alert in deployed.call("GET", f"/drift/alerts?{query}").body]
        assert found == [everything[index]["id"] for index in expected], query
    for query in ("status=open", "severity=low", "alert_type=x", "days=0", "limit=0", "limit=501", "cursor=x"):
        assert deployed.call("GET", f"/drift/alerts?{query}").status == 422, query
    seen, path = [], "/drift/alerts?limit=1&days=30"
    while path:
        answer = deployed.call("GET", path)
        seen += [alert["id"] for alert in answer.body]
        path = answer.next_path or ""
    assert seen == [alert["id"] for alert in everything]


def test_a_new_baseline_resolves_what_spoke_of_the_old_one(deployed: Stack, published: Any) -> None:
    """PUT closes the open alert at once and says so; the next check compares with the new version."""
    model_id = make_model(deployed)
    shifted = rows(20, 0.6)
    log(deployed, model_id, shifted)
    deployed.call("POST", f"/drift/models/{model_id}/check")
    sample = [{"features": row["features"], "prediction": row["prediction"]} for row in shifted]
    deployed.call("PUT", f"/models/{model_id}/baseline", {"rows": sample})
    assert [alert["status"] for alert in deployed.call("GET", "/drift/alerts").body] == ["resolved"]
    assert [event["kind"] for event in published.refresh()] == ["opened", "resolved"]
    report = deployed.call("POST", f"/drift/models/{model_id}/check").body
    assert (report["status"], report["baseline_version"]) == ("ok", 2)


def test_a_check_that_takes_too_long_goes_to_the_queue(deployed: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without time left by hand it is 202, and the queue's check finishes it."""
    model_id = make_model(deployed)
    log(deployed, model_id, rows(21, 0.6))
    monkeypatch.setattr(triggers, "BY_HAND", timedelta(0))
    queued = deployed.call("POST", f"/drift/models/{model_id}/check")
    assert (queued.status, queued.body) == (202, {"status": "queued", "model_id": model_id})
    assert drain(deployed) == [{"batchItemFailures": []}]
    assert deployed.call("GET", f"/models/{model_id}").body["state"] == "drift"


def test_a_fold_that_outlasts_the_function_goes_on_in_the_next_message(
    deployed: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each message does some steps and leaves the rest to the next one; in the end there is one verdict."""
    model_id = make_model(deployed)
    for number in range(4):
        log(deployed, model_id, rows(30 + number, 0.6, count=200))
    monkeypatch.setattr(folding, "SETTLED", -timedelta(minutes=1))
    monkeypatch.setattr(steps, "HEADS_A_STEP", 1)

    def four_steps(*_arguments: object) -> Any:
        answers = iter([60, 60, 60, 60])
        return lambda: timedelta(seconds=next(answers, -1))

    monkeypatch.setattr(triggers, "clock", four_steps)
    message = {"organization_id": "acme", "model_id": model_id, "tick": "t1"}
    function("check_drift").handler(records(json.dumps(message)), LambdaContext())
    assert deployed.call("GET", f"/drift/models/{model_id}/history").body == []
    drain(deployed)
    assert [row["n_window"] for row in deployed.call("GET", f"/drift/models/{model_id}/history").body] != []
    assert len(list(History.query(model_id, History.sk.startswith("h#")))) == 1
    assert Runs.ended("acme", "t1", model_id)


def test_what_is_not_ones_own_cannot_be_checked_or_seen(deployed: Stack) -> None:
    """Another organization's ids are 404 on every route of the checks; ingest keys may do none of it."""
    model_id = make_model(deployed)
    log(deployed, model_id, rows(40, 0.6))
    deployed.call("POST", f"/drift/models/{model_id}/check")
    alert_id = deployed.call("GET", "/drift/alerts").body[0]["id"]
    add_organization("other")
    paths = [
        ("POST", f"/drift/models/{model_id}/check"),
        ("GET", f"/drift/models/{model_id}/report"),
        ("GET", f"/drift/models/{model_id}/history"),
        ("GET", f"/drift/models/{model_id}/alerts"),
        ("GET", f"/drift/alerts/{alert_id}"),
        ("POST", f"/drift/alerts/{alert_id}/acknowledge"),
        ("POST", f"/drift/alerts/{alert_id}/resolve"),
    ]
    for method, path in paths:
        assert deployed.gateway.call(method, path, key_id="other-admin").status == 404, path
        assert deployed.call(method, path, role="ingest").status == 403, path
    assert deployed.gateway.call("GET", "/drift/alerts", key_id="other-viewer").body == []


def test_simulating_other_settings_says_what_they_would_have_raised(deployed: Stack) -> None:
    """Under the settings in force the shift alerts; under a high minimum nothing would have; nothing is stored."""
    model_id = make_model(deployed)
    log(deployed, model_id, rows(50, 0.6))
    path = f"/drift/models/{model_id}/simulate"
    loud = deployed.call("POST", path, {"days": 2})
    assert loud.status == 200, loud.text
    assert [(alert["alert_type"], alert["features"]) for alert in loud.body["alerts"]] == [("data_drift", ["age"])]
    assert loud.body["checks"] == 48
    assert loud.body["messages"] >= 1
    quiet = deployed.call("POST", path, {"settings": {"min_drift_score": 0.9}, "days": 2}).body
    assert (quiet["alerts"], quiet["messages"]) == ([], 0)
    assert deployed.call("GET", "/drift/alerts").body == []
    for rule in ("budget", "p_value"):
        least = {"alpha": 5e-324, "rule": rule, "min_drift_score": 0.0, "sudden_score": 0.0, "first_week_score": 0.0}
        assert deployed.call("POST", path, {"settings": least}).status == 200
    assert deployed.call("POST", path, {"days": 29}).status == 422
    assert deployed.call("POST", path, {"settings": {"nope": 1}}).status == 422
    bare = deployed.call("POST", "/models", {"name": "bare"}).body["id"]
    assert deployed.call("POST", f"/drift/models/{bare}/simulate", {}).status == 409


def test_a_deleted_model_is_erased_and_its_checks_are_dropped(deployed: Stack) -> None:
    """After DELETE the erasing leaves no item of the model in any table, and a check that still comes does nothing."""
    model_id = make_model(deployed)
    log(deployed, model_id, rows(60, 0.6))
    deployed.call("POST", f"/drift/models/{model_id}/check")
    deployed.call("DELETE", f"/models/{model_id}")
    body = json.dumps({"organization_id": "acme", "model_id": model_id, "tick": "t9"})
    assert function("check_drift").handler(records(body), LambdaContext()) == {"batchItemFailures": []}
    assert function("erase_model").handler(records(body), LambdaContext()) == {"batchItemFailures": []}
    client = boto3.client("dynamodb")
    for variable, table in deployed.variables.items():
        if variable.endswith("_TABLE"):
            # The record of who changed what stays with the organization.
            kept = [item for item in client.scan(TableName=table)["Items"] if "#activity" not in item["pk"]["S"]]
            assert [item for item in kept if model_id in json.dumps(item, default=str)] == [], variable


def test_every_tick_begins_with_other_models(deployed: Stack) -> None:
    """All models are queued at each tick, and each of 16 ticks begins somewhere else: none is always the last."""
    made = {deployed.call("POST", "/models", {"name": f"m{number}"}).body["id"] for number in range(24)}
    begun = set()
    for turn in range(16):
        order = [model.model_id for model in Models.to_check(turn)]
        assert set(order) == made
        begun.add(order[0])
    assert len(begun) > 5


def test_a_page_of_history_that_has_become_too_old_is_empty(deployed: Stack) -> None:
    """A cursor that leads beyond the days asked for ends the list."""
    model_id = make_model(deployed)
    for age in (timedelta(hours=30), timedelta(hours=29), timedelta(hours=28)):
        now = datetime.now(UTC) - age
        History.entry(model_id, "check", zlib.compress(b"{}"), now, DAY).save()
    path = f"/drift/models/{model_id}/history"
    found = History.newest(model_id, since=None, before=None, limit=9)
    cursor = encode_cursor("history", model_id, found[0].sk)
    with calls_to_aws(as_strict_as_aws):
        assert deployed.call("GET", f"{path}?cursor={cursor}&days=1").body == []
        assert len(History.newest(model_id, since=datetime.now(UTC) - 2 * DAY, before=None, limit=9)) == 3


def test_a_snooze_that_has_ended_is_listed_as_firing(deployed: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """The filter by status goes by what the list shows, whether a check has run since or not."""
    model_id = make_model(deployed)
    log(deployed, model_id, rows(9, 0.6))
    deployed.call("POST", f"/drift/models/{model_id}/check")
    path = f"/drift/alerts/{deployed.call('GET', '/drift/alerts').body[0]['id']}"
    until = datetime.now(UTC) + timedelta(hours=1)
    assert deployed.call("POST", f"{path}/snooze", {"until": iso(until)}).status == 200

    def listed() -> dict[str, list[str]]:
        every = ("firing", "acknowledged", "snoozed", "resolved")
        found = {status: deployed.call("GET", f"/drift/alerts?status={status}&days=1").body for status in every}
        return {status: [alert["status"] for alert in alerts] for status, alerts in found.items() if alerts}

    assert listed() == {"snoozed": ["snoozed"]}
    later = SimpleNamespace(now=lambda zone: until + timedelta(minutes=1))
    monkeypatch.setattr(function("query_drift"), "datetime", later)
    assert listed() == {"firing": ["firing"]}


def test_a_deleted_models_alerts_are_gone_at_once(deployed: Stack) -> None:
    """Until they are erased its alerts are in no list, have no page, and nobody can act on them."""
    gone, kept = (make_model(deployed, name) for name in ("gone", "kept"))
    for model_id in (gone, kept):
        log(deployed, model_id, rows(9, 0.6))
        deployed.call("POST", f"/drift/models/{model_id}/check")
    alerts = {alert["model_id"]: alert["id"] for alert in deployed.call("GET", "/drift/alerts").body}
    assert alerts.keys() == {gone, kept}
    assert deployed.call("DELETE", f"/models/{gone}").status == 204
    assert [alert["model_id"] for alert in deployed.call("GET", "/drift/alerts").body] == [kept]
    for alert_id, status in ((alerts[gone], 404), (alerts[kept], 200)):
        assert deployed.call("GET", f"/drift/alerts/{alert_id}").status == status
        assert deployed.call("POST", f"/drift/alerts/{alert_id}/acknowledge").status == status
