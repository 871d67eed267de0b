"""One tick of the schedule over all models, one of which cannot be checked."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median, quantiles
from typing import Any, Final

import httpx

from bench.load.fleet import Client, Model, side_by_side
from bench.load.processes import Cpu, Snapshot
from bench.load.serving import LoadError, Served

LOOK_EVERY: Final = 1.0
CHECK_LOG: Final = '"message":"check"'
DEAD_LETTERS: Final = ("CheckDeadLetterQueue", "ScheduleDeadLetterQueue")
COUNTS: Final = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")


@dataclass
class Depths:
    """How full the check queue was, second by second: (seconds, waiting, being checked)."""

    seen: list[tuple[float, int, int]] = field(default_factory=list)

    @property
    def deepest(self) -> int:
        """Most messages in it at once."""
        return max((waiting + taken for _, waiting, taken in self.seen), default=0)

    @property
    def filled(self) -> float:
        """Seconds until it was deepest."""
        return next((at for at, waiting, taken in self.seen if waiting + taken == self.deepest), 0.0)

    @property
    def emptied(self) -> float | None:
        """Seconds until nothing was in it any more; None when that was not seen."""
        return next((at for at, waiting, taken in self.seen if at > self.filled and not waiting + taken), None)

    @property
    def in_flight(self) -> int:
        """Most messages taken and not done with."""
        return max((taken for _, _, taken in self.seen), default=0)


@dataclass(frozen=True)
class Tick:
    """What a tick came to. outcomes: run records by outcome; told: the same as the organizations are told.
    failures: model id and reason. milliseconds: of each check, as its log line says."""

    models: int
    seconds: float
    outcomes: Counter[str]
    told: Counter[str]
    failures: Sequence[tuple[str, str]]
    depths: Depths
    dead: int
    milliseconds: Sequence[int]
    cpu: Cpu

    @property
    def rate(self) -> float:
        """Models a second."""
        return self.models / self.seconds

    def each(self, seconds: float) -> float:
        """Processor milliseconds a model, of so many seconds in all."""
        return seconds / self.models * 1000

    @property
    def median(self) -> float:
        """Milliseconds of a check."""
        return median(self.milliseconds) if self.milliseconds else 0.0

    @property
    def p95(self) -> float:
        """Milliseconds that 95 % of the checks stay under."""
        return quantiles(self.milliseconds, n=20)[-1] if len(self.milliseconds) > 1 else self.median


def warm(client: Client, models: Sequence[Model], at_once: int = 8) -> None:
    """Check some models by hand at once, so that the processes that check have started before the tick."""
    side_by_side(
        lambda model: client.answer(model.organization.admin, "POST", f"/drift/models/{model.id}/check"),
        models[: 2 * at_once],
        at_once,
    )


def run(
    served: Served,
    client: Client,
    models: Sequence[Model],
    snapshot: Callable[[], Snapshot],
    seconds_left: float,
    say: Callable[[str], None],
) -> Tick:
    """Fire the schedule and wait until every model has an outcome. Raises LoadError when one is missing at the end."""
    logged = _CheckLog(served)
    before, began = snapshot(), time.monotonic()
    deadline = began + seconds_left
    with _watching(served, began, say) as depths:
        tick = _fire(served.url, seconds_left)
        while True:
            outcomes, failures = _records(served, models, tick)
            ended = time.monotonic()
            if sum(outcomes.values()) >= len(models):
                break
            if ended > deadline:
                raise LoadError(f"{len(models) - sum(outcomes.values())} models have no outcome: {dict(outcomes)}")
            time.sleep(LOOK_EVERY)
    cpu = before.until(snapshot())
    return Tick(
        models=len(models),
        seconds=depths.emptied or ended - began,
        outcomes=outcomes,
        told=_told(client, models),
        failures=failures,
        depths=depths,
        dead=_messages(served, DEAD_LETTERS),
        milliseconds=logged.milliseconds(),
        cpu=cpu,
    )


def _fire(url: str, seconds: float) -> str:
    """Fire the rule; returns the tick's id. It may answer that it waited for long enough: the tick goes on then."""
    answer = httpx.post(f"{url}/_local/schedule", timeout=seconds, trust_env=False)
    if answer.status_code not in (httpx.codes.OK, httpx.codes.GATEWAY_TIMEOUT):
        raise LoadError(f"the schedule could not be fired: {answer.status_code} {answer.text[:300]}")
    event_id: str = answer.json()["event_id"]
    return event_id


@contextmanager
def _watching(served: Served, began: float, say: Callable[[str], None]) -> Iterator[Depths]:
    """Look at the check queue every second, beside what the block does."""
    depths, stop = Depths(), threading.Event()

    def look() -> None:
        sqs, url = served.aws.client("sqs"), served.aws.resources["CheckQueue"]
        while not stop.wait(LOOK_EVERY):
            waiting, taken = _counts(sqs, url)
            depths.seen.append((time.monotonic() - began, waiting, taken))
            if len(depths.seen) % 15 == 0:
                say(f"    {waiting:,} checks wait, {taken:,} are taken")

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield depths
    finally:
        stop.set()
        thread.join()


def _counts(sqs: Any, url: str) -> tuple[int, int]:
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(COUNTS))["Attributes"]
    waiting, taken = (int(found.get(name, 0)) for name in COUNTS)
    return waiting, taken


def _messages(served: Served, queues: Sequence[str]) -> int:
    sqs = served.aws.client("sqs")
    return sum(sum(_counts(sqs, served.aws.resources[name])) for name in queues)


def _records(served: Served, models: Sequence[Model], tick: str) -> tuple[Counter[str], list[tuple[str, str]]]:
    """The tick's run records by outcome, and model and reason of those that failed."""
    dynamodb, table = served.aws.client("dynamodb"), served.aws.resources["ModelsTable"]
    outcomes: Counter[str] = Counter()
    failures = []
    for organization in dict.fromkeys(model.organization.id for model in models):
        pages = dynamodb.get_paginator("query").paginate(
            TableName=table,
            KeyConditionExpression="pk = :run",
            ExpressionAttributeValues={":run": {"S": f"{organization}#run"}},
        )
        for item in (item for page in pages for item in page["Items"]):
            if item.get("tick", {}).get("S") == tick:
                outcomes[item["outcome"]["S"]] += 1
                if item["outcome"]["S"] == "failed":
                    failures.append((item["sk"]["S"], item.get("reason", {}).get("S", "")))
    return outcomes, failures


def _told(client: Client, models: Sequence[Model]) -> Counter[str]:
    """What GET /scheduler/status tells all organizations together."""
    told: Counter[str] = Counter()
    for organization in dict.fromkeys(model.organization for model in models):
        job = client.call(organization.admin, "GET", "/scheduler/status")["jobs"][0]
        for outcome in ("checked", "skipped", "failed"):
            told[outcome] += job[f"models_{outcome}"]
    return told


class _CheckLog:
    """What the check function logs from now on."""

    def __init__(self, served: Served) -> None:
        self._path = served.logs / f"{served.aws.resources['CheckDriftFunction']}.log"
        self._start = self._path.stat().st_size if self._path.exists() else 0

    def milliseconds(self) -> list[int]:
        """How long each check took."""
        with self._path.open("rb") as lines:
            lines.seek(self._start)
            texts = [line.decode("utf-8", "replace") for line in lines]
        return [int(json.loads(text)["milliseconds"]) for text in texts if CHECK_LOG in text]
