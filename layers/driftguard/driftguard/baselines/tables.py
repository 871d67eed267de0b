"""The table of baselines and of the uploads they are built from."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from pynamodb.attributes import BinaryAttribute, JSONAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.transactions import TransactWrite

from driftguard.baselines.labelled import LabelledRows
from driftguard.models.activity import Change
from driftguard.models.tables import Models
from driftguard.platform.bulk import put
from driftguard.platform.dynamodb import KEYS, Options, Table, transaction
from driftguard.platform.retries import ConditionFailed, conditional
from driftguard.platform.sizes import chunks
from driftguard.platform.times import DAY, iso

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


KEPT = 7 * DAY


class Uploads(Table):
    """The uploads of a model, in the table of its baselines.

    | pk | sk | what |
    |---|---|---|
    | model | `upload#<upload>` | the description and the progress of an upload; kept for a week |

    `state` changes from `pending` to `processing` and then to `done` or `failed`. A worker owns the upload until
    `lease_until`, and extends this lease with each write of its progress. `version` is reserved before the baseline is
    stored, so that a retry stores the same version.
    """

    table_setting = "BASELINES"

    class Meta(Options):
        pass

    organization_id = UnicodeAttribute()
    state = UnicodeAttribute(default="pending")
    request = JSONAttribute()
    created_at = UnicodeAttribute()
    url_expires_at = UnicodeAttribute()
    owner = UnicodeAttribute(null=True)
    lease_until = UnicodeAttribute(null=True)
    size = NumberAttribute(null=True)
    bytes_read = NumberAttribute(default=0)
    rows_read = NumberAttribute(default=0)
    version = NumberAttribute(null=True)
    reason = UnicodeAttribute(null=True)
    actor = UnicodeAttribute(null=True)
    errors = JSONAttribute(null=True)
    warnings = JSONAttribute(null=True)

    @property
    def model_id(self) -> str:
        return self.pk

    @property
    def upload_id(self) -> str:
        return self.sk.removeprefix("upload#")

    @classmethod
    def add(
        cls,
        organization_id: str,
        model_id: str,
        upload_id: str,
        request: dict[str, Any],
        *,
        url_expires_at: datetime,
        now: datetime,
        actor: str | None = None,
    ) -> None:
        """Store a new upload."""
        cls(
            model_id,
            f"upload#{upload_id}",
            organization_id=organization_id,
            request=request,
            created_at=iso(now),
            url_expires_at=iso(url_expires_at),
            actor=actor,
            expires_at=int((now + KEPT).timestamp()),
        ).save()

    @classmethod
    def one(cls, model_id: str, upload_id: str) -> "Uploads | None":
        """Return an upload of the model, or None."""
        return cls.find(model_id, f"upload#{upload_id}")

    @classmethod
    def of_model(cls, model: Models) -> "Iterable[Uploads]":
        """All uploads of a model, keys only."""
        theirs = cls.sk.startswith("upload#")
        return cls.query(model.model_id, theirs, attributes_to_get=KEYS, consistent_read=True)

    @classmethod
    def of_organization(cls, _organization_id: str) -> "Iterable[Uploads]":
        """Nothing: every upload belongs to a model."""
        return ()

    def start(self, owner: str, size: int, lease: timedelta, now: datetime) -> None:
        """Take the upload and start processing. Raises ConditionFailed if it has ended or another worker owns it."""
        free = Uploads.lease_until.does_not_exist() | (Uploads.lease_until < iso(now)) | (Uploads.owner == owner)
        with conditional():
            self.update(
                actions=[
                    Uploads.state.set("processing"),
                    Uploads.owner.set(owner),
                    Uploads.lease_until.set(iso(now + lease)),
                    Uploads.size.set(size),
                ],
                condition=Uploads.state.is_in("pending", "processing") & free,
            )

    def progress(self, bytes_read: int, rows_read: int, lease: timedelta, now: datetime) -> None:
        """Write the progress and extend the lease. Raises ConditionFailed if the lease is lost or the item erased."""
        with conditional():
            self.update(
                actions=[
                    Uploads.bytes_read.set(bytes_read),
                    Uploads.rows_read.set(rows_read),
                    Uploads.lease_until.set(iso(now + lease)),
                ],
                condition=self._mine(),
            )

    def take(self, version: int, warnings: Sequence[str]) -> None:
        """Reserve the version number of the baseline. Raises ConditionFailed as `progress` does."""
        with conditional():
            self.update(
                actions=[Uploads.version.set(version), Uploads.warnings.set(list(warnings))], condition=self._mine()
            )

    def finish(
        self, model: Models, version: int, change: Change, add: Callable[[TransactWrite], None] = lambda _write: None
    ) -> None:
        """Make the version current, record the change and end the upload, in one transaction.

        add: adds more to the transaction.
        Raises ConditionFailed if the model is deleted, the lease is lost, or another write came first.
        """
        with transaction() as write:
            model.add_use(write, version)
            change.record(write)
            add(write)
            write.update(Uploads(self.pk, self.sk), actions=[Uploads.state.set("done")], condition=self._mine())

    def fail(self, reason: str, errors: Sequence[Any]) -> None:
        """End the upload without a baseline. Raises ConditionFailed as `progress` does."""
        with conditional():
            self.update(
                actions=[
                    Uploads.state.set("failed"),
                    Uploads.reason.set(reason),
                    Uploads.errors.set(list(errors)),
                ],
                condition=self._mine(),
            )

    def _mine(self) -> Any:
        return (Uploads.state == "processing") & (Uploads.owner == self.owner)
