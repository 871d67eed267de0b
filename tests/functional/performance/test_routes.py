"""Ground truth from end to end: predictions and late labels through the API, the queue, and what the API answers."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pandas as pd
import pytest

from driftguard.checks import joins, waiting
from driftguard.checks.messages import JoinMessage, JoinQueue
from driftguard.models.tables import Models
from driftguard.performance.joining import Overtaken
from driftguard.performance.tables import Joined
from driftguard.platform import sizes
from driftguard.platform.retries import ConditionFailed
from driftguard.platform.times import DAY, iso
from sandbox.gateway import LambdaContext, function
from sandbox.roles import under_role
from tests.functional.conftest import Stack
from tests.functional.models import drain_joins, log, tick

BINARY = {"type": "binary", "positive": 1}


def new_model(deployed: Stack, **settings: Any) -> str:
    """Create a model with a binary task."""
    given = {"task": BINARY, "maturity_hours": 1, "label_ratio": 0.5, **settings}
    answer = deployed.call("POST", "/models", {"name": "scored", "settings": given})
    assert answer.status == 201, answer.text
    model_id: str = answer.body["id"]
    return model_id


def story(seed: int = 1, count: int = 600) -> pd.DataFrame:
    """Scored rows of the last four days. Two thirds have a label, and one in ten labels is corrected later."""
    rng = random.Random(seed)
    now = datetime.now(UTC)
    rows = []
    for number in range(count):
        score = rng.random()
        label = int(rng.random() < score) if number % 3 else None
        first = None if label is None else 1 - label if number % 10 == 1 else label
        at = now - 4 * DAY * number / count - timedelta(minutes=1)
        rows.append({"id": f"p{number}", "at": iso(at), "score": score, "label": label, "first": first})
    return pd.DataFrame(rows)


def send(deployed: Stack, model_id: str, table: pd.DataFrame) -> None:
    """Log the rows, then their first labels, then the corrections, each batch twice."""
    sent: list[dict[str, Any]] = [
        {"features": {}, "prediction_id": row.id, "score": row.score, "timestamp": row.at} for row in table.itertuples()
    ]
    log(deployed, model_id, sent, "rows")
    labelled = table[table["label"].notna()]
    corrected = labelled[labelled["label"] != labelled["first"]]
    for batch_id, rows, column in (("first", labelled, "first"), ("second", corrected, "label")):
        labels = [
            {"prediction_id": row["id"], "label": int(row[column]), "timestamp": row["at"]}
            for _, row in rows.iterrows()
        ]
        for _ in range(2):
            answer = deployed.call(
                "POST", f"/models/{model_id}/labels", {"labels": labels, "batch_id": batch_id}, role="ingest"
            )
            assert answer.status == 202, answer.text
            assert answer.body["accepted"] == len(labels)


def by_hand(deployed: Stack) -> None:
    """Fire the schedule as a person does, and run the joins that it queued."""
    event = {"id": "tick-by-hand", "time": "2026-11-20T12:00:00Z", "detail": {"by_hand": True}}
    with under_role("schedule_checks"):
        function("schedule_checks").handler(event, LambdaContext())
    assert drain_joins(deployed) == [{"batchItemFailures": []}]


def test_accuracy_is_what_pandas_computes(deployed: Stack) -> None:
    """The accuracy and number of labels of each day and of the window equal a group-by of the rows that were sent."""
    model_id = new_model(deployed)
    table = story()
    send(deployed, model_id, table)
    by_hand(deployed)
    answer = deployed.call("GET", f"/models/{model_id}/performance?metric=accuracy", role="viewer")
    assert answer.status == 200, answer.text
    known = table[table["label"].notna()]
    hits = (known["score"] >= 0.5) == (known["label"] == 1)
    by_day = hits.groupby(known["at"].str[:10]).agg(["mean", "size"])
    shown = {day["day"]: (day["value"], day["n"]) for day in answer.body["days"]}
    assert shown == {day: (row["mean"], row["size"]) for day, row in by_day.iterrows()}
    predictions = table.groupby(table["at"].str[:10]).size()
    assert {day["day"]: day["predictions"] for day in answer.body["days"]} == predictions.to_dict()
    today = iso(datetime.now(UTC))[:10]
    mature = hits[known["at"].str[:10] < today]
    accuracy = answer.body["window"]["metrics"]["accuracy"]
    assert (accuracy["value"], accuracy["n"]) == (mature.mean(), len(mature))
    assert answer.body["window"]["end"][:10] == today
    assert [day["mature"] for day in answer.body["days"]] == [day["day"] < today for day in answer.body["days"]]


def test_models_show_the_headline_of_their_last_report(deployed: Stack) -> None:
    """The list and the model have the metric of the report, null before mature labels, without a task and after it."""
    plain = deployed.call("POST", "/models", {"name": "plain"}).body
    model_id = new_model(deployed)
    fresh = deployed.call("GET", f"/models/{model_id}").body
    assert (plain["performance"], fresh["performance"]) == (None, None)
    send(deployed, model_id, story())
    by_hand(deployed)
    own = deployed.call("GET", f"/models/{model_id}/performance").body["window"]["metrics"]["roc_auc"]
    wanted = {name: own[name] for name in ("value", "n", "reference", "degraded")} | {"metric": "roc_auc"}
    shown = {model["id"]: model["performance"] for model in deployed.call("GET", "/models", role="viewer").body}
    assert shown == {plain["id"]: None, model_id: wanted}
    assert deployed.call("GET", f"/models/{model_id}", role="viewer").body["performance"] == wanted
    changed = deployed.call("PATCH", f"/models/{model_id}", {"description": "scored"})
    assert changed.body["performance"] == wanted


def test_the_state_of_labels_counts_each_label(deployed: Stack) -> None:
    """Received labels include corrections; a label without its prediction waits; a withdrawn label counts nowhere."""
    model_id = new_model(deployed)
    table = story(count=60)
    send(deployed, model_id, table)
    at = table["at"][1]
    other = [
        {"prediction_id": "unknown", "label": 1, "timestamp": at},
        {"prediction_id": "p1", "withdraw": True, "timestamp": at},
    ]
    answer = deployed.call("POST", "/labels", {"model": "scored", "labels": other}, role="ingest")
    assert answer.status == 202, answer.text
    by_hand(deployed)
    status = deployed.call("GET", f"/models/{model_id}/labels/status", role="viewer").body
    labelled = table["label"].notna().sum()
    corrected = (table["label"].notna() & (table["label"] != table["first"])).sum()
    assert status["received"] == labelled + corrected + 2
    assert (status["matched"], status["waiting"], status["withdrawn"]) == (labelled - 1, 1, 1)
    assert sum(day["predictions"] for day in status["coverage"]) == 60


def test_settled_rows_are_counted_like_unsettled_ones(deployed: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """A join by hand shows what arrived just now; the scheduled join that stores these rows shows the same report."""
    model_id = new_model(deployed)
    send(deployed, model_id, story(count=90))
    by_hand(deployed)
    before = deployed.call("GET", f"/models/{model_id}/performance").body
    assert Joined.state(model_id) is None
    monkeypatch.setattr("driftguard.performance.joining.SETTLED", timedelta(0))
    by_hand(deployed)
    assert Joined.state(model_id) is not None
    assert deployed.call("GET", f"/models/{model_id}/performance").body == before


def test_the_schedule_joins_each_model_with_a_task_once_an_hour(deployed: Stack) -> None:
    """Of four ticks in a row one queues a join. A model without a task, or that is not enabled, is never joined."""
    model_id = new_model(deployed)
    deployed.call("POST", "/models", {"name": "plain"})
    now = datetime.now(UTC)

    def found() -> list[str]:
        return [model.model_id for turn in range(4) for model in Models.to_join(turn)]

    assert found() == [model_id]
    assert [model.model_id for model in Models.to_join(None)] == [model_id]
    for patch, expected in (
        ({"enabled": False}, []),
        ({"enabled": True}, [model_id]),
        ({"task": None}, []),
        ({"task": BINARY}, [model_id]),
    ):
        assert deployed.call("PATCH", f"/models/{model_id}", {"settings": patch}).status == 200
        assert found() == expected
    tick(deployed, f"tick-{now:%H%M}")
    assert deployed.call("DELETE", f"/models/{model_id}").status == 204
    assert found() == []


def test_a_check_by_hand_joins_labels_too(deployed: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a model with a task gets a message in the join queue, and a header until its join has ended."""
    monkeypatch.setattr(waiting, "LONGEST_WAIT", 0.0)
    model_id = new_model(deployed)
    plain = deployed.call("POST", "/models", {"name": "plain"}).body["id"]
    reports = []
    for one, header in ((model_id, "true"), (plain, None)):
        answer = deployed.call("POST", f"/drift/models/{one}/check")
        assert (answer.status, answer.headers.get("x-labels-pending")) == (200, header)
        reports.append([*answer.body])
    assert reports[0] == reports[1]
    assert len(drain_joins(deployed)) == 1
    assert deployed.call("GET", f"/models/{model_id}/performance").status == 200
    # The request of the next check has a later id, which this join answers at once.
    monkeypatch.setattr(JoinQueue, "send_by_hand", lambda *_: Joined.answered(model_id))
    assert "x-labels-pending" not in deployed.call("POST", f"/drift/models/{model_id}/check").headers


