"""Measures what labels cost on top of drift: requests, joins and storage of a model over days of steady traffic."""

import heapq
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from bench.cost.measure import logged, logging_to, mean, send, tables
from bench.cost.prices import ACCESS_LOG_BYTES, PLATFORM_LOG_BYTES, Line, billed_seconds, memory_of
from bench.limits.quick import quick_moto
from driftguard.checks.joins import join
from driftguard.models import registry
from driftguard.models.schemas import NewModel
from driftguard.performance.intake import log_labels
from driftguard.performance.schemas import LabelsOfModel
from driftguard.performance.tables import Joined
from driftguard.platform.ids import ids_at
from driftguard.platform.times import DAY, HOUR, iso
from driftguard.predictions import intake
from driftguard.predictions.schemas import BatchBody
from sandbox.gateway import Gateway
from sandbox.meter import Usage, item_bytes, metered

LABELS: Final = 500
"""Labels of a request."""
BATCHES_A_DAY: Final = 67
"""Batches of LABELS predictions per day: a million in 30 days."""
WARM_DAYS: Final = 15
"""Days before the measured ones, so that late labels of all ages arrive."""
MEASURED_DAYS: Final = 4
SOON: Final = 0.9
"""The share of labels that arrive within a day. The others arrive evenly within LATEST_DAYS."""
LATEST_DAYS: Final = 14
KEPT_DAYS: Final = 120
"""Days that heads and runs are kept with `label_wait_days` at its default of 90."""
TASK: Final = {"type": "binary", "positive": 1}


@dataclass
class LabelUsage:
    """What a million labelled predictions use.

    request: usage of one label request. log_bytes, stored: bytes per request. joins: usage of all joins.
    messages: hourly messages that started them. kept: bytes of heads and runs.
    """

    request: Usage
    log_bytes: float
    stored: float
    joins: Usage
    messages: float
    kept: float


@dataclass(order=True)
class _Label:
    """A label that arrives at a time."""

    at: datetime
    row: dict[str, Any] = field(compare=False)


def measure_labels(
    *, timestamps: bool, warm: int = WARM_DAYS, measured: int = MEASURED_DAYS, batches: int = BATCHES_A_DAY
) -> LabelUsage:
    """Usage of a million labelled predictions.

    timestamps: whether labels carry the time of their prediction. batches: of LABELS predictions, per day.
    """
    request, log_bytes, stored = measure_request(timestamps=timestamps)
    begin = datetime(2026, 3, 1, tzinfo=UTC)
    with ExitStack() as stack:
        stack.enter_context(tables())
        stack.enter_context(quick_moto())
        body = NewModel.model_validate({"name": "m", "settings": {"task": TASK}})
        model_id = registry.create("acme", body, partitions=4, now=begin).id
        joins, messages = Usage(), 0
        for day, now in _hours(model_id, begin, warm + measured, batches, timed=timestamps):
            with logged(), metered() as usage:
                join(registry.find("acme", model_id), now, lambda: True)
            if day >= warm:
                joins, messages = joins + usage, messages + 1
        kept = sum(_bytes_of(model_id, day) for day in _days(begin, warm))
    scale = 1e6 / (measured * batches * LABELS)
    return LabelUsage(
        request,
        log_bytes,
        stored,
        _scaled(joins, scale),
        messages * scale,
        kept * 1e6 / (warm * batches * LABELS),
    )


def label_lines(usage: LabelUsage) -> list[Line]:
    """The cost of a million labelled predictions on top of drift."""
    requests = 1e6 / LABELS
    memory, join_memory = memory_of("LogPredictionsFunction"), memory_of("JoinLabelsFunction")
    join_seconds = billed_seconds(usage.joins, join_memory)
    logs = requests * (usage.log_bytes + PLATFORM_LOG_BYTES + ACCESS_LOG_BYTES) + usage.messages * (
        PLATFORM_LOG_BYTES + 700
    )
    return [
        Line("API Gateway", requests, "api"),
        Line("Lambda requests: labels and joins", requests + usage.messages, "lambda request"),
        Line("Lambda time: labels", requests * billed_seconds(usage.request, memory) * memory / 1024, "lambda"),
        Line("Lambda time: joins", join_seconds * join_memory / 1024, "lambda"),
        Line("SQS: 0.1 sends, 1 receive, 1 delete per join", usage.messages * 2.1, "sqs fifo"),
        Line("DynamoDB writes: labels", requests * usage.request.write_units, "write"),
        Line("DynamoDB writes: joins", usage.joins.write_units, "write"),
        Line("DynamoDB reads: labels", requests * usage.request.read_units, "read"),
        Line("DynamoDB reads: joins", usage.joins.read_units, "read"),
        Line("DynamoDB storage: labels, 21 days", requests * usage.stored / 1e9 * 21 / 30, "storage"),
        Line(f"DynamoDB storage: joined days, {KEPT_DAYS} days", usage.kept / 1e9 * KEPT_DAYS / 30, "storage"),
        Line("CloudWatch Logs", logs / 1e9, "logs"),
    ]


