"""The history of a model whose first baseline comes after its first predictions."""

import json
import random
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from driftguard.checks import triggers
from driftguard.checks.tables import History
from driftguard.platform.times import iso, parse
from sandbox.calls import Call
from sandbox.gateway import LambdaContext, function
from tests.functional.days import NOW, Day, day
from tests.functional.faults import calls_to_aws
from tests.functional.models import DAY, drain, records

__all__ = ["day"]

MINUTE = timedelta(minutes=1)
MIDNIGHT = NOW.replace(hour=0)


def logged(days: float, count: int = 1600) -> list[dict[str, Any]]:
    """Predictions of the last `days`. The feature `age` moves by two standard deviations in the last two days."""
    rng = random.Random(5)
    return [
        {
            "features": {"age": rng.gauss(60 if ago < 2 * DAY else 40, 10), "plan": rng.choice("abc")},
            "prediction": rng.random(),
            "timestamp": iso(NOW - ago),
        }
        for ago in (days * DAY * place / count for place in range(count))
    ]


def create(day: Day, name: str) -> str:
    """Create a model without a baseline."""
    model_id: str = day.deployed.call("POST", "/models", {"name": name}).body["id"]
    return model_id


def give_baseline(day: Day, model_id: str, *, off: str | None = None) -> None:
    """Create the model's baseline. off: a feature that the settings disable."""
    rng = random.Random(1)
    sample = [
        {"features": {"age": rng.gauss(40, 10), "plan": rng.choice("abc")}, "prediction": rng.random()}
        for _row in range(2000)
    ]
    answer = day.deployed.call("PUT", f"/models/{model_id}/baseline", {"rows": sample, "days": 14})
    assert answer.status == 200, answer.text
    if off:
        changed = {"settings": {"features": {off: {"enabled": False}}}}
        assert day.deployed.call("PATCH", f"/models/{model_id}", changed).status == 200


def log(day: Day, model_id: str, sent: list[dict[str, Any]]) -> None:
    """Log a batch at the day's time."""
    answer = day.deployed.call("POST", "/predictions/batch", {"model_id": model_id, "predictions": sent})
    assert answer.status == 202, answer.text


def late_baseline(day: Day, wait: timedelta, *, name: str = "late", off: str | None = None) -> str:
    """Return a model that got its baseline a minute after its predictions. Afterwards the clock is `wait` later."""
    model_id = create(day, name)
    log(day, model_id, logged(8.5))
    day.clock.now += MINUTE
    give_baseline(day, model_id, off=off)
    day.clock.now += wait
    return model_id


def check(model_id: str) -> dict[str, Any]:
    """Hand a check to the function as the queue does."""
    body = json.dumps({"organization_id": "acme", "model_id": model_id, "tick": None, "request": "r1"})
    answer: dict[str, Any] = function("check_drift").handler(records(body), LambdaContext())
    return answer


def history(day: Day, model_id: str) -> list[dict[str, Any]]:
    """The rows of the model's history, newest first."""
    found: list[dict[str, Any]] = day.deployed.call("GET", f"/drift/models/{model_id}/history").body
    return found


@pytest.mark.parametrize("wait", [MINUTE, 20 * MINUTE], ids=["not folded yet", "folded"])
def test_each_day_before_the_first_baseline_has_a_row(day: Day, wait: timedelta) -> None:
    """The first check adds a replayed row per day with predictions, and nothing else is replayed."""
    model_id = late_baseline(day, wait)
    check(model_id)
    newest, *replayed = history(day, model_id)
    assert newest["replayed"] is False
    assert newest["checked_at"] == iso(day.clock.now)
    assert all(row["replayed"] for row in replayed)
    assert [parse(row["checked_at"]) for row in replayed] == [MIDNIGHT - number * DAY for number in range(8)]
    assert [row["preliminary"] for row in replayed] == [False, False, *[True] * 6]
    model = day.deployed.call("GET", f"/models/{model_id}").body
    scores = [row["drift_score"] for row in reversed(replayed[:6])]
    assert [entry["drift_score"] for entry in model["recent_scores"]] == [*scores, newest["drift_score"]]
    assert model["recent_scores"][0]["day"] == "2026-11-14"


def test_a_replayed_row_is_what_a_check_at_that_midnight_says(day: Day) -> None:
    """Scores, p-values and rows equal those of a model that had its baseline in time and was checked at midnight."""
    model_id = late_baseline(day, 20 * MINUTE, off="plan")
    check(model_id)
    replayed = {row["checked_at"]: row for row in history(day, model_id) if row["replayed"]}
    for number in range(8):
        midnight = MIDNIGHT - number * DAY
        day.clock.now = midnight
        other = create(day, f"in time {number}")
        give_baseline(day, other, off="plan")
        log(day, other, [row for row in logged(8.5) if parse(row["timestamp"]) < midnight])
        check(other)
        (row,) = history(day, other)
        copied = ("checked_at", "preliminary", "drift_score", "p_value", "n_window", "feature_scores",
                  "baseline_version", "features_left_out")  # fmt: skip
        found = replayed[row["checked_at"]]
        assert {name: found[name] for name in copied} == {name: row[name] for name in copied}
        assert set(found["feature_scores"]) == {"age", "prediction"}


