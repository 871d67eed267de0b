"""Bad days: faults at AWS's API while a client logs with retries. What was accepted is there once, and told once.

Each test records what it saw, and the table in docs/reliability.md is made of these records: a test fails when its row
says something else. `DRIFTGUARD_WRITE_DOCS=1` writes the rows instead.
"""

import copy
import json
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import boto3
import pytest

from driftguard.checks.messages import Incomplete
from driftguard.checks.tables import History
from driftguard.platform import sizes
from driftguard.platform.times import DAY, hour_of
from driftguard.predictions import intake, storing
from driftguard.predictions.schemas import BatchBody
from sandbox.calls import Call
from sandbox.gateway import Answer, LambdaContext, function
from tests.functional.days import LATER, NOW, Day, day, drifted, moments
from tests.functional.fault_table import FaultTable
from tests.functional.faults import (
    Fault,
    Killed,
    Killer,
    Partial,
    Sometimes,
    Stale,
    answer_lost,
    calls_to_aws,
    passed,
    put_back,
    refused,
    tables_of_moto,
)
from tests.functional.models import make_model, records
from tests.functional.notifying import add, by_sns, by_sqs, happened, queued

__all__ = ["day", "moments"]

BATCHES, SIZE = 8, 120
FAULTS: dict[str, Fault] = {
    "throttled": refused("ProvisionedThroughputExceededException", 400),
    "5xx": refused("InternalServerError", 500),
    "time-out before (nothing happened)": refused("RequestTimeout", 503),
    "time-out after (written, answer lost)": answer_lost,
}

COLUMNS = ("fault", "the client sees", "stored", "counted", "history", "alerts", "openings", "messages")

ROWS = (
    *FAULTS,
    "partial batches (reads, writes, SQS)",
    "stale reads",
    "requests and messages twice, in any order",
    "clocks 5 minutes apart",
    "two checks at once, clocks 5 minutes apart",
    "`log_predictions` killed at any call",
    "`check_drift` killed or failed at any call",
    "`notify_email` killed or failed at any call",
    "`notify_slack` killed or failed at any call",
    "`notify_webhook` killed or failed at any call",
)

TABLE = FaultTable(COLUMNS, ROWS)


def record(day: Day, name: str, client: str, sent: int, checks: int) -> None:
    """Record the result of a day with `sent` rows and `checks` scheduled checks."""
    day.told()
    stored, counted = day.stored(), day.counted()
    history = list(History.query(day.model_id, History.sk.startswith("h#"), consistent_read=True))
    (alert,) = day.deployed.call("GET", f"/drift/models/{day.model_id}/alerts").body
    opened = {event.event_id for event in day.published if event.kind == "opened"}
    assert (stored, counted, len(history), alert["occurrences"]) == (sent, sent, checks, checks)
    assert len(opened) == len({event.event_id for event in day.published}) == len(day.slack.calls) == 1
    TABLE.tell(
        name,
        client,
        f"{stored} of {sent}",
        f"{counted} of {sent}",
        f"{len(history)} of {checks}",
        f"1, seen {alert['occurrences']} of {checks} times",
        f"{len(opened)} event id",
        str(len(day.slack.calls)),
    )


def batches() -> list[list[dict[str, Any]]]:
    """What the client has to log, each row once: eight days of it."""
    sent = drifted(5, BATCHES * SIZE, lambda place: 8 * DAY * place / (BATCHES * SIZE))
    return [sent[start::BATCHES] for start in range(BATCHES)]


def in_the_window() -> int:
    """How many of these rows a check at NOW looks at."""
    start = hour_of(NOW - 7 * DAY)
    return sum(hour_of(datetime.fromisoformat(row["timestamp"])) >= start for batch in batches() for row in batch)


def log_with_retries(day: Day, fault: Fault = passed) -> str:
    """A client that repeats each batch until it is accepted; returns what it saw."""
    asked, refusals = 0, set[int]()
    for number, batch in enumerate(batches()):
        body = {"model_id": day.model_id, "predictions": batch, "batch_id": f"batch-{number}"}
        for _try in range(40):
            asked += 1
            with day.under(fault):
                answer = day.deployed.call("POST", "/predictions/batch", body)
            if answer.status == 202:
                assert answer.body["accepted"] == SIZE
                break
            refusals.add(answer.status)
        else:
            pytest.fail("never accepted")
    between = f", {' or '.join(map(str, sorted(refusals)))} in between" if refusals else ""
    return f"202 for {BATCHES} batches in {asked} requests{between}"


