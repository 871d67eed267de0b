"""A storm of labels for one model on the local stack, beside a calm model whose checks and joins must go on."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx

ROWS_A_BATCH: Final = 5_000
TASK: Final = {"type": "binary", "positive": 1}
CALM_ROWS: Final = 50
TICK: Final = timedelta(minutes=15)
LONGEST: Final = 3_600.0
"""Seconds that a request to the local stack may take."""


@dataclass(frozen=True)
class Round:
    """One tick of the schedule while the storm is joined.

    seconds: how long the stack took for the whole tick. check: seconds of the calm model's check by hand.
    pending: whether that check's join of labels had not ended. calm, storm: labels joined when the tick has ended.
    """

    seconds: float
    check: float
    pending: bool
    calm: int
    storm: int


@dataclass(frozen=True)
class Storm:
    """What the storm took. sent: labels of the storm. rounds: until all of them were joined."""

    sent: int
    sending: float
    rounds: list[Round]

    @property
    def longest_check(self) -> float:
        """The longest check of the calm model, in seconds."""
        return max(each.check for each in self.rounds)


def run(url: str, key: str, labels: int, say: Callable[[str], None] = lambda _: None) -> Storm:
    """Send labels of one model, then join them, while a calm model gets a few new labels in each tick."""
    with httpx.Client(base_url=url, headers={"x-api-key": key}, timeout=LONGEST, trust_env=False) as client:
        storm, calm = (_model(client, name) for name in ("storm", "calm"))
        began = time.monotonic()
        for number in range(-(-labels // ROWS_A_BATCH)):
            _log(client, storm, number, min(ROWS_A_BATCH, labels - number * ROWS_A_BATCH))
            if number % 20 == 0:
                say(f"{number * ROWS_A_BATCH:,} of {labels:,} labels sent")
        sending = time.monotonic() - began
        rounds: list[Round] = []
        while not rounds or rounds[-1].storm < labels:
            rounds.append(_round(client, storm, calm, len(rounds)))
            say(f"{rounds[-1].storm:,} of {labels:,} labels joined, check of the calm model {rounds[-1].check:.1f} s")
        return Storm(labels, sending, rounds)


def _round(client: httpx.Client, storm: str, calm: str, number: int) -> Round:
    """Let the storm's join begin, then check the calm model beside it, then let the schedule run one tick."""
    _log(client, calm, number, CALM_ROWS)
    with ThreadPoolExecutor(1) as pool:
        began = time.monotonic()
        running = pool.submit(client.post, f"/drift/models/{storm}/check")
        checking = time.monotonic()
        answer = client.post(f"/drift/models/{calm}/check")
        check = time.monotonic() - checking
        if answer.status_code != httpx.codes.OK:
            raise RuntimeError(answer.text)
        running.result()
    client.post("/_local/schedule").raise_for_status()
    matched = _matched(client, calm)
    return Round(
        seconds=time.monotonic() - began,
        check=check,
        pending="x-labels-pending" in answer.headers,
        calm=matched,
        storm=_matched(client, storm),
    )


def _model(client: httpx.Client, name: str) -> str:
    body = {"name": f"{name} {time.time_ns()}", "settings": {"task": TASK}}
    return str(client.post("/models", json=body).raise_for_status().json()["id"])


def _log(client: httpx.Client, model_id: str, number: int, rows: int) -> None:
    """Send a batch of predictions and their labels."""
    begin = datetime.now(UTC) - timedelta(hours=30)
    ids = [f"{number}-{row}" for row in range(rows)]
    times = [(begin + timedelta(seconds=row)).isoformat() for row in range(rows)]
    columns = {"prediction_ids": ids, "timestamps": times, "scores": [row % 1000 / 1000 for row in range(rows)]}
    _accepted(client, "/predictions/batch", {"model_id": model_id, "columns": {"x": [1.0] * rows}, **columns}, rows)
    labels = {"prediction_id": ids, "timestamp": times, "label": [row % 2 for row in range(rows)]}
    _accepted(client, f"/models/{model_id}/labels", {"columns": labels}, rows)


def _accepted(client: httpx.Client, path: str, body: dict[str, Any], rows: int) -> None:
    answer = client.post(path, json=body).raise_for_status().json()
    if answer["accepted"] != rows:
        raise RuntimeError(f"{path}: {answer}")


def _matched(client: httpx.Client, model_id: str) -> int:
    """The labels of a model that are joined; 0 before the first report."""
    answer = client.get(f"/models/{model_id}/labels/status")
    return int(answer.json()["matched"]) if answer.status_code == httpx.codes.OK else 0
