"""Logged predictions: packed batches, each stored once under the id that makes retries harmless."""

import heapq
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import groupby, islice
from operator import attrgetter
from typing import Any, Literal, NamedTuple

from pynamodb.attributes import BinaryAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import PutError
from pynamodb.indexes import IncludeProjection, LocalSecondaryIndex

from driftguard.models.tables import Models
from driftguard.platform.dynamodb import KEYS, ConditionFailed, Options, Table, conditional, transaction
from driftguard.platform.times import iso
from driftguard.rows.reading import MAX_AGE, MAX_AHEAD

RETENTION = MAX_AGE
"""How long a batch is kept after its arrival, and its ids with it."""

BATCH_GET = 100
SMALL = 700
"""Bytes of data that, with the keys, leave an entry of the index under one write unit."""
CHUNKS_AT_ONCE = 24
INDEX_PAGE = 500
ROUNDING = timedelta(seconds=1)
"""More than the milliseconds in which event times are kept differ from what was sent."""

ROWS_AT_ONCE = 20_000
"""Four of the largest batches."""


class Key(NamedTuple):
    """What a batch is stored under. namespace: `b` batch, `p` single prediction, `i` Idempotency-Key, `r` random."""

    namespace: Literal["b", "p", "i", "r"]
    digest: str

    @classmethod
    def of(cls, namespace: Literal["b", "p", "i", "r"], *ids: Any) -> "Key":
        """The key of ids of any characters and any length."""
        return cls(namespace, sha256(json.dumps([namespace, *ids]).encode()).hexdigest()[:32])

    @property
    def sk(self) -> str:
        """The sort key."""
        return f"{self.namespace}#{self.digest}"

    def prediction_id(self, index: int) -> str:
        """The id of a prediction whose client gave it none, by its index in the request."""
        return f"{self.digest[:20]}-{index}"

    def place(self, model_id: str, partitions: int) -> str:
        """The partition (pk) of this key while the model has `partitions` of them."""
        return place(model_id, int(self.digest[:12], 16) % partitions)


def place(model_id: str, number: int) -> str:
    """The pk of one of a model's partitions, counted from 0."""
    return f"{model_id}#{number}"


@dataclass(frozen=True, slots=True)
class Head:
    """A stored batch as the index shows it; event times in milliseconds since the epoch. small: its data, if little."""

    pk: str
    sk: str
    arrived_at: str
    rows: int
    first_event: int
    last_event: int
    small: bytes | None = None

    def overlaps(self, start: datetime | None, end: datetime | None) -> bool:
        """Whether it may hold events from `start` up to before `end`; None leaves a side open."""
        return (start is None or self.last_event >= start.timestamp() * 1000) and (
            end is None or self.first_event < end.timestamp() * 1000
        )


class ByArrival(LocalSecondaryIndex["Predictions"]):  # type: ignore[no-untyped-call]
    """A partition's batches in the order of their arrival, small ones whole; chunks and markers have none."""

    class Meta:
        index_name = "by_arrival"
        projection = IncludeProjection(["rows", "first_event", "last_event", "small"])

    pk = UnicodeAttribute(hash_key=True)
    arrived_at = UnicodeAttribute(range_key=True)