def check_twice(day: Day, fault: Fault = passed) -> None:
    """One check on what is not folded yet, one that folds it; both of the same rows."""
    day.check("t1", fault)
    day.clock.now = LATER
    day.check("t2", fault)
    rows = day.deployed.call("GET", f"/drift/models/{day.model_id}/history").body
    assert {row["n_window"] for row in rows} == {in_the_window()}


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_accepted_is_counted_and_told_once(day: Day, name: str) -> None:
    """A quarter of the logging function's calls fail, one in 25 of the check's; the client repeats, the queue brings
    the message again."""
    day.model_id = make_model(day.deployed)
    logging, checking = Sometimes(FAULTS[name], 0.25, 3), Sometimes(FAULTS[name], 0.04, 7)
    client = log_with_retries(day, logging)
    check_twice(day, checking)
    assert len(logging.hits) >= BATCHES // 2
    assert len(checking.hits) >= 5
    record(day, name, client, BATCHES * SIZE, checks=2)


def test_what_a_batch_leaves_unprocessed_is_not_lost(day: Day, monkeypatch: pytest.MonkeyPatch) -> None:
    """With everything in many small chunks, of most batches that are read or written all but one is left out, oftener
    in a row than the SDK asks again; and SQS takes one of the schedule's messages at a time."""
    monkeypatch.setattr(sizes.chunks, "__defaults__", (300,))
    monkeypatch.setattr(storing, "MAX_ITEM_BYTES", 300)
    day.model_id = make_model(day.deployed)
    others = [day.deployed.call("POST", "/models", {"name": f"bare {number}"}).body["id"] for number in range(20)]
    fault, schedule = Partial(0.9, 1), Partial(0.4, 1)
    client = log_with_retries(day, fault)
    for _try in range(60):
        try:
            with day.under(schedule):
                function("schedule_checks").handler({"id": "t0"}, LambdaContext())
        except Incomplete:
            continue  # EventBridge brings the tick again
        break
    else:
        pytest.fail("never scheduled")
    scheduled = messages_of(day.deployed.variables["CHECK_QUEUE_URL"])
    assert sorted(message["model_id"] for message in scheduled) == sorted([day.model_id, *others])
    check_twice(day, fault)
    assert set(fault.hits) == {"BatchGetItem", "BatchWriteItem"}
    assert "SendMessageBatch" in schedule.hits
    record(day, "partial batches (reads, writes, SQS)", client, BATCHES * SIZE, checks=2)


def messages_of(url: str) -> list[dict[str, Any]]:
    """Every message of a queue, taken out of it."""
    sqs, found = boto3.client("sqs"), list[dict[str, Any]]()
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            found.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found


def test_stale_reads_lose_and_double_nothing(day: Day) -> None:
    """Whatever is read without strong consistency lacks the writes of the last 150 calls: the schedule sees a new model
    later, and nothing else comes of it."""
    fault = Stale(150)
    with day.under(fault):
        day.model_id = make_model(day.deployed)
    client = log_with_retries(day, fault)
    day.check("t1", fault)
    with day.under(fault):
        assert day.deployed.call("GET", f"/drift/models/{day.model_id}/report").body["status"] == "drift"
        assert len(day.deployed.call("GET", "/drift/alerts").body) == 1
    ticks = 0
    while not (scheduled := messages_of(day.deployed.variables["CHECK_QUEUE_URL"])):
        with day.under(fault):
            function("schedule_checks").handler({"id": f"early {ticks}"}, LambdaContext())
        ticks += 1
        assert ticks < 20
    assert [message["model_id"] for message in scheduled] == [day.model_id]
    assert ticks > 1
    fault.catch_up()
    day.clock.now = LATER
    day.check("t2", fault)
    day.check("t2", fault)
    assert {"Query:due", "Query:table"} <= set(fault.hits)
    record(day, "stale reads", client, BATCHES * SIZE, checks=2)


def test_what_comes_twice_and_in_any_order_changes_nothing(day: Day) -> None:
    """Every request once more after it was folded, the same ticks' messages doubled, and the events of SNS three times
    and shuffled."""
    day.model_id = make_model(day.deployed)
    client = log_with_retries(day)
    day.check("t1")
    day.check("t1")
    day.clock.now = LATER
    day.check("t2")
    day.check("t2")
    assert log_with_retries(day) == client
    day.clock.now = NOW + timedelta(minutes=30)
    day.check("t3")
    day.published *= 3
    random.Random(1).shuffle(day.published)
    record(day, "requests and messages twice, in any order", f"{client}, and once more", BATCHES * SIZE, checks=3)


