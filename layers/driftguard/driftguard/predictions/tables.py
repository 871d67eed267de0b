"""The table of logged predictions: packed batches, each stored once under a key that a retry has too."""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby, islice
from operator import attrgetter

from pynamodb.attributes import BinaryAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import PutError
from pynamodb.indexes import IncludeProjection, LocalSecondaryIndex

from driftguard.models.tables import Models
from driftguard.platform.bulk import in_turn, put
from driftguard.platform.dynamodb import KEYS, Options, Table, transaction
from driftguard.platform.retries import ConditionFailed, conditional
from driftguard.platform.times import iso
from driftguard.predictions.heads import Head, in_groups
from driftguard.predictions.keys import Key, labels_of, place
from driftguard.rows.reading import MAX_AGE, MAX_AHEAD

RETENTION = MAX_AGE
"""Time that a batch and its ids are kept after the arrival."""

SMALL = 700
"""Up to this many bytes of data, an entry of the index costs one write unit, keys included."""
CHUNKS_AT_ONCE = 24
INDEX_PAGE = 500
ROUNDING = timedelta(seconds=1)
"""Longer than the difference between an event time as sent and as stored, in milliseconds."""

ROWS_AT_ONCE = 20_000
"""Rows in memory at once: four of the largest batches."""

RECOUNT_DAYS = 14
"""A new baseline version counts the predictions of today and of this many days before, in event time."""


class ByArrival(LocalSecondaryIndex["Predictions"]):  # type: ignore[no-untyped-call]  # PynamoDB has no types here
    """The batches of a partition in order of arrival, with the data of small batches. Only heads are in the index."""

    class Meta:
        index_name = "by_arrival"
        projection = IncludeProjection(["rows", "first_event", "last_event", "small"])

    pk = UnicodeAttribute(hash_key=True)
    arrived_at = UnicodeAttribute(range_key=True)


