"""Bad days of labels: faults at AWS's API while labels are sent, joined and judged. Each label counts once.

Each test records what it saw in the second table of docs/reliability.md, as tests/functional/test_faults.py does.
"""

import copy
import json
import random
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from driftguard.models.registry import find
from driftguard.performance.counts import Counts
from driftguard.performance.tables import Joined
from driftguard.platform import sizes
from driftguard.platform.times import DAY, iso
from driftguard.predictions import storing
from driftguard.predictions.keys import labels_of
from driftguard.predictions.tables import Predictions
from driftguard.rows.unpacking import unpack_rows
from sandbox.calls import Call
from sandbox.gateway import LambdaContext, function
from tests.functional.days import LATER, NOW, Day, day
from tests.functional.fault_table import FaultTable
from tests.functional.faults import Fault, Killed, Killer, Partial, Sometimes, Stale, passed, put_back, tables_of_moto
from tests.functional.models import records
from tests.functional.notifying import queued
from tests.functional.test_faults import ENDINGS, FAULTS

__all__ = ["day"]

DAYS, ROWS_A_DAY = 2, 80
SENT = DAYS * ROWS_A_DAY

COLUMNS = ("fault, with labels", "the client sees", "stored", "joined", "alerts", "openings", "messages")

ROWS = (
    *FAULTS,
    "partial batches (reads, writes)",
    "stale reads",
    "labels and messages twice, in any order",
    "clocks 5 minutes apart",
    "two joins at once, clocks 5 minutes apart",
    "a join and a check at once",
    "`join_labels` killed or failed at any call",
)

TABLE = FaultTable(COLUMNS, ROWS)


def rows(accuracy: float, count: int, seed: int) -> list[dict[str, Any]]:
    """Rows of a model that is right on this share of them."""
    rng = random.Random(seed)
    labels = [rng.randint(0, 1) for _ in range(count)]
    return [
        {
            "features": {"age": rng.gauss(40, 6)},
            "prediction": label if place < accuracy * count else 1 - label,
            "label": label,
        }
        for place, label in enumerate(labels)
    ]


def make_model(day: Day) -> None:
    """A model whose baseline is right on 95 % of its rows."""
    settings = {"task": {"type": "binary", "positive": 1}, "min_labels": 50}
    answer = day.deployed.call("POST", "/models", {"name": "labelled", "settings": settings})
    day.model_id = answer.body["id"]
    reference = {"rows": rows(0.95, 2000, 1), "days": 14}
    assert day.deployed.call("PUT", f"/models/{day.model_id}/baseline", reference).status == 200


def requests() -> list[tuple[str, dict[str, Any]]]:
    """What the client sends: the predictions of each of the last days, half of them right, and their labels."""
    sent: list[tuple[str, dict[str, Any]]] = []
    for number in range(DAYS):
        at = iso(NOW - (number + 1) * DAY)
        given = rows(0.5, ROWS_A_DAY, 10 + number)
        predictions = [
            {"features": row["features"], "prediction": row["prediction"], "prediction_id": f"{number}-{place}"}
            for place, row in enumerate(given)
        ]
        labels = [
            {"prediction_id": f"{number}-{place}", "label": row["label"], "timestamp": at}
            for place, row in enumerate(given)
        ]
        sent.append(
            ("/predictions/batch", {"predictions": [{**one, "timestamp": at} for one in predictions], "batch_id": at})
        )
        sent.append(("/labels", {"labels": labels, "batch_id": at}))
    return sent


def send(day: Day, fault: Fault = passed, order: int = 1) -> str:
    """A client that repeats each request until it is accepted; returns what it saw."""
    asked, refusals = 0, set[int]()
    given = requests()
    for path, body in given[::order]:
        for _try in range(40):
            asked += 1
            with day.under(fault):
                answer = day.deployed.call("POST", path, {"model_id": day.model_id, **body})
            if answer.status == 202:
                assert answer.body["accepted"] == ROWS_A_DAY
                break
            refusals.add(answer.status)
        else:
            pytest.fail("never accepted")
    between = f", {' or '.join(map(str, sorted(refusals)))} in between" if refusals else ""
    return f"202 for {len(given)} batches in {asked} requests{between}"


def body_of(day: Day) -> str:
    """A message of the join queue."""
    return json.dumps({"organization_id": "acme", "model_id": day.model_id})


