"""The table of the references that a model's performance is compared with."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Literal

from pynamodb.attributes import BinaryAttribute, JSONAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.transactions import TransactWrite

from driftguard.baselines.labelled import framed, pieces_of
from driftguard.baselines.tables import Baselines
from driftguard.models.tables import Models
from driftguard.models.task import Task
from driftguard.platform.bulk import put
from driftguard.platform.dynamodb import KEYS, Options, Table
from driftguard.platform.sizes import chunks
from driftguard.platform.times import iso

type Source = Literal["baseline", "predictions"]


class References(Table):
    """The references of a model's performance, in the table of its baselines. The newest one is in force.

    | pk | sk | what |
    |---|---|---|
    | model | `reference#<version, 8 digits>` | a reference: where its rows come from, and their number of days |
    | model | `counted#<hash>#<n>` | a part of the counts of the days that a reference consists of |

    A reference never changes. It consists of the labelled rows of a baseline version, or of the counts of days of
    predictions as they were when the reference was made. A restored baseline version makes a new reference.
    """

    table_setting = "BASELINES"

    class Meta(Options):
        pass

    version = NumberAttribute(null=True)
    source = UnicodeAttribute(null=True)
    baseline_version = NumberAttribute(null=True)
    start = UnicodeAttribute(null=True)
    end = UnicodeAttribute(null=True)
    task = JSONAttribute(null=True)
    rows = NumberAttribute(null=True)
    days = NumberAttribute(null=True)
    created_at = UnicodeAttribute(null=True)
    chunk_id = UnicodeAttribute(null=True)
    chunk_count = NumberAttribute(null=True)
    data = BinaryAttribute(null=True, legacy_encoding=False)

    @classmethod
    def newest(cls, model_id: str) -> "References | None":
        """Return the reference in force; None if the model has none."""
        found = cls.query(
            model_id, cls.sk.startswith("reference#"), scan_index_forward=False, limit=1, consistent_read=True
        )
        return next(iter(found), None)

    @classmethod
    def of_baseline(cls, head: Baselines, now: datetime) -> "References | None":
        """Return the next reference, made of the labelled rows of a baseline version; None if it has none."""
        if not head.labelled_rows:
            return None
        return cls._next(
            head.pk,
            "baseline",
            now,
            baseline_version=int(head.version),
            rows=int(head.labelled_rows),
            days=None if head.days is None else int(head.days),
        )

    @classmethod
    def of_days(
        cls,
        model_id: str,
        counts: Sequence[bytes],
        *,
        task: Task,
        rows: int,
        start: datetime,
        end: datetime,
        now: datetime,
    ) -> "References":
        """Return the next reference, made of the counts of days, which this stores. task: what they count."""
        item = cls._next(
            model_id,
            "predictions",
            now,
            task=task.model_dump(mode="json", exclude_unset=True),
            rows=rows,
            days=len(counts),
            start=iso(start),
            end=iso(end),
        )
        data = b"".join(map(framed, counts))
        pieces = chunks(data)
        # Named by their content, so that two requests at once cannot replace each other's parts.
        item.chunk_id, item.chunk_count = sha256(data).hexdigest()[:32], len(pieces)
        put(cls(model_id, item._chunk(number), data=piece) for number, piece in enumerate(pieces))
        return item

    @classmethod
    def _next(cls, model_id: str, source: Source, now: datetime, **fields: object) -> "References":
        before = cls.newest(model_id)
        version = int(before.version) + 1 if before is not None else 1
        item = cls(model_id, f"reference#{version:08d}", version=version, source=source, created_at=iso(now))
        for name, value in fields.items():
            setattr(item, name, value)
        return item

    def add(self, write: TransactWrite) -> None:
        """Store this reference in a transaction, which fails if another reference has its version."""
        write.save(self, condition=References.pk.does_not_exist())

    def counts(self) -> list[bytes]:
        """Return the stored counts of the days that the reference consists of. Raises LookupError without them."""
        count = int(self.chunk_count or 0)
        mine = References.sk.between(self._chunk(0), self._chunk(count - 1))
        data = [bytes(item.data) for item in References.query(self.pk, mine, consistent_read=True)]
        if len(data) != count:
            raise LookupError(f"reference {self.version} of model {self.pk} has {len(data)} of {count} parts")
        return list(pieces_of(b"".join(data)))

    def _chunk(self, number: int) -> str:
        return f"counted#{self.chunk_id}#{number:04d}"

    @classmethod
    def of_model(cls, model: Models) -> "Iterable[References]":
        """All references of a model and their parts, keys only."""
        for theirs in ("counted#", "reference#"):
            yield from cls.query(
                model.model_id, cls.sk.startswith(theirs), attributes_to_get=KEYS, consistent_read=True
            )

    @classmethod
    def of_organization(cls, _organization_id: str) -> "Iterable[References]":
        """Nothing: every reference belongs to a model."""
        return ()
