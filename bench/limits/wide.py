"""Stores the widest models: their baselines, batches of predictions and counts."""

import json
import random
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from bench.limits.run import ORGANIZATION
from driftguard.baselines import versions
from driftguard.checks.window import load_series
from driftguard.counting.counts import Counts
from driftguard.counting.series import Series
from driftguard.counting.tables import StoredCounts, day_key, hour_key
from driftguard.distributions.baseline import Baseline
from driftguard.models import registry
from driftguard.models.schemas import NewModel
from driftguard.models.tables import Models
from driftguard.platform.bulk import put
from driftguard.platform.deflating import compact_json, deflate, inflate
from driftguard.platform.sizes import chunks
from driftguard.platform.times import hour_of, iso
from driftguard.predictions.keys import Key
from driftguard.predictions.tables import Predictions
from driftguard.rows.columns import Row
from driftguard.rows.examples import Examples
from driftguard.rows.packed_format import HEADER_LENGTH_BYTES, Header
from driftguard.rows.packing import pack

FEATURES = 500
NAME_LENGTH = 128
TEXT_LENGTH = 256
LETTERS = [chr(code) for code in range(0x20000, 0x2A6D6)]
"""Letters of four bytes in UTF-8. There are so many that texts hardly compress."""

DAY = timedelta(days=1)


def text(seed: object, length: int) -> str:
    """Return a text of four-byte letters."""
    return "".join(random.Random(str(seed)).choices(LETTERS, k=length))


def names(count: int = FEATURES) -> list[str]:
    """Return the longest names of features."""
    return [text(number, NAME_LENGTH) for number in range(count)]


def add_model(baseline: Baseline, now: datetime, **settings: Any) -> Models:
    """Create a model with a baseline."""
    body = NewModel.model_validate({"name": "wide", "settings": settings})
    model_id = registry.create(ORGANIZATION, body, partitions=4, now=now).id
    model = registry.find(ORGANIZATION, model_id)
    versions.store(
        model, baseline, Examples(), source="limits", publish=lambda _news: None, now=now, actor=registry.SYSTEM
    )
    return registry.find(ORGANIZATION, model_id)


def batch(rows: Sequence[Mapping[str, Any]], over: timedelta) -> bytes:
    """Return packed rows whose event times are spread over a time that begins with 1970."""
    step = over.total_seconds() / len(rows)
    return pack([Row(number * step, dict(features), None, None) for number, features in enumerate(rows)])


def store_batch(model: Models, packed: bytes, rows: int, begin: datetime, over: timedelta, arrived: datetime) -> None:
    """Store a packed batch as often as wanted, with event times from `begin` on."""
    key = Key.of("b", secrets.token_hex(8))
    data = _from(packed, round(begin.timestamp() * 1000))
    first = round(begin.timestamp() * 1000)
    last = first + round(over.total_seconds() * 1000)
    head = Predictions.head(
        key.place(model.model_id, model.partition_count),
        key,
        body_hash="",
        rows=rows,
        events=(first, last),
        now=arrived,
    )
    head.write_chunks(chunks(data), secrets.token_hex(8))
    head.commit(arrived)


def _from(packed: bytes, start: int) -> bytes:
    """Return a batch of ascending times whose first time is `start`."""
    begin = 2 + HEADER_LENGTH_BYTES
    end = begin + int.from_bytes(packed[2:begin], "little")
    header = Header.read(json.loads(inflate(packed[begin:end])))
    if header.times.start is None:
        raise ValueError("the times of the batch are not ascending")
    head = deflate(compact_json(header._replace(times=header.times._replace(start=start)).stored()))
    return b"".join([packed[:2], len(head).to_bytes(HEADER_LENGTH_BYTES, "little"), head, packed[end:]])


def store_counts(model: Models, days: int, now: datetime, rows_an_hour: int) -> None:
    """Store counts for each of the last hours and days, as a fold would have done."""
    series = load_series(model)
    end, today = hour_of(now), hour_of(now) // 24
    samples = [_counts(series, rows_an_hour, seed) for seed in range(3)]
    encoded = [[counts.encode(group) for group in range(series.groups)] for counts in samples]
    whole = _counts(series, 24 * rows_an_hour, 9)
    of_day = [whole.encode(group) for group in range(series.groups)]
    expires = int((now + 35 * DAY).timestamp())

    def item(key: str, data: bytes) -> StoredCounts:
        return StoredCounts(model.model_id, key, data=data, watermark=iso(now), expires_at=expires)

    hours = range(end - days * 24, end)
    put(item(hour_key(1, hour, group), encoded[hour % 3][group]) for hour in hours for group in range(series.groups))
    put(
        item(day_key(1, day, group), of_day[group])
        for day in range(hours.start // 24, today)
        for group in range(series.groups)
    )
    StoredCounts.advance(
        model.model_id,
        1,
        read=None,
        cursor=iso(now - timedelta(minutes=11)),
        first_hour=hours.start,
        rolled_before=today,
        last_arrival=iso(now - timedelta(minutes=11)),
        rolled_at=iso(now - DAY),
    )


def _counts(series: Series, rows: int, seed: int) -> Counts:
    """Return counts whose bins are filled at random."""
    rng = np.random.default_rng(seed)
    counts = Counts.empty(series.baseline)
    layout = counts.layout
    counts.rows = rows
    for index in range(len(layout.features)):
        span = layout.span(index)
        counts.bins[span] = rng.multinomial(rows, np.full(span.stop - span.start, 1 / (span.stop - span.start)))
    counts.total[:], counts.squares[:] = rng.normal(size=(2, len(layout.features)))
    counts.least[:], counts.greatest[:] = -1.0, 1.0
    return counts


def logged(
    model: Models,
    payloads: Sequence[bytes],
    rows: int,
    count: int,
    place: Callable[[int], tuple[datetime, datetime]],
    over: timedelta,
) -> None:
    """Store `count` batches, one payload after the other. place: returns a batch's first event and its arrival."""
    for number in range(count):
        begin, arrived = place(number)
        store_batch(model, payloads[number % len(payloads)], rows, begin, over, arrived)


def check_event(model: Models) -> dict[str, Any]:
    """Return the event of a check from the queue."""
    body = {"organization_id": ORGANIZATION, "model_id": model.model_id, "tick": "limits"}
    return queue_event(json.dumps(body), model.model_id)


def queue_event(body: str, group: str) -> dict[str, Any]:
    """Return the event of a message from a FIFO queue."""
    attributes = {
        "ApproximateReceiveCount": "1",
        "SentTimestamp": "1",
        "SenderId": "x",
        "ApproximateFirstReceiveTimestamp": "1",
        "MessageGroupId": group,
    }
    record = {
        "messageId": "m1",
        "receiptHandle": "handle",
        "body": body,
        "attributes": attributes,
        "messageAttributes": {},
        "md5OfBody": "",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:CheckQueue.fifo",
        "awsRegion": "eu-west-1",
    }
    return {"Records": [record]}


def now() -> datetime:
    """Return the present time."""
    return datetime.now(UTC)
