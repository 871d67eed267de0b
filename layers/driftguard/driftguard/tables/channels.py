"""Alert channels."""

from typing import Any

from pynamodb.attributes import UnicodeAttribute

from driftguard.schemas.channels import NEW_CHANNEL, StoredChannel
from driftguard.tables.base import Options, Table, conditional
from driftguard.times import iso, parse


class Channels(Table):
    """An organization's alert channels.

    | pk | sk | what |
    |---|---|---|
    | organization | channel id | a channel; `settings` is the JSON its owner gave, secrets included |
    """

    table_setting = "CHANNELS"

    class Meta(Options):
        pass

    settings = UnicodeAttribute()
    created_at = UnicodeAttribute()
    updated_at = UnicodeAttribute()

    @property
    def channel(self) -> StoredChannel:
        """The channel itself."""
        return StoredChannel(
            self.sk,
            self.pk,
            NEW_CHANNEL.validate_json(self.settings),
            parse(self.created_at),
            parse(self.updated_at),
        )

    @classmethod
    def one(cls, organization_id: str, channel_id: str) -> StoredChannel | None:
        """The organization's channel, or None: another organization's is not there."""
        item = cls.find(organization_id, channel_id)
        return item.channel if item else None

    @classmethod
    def of(cls, organization_id: str) -> list[StoredChannel]:
        """All channels of an organization, oldest first."""
        return [item.channel for item in cls.query(organization_id, consistent_read=True)]

    @classmethod
    def newest(cls, organization_id: str, before: str | None, limit: int) -> list[StoredChannel]:
        """Up to `limit` channels older than the id `before`, newest first."""
        older: Any = cls.sk < before if before else None
        found = cls.query(organization_id, older, scan_index_forward=False, limit=limit, consistent_read=True)
        return [item.channel for item in found]

    @classmethod
    def add(cls, channel: StoredChannel) -> None:
        """Store a new channel."""
        with conditional():
            cls._item(channel).save(cls.pk.does_not_exist())

    @classmethod
    def replace(cls, channel: StoredChannel, before: StoredChannel) -> None:
        """Store a changed channel. Raises ConditionFailed when it is no longer what it was."""
        with conditional():
            cls._item(channel).save(cls.updated_at == iso(before.updated_at))

    @classmethod
    def remove(cls, organization_id: str, channel_id: str) -> None:
        """Delete a channel; one that is not there is fine."""
        cls(organization_id, channel_id).delete()

    @classmethod
    def _item(cls, channel: StoredChannel) -> "Channels":
        return cls(
            channel.organization_id,
            channel.id,
            settings=channel.settings.model_dump_json(exclude_unset=True),
            created_at=iso(channel.created_at),
            updated_at=iso(channel.updated_at),
        )