class Predictions(Table):
    """Packed batches of one or more rows (`driftguard.rows.packing`).

    | pk | sk | what |
    |---|---|---|
    | `<model>#<partition>` | `b#…` `p#…` `i#…` `r#…` | a head: rows, event times, data or number of chunks |
    | `<model>#<partition>` | `i#…` without rows | a marker: an Idempotency-Key that came beside an id |
    | `<model>#<partition>` | `c#<nonce>#<number>` | a chunk of a batch too large for one item |

    The partition is a hash of the key over the model's number of partitions, so a retry finds its first try. A head is
    put on the condition that there is none, after its chunks; from then on the batch is stored. `by_arrival` orders a
    partition's heads by `arrived_at` = time of arrival, `#`, a piece of the key: no two are the same.
    """

    table_setting = "PREDICTIONS"

    class Meta(Options):
        pass

    by_arrival = ByArrival()
    arrived_at = UnicodeAttribute(null=True)
    rows = NumberAttribute(null=True)
    first_event = NumberAttribute(null=True)
    last_event = NumberAttribute(null=True)
    body_hash = UnicodeAttribute(null=True)
    small = BinaryAttribute(legacy_encoding=False, null=True)
    data = BinaryAttribute(legacy_encoding=False, null=True)
    chunks = NumberAttribute(null=True)
    nonce = UnicodeAttribute(null=True)

    @classmethod
    def head(
        cls, pk: str, key: Key, *, body_hash: str, rows: int, events: tuple[int, int], now: datetime
    ) -> "Predictions":
        """A new head without its data; `events` are the first and last event time in milliseconds."""
        return cls(
            pk,
            key.sk,
            arrived_at=f"{iso(now)}#{key.digest[:16]}",
            rows=rows,
            first_event=events[0],
            last_event=events[1],
            body_hash=body_hash,
            expires_at=_expiry(now),
        )

    @classmethod
    def marker(cls, pk: str, key: Key, *, body_hash: str, now: datetime) -> "Predictions":
        """A new marker."""
        return cls(pk, key.sk, body_hash=body_hash, expires_at=_expiry(now))

    @classmethod
    def stored(cls, pk: str, key: Key, now: datetime) -> "Predictions | None":
        """The head or marker under a key, None when there is none or its retention is over."""
        item = cls.find(pk, key.sk)
        return None if item is None or (item.expires_at or 0) < now.timestamp() else item

    def write_chunks(self, pieces: Sequence[bytes], nonce: str) -> None:
        """Store this head's data as chunks; nobody sees them before the head is committed."""
        with Predictions.batch_write() as batch:
            for number, piece in enumerate(pieces):
                batch.save(Predictions(self.pk, f"c#{nonce}#{number}", data=piece, expires_at=self.expires_at))
        self.nonce, self.chunks = nonce, len(pieces)

    @classmethod
    def of_model(cls, model: Models) -> "Iterable[Predictions]":
        """All batches, chunks and markers of a model in each of its partitions, keys only."""
        for number in range(model.partition_count):
            yield from cls.query(place(model.model_id, number), attributes_to_get=KEYS, consistent_read=True)

    @classmethod
    def of_organization(cls, _organization_id: str) -> "Iterable[Predictions]":
        """Nothing: every batch belongs to a model."""
        return ()

    def commit(self, now: datetime, marker: "Predictions | None" = None) -> None:
        """Store a head (or a marker), together with a marker if there is one. Raises ConditionFailed when one of the
        keys is in use, or is being written by somebody else right now."""
        free = Predictions.pk.does_not_exist() | (Predictions.expires_at < int(now.timestamp()))
        if marker:
            with transaction() as write:
                write.save(self, condition=free)
                write.save(marker, condition=free)
            return
        try:
            with conditional():
                self.save(free)
        except PutError as error:
            if error.cause_response_code == "TransactionConflictException":
                raise ConditionFailed from error
            raise

    def hold(self, packed: bytes) -> None:
        """Keep a packed batch in the head itself, and if it is small in the index's entry too, which costs one write
        unit with it or without: single predictions are then read many at a time, not at a read unit each."""
        if len(packed) <= SMALL:
            self.small = packed
        else:
            self.data = packed

    @property
    def held(self) -> bytes:
        """The data that this item itself holds."""
        return bytes(self.small or self.data or b"")

    def payload(self) -> bytes | None:
        """The packed batch of this head, None when it is being removed."""
        return self._joined([self])[0]

    @classmethod
    def arrivals(
        cls, model_id: str, partitions: int, *, after: str = "", until: str = "~", limit: int | None = None
    ) -> Iterator[Head]:
        """A model's batches in the order of their arrival over all its `partitions`, read strongly consistent.

        after, until: an `arrived_at`, exclusive and inclusive, or a bare time, which lies before whatever arrived at
        that very moment. The order is total and pages are read as they are needed: whoever stops, at `limit` or
        earlier, has seen everything up to the `arrived_at` of the last head taken, and goes on after that.
        """
        return islice(cls._in_order(model_id, partitions, after, until), limit)

    @classmethod
    def by_event(cls, model_id: str, partitions: int, start: datetime | None, end: datetime | None) -> Iterator[Head]:
        """The batches that may hold events from `start` up to before `end`, newest arrival first."""
        return (head for head in cls.around(model_id, partitions, start, end) if head.overlaps(start, end))

    @classmethod
    def around(
        cls, model_id: str, partitions: int, start: datetime | None, end: datetime | None, *, until: str = "~"
    ) -> Iterator[Head]:
        """The batches that arrived when events from `start` up to before `end` could, newest first, none after the
        `arrived_at` given as `until`; which of them may hold such events, `Head.overlaps` tells."""
        # What arrived when follows from when it happened, by the rules that made the rows good.
        after = iso(_sortable(start) - MAX_AHEAD - ROUNDING) if start else ""
        last = iso(_sortable(end) + MAX_AGE + ROUNDING) if end else "~"
        return cls._in_order(model_id, partitions, after, min(last, until), newest_first=True)

    @classmethod
    def _in_order(
        cls, model_id: str, partitions: int, after: str, until: str, *, newest_first: bool = False
    ) -> Iterator[Head]:
        # A "#" follows the time in a key, and a blank sorts before it.
        lowest = f"{after} "
        if until < lowest:
            return iter(())
        pages = [
            cls.by_arrival.query(
                place(model_id, number),
                cls.arrived_at.between(lowest, until),
                consistent_read=True,
                scan_index_forward=not newest_first,
                page_size=INDEX_PAGE,
            )
            for number in range(partitions)
        ]
        return map(_head, heapq.merge(*pages, key=attrgetter("arrived_at"), reverse=newest_first))

    @classmethod
    def payloads(cls, heads: Iterable[Head], rows_at_once: int = ROWS_AT_ONCE) -> Iterator[tuple[Head, bytes]]:
        """The packed data of batches, in the given order, read strongly consistent; batches that have gone are left
        out. At most 100 batches, or `rows_at_once` rows if that is more than one batch, are in memory at once."""
        for small, run in groupby(heads, lambda head: head.small is not None):
            if small:
                yield from ((head, head.small or b"") for head in run)
            else:
                yield from cls._read(run, rows_at_once)

    @classmethod
    def _read(cls, heads: Iterable[Head], rows_at_once: int) -> Iterator[tuple[Head, bytes]]:
        for group in _groups(heads, lambda head: head.rows, rows_at_once):
            keys = [(head.pk, head.sk) for head in group]
            found = {(item.pk, item.sk): item for item in cls.batch_get(keys, consistent_read=True)}
            there = [(head, found.pop(key)) for head, key in zip(group, keys, strict=True) if key in found]
            for part in _groups(there, lambda pair: int(pair[1].chunks or 0), CHUNKS_AT_ONCE):
                for (head, _), data in zip(part, cls._joined([item for _, item in part]), strict=True):
                    if data is not None:
                        yield head, data

    @classmethod
    def _joined(cls, items: Sequence["Predictions"]) -> list[bytes | None]:
        """The data of heads, chunks joined; None where a chunk has gone, as it goes with its batch when the retention
        ends or the model is erased."""
        keys = [[(item.pk, f"c#{item.nonce}#{number}") for number in range(int(item.chunks or 0))] for item in items]
        wanted = [key for own in keys for key in own]
        found = {(item.pk, item.sk): item.held for item in cls.batch_get(wanted, consistent_read=True)}
        return [
            (b"".join(map(found.__getitem__, own)) if found.keys() >= set(own) else None) if own else item.held
            for item, own in zip(items, keys, strict=True)
        ]


def _sortable(moment: datetime) -> datetime:
    return min(max(moment, datetime(2000, 1, 1, tzinfo=UTC)), datetime(9000, 1, 1, tzinfo=UTC))


def _expiry(now: datetime) -> int:
    return int((now + RETENTION).timestamp())


def _head(item: Predictions) -> Head:
    return Head(
        item.pk,
        item.sk,
        str(item.arrived_at),
        int(item.rows or 0),
        int(item.first_event or 0),
        int(item.last_event or 0),
        bytes(item.small) if item.small is not None else None,
    )


def _groups[T](things: Iterable[T], weight: Callable[[T], int], most: int) -> Iterator[list[T]]:
    """The things in order, as many at once as BatchGetItem takes and as weigh `most` together, but at least one."""
    group: list[T] = []
    total = 0
    for thing in things:
        if group and (len(group) == BATCH_GET or total + weight(thing) > most):
            yield group
            group, total = [], 0
        group.append(thing)
        total += weight(thing)
    if group:
        yield group
