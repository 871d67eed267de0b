"""The table of uploads: files that become a baseline or labels."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from pynamodb.attributes import JSONAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.transactions import TransactWrite

from driftguard.models.activity import Change
from driftguard.models.tables import Models
from driftguard.platform.dynamodb import KEYS, Options, Table, transaction
from driftguard.platform.retries import conditional
from driftguard.platform.times import DAY, iso

type Kind = Literal["baseline", "labels"]
"""What the file of an upload holds."""

KEPT = 7 * DAY


class Uploads(Table):
    """The uploads of a model, in the table of its baselines.

    | pk | sk | what |
    |---|---|---|
    | model | `upload#<upload>` | the description and the progress of an upload; kept for a week |

    `kind` is `labels` for a file of labels, and absent for a baseline. `counts` has the numbers of rows of a file of
    labels that were accepted, rejected and without a label.

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
    kind = UnicodeAttribute(null=True)
    counts = JSONAttribute(null=True)

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
        kind: Kind = "baseline",
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
            kind=None if kind == "baseline" else kind,
            expires_at=int((now + KEPT).timestamp()),
        ).save()

    @classmethod
    def one(cls, model_id: str, upload_id: str, kind: Kind) -> "Uploads | None":
        """Return an upload of this kind of the model, or None."""
        found = cls.find(model_id, f"upload#{upload_id}")
        return found if found is not None and (found.kind or "baseline") == kind else None

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

    def progress(
        self,
        bytes_read: int,
        rows_read: int,
        lease: timedelta,
        now: datetime,
        counts: Mapping[str, int] | None = None,
    ) -> None:
        """Write the progress and extend the lease. Raises ConditionFailed if the lease is lost or the item erased."""
        with conditional():
            self.update(
                actions=[
                    Uploads.bytes_read.set(bytes_read),
                    Uploads.rows_read.set(rows_read),
                    Uploads.lease_until.set(iso(now + lease)),
                    *([] if counts is None else [Uploads.counts.set(dict(counts))]),
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

    def end(self, warnings: Sequence[str], errors: Sequence[Any]) -> None:
        """End the upload of a file of labels. Raises ConditionFailed as `progress` does."""
        with conditional():
            self.update(
                actions=[
                    Uploads.state.set("done"),
                    Uploads.warnings.set(list(warnings)),
                    Uploads.errors.set(list(errors)),
                ],
                condition=self._mine(),
            )

    def fail(self, reason: str, errors: Sequence[Any]) -> None:
        """End the upload as failed. Raises ConditionFailed as `progress` does."""
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
