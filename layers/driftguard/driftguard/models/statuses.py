"""How each model is: its last verdict, its open alerts and the lease of a running check."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pynamodb.attributes import BooleanAttribute, JSONAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.transactions import TransactWrite

from driftguard.platform.dynamodb import KEYS, ConditionFailed, Options, Table, conditional
from driftguard.platform.times import iso, parse

if TYPE_CHECKING:
    from driftguard.models.tables import Models  # which imports this module


class Statuses(Table):
    """How a model is: written by checks and by what people do with alerts, apart from what the model is.

    | pk | sk | what |
    |---|---|---|
    | organization | `status#<model>` | the last verdict, open alerts, the lease of a running check |

    `revision` goes up with each verdict, so that of two checks that read the same state only one is kept, and with each
    change that a verdict must not ignore. `report_id` is the check whose report is in force, `report_spare` that of the
    other slot. `request` is the queued check, asked for by hand, that was made last.
    """

    table_setting = "MODELS"

    class Meta(Options):
        pass

    model_id = UnicodeAttribute()
    state = UnicodeAttribute(null=True)
    preliminary = BooleanAttribute(default=False)
    checked_at = UnicodeAttribute(null=True)
    drift_score = NumberAttribute(null=True)
    report_slot = UnicodeAttribute(null=True)
    report_id = UnicodeAttribute(null=True)
    report_spare = UnicodeAttribute(null=True)
    report_chunks = NumberAttribute(null=True)
    recent = JSONAttribute(null=True)
    open_alerts = JSONAttribute(null=True)
    memory = JSONAttribute(null=True)
    revision = NumberAttribute(default=0)
    request = UnicodeAttribute(null=True)
    lease_owner = UnicodeAttribute(null=True)
    lease_until = UnicodeAttribute(null=True)

    @classmethod
    def one(cls, organization_id: str, model_id: str) -> "Statuses":
        """The model's status; a new one when it was never checked."""
        return cls.find(organization_id, f"status#{model_id}") or cls(
            organization_id, f"status#{model_id}", model_id=model_id
        )

    @classmethod
    def of(cls, organization_id: str, model_ids: Sequence[str]) -> "dict[str, Statuses]":
        """The statuses of several models by model id."""
        keys = [(organization_id, f"status#{model_id}") for model_id in model_ids]
        found = {item.model_id: item for item in cls.batch_get(keys, consistent_read=True)}
        return {
            model_id: found.get(model_id) or cls(organization_id, f"status#{model_id}", model_id=model_id)
            for model_id in model_ids
        }

    @classmethod
    def of_model(cls, model: "Models") -> "Iterable[Statuses]":
        """The status of a model, keys only."""
        return cls.query(
            model.organization_id, cls.sk == f"status#{model.model_id}", attributes_to_get=KEYS, consistent_read=True
        )

    @classmethod
    def of_organization(cls, _organization_id: str) -> "Iterable[Statuses]":
        """Nothing: every status belongs to a model."""
        return ()

    @classmethod
    def overtake(cls, write: TransactWrite, organization_id: str, model_id: str) -> None:
        """Add to `write` that no check which has read the status before may commit."""
        item = cls(organization_id, f"status#{model_id}")
        write.update(item, actions=[cls.model_id.set(model_id), cls.revision.add(1)])

    @classmethod
    def lease(cls, organization_id: str, model_id: str, owner: str, now: datetime, length: timedelta) -> "Statuses":
        """Take the model's lease and read its status. Raises ConditionFailed while another check holds it."""
        item = cls(organization_id, f"status#{model_id}")
        with conditional():
            item.update(
                actions=[
                    cls.model_id.set(model_id),
                    cls.revision.set(cls.revision | 0),
                    cls.lease_owner.set(owner),
                    cls.lease_until.set(iso(now + length)),
                ],
                condition=cls.lease_until.does_not_exist() | (cls.lease_until < iso(now)) | (cls.lease_owner == owner),
            )
        return item

    @classmethod
    def lease_ends(cls, organization_id: str, model_id: str) -> datetime | None:
        """When the lease now held runs out."""
        until = cls.one(organization_id, model_id).lease_until
        return parse(until) if until else None

    @classmethod
    def release(cls, organization_id: str, model_id: str, owner: str) -> None:
        """Give a lease back; harmless when it has gone to another owner."""
        try:
            with conditional():
                cls(organization_id, f"status#{model_id}").update(
                    actions=[cls.lease_owner.remove(), cls.lease_until.remove()],
                    condition=cls.lease_owner == owner,
                )
        except ConditionFailed:
            return