def test_clocks_that_differ_by_five_minutes_lose_and_double_nothing(day: Day) -> None:
    """Each minute a function logs whose clock is five minutes ahead, right or behind, and a check follows whose clock
    is off too: what is written behind the back of a check is counted by the next, once."""
    day.model_id = make_model(day.deployed)
    for number, batch in enumerate(batches()):
        minute = NOW + timedelta(minutes=number)
        body = BatchBody(model_id=day.model_id, predictions=batch, batch_id=f"b{number}")
        own_clock = minute + timedelta(minutes=(5, -5, 0)[number % 3])
        assert intake.log_batch("acme", body, now=own_clock).accepted == SIZE
        day.clock.now = minute + timedelta(minutes=(5, 0, -5)[number % 3])
        day.check(f"t{number}")
    day.clock.now = NOW + timedelta(minutes=30)
    day.check("last")
    newest = day.deployed.call("GET", f"/drift/models/{day.model_id}/history").body[0]
    assert newest["n_window"] == in_the_window()
    record(day, "clocks 5 minutes apart", f"202 for {BATCHES} batches", BATCHES * SIZE, checks=BATCHES + 1)


def only(at: int, fault: Fault) -> Fault:
    """Call number `at`, counted from 1, ends in the fault."""
    seen = 0

    def counting(call: Call) -> Any:
        nonlocal seen
        seen += 1
        return fault(call) if seen == at else call.make()

    return counting


ENDINGS: dict[str, Callable[[int], Fault]] = {
    "killed before": Killer,
    "killed after": partial(Killer, after=True),
    **{name: partial(only, fault=fault) for name, fault in FAULTS.items()},
}
"""How a function's call number `at` may end it: nothing that it would still do is done after it was killed."""


@pytest.mark.parametrize(
    "ending", ["killed before", "killed after", "throttled", "time-out after (written, answer lost)"]
)
def test_a_check_that_ends_at_any_moment_is_made_good(day: Day, moments: Callable[[], None], ending: str) -> None:
    """At each single call to AWS the process ends or the call fails; SQS brings the message again while the lease still
    holds, and after it."""
    moments()
    whole = Killer()
    day.check("t1", whole)
    assert {"TransactWriteItems", "Publish", "UpdateItem", "PutItem"} <= set(whole.made)
    for at in range(1, len(whole.made) + 1):
        moments()
        day.check_once("t1", ENDINGS[ending](at))
        assert day.deployed.call("GET", f"/drift/models/{day.model_id}/report").body["status"] == "drift"
        record(day, "`check_drift` killed or failed at any call", "–", 320, checks=1)


def test_two_checks_at_once_are_one(day: Day, moments: Callable[[], None]) -> None:
    """At each call of a check a whole second one of the same message runs, whose clock is five minutes ahead, so that
    it sees the first one's lease as over and folds more than the first one may."""
    moments()
    whole = Killer()
    day.check("t1", whole)
    body = json.dumps({"organization_id": "acme", "model_id": day.model_id, "tick": "t1"})
    more = drifted(10, 80, lambda place: place % 2 * DAY)
    for at in range(1, len(whole.made) + 1):
        moments()
        late = BatchBody(model_id=day.model_id, predictions=more, batch_id="late")
        intake.log_batch("acme", late, now=LATER - timedelta(minutes=7))
        seen = 0

        def meanwhile(call: Call, at: int = at) -> Any:
            nonlocal seen
            seen += 1
            if seen == at:
                day.clock.now += timedelta(minutes=5)
                function("check_drift").handler(records(body), LambdaContext())
                day.clock.now -= timedelta(minutes=5)
            return call.make()

        with day.under(meanwhile):
            answer = function("check_drift").handler(records(body), LambdaContext())
        assert seen > at
        if answer["batchItemFailures"]:
            day.clock.now += timedelta(minutes=10)
            day.check("t1", tries=1)
        day.clock.now = LATER + timedelta(minutes=30)
        day.check("t2")
        record(day, "two checks at once, clocks 5 minutes apart", "–", 400, checks=2)


REQUESTS: dict[str, tuple[str, Any, dict[str, str]]] = {
    "a batch": ("/predictions/batch", {"batch_id": "b"}, {}),
    "a batch in chunks, with two ids": ("/predictions/batch", {"batch_id": "b"}, {"Idempotency-Key": "k"}),
    "one prediction": ("/predictions", {"prediction_id": "p"}, {}),
}


