"""Organizations and their API keys."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from pynamodb.attributes import UnicodeAttribute
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from driftguard.platform.dynamodb import Options, Table, transaction
from driftguard.platform.retries import ConditionFailed, conditional
from driftguard.platform.times import iso

if TYPE_CHECKING:  # functions that only need this table do not load settings
    from driftguard.models.tables import Models

type Role = Literal["ingest", "viewer", "admin"]


class ApiKeys(Table):
    """Organizations and their API keys.

    | pk | sk | what |
    |---|---|---|
    | `org#<organization>` | `org` | the organization: name, created_at; has revoked_at during its erasure |
    | `org#<organization>` | `key#<api key id>` | one of its keys: role, name, created_at, revoked_at, ends_at |
    | `key#<api key id>` | `key` | the owner of a key; each request reads this item once |

    API Gateway keeps the values of the keys. This table has only their ids. A key is refused from `ends_at` on. Its
    items stay, so that the list shows expired keys.
    """

    table_setting = "ORGANIZATIONS"

    class Meta(Options):
        pass

    organization_id = UnicodeAttribute()
    organization_name = UnicodeAttribute()
    name = UnicodeAttribute(null=True)
    role: Role = UnicodeAttribute(null=True)  # type: ignore[assignment]
    created_at = UnicodeAttribute()
    revoked_at = UnicodeAttribute(null=True)
    key_id = UnicodeAttribute(null=True)
    ends_at = UnicodeAttribute(null=True)

    @classmethod
    def of(cls, key_id: str) -> "ApiKeys | None":
        """Return the key with API Gateway's id `key_id`, or None. The key may be revoked.

        The read is strongly consistent, so that a revoked key is refused at once.
        """
        return cls.find(f"key#{key_id}", "key")

    @classmethod
    def organization(cls, organization_id: str) -> "ApiKeys | None":
        """Return the organization, or None."""
        return cls.find(f"org#{organization_id}", "org")

    @classmethod
    def add_organization(cls, organization_id: str, name: str, now: datetime) -> None:
        """Store a new organization. Raises ConditionFailed if the id is taken."""
        with conditional():
            cls(
                f"org#{organization_id}",
                "org",
                organization_id=organization_id,
                organization_name=name,
                created_at=iso(now),
            ).save(cls.pk.does_not_exist())

    @classmethod
    def add_key(
        cls,
        organization: "ApiKeys",
        key_id: str,
        role: Role,
        name: str,
        now: datetime,
        ends_at: datetime | None = None,
        record: Callable[[TransactWrite], None] = lambda _write: None,
    ) -> None:
        """Store both items of a key. Raises ConditionFailed if the organization is erased or being erased.

        ends_at: when the key expires. record: adds the record of the change to the transaction.
        """
        with transaction() as write:
            record(write)
            write.condition_check(
                cls,
                organization.pk,
                organization.sk,
                condition=cls.pk.exists() & cls.revoked_at.does_not_exist(),
            )
            for pk, sk in ((f"key#{key_id}", "key"), (f"org#{organization.organization_id}", f"key#{key_id}")):
                item = cls(
                    pk,
                    sk,
                    organization_id=organization.organization_id,
                    organization_name=organization.organization_name,
                    role=role,
                    name=name,
                    key_id=key_id,
                    created_at=iso(now),
                    ends_at=iso(ends_at) if ends_at else None,
                )
                write.save(item, condition=cls.pk.does_not_exist())

    @classmethod
    def keys(cls, organization_id: str) -> "list[ApiKeys]":
        """Return all keys of the organization, including revoked keys."""
        return list(cls.query(f"org#{organization_id}", cls.sk.startswith("key#"), consistent_read=True))

    @classmethod
    def of_model(cls, _model: "Models") -> "Iterable[ApiKeys]":
        """Nothing: a key belongs to an organization."""
        return ()

    @classmethod
    def of_organization(cls, _organization_id: str) -> "Iterable[ApiKeys]":
        """Nothing: `organizations.administration` deletes the keys, here and in API Gateway, and the organization."""
        return ()

    @classmethod
    def remove_key(cls, organization_id: str, key_id: str) -> None:
        """Delete both items of a key. Does nothing if there is no such key."""
        with transaction() as write:
            for pk, sk in ((f"key#{key_id}", "key"), (f"org#{organization_id}", f"key#{key_id}")):
                write.delete(cls(pk, sk))

    @classmethod
    def close(cls, organization_id: str, now: datetime) -> str:
        """Stop the creation of keys for the organization. Returns the time of the first such call."""
        item = cls(f"org#{organization_id}", "org")
        item.update(
            actions=[cls.revoked_at.set(cls.revoked_at | iso(now))],
            condition=cls.pk.exists(),
        )
        return str(item.revoked_at)

    @classmethod
    def revoke(
        cls,
        organization_id: str,
        key_id: str,
        now: datetime,
        record: Callable[[TransactWrite], None] = lambda _write: None,
    ) -> bool:
        """Mark both items of a key as revoked. Returns False if the organization has no such key.

        record: as for `add_key`.
        """
        return cls._change(organization_id, key_id, cls.revoked_at.set(iso(now)), record)

    @classmethod
    def end(cls, organization_id: str, key_id: str, at: datetime, record: Callable[[TransactWrite], None]) -> bool:
        """Let a key expire at a time. Returns False if the organization has no such key."""
        return cls._change(organization_id, key_id, cls.ends_at.set(iso(at)), record)

    @classmethod
    def _change(
        cls, organization_id: str, key_id: str, action: Action, record: Callable[[TransactWrite], None]
    ) -> bool:
        try:
            with transaction() as write:
                record(write)
                for pk, sk in ((f"key#{key_id}", "key"), (f"org#{organization_id}", f"key#{key_id}")):
                    write.update(cls(pk, sk), actions=[action], condition=cls.organization_id == organization_id)
        except ConditionFailed:
            return False
        return True