def test_a_check_waits_for_its_join_and_for_no_earlier_one(deployed: Stack) -> None:
    """It asks until the join of its request or of a later one has ended, for 5 seconds after the check at most, and
    never so long that API Gateway gives up."""
    model_id = new_model(deployed)
    seconds = [100.0]
    joins_at: dict[float, str] = {101.0: "A", 103.0: "C"}

    def sleep(passed: float) -> None:
        seconds[0] += passed
        for at in [at for at in joins_at if at <= seconds[0]]:
            Joined.answer(model_id, joins_at.pop(at), datetime.now(UTC))

    def wait(begun: float, request: str) -> tuple[bool, float]:
        started = seconds[0]
        ended = waiting.Wait(begun, lambda: seconds[0], sleep).for_join(model_id, request)
        return ended, round(seconds[0] - started, 1)

    ended, passed = wait(100.0, "B")
    assert (ended, 3.0 <= passed <= 3.3) == (True, True)
    assert wait(100.0, "B") == (True, 0.0)
    ended, passed = wait(100.0, "D")
    assert (ended, 5.0 <= passed <= 5.3) == (False, True)
    ended, passed = wait(seconds[0] - 24.0, "D")
    assert (ended, 2.0 <= passed <= 2.3) == (False, True)


def test_without_a_task_or_a_join_there_is_no_performance(deployed: Stack) -> None:
    """404 says what to do, and an unknown metric is 422 with the names of the known ones."""
    plain = deployed.call("POST", "/models", {"name": "plain"}).body["id"]
    model_id = new_model(deployed)
    for one, words in ((plain, "Set settings.task"), (model_id, "within an hour")):
        for path in ("performance", "labels/status"):
            answer = deployed.call("GET", f"/models/{one}/{path}")
            assert answer.status == 404
            assert words in answer.body["detail"]
    by_hand(deployed)
    answer = deployed.call("GET", f"/models/{model_id}/performance?metric=mae")
    assert answer.status == 422
    assert "accuracy, precision" in answer.body["errors"][0]["msg"]
    assert deployed.call("GET", f"/models/{model_id}/performance?days=1").body["days"] == []


