"""Baselines: versions of what a model's window is compared with."""

from datetime import datetime

from pynamodb.attributes import BinaryAttribute, NumberAttribute, UnicodeAttribute

from driftguard.platform.dynamodb import ConditionFailed, Options, Table, chunks, conditional
from driftguard.platform.times import iso


class Baselines(Table):
    """Baselines of a model; a version never changes.

    | pk | sk | what |
    |---|---|---|
    | model | `head#<version, 8 digits>` | a version: rows, source, how many chunks |
    | model | `chunk#<version>#<n>` | its encoded counts and edges |

    Chunks are written first; the head commits them, and only heads are listed.
    """

    table_setting = "BASELINES"

    class Meta(Options):
        pass

    version = NumberAttribute(null=True)
    rows = NumberAttribute(null=True)
    days = NumberAttribute(null=True)
    source = UnicodeAttribute(null=True)
    created_at = UnicodeAttribute(null=True)
    chunk_count = NumberAttribute(null=True)
    data = BinaryAttribute(null=True, legacy_encoding=False)

    @classmethod
    def add(
        cls, model_id: str, version: int, data: bytes, *, rows: int, days: int | None, source: str, now: datetime
    ) -> "Baselines":
        """Store a new version durably. Raises ConditionFailed when the version exists."""
        if cls.head(model_id, version) is not None:
            raise ConditionFailed  # its chunks must stay as they are
        pieces = chunks(data)
        with cls.batch_write() as batch:
            for number, piece in enumerate(pieces):
                batch.save(cls(model_id, f"chunk#{version:08d}#{number:04d}", data=piece))
        head = cls(
            model_id,
            f"head#{version:08d}",
            version=version,
            rows=rows,
            days=days,
            source=source,
            created_at=iso(now),
            chunk_count=len(pieces),
        )
        with conditional():
            head.save(cls.pk.does_not_exist())
        return head

    @classmethod
    def head(cls, model_id: str, version: int) -> "Baselines | None":
        """A version without its data."""
        return cls.find(model_id, f"head#{version:08d}")

    def payload(self) -> bytes:
        """The encoded baseline. Read eventually consistent, as it never changes; once more consistently when a replica
        lags behind the head. Raises LookupError when chunks are gone."""
        prefix, last = f"chunk#{int(self.version):08d}#", int(self.chunk_count) - 1
        mine = Baselines.sk.between(f"{prefix}0000", f"{prefix}{last:04d}")  # more may lie there, of a try that died
        for consistent in (False, True):
            pieces = [item.data for item in Baselines.query(self.pk, mine, consistent_read=consistent)]
            if len(pieces) == self.chunk_count:
                return b"".join(pieces)
        raise LookupError(f"baseline {self.version} of model {self.pk} has {len(pieces)} of {self.chunk_count} chunks")

    @classmethod
    def newest(cls, model_id: str, before: int | None, limit: int) -> "list[Baselines]":
        """Up to `limit` versions, newest first, older than the version `before`."""
        upper = f"head#{before - 1:08d}" if before is not None else "head#~"
        found = cls.query(
            model_id, cls.sk.between("head#", upper), scan_index_forward=False, limit=limit, consistent_read=True
        )
        return list(found)