class Predictions(Table):
    """Packed batches of one or more rows (`driftguard.rows.packed_format`).

    | pk | sk | what |
    |---|---|---|
    | `<model>#<partition>` | `b#…` `p#…` `i#…` `r#…` | a head: rows, event times, data or number of chunks |
    | `<model>#<partition>` | `i#…` without rows | a marker: an Idempotency-Key that was sent in addition to an id |
    | `<model>#<partition>` | `c#<nonce>#<number>` | a chunk of a batch too large for one item |
    | `<model>#labels#<partition>` | as above | batches of labels |

    The partition follows from a hash of the key and the model's number of partitions, so a retry finds the first
    attempt. Chunks are written first. The head is then written on the condition that no such head exists, which stores
    the batch. The index `by_arrival` orders the heads of a partition by `arrived_at`, which is unique: the time of
    arrival, `#`, and a part of the key. It ends with `.2` if the service made ids for rows of the batch that start with
    the time of the row. Only batches with scores, probabilities or labels are in format version 2.
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
        cls,
        pk: str,
        key: Key,
        *,
        body_hash: str,
        rows: int,
        events: tuple[int, int],
        now: datetime,
        made_ids: bool = False,
    ) -> "Predictions":
        """Return a new head without data.

        events: the first and last event time in milliseconds. made_ids: whether there are rows without an id.
        """
        return cls(
            pk,
            key.sk,
            arrived_at=key.arrived_at(now, made_ids=made_ids),
            rows=rows,
            first_event=events[0],
            last_event=events[1],
            body_hash=body_hash,
            expires_at=_expiry(now),
        )

    @classmethod
    def marker(cls, pk: str, key: Key, *, body_hash: str, now: datetime) -> "Predictions":
        """Return a new marker."""
        return cls(pk, key.sk, body_hash=body_hash, expires_at=_expiry(now))

    @classmethod
    def stored(cls, pk: str, key: Key, now: datetime) -> "Predictions | None":
        """Return the head or marker of a key; None if there is none or its retention has ended."""
        item = cls.find(pk, key.sk)
        return None if item is None or (item.expires_at or 0) < now.timestamp() else item

    def write_chunks(self, pieces: Sequence[bytes], nonce: str) -> None:
        """Store this head's data as chunks. Readers do not see chunks before the head is committed."""
        put(
            Predictions(self.pk, f"c#{nonce}#{number}", data=piece, expires_at=self.expires_at)
            for number, piece in enumerate(pieces)
        )
        self.nonce, self.chunks = nonce, len(pieces)

    @classmethod
    def of_model(cls, model: Models) -> "Iterable[Predictions]":
        """All batches, chunks and markers of a model in each of its partitions, keys only."""
        return in_turn(
            cls.query(place(owner, number), attributes_to_get=KEYS, consistent_read=True)
            for owner in (model.model_id, labels_of(model.model_id))
            for number in range(model.partition_count)
        )

    @classmethod
    def of_organization(cls, _organization_id: str) -> "Iterable[Predictions]":
        """Nothing: every batch belongs to a model."""
        return ()

    def commit(self, now: datetime, marker: "Predictions | None" = None) -> None:
        """Store this head or marker, together with another marker if there is one.

        Raises ConditionFailed if a key is in use or another request is writing it at this moment.
        """
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
        """Keep a packed batch in the head itself.

        A small batch is copied to the index, where it costs no further write unit. A query of the index then reads many
        single predictions at a time instead of one read unit for each.
        """
        if len(packed) <= SMALL:
            self.small = packed
        else:
            self.data = packed

    @property
    def held(self) -> bytes:
        """The data in this item itself."""
        return bytes(self.small or self.data or b"")

    def payload(self) -> bytes | None:
        """Return the packed batch of this head; None if the batch is being deleted."""
        return self._joined([self])[0]

    @classmethod
    def arrivals(
        cls, model_id: str, partitions: int, *, after: str = "", until: str = "~", limit: int | None = None
    ) -> Iterator[Head]:
        """Yield a model's batches in order of arrival over all its partitions, with strongly consistent reads.

        after, until: an `arrived_at`, exclusive and inclusive, or a plain time, which sorts before every batch that
        arrived at that time. The order is total, and pages are read when they are needed. A caller that stops early has
        seen everything up to the `arrived_at` of the last head, and can continue after it.
        """
        return islice(cls._in_order(model_id, partitions, after, until), limit)

    @classmethod
    def by_event(cls, model_id: str, partitions: int, start: datetime | None, end: datetime | None) -> Iterator[Head]:
        """Yield the batches that may have events from `start` to before `end`, newest arrival first."""
        return (head for head in cls.around(model_id, partitions, start, end) if head.overlaps(start, end))

    @classmethod
    def around(
        cls, model_id: str, partitions: int, start: datetime | None, end: datetime | None, *, until: str = "~"
    ) -> Iterator[Head]:
        """Yield the batches that arrived at a time when events from `start` to before `end` are accepted, newest first.

        until: an `arrived_at`; later batches are left out. `Head.overlaps` tells which batches may have such events.
        """
        # The limits on a row's timestamp give the earliest and latest arrival of an event.
        after = iso(_sortable(start) - MAX_AHEAD - ROUNDING) if start else ""
        last = iso(_sortable(end) + MAX_AGE + ROUNDING) if end else "~"
        return cls._in_order(model_id, partitions, after, min(last, until), newest_first=True)

    @classmethod
    def _in_order(
        cls, model_id: str, partitions: int, after: str, until: str, *, newest_first: bool = False
    ) -> Iterator[Head]:
        # In a key, "#" follows the time, and a space sorts before "#".
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
        """Yield the packed data of batches in the given order, with strongly consistent reads.

        Deleted batches are left out. Memory holds at most 100 batches at once, and at most `rows_at_once` rows unless
        one batch has more.
        """
        for small, run in groupby(heads, lambda head: head.small is not None):
            if small:
                yield from ((head, head.small or b"") for head in run)
            else:
                yield from cls._read(run, rows_at_once)

    @classmethod
    def _read(cls, heads: Iterable[Head], rows_at_once: int) -> Iterator[tuple[Head, bytes]]:
        for group in in_groups(heads, lambda head: head.rows, rows_at_once):
            keys = [(head.pk, head.sk) for head in group]
            found = {(item.pk, item.sk): item for item in cls.batch_get(keys, consistent_read=True)}
            there = [(head, found.pop(key)) for head, key in zip(group, keys, strict=True) if key in found]
            for part in in_groups(there, lambda pair: int(pair[1].chunks or 0), CHUNKS_AT_ONCE):
                for (head, _), data in zip(part, cls._joined([item for _, item in part]), strict=True):
                    if data is not None:
                        yield head, data

    @classmethod
    def _joined(cls, items: Sequence["Predictions"]) -> list[bytes | None]:
        """Return the data of heads with their chunks joined.

        An entry is None if a chunk is missing: chunks are deleted with their batch when the retention ends or the model
        is erased.
        """
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