def test_replayed_drift_opens_no_alert_of_its_own(day: Day) -> None:
    """A drift that ended days ago is in the replayed rows only."""
    model_id = create(day, "recovered")
    moved = [row for row in logged(13) if parse(row["timestamp"]) < NOW - 8 * DAY]
    for row in moved:
        row["features"]["age"] += 20
    still = [row for row in logged(13) if NOW - 8 * DAY <= parse(row["timestamp"]) < NOW - 2 * DAY]
    log(day, model_id, [*moved, *still])
    day.clock.now += MINUTE
    give_baseline(day, model_id)
    # The return from a drift is a sudden change. Only the week part is of interest here.
    assert day.deployed.call("PATCH", f"/models/{model_id}", {"settings": {"sudden": False}}).status == 200
    day.clock.now += 20 * MINUTE
    check(model_id)
    newest, *replayed = history(day, model_id)
    assert newest["status"] == "ok", newest
    drifted = [row for row in replayed if row["status"] == "drift"]
    assert [row["drifted_features"] for row in drifted] == [["age"]] * len(drifted) != []
    assert not any(row["preliminary"] for row in drifted)
    assert day.deployed.call("GET", f"/drift/models/{model_id}/alerts").body == []


def rows_stored(model_id: str) -> dict[str, bytes]:
    """The stored replayed rows by their keys."""
    items = History.query(model_id, History.sk.startswith("h#"), consistent_read=True)
    return {item.sk: bytes(item.row) for item in items if item.sk < f"h#{iso(MIDNIGHT + MINUTE)}"}


class Died(BaseException):
    """The function ends in the middle of a check."""


def test_a_check_that_dies_leaves_the_rows_that_one_whole_check_leaves(day: Day) -> None:
    """After a crash at any of its writes, the next check completes the rows, each of them once."""
    model_id = late_baseline(day, 20 * MINUTE)
    for writes in (3, 6, 8, 9):
        left = [writes]

        def fault(call: Call, left: list[int] = left) -> Any:
            if "HistoryTable" in str(call.parameters) and call.operation in ("PutItem", "TransactWriteItems"):
                left[0] -= 1
                if left[0] < 0:
                    raise Died
            return call.make()

        with calls_to_aws(fault), suppress(Died):
            check(model_id)
        day.clock.now += 10 * MINUTE  # The lease of the check has ended.
    check(model_id)
    found = rows_stored(model_id)
    assert len(found) == 8
    assert [row["replayed"] for row in history(day, model_id)] == [False] + [True] * 8
    day.clock.now = NOW
    whole = late_baseline(day, 20 * MINUTE, name="whole")
    check(whole)
    assert rows_stored(whole) == found


def test_a_check_without_time_leaves_the_rest_to_the_next_message(day: Day, monkeypatch: pytest.MonkeyPatch) -> None:
    """A check whose time ends in a replay stores no verdict. The next message completes the rows."""
    model_id = late_baseline(day, 20 * MINUTE)
    rows: list[str] = []

    def noting(call: Call) -> Any:
        if call.operation == "PutItem" and "HistoryTable" in str(call.parameters):
            rows.append(call.operation)
        return call.make()

    with calls_to_aws(noting), monkeypatch.context() as patched:
        patched.setattr(triggers, "clock", lambda *_: lambda: timedelta(seconds=60 if len(rows) < 3 else -1))
        check(model_id)
    assert [row["replayed"] for row in history(day, model_id)] == [True] * 3
    drain(day.deployed)
    assert [row["replayed"] for row in history(day, model_id)] == [False] + [True] * 8


def test_later_checks_replay_nothing(day: Day) -> None:
    """The second check writes its own row and replays nothing."""
    model_id = late_baseline(day, 20 * MINUTE)
    check(model_id)
    day.clock.now += 15 * MINUTE
    writes: list[str] = []

    def noting(call: Call) -> Any:
        if call.operation == "PutItem" and "HistoryTable" in str(call.parameters):
            writes.append(call.parameters["Item"]["sk"]["S"])
        return call.make()

    body = json.dumps({"organization_id": "acme", "model_id": model_id, "tick": "t2"})
    with calls_to_aws(noting):
        function("check_drift").handler(records(body), LambdaContext())
    assert [key.partition("#")[0] for key in writes] == ["report"]
    assert [row["replayed"] for row in history(day, model_id)] == [False, False] + [True] * 8


def test_a_day_that_is_not_rolled_up_yet_is_replayed_too(day: Day) -> None:
    """Five minutes after midnight, yesterday has no stored day yet, and has its row all the same."""
    day.clock.now = before = NOW.replace(hour=23, minute=40)
    model_id = create(day, "night")
    log(day, model_id, [row for row in logged(8.5) if parse(row["timestamp"]) < before])
    day.clock.now = before + MINUTE
    give_baseline(day, model_id)
    day.clock.now = midnight = MIDNIGHT + DAY + 5 * MINUTE
    check(model_id)
    newest, yesterday, *_rest = history(day, model_id)
    assert (newest["checked_at"], yesterday["checked_at"]) == (iso(midnight), iso(MIDNIGHT + DAY))
    assert yesterday["replayed"] is True
    assert yesterday["n_window"] == sum(parse(row["timestamp"]) >= MIDNIGHT - 6 * DAY for row in logged(8.5))


def test_a_baseline_that_came_first_replays_nothing(day: Day) -> None:
    """Predictions of past days that are logged after the baseline add no rows for these days."""
    model_id = create(day, "in time")
    give_baseline(day, model_id)
    day.clock.now += MINUTE
    log(day, model_id, logged(8.5))
    day.clock.now += 20 * MINUTE
    check(model_id)
    assert [row["replayed"] for row in history(day, model_id)] == [False]
