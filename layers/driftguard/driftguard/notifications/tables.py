"""The table of alert channels."""

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pynamodb.attributes import BooleanAttribute, UnicodeAttribute

from driftguard.models.activity import Change
from driftguard.notifications.providers.base import STORED, ChannelHealth, StoredChannel
from driftguard.notifications.schemas import NEW_CHANNEL, AnyStoredChannel
from driftguard.platform.dynamodb import KEYS, Options, Table, transaction
from driftguard.platform.retries import ConditionFailed, conditional
from driftguard.platform.times import iso, parse

if TYPE_CHECKING:  # functions that only need this table do not load settings
    from driftguard.models.tables import Models


class Channels(Table):
    """An organization's alert channels.

    | pk | sk | what |
    |---|---|---|
    | organization | channel id | a channel; `settings` is the JSON that its owner sent, secrets included |

    The notifiers write only `unhealthy_since`, `unhealthy_reason` and `told_unhealthy` (people were notified). A change
    of the channel removes all three.
    """

    table_setting = "CHANNELS"

    class Meta(Options):
        pass

    settings = UnicodeAttribute()
    created_at = UnicodeAttribute()
    updated_at = UnicodeAttribute()
    unhealthy_since = UnicodeAttribute(null=True)
    unhealthy_reason = UnicodeAttribute(null=True)
    told_unhealthy = BooleanAttribute(null=True)

    @property
    def channel(self) -> AnyStoredChannel:
        """The channel itself."""
        return StoredChannel(
            self.sk,
            self.pk,
            NEW_CHANNEL.validate_json(self.settings, context=STORED),
            parse(self.created_at),
            parse(self.updated_at),
            self._health,
        )

    @property
    def _health(self) -> ChannelHealth:
        if self.unhealthy_since is None:
            return ChannelHealth()
        return ChannelHealth(status="unhealthy", reason=self.unhealthy_reason, since=parse(self.unhealthy_since))

    @classmethod
    def one(cls, organization_id: str, channel_id: str) -> AnyStoredChannel | None:
        """The organization's channel. None for an unknown id and for a channel of another organization."""
        item = cls.find(organization_id, channel_id)
        return item.channel if item else None

    @classmethod
    def of(cls, organization_id: str) -> list[AnyStoredChannel]:
        """All channels of an organization, oldest first."""
        return [item.channel for item in cls.query(organization_id, consistent_read=True)]

    @classmethod
    def of_model(cls, _model: "Models") -> "Iterable[Channels]":
        """Nothing: a channel belongs to an organization, also one that is limited to some models."""
        return ()

    @classmethod
    def of_organization(cls, organization_id: str) -> "Iterable[Channels]":
        """All channels of an organization, keys only."""
        return cls.query(organization_id, attributes_to_get=KEYS, consistent_read=True)

    @classmethod
    def newest(cls, organization_id: str, before: str | None, limit: int) -> list[AnyStoredChannel]:
        """Up to `limit` channels that are older than the id `before`, newest first."""
        older: Any = cls.sk < before if before else None
        found = cls.query(organization_id, older, scan_index_forward=False, limit=limit, consistent_read=True)
        return [item.channel for item in found]

    @classmethod
    def add(cls, channel: StoredChannel, change: Change | None = None) -> None:
        """Store a new channel, with the record of the change."""
        with transaction() as write:
            write.save(cls._item(channel), condition=cls.pk.does_not_exist())
            if change is not None:
                change.record(write)

    @classmethod
    def replace(cls, channel: StoredChannel, before: StoredChannel, change: Change | None = None) -> None:
        """Store a changed channel, with the record of the change.

        Raises ConditionFailed when the channel was changed or deleted after `before` was read.
        """
        with transaction() as write:
            write.save(cls._item(channel), condition=cls.updated_at == iso(before.updated_at))
            if change is not None:
                change.record(write)

    @classmethod
    def remove(cls, organization_id: str, channel_id: str, change: Change | None = None) -> None:
        """Delete a channel, with the record of the change. An unknown id is no error."""
        with transaction() as write:
            write.delete(cls(organization_id, channel_id))
            if change is not None:
                change.record(write)

    @classmethod
    def mark_unhealthy(cls, channel: StoredChannel, reason: str, now: datetime) -> datetime | None:
        """Mark the channel as unhealthy, unless it was changed after it was read.

        Returns since when the channel is unhealthy if people must still be notified. Returns None if they were
        notified, or if the channel was changed or deleted in the meantime.
        """
        item = cls(channel.organization_id, channel.id)
        unchanged = cls.updated_at == iso(channel.updated_at)
        try:
            with conditional():
                item.update(
                    actions=[cls.unhealthy_since.set(iso(now)), cls.unhealthy_reason.set(reason)],
                    condition=unchanged & cls.unhealthy_since.does_not_exist(),
                )
        except ConditionFailed:
            found = cls.find(channel.organization_id, channel.id)
            if found is None or found.unhealthy_since is None or found.told_unhealthy:
                return None
            return parse(found.unhealthy_since)
        return now

    @classmethod
    def mark_notified(cls, channel: StoredChannel, since: datetime) -> None:
        """Record that people were notified of the channel that has been unhealthy since `since`."""
        with suppress(ConditionFailed), conditional():
            cls(channel.organization_id, channel.id).update(
                actions=[cls.told_unhealthy.set(True)], condition=cls.unhealthy_since == iso(since)
            )

    @classmethod
    def mark_healthy(cls, channel: StoredChannel) -> None:
        """Remove the mark that the channel is unhealthy."""
        with suppress(ConditionFailed), conditional():
            cls(channel.organization_id, channel.id).update(
                actions=[cls.unhealthy_since.remove(), cls.unhealthy_reason.remove(), cls.told_unhealthy.remove()],
                condition=cls.unhealthy_since.exists(),
            )

    @classmethod
    def _item(cls, channel: StoredChannel) -> "Channels":
        return cls(
            channel.organization_id,
            channel.id,
            settings=channel.settings.model_dump_json(exclude_unset=True),
            created_at=iso(channel.created_at),
            updated_at=iso(channel.updated_at),
        )
