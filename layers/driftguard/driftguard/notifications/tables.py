"""Alert channels."""

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Literal

from pynamodb.attributes import BooleanAttribute, JSONAttribute, NumberAttribute, UnicodeAttribute

from driftguard.alerts.schemas import DeliveryRecord
from driftguard.alerts.tables import Alerts
from driftguard.models.tables import Models
from driftguard.notifications.messages import Event
from driftguard.notifications.schemas import NEW_CHANNEL, ChannelHealth, StoredChannel
from driftguard.platform.dynamodb import KEYS, ConditionFailed, Options, Table, conditional
from driftguard.platform.times import DAY, iso, parse


class Channels(Table):
    """An organization's alert channels.

    | pk | sk | what |
    |---|---|---|
    | organization | channel id | a channel; `settings` is the JSON its owner gave, secrets included |

    The notifiers write `unhealthy_since`, `unhealthy_reason` and `told_unhealthy` beside it and nothing else; whoever
    changes the channel takes them away.
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
    def channel(self) -> StoredChannel:
        """The channel itself."""
        return StoredChannel(
            self.sk,
            self.pk,
            NEW_CHANNEL.validate_json(self.settings),
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
    def one(cls, organization_id: str, channel_id: str) -> StoredChannel | None:
        """The organization's channel, or None: another organization's is not there."""
        item = cls.find(organization_id, channel_id)
        return item.channel if item else None

    @classmethod
    def of(cls, organization_id: str) -> list[StoredChannel]:
        """All channels of an organization, oldest first."""
        return [item.channel for item in cls.query(organization_id, consistent_read=True)]

    @classmethod
    def of_model(cls, _model: Models) -> "Iterable[Channels]":
        """Nothing: a channel belongs to an organization, also one that is limited to some models."""
        return ()

    @classmethod
    def of_organization(cls, organization_id: str) -> "Iterable[Channels]":
        """All channels of an organization, keys only."""
        return cls.query(organization_id, attributes_to_get=KEYS, consistent_read=True)

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
    def mark_unhealthy(cls, channel: StoredChannel, reason: str, now: datetime) -> datetime | None:
        """Note that the channel as it was read does not work. Returns since when, as long as nobody was told of it;
        None when somebody was, or when the channel was changed or deleted in the meantime."""
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
    def mark_told(cls, channel: StoredChannel, since: datetime) -> None:
        """Note that people were told of the channel that does not work since then."""
        with suppress(ConditionFailed), conditional():
            cls(channel.organization_id, channel.id).update(
                actions=[cls.told_unhealthy.set(True)], condition=cls.unhealthy_since == iso(since)
            )

    @classmethod
    def mark_healthy(cls, channel: StoredChannel) -> None:
        """Note that the channel works again."""
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


KEPT_ATTEMPTS = 20

type FinalOutcome = Literal["delivered", "retrying", "failed"]


class Held(Exception):
    """Another invocation is at it, or was when it died: look again in `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"claimed for another {seconds:.0f} s")
        self.seconds = seconds


class Deliveries(Table):
    """One alert event's way to one channel.

    | pk | sk | what |
    |---|---|---|
    | alert id | `<event id>#<channel id>` | the state and every attempt |
    | `channel#<channel id>` | `<since>#<e-mail channel id>` | the same, of the notice that a channel does not work |

    An item is claimed for a time before anything is sent (`sending`, `claimed_until`), so that an event delivered
    twice by SNS or SQS goes out once; `delivered_to` says which addresses of a channel have it already.
    """

    table_setting = "DELIVERIES"

    class Meta(Options):
        pass

    channel_id = UnicodeAttribute(null=True)
    channel_type = UnicodeAttribute(null=True)
    event = UnicodeAttribute(null=True)
    outcome = UnicodeAttribute(null=True)
    attempt = NumberAttribute(null=True)
    claimed_at = UnicodeAttribute(null=True)
    claimed_until = UnicodeAttribute(null=True)
    delivered_to = JSONAttribute(null=True)
    attempts = JSONAttribute(null=True)

    @classmethod
    def claim(
        cls, event: Event, channel: StoredChannel, attempt: int, *, now: datetime, lease: timedelta, keep_days: int
    ) -> "Deliveries | None":
        """Take the delivery for `lease`; None when there is nothing to do: it is delivered, or this attempt was made.

        Raises Held while somebody else has it.
        """
        item = cls(event.subject_id, f"{event.event_id}#{channel.id}")
        free = (
            cls.outcome.does_not_exist()
            | ((cls.outcome == "retrying") & (cls.attempt < attempt))
            | ((cls.outcome == "failed") & (cls.attempt <= attempt))
            | ((cls.outcome == "sending") & (cls.claimed_until < iso(now)))
        )
        try:
            with conditional():
                item.update(
                    actions=[
                        cls.channel_id.set(channel.id),
                        cls.channel_type.set(channel.settings.type),
                        cls.event.set(event.kind),
                        cls.outcome.set("sending"),
                        cls.attempt.set(attempt),
                        cls.claimed_at.set(iso(now)),
                        cls.claimed_until.set(iso(now + lease)),
                        cls.expires_at.set(int((now + keep_days * DAY).timestamp())),
                    ],
                    condition=free,
                )
        except ConditionFailed:
            return cls._not_free(item, now)
        return item

    @classmethod
    def _not_free(cls, item: "Deliveries", now: datetime) -> None:
        found = cls.find(item.pk, item.sk)
        if found is not None and found.outcome == "sending":
            raise Held(max(0.0, (parse(found.claimed_until) - now).total_seconds()))

    @property
    def have_it(self) -> dict[str, str]:
        """The addresses that have it already, each with the provider's word."""
        return dict(self.delivered_to or {})

    def reached(self, target: str, detail: str) -> None:
        """Remember that one address has it, so that a repetition spares it."""
        reached = {**self.have_it, target: detail}
        self.update(actions=[Deliveries.delivered_to.set(reached)])

    def finish(self, outcome: FinalOutcome, detail: str, now: datetime) -> None:
        """Record how this attempt ended. One that is delivered stays so, whatever a slower invocation says."""
        entry = {"attempt": int(self.attempt), "at": iso(now), "outcome": outcome, "detail": detail}
        attempts = [*(self.attempts or []), entry][-KEPT_ATTEMPTS:]
        still_ours = Deliveries.claimed_until == self.claimed_until
        try:
            with conditional():
                self.update(
                    actions=[Deliveries.outcome.set(outcome), Deliveries.attempts.set(attempts)],
                    condition=None if outcome == "delivered" else still_ours & (Deliveries.outcome == "sending"),
                )
        except ConditionFailed:
            return

    @classmethod
    def has_resolved(cls, alert_id: str, channel_id: str) -> bool:
        """Whether the channel has been told already that the alert is over."""
        return any(
            (item.channel_id, item.event, item.outcome) == (channel_id, "resolved", "delivered")
            for item in cls.query(alert_id, consistent_read=True)
        )

    @classmethod
    def of_model(cls, model: Models) -> "Iterable[Deliveries]":
        """All deliveries of a model's alerts, keys only. The alerts must still be there."""
        for alert in Alerts.of_model(model):
            yield from cls.query(alert.sk, attributes_to_get=KEYS, consistent_read=True)

    @classmethod
    def of_organization(cls, organization_id: str) -> "Iterable[Deliveries]":
        """All notices about an organization's channels, keys only. The channels must still be there."""
        for channel in Channels.of_organization(organization_id):
            yield from cls.query(f"channel#{channel.sk}", attributes_to_get=KEYS, consistent_read=True)

    @classmethod
    def forget_notices(cls, channel_id: str) -> None:
        """Delete what became of the notices that a channel does not work."""
        notices = cls.query(f"channel#{channel_id}", consistent_read=True, attributes_to_get=["pk", "sk"])
        with cls.batch_write() as batch:
            for notice in notices:
                batch.delete(notice)

    @classmethod
    def of(cls, alert_id: str) -> list[DeliveryRecord]:
        """Every attempt to tell of an alert, newest first."""
        records = [record for item in cls.query(alert_id, consistent_read=True) for record in item._records()]
        return sorted(records, key=lambda record: record.at, reverse=True)

    def _records(self) -> list[DeliveryRecord]:
        attempts = list(self.attempts or [])
        if self.outcome == "sending":
            attempts.append({"attempt": int(self.attempt), "at": self.claimed_at, "outcome": "sending", "detail": None})
        return [
            DeliveryRecord(
                channel_id=str(self.channel_id), type=str(self.channel_type), event=str(self.event), **attempt
            )
            for attempt in attempts
        ]
