"""The table of baselines."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from pynamodb.attributes import BinaryAttribute, NumberAttribute, UnicodeAttribute

from driftguard.baselines.labelled import LabelledRows
from driftguard.models.tables import Models
from driftguard.platform.bulk import put
from driftguard.platform.dynamodb import KEYS, Options, Table
from driftguard.platform.retries import ConditionFailed, conditional
from driftguard.platform.sizes import chunks
from driftguard.platform.times import iso

EXAMPLES_FORMAT = 1


class Baselines(Table):
    """The baseline versions of a model. A version never changes.

    | pk | sk | what |
    |---|---|---|
    | model | `head#<version, 8 digits>` | a version: rows, source, number of chunks |
    | model | `chunk#<version>#<n>` | a part of the encoded baseline |
    | model | `digests#<version>#<n>` | a part of the digests of its categories |
    | model | `examples#<version>` | values that the types of the features leave out: JSON by position of the feature |
    | model | `week#<version>#<n>` | a part of the counts by hour of the week, if the rows had timestamps |
    | model | `labelled#<version>#<n>` | a part of the rows with labels, see `baselines.references` |

    Chunks and examples are written first. The head is written last and commits the version. Lists show heads only.
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
    digests_count = NumberAttribute(null=True)
    week_count = NumberAttribute(null=True)
    hours_of_week = NumberAttribute(null=True)
    labelled_count = NumberAttribute(null=True)
    labelled_rows = NumberAttribute(null=True)
    data = BinaryAttribute(null=True, legacy_encoding=False)

    @classmethod
    def add(
        cls,
        model_id: str,
        version: int,
        data: bytes,
        digests: bytes = b"",
        week: bytes = b"",
        labelled: LabelledRows | None = None,
        *,
        rows: int,
        days: int | None,
        source: str,
        now: datetime,
        examples: Mapping[int, Sequence[str]] | None = None,
        hours_of_week: int | None = None,
    ) -> "Baselines":
        """Store a new version durably. Raises ConditionFailed if the version exists.

        digests: of its categories. week: its counts by hour of the week, of which `hours_of_week` have rows.
        labelled: its rows with labels.
        """
        if cls.head(model_id, version) is not None:
            raise ConditionFailed  # the chunks of an existing version must not be overwritten
        parts = {
            "chunk": chunks(data),
            "digests": chunks(digests) if digests else [],
            "week": chunks(week) if week else [],
            "labelled": chunks(labelled.data) if labelled else [],
        }
        items = [
            cls(model_id, f"{kind}#{version:08d}#{number:04d}", data=piece)
            for kind, pieces in parts.items()
            for number, piece in enumerate(pieces)
        ]
        if examples:
            shown = json.dumps({"format": EXAMPLES_FORMAT, "examples": examples}, ensure_ascii=False)
            items.append(cls(model_id, f"examples#{version:08d}", data=shown.encode()))
        put(items)
        head = cls(
            model_id,
            f"head#{version:08d}",
            version=version,
            rows=rows,
            days=days,
            source=source,
            created_at=iso(now),
            chunk_count=len(parts["chunk"]),
            digests_count=len(parts["digests"]) or None,
            week_count=len(parts["week"]) or None,
            hours_of_week=hours_of_week,
            labelled_count=len(parts["labelled"]) or None,
            labelled_rows=labelled.rows if labelled else None,
        )
        with conditional():
            head.save(cls.pk.does_not_exist())
        return head

    @classmethod
    def head(cls, model_id: str, version: int) -> "Baselines | None":
        """Return a version without its data; None if there is no such version."""
        return cls.find(model_id, f"head#{version:08d}")

    @classmethod
    def of_model(cls, model: Models) -> "Iterable[Baselines]":
        """All chunks and heads of a model's baselines, keys only."""
        for theirs in (cls.sk.between("chunk#", "head#~"), cls.sk.startswith("labelled#"), cls.sk.startswith("week#")):
            yield from cls.query(model.model_id, theirs, attributes_to_get=KEYS, consistent_read=True)

    @classmethod
    def of_organization(cls, _organization_id: str) -> "Iterable[Baselines]":
        """Nothing: every baseline belongs to a model."""
        return ()

    def payload(self) -> bytes:
        """Return the encoded baseline. Raises LookupError if chunks are missing."""
        return self._joined("chunk", int(self.chunk_count))

    def digests(self) -> bytes:
        """Return the digests of the baseline's categories; empty if it has none. Raises LookupError as `payload`."""
        return self._joined("digests", int(self.digests_count)) if self.digests_count else b""

    def week(self) -> bytes:
        """Return the counts by hour of the week; empty without timestamps. Raises LookupError as `payload`."""
        return self._joined("week", int(self.week_count)) if self.week_count else b""

    def labelled(self) -> bytes:
        """Return the packed rows with labels; empty if there are none. Raises LookupError as `payload`."""
        return self._joined("labelled", int(self.labelled_count)) if self.labelled_count else b""

    def _joined(self, kind: str, count: int) -> bytes:
        """Return the chunks of one kind.

        A version never changes, so the first read is eventually consistent. If a replica lags behind the head, a second
        read is strongly consistent.
        """
        prefix, last = f"{kind}#{int(self.version):08d}#", count - 1
        # An attempt that stopped half-way may have left more chunks than the head counts.
        mine = Baselines.sk.between(f"{prefix}0000", f"{prefix}{last:04d}")
        for consistent in (False, True):
            pieces = [item.data for item in Baselines.query(self.pk, mine, consistent_read=consistent)]
            if len(pieces) == count:
                return b"".join(pieces)
        raise LookupError(f"baseline {self.version} of model {self.pk} has {len(pieces)} of {count} parts `{kind}`")

    def examples(self) -> dict[int, list[str]]:
        """Return values that the types of the features leave out, by position of the feature."""
        item = Baselines.find(self.pk, f"examples#{int(self.version):08d}")
        if item is None:
            return {}
        return {int(place): texts for place, texts in json.loads(item.data)["examples"].items()}

    @classmethod
    def newest(cls, model_id: str, before: int | None, limit: int) -> "list[Baselines]":
        """Return up to `limit` versions older than the version `before`, newest first."""
        upper = f"head#{before - 1:08d}" if before is not None else "head#~"
        found = cls.query(
            model_id, cls.sk.between("head#", upper), scan_index_forward=False, limit=limit, consistent_read=True
        )
        return list(found)