def measure_request(*, timestamps: bool) -> tuple[Usage, float, float]:
    """Usage, bytes logged and bytes stored of a request with LABELS labels that API Gateway sends to a warm handler."""
    rng, now = random.Random(4), datetime.now(UTC)
    with tables():
        model_id = logging_to(now)
        gateway, times = Gateway(), 4
        bodies = [
            {
                "model_id": model_id,
                "labels": [_label(row, timed=timestamps) for row in _rows(rng, now, timed=timestamps)],
            }
            for _ in range(times + 1)
        ]
        send(gateway, bodies.pop(), "/labels")
        with logged() as text, metered() as usage:
            for body in bodies:
                send(gateway, body, "/labels")
        return mean(usage, times), len(text.getvalue()) / times, usage.write_units / times * 1000


def _hours(model_id: str, begin: datetime, days: int, a_day: int, *, timed: bool) -> Iterator[tuple[int, datetime]]:
    """Log predictions, `a_day` batches of them, and labels hour by hour. Yields the day and the end of each hour."""
    rng = random.Random(5)
    waiting: list[_Label] = []
    batches = 0
    for hour in range(days * 24):
        now = begin + (hour + 1) * HOUR
        while batches < (hour + 1) * a_day // 24:
            batches += 1
            at = begin + batches * DAY / a_day
            rows = _rows(rng, at, timed=timed)
            intake.log_batch("acme", BatchBody.model_validate({"model_id": model_id, "predictions": rows}), now=at)
            for row in rows:
                late = DAY if rng.random() < SOON else LATEST_DAYS * DAY
                heapq.heappush(waiting, _Label(at + rng.random() * late, _label(row, timed=timed)))
        _send_due(model_id, waiting, now)
        yield hour // 24, now


def _send_due(model_id: str, waiting: list[_Label], now: datetime) -> None:
    """Send the labels that are due in whole requests, and keep the rest."""
    due: list[_Label] = []
    while waiting and waiting[0].at <= now:
        due.append(heapq.heappop(waiting))
    model = registry.find("acme", model_id)
    while len(due) >= LABELS:
        some, due = due[:LABELS], due[LABELS:]
        log_labels(model, LabelsOfModel(labels=[label.row for label in some]), now=some[-1].at)
    for label in due:
        heapq.heappush(waiting, label)


def _rows(rng: random.Random, at: datetime, *, timed: bool) -> list[dict[str, Any]]:
    """LABELS predictions of the minutes before a time. timed: with ids that tell the time, as the client makes them."""
    times = [at - timedelta(seconds=1200 * rng.random()) for _ in range(LABELS)]
    ids = ids_at((int(time.timestamp() * 1000), rng.randbytes(10)) for time in times)
    if not timed:
        ids = [rng.randbytes(13).hex() for _ in times]
    return [
        {"prediction_id": one, "timestamp": iso(time), "features": {}, "score": round(rng.random(), 6)}
        for one, time in zip(ids, times, strict=True)
    ]


def _label(row: dict[str, Any], *, timed: bool) -> dict[str, Any]:
    label = {"prediction_id": row["prediction_id"], "label": int(row["score"] > 0.5)}
    return {**label, "timestamp": row["timestamp"]} if timed else label


def _days(begin: datetime, warm: int) -> range:
    first = int(begin.timestamp()) // 86_400
    return range(first, first + warm)


def _bytes_of(model_id: str, day: int) -> float:
    """The bytes of the heads and runs of one day."""
    place = f"{model_id}#{day:07d}"
    return sum(item_bytes(item.serialize()) for item in Joined.query(place, consistent_read=True))


def _scaled(usage: Usage, factor: float) -> Usage:
    calls = Counter({name: round(count * factor) for name, count in usage.calls.items()})
    written = Counter({name: round(units * factor) for name, units in usage.written.items()})
    return Usage(usage.write_units * factor, usage.read_units * factor, calls, usage.own_seconds * factor, written)
