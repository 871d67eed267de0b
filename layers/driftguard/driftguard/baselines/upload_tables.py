"""Uploads: files that baselines are to be built from, and how far each has come."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from pynamodb.attributes import JSONAttribute, NumberAttribute, UnicodeAttribute

from driftguard.models.tables import Models
from driftguard.platform.dynamodb import Options, Table, conditional, transaction
from driftguard.platform.times import DAY, iso

KEPT = 7 * DAY


class Uploads(Table):
    """Uploads of a model, in the table of its baselines.

    | pk | sk | what |
    |---|---|---|
    | model | `upload#<upload>` | what is uploaded and how far it has come; a week |

    `state` goes from `pending` through `processing` to `done` or `failed`, and never back. Whoever builds owns the
    upload until `lease_until`, which each sign of progress moves on. `version` is taken before the baseline is stored,
    so that an attempt after one that broke off stores the same version.
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
    errors = JSONAttribute(null=True)

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
    ) -> None:
        """Remember that a file will come."""
        cls(
            model_id,
            f"upload#{upload_id}",
            organization_id=organization_id,
            request=request,
            created_at=iso(now),
            url_expires_at=iso(url_expires_at),
            expires_at=int((now + KEPT).timestamp()),
        ).save()

    @classmethod
    def one(cls, model_id: str, upload_id: str) -> "Uploads | None":
        """An upload of the model, or None."""
        return cls.find(model_id, f"upload#{upload_id}")

    def start(self, owner: str, size: int, lease: timedelta, now: datetime) -> None:
        """Own the upload and begin. Raises ConditionFailed when it has ended or somebody else is at work on it."""
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
        """Tell how far the work is and keep the lease. Raises ConditionFailed when it was lost, or the item erased."""
        with conditional():
            self.update(
                actions=[
                    Uploads.bytes_read.set(bytes_read),
                    Uploads.rows_read.set(rows_read),
                    Uploads.lease_until.set(iso(now + lease)),
                ],
                condition=self._mine(),
            )

    def take(self, version: int) -> None:
        """Note the version number that the baseline will have. Raises ConditionFailed as `progress` does."""
        with conditional():
            self.update(actions=[Uploads.version.set(version)], condition=self._mine())

    def finish(self, model: Models, version: int) -> None:
        """Make the version current and end the upload, in one write. Raises ConditionFailed when the model was deleted,
        the lease was lost, or another write came between."""
        with transaction() as write:
            model.add_use(write, version)
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