def test_a_join_that_fails_is_counted_and_not_repeated_unless_that_helps(
    deployed: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug is logged and dropped, for the next hour tries again; a join that was overtaken is no failure."""
    new_model(deployed)
    counted: list[str] = []
    monkeypatch.setattr(joins, "count", counted.append)
    for error, failures in ((ValueError("bug"), ["JoinsFailed"]), (Overtaken(), [])):

        def fail(*_: Any, error: Exception = error, **__: Any) -> None:
            raise error

        counted.clear()
        monkeypatch.setattr(joins, "step", fail)
        sqs = boto3.client("sqs")
        model = next(iter(Models.to_join(None)))
        message = JoinMessage(organization_id=model.organization_id, model_id=model.model_id)
        queue = JoinQueue(sqs, deployed.variables["JOIN_QUEUE_URL"])
        queue.send(message, type(error).__name__)
        assert drain_joins(deployed) == [{"batchItemFailures": []}]
        assert counted == failures


def test_a_long_report_is_stored_in_chunks(deployed: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """A report over the limit of an item is read whole, its chunks go with the next report, and no writer overwrites a
    newer report."""
    model_id = new_model(deployed)
    monkeypatch.setattr("driftguard.performance.tables.chunks", lambda data: sizes.chunks(data, 10))
    Joined.put_report(model_id, None, b"a" * 35, "later")
    first = Joined.report_head(model_id)
    assert Joined.report(model_id) == b"a" * 35
    assert len([item for item in Joined.of(model_id) if item.sk.startswith("report")]) == 5
    Joined.put_report(model_id, first, b"short", "later")
    assert Joined.report(model_id) == b"short"
    assert [item.sk for item in Joined.of(model_id)] == ["report"]
    with pytest.raises(ConditionFailed):
        Joined.put_report(model_id, first, b"late", "later")


def test_a_join_leaves_nothing_of_a_model_that_was_deleted_meanwhile(
    deployed: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model is deleted and erased while its join runs; what the join wrote is deleted at its end."""
    model_id = new_model(deployed)
    send(deployed, model_id, story(count=30))
    monkeypatch.setattr("driftguard.performance.joining.SETTLED", timedelta(0))
    written: list[Joined] = []
    report = joins._store_report

    def deleted(*arguments: Any, **options: Any) -> None:
        assert deployed.call("DELETE", f"/models/{model_id}").status == 204
        report(*arguments, **options)
        written.extend(Joined.of(model_id))

    monkeypatch.setattr(joins, "_store_report", deleted)
    queue = JoinQueue(boto3.client("sqs"), deployed.variables["JOIN_QUEUE_URL"])
    message = JoinMessage(organization_id=deployed.organization_id, model_id=model_id, by_hand=True)
    joins.Joiner(queue, lambda: timedelta(minutes=1), lambda _news: None).from_queue(
        message, "handle", datetime.now(UTC)
    )
    assert written
    assert list(Joined.of(model_id)) == []
