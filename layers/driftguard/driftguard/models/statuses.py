"""The state of each model: its last verdict, its open alerts and the lease of a running check."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pynamodb.attributes import BinaryAttribute, BooleanAttribute, JSONAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.transactions import TransactWrite

from driftguard.platform.dynamodb import KEYS, Options, Table
from driftguard.platform.retries import ConditionFailed, conditional
from driftguard.platform.times import iso, parse

if TYPE_CHECKING:
    from driftguard.models.tables import Models  # which imports this module


OF_REST = ["pk", "sk", "model_id", "checked_at", "last_arrival", "open_alerts"]
"""What tells whether a model may rest, see `checks.resting`."""


class Statuses(Table):
    """The state of a model. Checks write it, and so do people who act on alerts.

    | pk | sk | what |
    |---|---|---|
    | organization | `status#<model>` | the last verdict, open alerts, the lease of a running check |

    `revision` rises with each verdict, so that only one of two checks that read the same state is kept. It also rises
    with each change that a running check must not miss. `report_id` is the check whose report is current, and
    `report_spare` is the check whose report lies in the other slot. `request` is the last queued check that somebody
    requested through the API. `last_arrival` and `traffic` are when predictions arrived, whatever the baseline was.
    `episodes` is what checks must remember of features in alerts, see `alerts.episodes`. `checked_definition` is the
    revision of the model's definition and the baseline version that the last check was made with.
    """

    table_setting = "MODELS"

    class Meta(Options):
        pass

    model_id = UnicodeAttribute()
    state = UnicodeAttribute(null=True)
    preliminary = BooleanAttribute(default=False)
    checked_at = UnicodeAttribute(null=True)
    checked_definition = UnicodeAttribute(null=True)
    drift_score = NumberAttribute(null=True)
    report_slot = UnicodeAttribute(null=True)
    report_id = UnicodeAttribute(null=True)
    report_spare = UnicodeAttribute(null=True)
    report_chunks = NumberAttribute(null=True)
    recent = JSONAttribute(null=True)
    open_alerts = JSONAttribute(null=True)
    memory = JSONAttribute(null=True)
    episodes = BinaryAttribute(null=True, legacy_encoding=False)
    revision = NumberAttribute(default=0)
    request = UnicodeAttribute(null=True)
    last_arrival = UnicodeAttribute(null=True)
    traffic = BinaryAttribute(null=True, legacy_encoding=False)
    lease_owner = UnicodeAttribute(null=True)
    lease_until = UnicodeAttribute(null=True)

    @classmethod
    def one(cls, organization_id: str, model_id: str) -> "Statuses":
        """Return the model's status. A model that was never checked gets a new one."""
        return cls.find(organization_id, f"status#{model_id}") or cls(
            organization_id, f"status#{model_id}", model_id=model_id
        )

    @classmethod
    def of(cls, organization_id: str, model_ids: Sequence[str]) -> "dict[str, Statuses]":
        """Return the statuses of several models by model id."""
        keys = [(organization_id, f"status#{model_id}") for model_id in model_ids]
        found = {item.model_id: item for item in cls.batch_get(keys, consistent_read=True)}
        return {
            model_id: found.get(model_id) or cls(organization_id, f"status#{model_id}", model_id=model_id)
            for model_id in model_ids
        }

    @classmethod
    def of_models(cls, models: "Sequence[Models]") -> "Iterator[tuple[Models, Statuses]]":
        """Yield the models of any organizations that have a status, each with its status of a moment ago.

        Of a status, only OF_REST is read. The rest of it takes most of the time of reading.
        """
        by_key = {(model.organization_id, f"status#{model.model_id}"): model for model in models}
        for status in cls.batch_get(list(by_key), attributes_to_get=OF_REST) if by_key else ():
            yield by_key[status.pk, status.sk], status

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
        """Prevent, in a transaction, that a check commits which has already read the status."""
        item = cls(organization_id, f"status#{model_id}")
        write.update(item, actions=[cls.model_id.set(model_id), cls.revision.add(1)])

    @classmethod
    def change_alerts(
        cls, write: TransactWrite, read: "Statuses", open_alerts: dict[str, str], memory: dict[str, Any]
    ) -> None:
        """Store which alerts are open, in a transaction that fails if the status has changed since it was read."""
        unchanged = cls.revision == read.revision
        if not read.revision:
            unchanged |= cls.revision.does_not_exist()
        write.update(
            cls(read.pk, read.sk),
            actions=[
                cls.model_id.set(read.model_id),
                cls.open_alerts.set(open_alerts),
                cls.memory.set(memory),
                cls.revision.set(int(read.revision) + 1),
            ],
            condition=unchanged,
        )

    @classmethod
    def lease(cls, organization_id: str, model_id: str, owner: str, now: datetime, length: timedelta) -> "Statuses":
        """Take the model's lease and return its status. Raises ConditionFailed while another check holds the lease."""
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
        """Return the end of the current lease, or None if no check holds it."""
        until = cls.one(organization_id, model_id).lease_until
        return parse(until) if until else None

    @classmethod
    def release(cls, organization_id: str, model_id: str, owner: str) -> None:
        """Return a lease. Does nothing if another check has the lease by now."""
        try:
            with conditional():
                cls(organization_id, f"status#{model_id}").update(
                    actions=[cls.lease_owner.remove(), cls.lease_until.remove()],
                    condition=cls.lease_owner == owner,
                )
        except ConditionFailed:
            return