def test_logging_killed_at_any_moment_is_made_good(day: Day, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before and after each single call of a request's function the process ends; the client has no answer, and sends
    the same again, twice."""
    day.model_id = make_model(day.deployed)
    add_baseline_moment = copy.deepcopy(tables_of_moto())
    sent = drifted(9, 320, lambda place: place % 2 * DAY)
    statuses, stored, counted, moments = set[str](), set[str](), set[str](), 0
    for name, (path, ids, headers) in REQUESTS.items():
        if "chunks" in name:
            monkeypatch.setattr(sizes.chunks, "__defaults__", (600,))
        body = {"model_id": day.model_id, **ids, **(sent[0] if path == "/predictions" else {"predictions": sent})}
        expected = 1 if path == "/predictions" else len(sent)

        def send(
            fault: Fault = passed, path: str = path, body: Any = body, headers: dict[str, str] = headers
        ) -> Answer:
            with day.under(fault):
                return day.deployed.call("POST", path, body, headers=headers)

        put_back(add_baseline_moment)
        whole = Killer()
        first = send(whole)
        assert ("BatchWriteItem" in whole.made, "TransactWriteItems" in whole.made) == ("chunks" in name,) * 2
        for at in range(1, len(whole.made) + 1):
            for after in (False, True):
                moments += 1
                put_back(add_baseline_moment)
                day.clock.now = NOW
                with pytest.raises(Killed):
                    send(Killer(at, after))
                day.clock.now += timedelta(seconds=30)
                answers = [send(), send()]
                assert [answer.body for answer in answers] == [first.body] * 2
                statuses |= {str(answer.status) for answer in answers}
                day.clock.now = LATER
                day.check("t1")
                stored.add(f"{'all' if day.stored() == expected else day.stored()}")
                counted.add(f"{'each once' if day.counted() == expected else day.counted()}")
    client = f"no answer, then {' or '.join(sorted(statuses))}, as the first time would have been"
    TABLE.tell(
        "`log_predictions` killed at any call",
        client,
        *map(" or ".join, (sorted(stored), sorted(counted))),
        "–",
        "–",
        "–",
        "–",
    )
    assert moments >= 20


NOTIFIERS: dict[str, dict[str, Any]] = {"email": {"to": ["ops@example.com"]}, "slack": {}, "webhook": {"secret": "s"}}


@pytest.mark.parametrize("name", NOTIFIERS)
def test_a_notifier_that_ends_at_any_moment_sends_once(day: Day, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Killed or refused before or after each single call to AWS, and called again by Lambda and its queue: one message,
    and a second only where the record of the first could not be written."""
    sent: list[str] = []
    mailer = function("notify_email")

    def send(_message: Any, to: str) -> str:
        sent.append(to)
        return "id"

    monkeypatch.setattr(mailer, "by_ses", lambda _client: send)
    monkeypatch.setenv("EMAIL_FROM", "drift@example.com")
    monkeypatch.setenv("RETRY_QUEUE_URL", day.deployed.variables[f"{name.upper()}_RETRY_QUEUE_URL"])
    add("C2", type=name, min_severity="LOW", **NOTIFIERS[name]) if name != "slack" else None
    kept = copy.deepcopy(tables_of_moto())
    whole = Killer()
    bring(day, name, whole)
    assert whole.made[-3:] == ["TransactWriteItems", "TransactWriteItems", "UpdateItem"], "claimed, reached, finished"
    took: list[tuple[str, str, int]] = []
    for at, operation in enumerate(whole.made, start=1):
        for ending, fault in ENDINGS.items():
            put_back(kept)
            sent.clear()
            day.slack.calls.clear()
            bring(day, name, fault(at))
            took.append((operation, ending, len(sent) + len(day.slack.calls)))
    assert {messages for _operation, _ending, messages in took} == {1, 2}
    twice = [(operation, ending) for operation, ending, messages in took if messages == 2]
    assert twice == [("TransactWriteItems", ending) for ending in ENDINGS if "after" not in ending], (
        "not recorded as reached"
    )
    told = f"1 at {len(took) - len(twice)} of {len(took)} moments, 2 at {len(twice)}¹"
    TABLE.tell(f"`notify_{name}` killed or failed at any call", "–", "–", "–", "–", "–", "1 event id", told)


def bring(day: Day, name: str, fault: Fault) -> None:
    """SNS's message about a new event: Lambda tries three times, and what is queued comes when it is due."""
    event = happened()
    handler = function(f"notify_{name}").handler
    day.clock.now = NOW
    waiting: list[tuple[datetime, dict[str, Any]]] = []
    tries = iter((60, 120, 0))
    ended = False
    while not ended:
        with calls_to_aws(fault):
            try:
                handler(by_sns(event), LambdaContext())
                ended = True
            except (Exception, Killed):  # noqa: BLE001  whatever it is, Lambda tries again
                pause = timedelta(seconds=next(tries))
        came = [(day.clock.now + timedelta(seconds=delay), body) for body, delay in queued(day.deployed, name.upper())]
        waiting += came
        if not ended:
            day.clock.now += pause
            fault = passed if isinstance(fault, Killer) else fault
    for due, body in waiting:
        day.clock.now = max(day.clock.now, due)
        assert handler(by_sqs(body), LambdaContext()) == {"batchItemFailures": []}
        assert queued(day.deployed, name.upper()) == []


def test_the_page_has_these_rows_and_no_others() -> None:
    """The table holds a row of each test, in this order, under these columns."""
    _before, table, _after = TABLE.parts()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    assert cells[0] == list(COLUMNS)
    assert [row[0] for row in cells[2:]] == list(ROWS)