def join(day: Day, fault: Fault = passed, tries: int = 60) -> None:
    """Deliver a message of the join queue until the function accepts it."""
    for _try in range(tries):
        with day.under(fault), suppress(Killed):
            if not function("join_labels").handler(records(body_of(day)), LambdaContext())["batchItemFailures"]:
                return
    pytest.fail("never done")


def join_twice(day: Day, fault: Fault = passed) -> None:
    """The joins of two hours."""
    day.clock.now = LATER
    join(day, fault)
    day.clock.now = LATER + timedelta(hours=1)
    join(day, fault)


def stored(day: Day) -> int:
    """The number of stored labels. Fails if a batch is stored twice."""
    heads = list(Predictions.arrivals(labels_of(day.model_id), find("acme", day.model_id).partition_count))
    assert len({(head.pk, head.sk) for head in heads}) == len(heads)
    return sum(len(unpack_rows(payload)[0]) for _head, payload in Predictions.payloads(heads))


def joined(day: Day) -> int:
    """The number of joined labels. Fails if predictions or hits differ from what was sent."""
    counts = [Counts.decode(item.counts) for item in Joined.days(day.model_id, 0, 8_999_999)]
    assert sum(one.tally.predictions for one in counts) == SENT
    assert sum(int(one.confusion.trace()) for one in counts) == SENT // 2
    return sum(one.tally.labelled for one in counts)


def record(day: Day, name: str, client: str, joins: int) -> None:
    """Record the result of a day with this number of joins that decided."""
    day.told()
    (alert,) = day.deployed.call("GET", f"/drift/models/{day.model_id}/alerts?alert_type=performance").body
    of_labels = [event for event in day.published if event.alert.alert_type == "performance"]
    opened = {event.event_id for event in of_labels if event.kind == "opened"}
    messages = [call for call in day.slack.calls if b"Worse performance" in call.body]
    assert (stored(day), joined(day), alert["occurrences"]) == (SENT, SENT, joins)
    assert len(opened) == len({event.event_id for event in of_labels}) == len(messages) == 1
    report = day.deployed.call("GET", f"/models/{day.model_id}/performance?metric=accuracy").body
    assert report["window"]["metrics"]["accuracy"]["value"] == 0.5
    TABLE.tell(
        name,
        client,
        f"{stored(day)} of {SENT}",
        f"{joined(day)} of {SENT}",
        f"1, seen {alert['occurrences']} of {joins} times",
        f"{len(opened)} event id",
        str(len(messages)),
    )


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_accepted_is_joined_and_told_once(day: Day, name: str) -> None:
    """A quarter of the client's calls fail and 6 % of the join's; both repeat until it is done."""
    make_model(day)
    sending, joining = Sometimes(FAULTS[name], 0.25, 3), Sometimes(FAULTS[name], 0.06, 5)
    client = send(day, sending)
    join_twice(day, joining)
    assert len(sending.hits) >= 3
    assert joining.hits
    record(day, name, client, joins=2)


def test_what_a_batch_leaves_unprocessed_is_not_lost(day: Day, monkeypatch: pytest.MonkeyPatch) -> None:
    """With everything in many small chunks, of most batches that are read or written all but one is left out."""
    monkeypatch.setattr(sizes.chunks, "__defaults__", (300,))
    monkeypatch.setattr(storing, "MAX_ITEM_BYTES", 300)
    make_model(day)
    fault = Partial(0.9, 1)
    client = send(day, fault)
    join_twice(day, fault)
    assert set(fault.hits) == {"BatchGetItem", "BatchWriteItem"}
    record(day, "partial batches (reads, writes)", client, joins=2)


def test_stale_reads_lose_and_double_nothing(day: Day) -> None:
    """Whatever is read without strong consistency lacks the writes of the last 150 calls."""
    make_model(day)
    fault = Stale(150)
    client = send(day, fault)
    join_twice(day, fault)
    record(day, "stale reads", client, joins=2)


def test_what_comes_twice_and_in_any_order_changes_nothing(day: Day) -> None:
    """Labels come before their predictions, requests and messages of the queue twice, and SNS's events thrice."""
    make_model(day)
    client = send(day, order=-1)
    send(day)
    join_twice(day)
    join(day)
    day.published *= 3
    record(day, "labels and messages twice, in any order", f"{client}, and once more", joins=2)


def test_clocks_that_differ_by_five_minutes_lose_and_double_nothing(day: Day) -> None:
    """Requests arrive by a clock that is five minutes ahead, right or behind, and joins run in between."""
    make_model(day)
    for number, (path, body) in enumerate(requests()):
        day.clock.now = NOW + timedelta(minutes=number + (5, -5, 0)[number % 3])
        assert day.deployed.call("POST", path, {"model_id": day.model_id, **body}).status == 202
        day.clock.now = NOW + timedelta(minutes=number + (5, 0, -5)[number % 3])
        join(day)
    assert day.published == []
    join_twice(day)  # the first of them comes within the hour after the last step, and does nothing
    day.clock.now = LATER + timedelta(hours=2)
    join(day)
    record(day, "clocks 5 minutes apart", f"202 for {2 * DAYS} batches", joins=2)


@pytest.fixture
def moments(day: Day) -> Callable[[], None]:
    """Predictions and labels that are not joined yet. Call the fixture's value to restore this state."""
    make_model(day)
    send(day)
    kept = copy.deepcopy(tables_of_moto())

    def again() -> None:
        put_back(kept)
        day.clock.now = LATER
        day.published.clear()
        day.slack.calls.clear()
        queued(day.deployed)

    return again


@pytest.mark.parametrize(
    "ending", ["killed before", "killed after", "throttled", "time-out after (written, answer lost)"]
)
def test_a_join_that_ends_at_any_moment_is_made_good(day: Day, moments: Callable[[], None], ending: str) -> None:
    """At every fifth call to AWS, and at those that decide, the process ends or the call fails; SQS tries again."""
    moments()
    whole = Killer()
    join(day, whole)
    assert {"TransactWriteItems", "Publish", "UpdateItem", "PutItem"} <= set(whole.made)
    decisive = [at for at, operation in enumerate(whole.made, 1) if operation in ("TransactWriteItems", "Publish")]
    for at in sorted({*range(1, len(whole.made) + 1, 5), *decisive, len(whole.made)}):
        moments()
        fault = ENDINGS[ending](at)
        with day.under(fault), suppress(Killed):
            function("join_labels").handler(records(body_of(day)), LambdaContext())
        join(day)
        record(day, "`join_labels` killed or failed at any call", "–", joins=1)


def test_two_joins_at_once_are_one(day: Day, moments: Callable[[], None]) -> None:
    """At each fifth call of a join a whole second one of the same message runs, whose clock is five minutes ahead."""
    moments()
    whole = Killer()
    join(day, whole)
    for at in range(1, len(whole.made) + 1, 9):
        moments()
        seen = 0

        def meanwhile(call: Call, at: int = at) -> Any:
            nonlocal seen
            seen += 1
            if seen == at:
                day.clock.now += timedelta(minutes=5)
                function("join_labels").handler(records(body_of(day)), LambdaContext())
                day.clock.now -= timedelta(minutes=5)
            return call.make()

        join(day, meanwhile)
        join(day)
        record(day, "two joins at once, clocks 5 minutes apart", "–", joins=1)


def test_a_join_and_a_check_at_once_both_count(day: Day, moments: Callable[[], None]) -> None:
    """A whole join runs at each call of a check, and the check keeps its counts; a check touches no alert on labels."""
    moments()
    whole = Killer()
    day.check("t1", whole)
    first = day.deployed.call("GET", f"/drift/models/{day.model_id}/history").body[0]
    assert first["n_window"] == SENT
    for at in range(1, len(whole.made) + 1, 6):
        moments()
        seen = 0

        def meanwhile(call: Call, at: int = at) -> Any:
            nonlocal seen
            seen += 1
            if seen == at:
                function("join_labels").handler(records(body_of(day)), LambdaContext())
            return call.make()

        with day.under(meanwhile):
            day.check("t1")
        history = day.deployed.call("GET", f"/drift/models/{day.model_id}/history").body
        assert [row["n_window"] for row in history] == [SENT]
        assert day.counted() == SENT
        day.check("t2")
        record(day, "a join and a check at once", "–", joins=1)


def test_the_page_has_these_rows_and_no_others() -> None:
    """The second table holds a row of each test, in this order, under these columns."""
    _before, table, _after = TABLE.parts()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    assert cells[0] == list(COLUMNS)
    assert [row[0] for row in cells[2:]] == list(ROWS)
