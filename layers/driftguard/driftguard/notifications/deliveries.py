"""The table of deliveries.

It has a file of its own because functions that only show alerts read it, and need no settings of channels.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal, TypedDict

from pynamodb.attributes import JSONAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from driftguard.alerts.schemas import DeliveryRecord
from driftguard.alerts.tables import Alerts
from driftguard.notifications.messages import Event, Message, events_in
from driftguard.notifications.providers.base import StoredChannel
from driftguard.platform.bulk import delete
from driftguard.platform.dynamodb import KEYS, Options, Table, transaction
from driftguard.platform.retries import ConditionFailed, conditional, retrying
from driftguard.platform.serialization import answer_bytes
from driftguard.platform.times import DAY, iso, parse

if TYPE_CHECKING:  # functions that only need this table do not load settings
    from driftguard.models.tables import Models

KEPT_ATTEMPTS = 20

MOST_SHOWN_BYTES = 2_000_000
"""Most bytes of delivery records in a response. The alert itself takes up to 2 MB beside them."""
CLAIM_TRIES = 4

type FinalOutcome = Literal["delivered", "retrying", "failed"]


class Attempt(TypedDict):
    """One attempt at a delivery, as it is stored."""

    attempt: int
    at: str
    outcome: Literal["sending", FinalOutcome]
    detail: str | None


class Held(Exception):
    """Another invocation has claimed the delivery, and may have died. Try again in `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"claimed for another {seconds:.0f} s")
        self.seconds = seconds


class Claim:
    """The claimed deliveries of one message, which are sent together and recorded together."""

    def __init__(self, held: "list[tuple[Event, Deliveries]]") -> None:
        self._held = held

    def missing(self, target: str) -> list[Event]:
        """The events that this target does not have."""
        return [event for event, item in self._held if target not in item.done]

    def reached(self, target: str, detail: str) -> None:
        """Record in one transaction that a target has the whole message, so that a retry skips it."""
        items = [item for _event, item in self._held if target not in item.done]
        for one_try in retrying(CLAIM_TRIES):
            with one_try, transaction() as write:
                for item in items:
                    write.update(item, actions=[Deliveries.delivered_to.set({**item.done, target: detail})])
            if one_try.succeeded:
                break
        else:
            raise ConditionFailed
        for item in items:
            item.delivered_to = {**item.done, target: detail}

    def finish(self, outcome: FinalOutcome, detail: str, now: datetime) -> None:
        """Record how this attempt ended, for every event."""
        for _event, item in self._held:
            item.finish(outcome, detail, now)

    @property
    def answers(self) -> str:
        """The providers' answers for all targets."""
        return ", ".join(dict.fromkeys(answer for _event, item in self._held for answer in item.done.values()))


class Deliveries(Table):
    """The delivery of one alert event to one channel.

    | pk | sk | what |
    |---|---|---|
    | alert id | `<event id>#<channel id>` | the state and every attempt |
    | `channel#<channel id>` | `<since>#<e-mail channel id>` | the same for a notice that a channel does not work |

    A notifier claims the items of a message for a limited time before it sends (`sending`, `claimed_until`). An event
    that SNS or SQS delivers twice is therefore sent once. `delivered_to` lists the addresses of a channel that have the
    message.
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
        cls, message: Message, channel: StoredChannel, attempt: int, *, now: datetime, lease: timedelta, keep_days: int
    ) -> "Claim | None":
        """Claim the deliveries of a message's events for `lease`, all of them or none.

        Events that are delivered, and events for which this attempt was made before, are left out. Returns None if no
        event remains. Raises Held while another invocation has claimed one of the events.
        """
        for one_try in retrying(CLAIM_TRIES):
            found = [(event, cls._stored(event, channel)) for event in events_in(message)]
            held = [item._held_for(now) for _event, item in found]
            if any(held):
                raise Held(max(held))
            free = [(event, item) for event, item in found if item._may_claim(attempt)]
            if not free:
                return None
            with one_try, transaction() as write:
                for event, item in free:
                    actions = item._claiming(event, channel, attempt, now, now + lease, now + keep_days * DAY)
                    write.update(item, actions=actions, condition=item._unchanged)
            if one_try.succeeded:
                for _event, item in free:
                    item.attempt, item.claimed_until, item.outcome = attempt, iso(now + lease), "sending"
                return Claim(free)
        raise Held(1)

    @classmethod
    def _stored(cls, event: Event, channel: StoredChannel) -> "Deliveries":
        """The stored delivery, or a new one."""
        pk, sk = event.subject_id, f"{event.event_id}#{channel.id}"
        return cls.find(pk, sk) or cls(pk, sk)

    def _held_for(self, now: datetime) -> float:
        """The seconds until the claim of another invocation expires. 0 if there is none."""
        if self.outcome != "sending":
            return 0
        return max(0.0, (parse(self.claimed_until) - now).total_seconds())

    def _may_claim(self, attempt: int) -> bool:
        """Whether this attempt is still to be made, if no other invocation has claimed the delivery."""
        match self.outcome:
            case None | "sending":
                return True
            case "retrying":
                return int(self.attempt) < attempt
            case "failed":
                return int(self.attempt) <= attempt
        return False

    def _claiming(
        self, event: Event, channel: StoredChannel, attempt: int, now: datetime, until: datetime, expiry: datetime
    ) -> list[Action]:
        return [
            Deliveries.channel_id.set(channel.id),
            Deliveries.channel_type.set(channel.settings.type),
            Deliveries.event.set(event.kind),
            Deliveries.outcome.set("sending"),
            Deliveries.attempt.set(attempt),
            Deliveries.claimed_at.set(iso(now)),
            Deliveries.claimed_until.set(iso(until)),
            Deliveries.expires_at.set(int(expiry.timestamp())),
        ]

    @property
    def _unchanged(self) -> Condition:
        """The condition that nobody claimed or finished the delivery since it was read."""
        if self.outcome is None:
            new: Condition = Deliveries.outcome.does_not_exist()
            return new
        condition: Condition = (Deliveries.outcome == self.outcome) & (Deliveries.claimed_until == self.claimed_until)
        return condition

    @property
    def done(self) -> dict[str, str]:
        """The targets that have the message, each with the provider's answer."""
        return dict(self.delivered_to or {})

    def finish(self, outcome: FinalOutcome, detail: str, now: datetime) -> None:
        """Record how this attempt ended. A slower invocation cannot overwrite "delivered"."""
        entry: Attempt = {"attempt": int(self.attempt), "at": iso(now), "outcome": outcome, "detail": detail}
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
        """Whether the event "resolved" of the alert was delivered to the channel."""
        return any(
            (item.channel_id, item.event, item.outcome) == (channel_id, "resolved", "delivered")
            for item in cls.query(alert_id, consistent_read=True)
        )

    @classmethod
    def of_model(cls, model: "Models") -> "Iterable[Deliveries]":
        """All deliveries of a model's alerts, keys only. The alerts must still be there."""
        for alert in Alerts.of_model(model):
            yield from cls.query(alert.sk, attributes_to_get=KEYS, consistent_read=True)

    @classmethod
    def of_organization(cls, organization_id: str) -> "Iterable[Deliveries]":
        """All notices about an organization's channels, keys only. The channels must still be there."""
        from driftguard.notifications.tables import Channels  # noqa: PLC0415  only erasing needs the channels

        for channel in Channels.of_organization(organization_id):
            yield from cls.query(f"channel#{channel.sk}", attributes_to_get=KEYS, consistent_read=True)

    @classmethod
    def forget_notices(cls, channel_id: str) -> None:
        """Delete the deliveries of the notices that a channel does not work."""
        notices = cls.query(f"channel#{channel_id}", consistent_read=True, attributes_to_get=["pk", "sk"])
        delete(notices)

    @classmethod
    def of(cls, alert_id: str) -> list[DeliveryRecord]:
        """Every attempt at every delivery of an alert, newest first."""
        records = [record for item in cls.query(alert_id, consistent_read=True) for record in item._records()]
        return _newest_first(records)

    @classmethod
    def latest(cls, alert_id: str) -> tuple[list[DeliveryRecord], int]:
        """Return the attempts at an alert's latest deliveries, newest first, and the number of earlier deliveries.

        A response holds MOST_SHOWN_BYTES of them. An alert with a reminder every hour has more after some months.
        """
        records: list[DeliveryRecord] = []
        size = 0
        for read, item in enumerate(cls.query(alert_id, scan_index_forward=False, consistent_read=True)):
            found = item._records()
            size += sum(answer_bytes(record) for record in found)
            if size > MOST_SHOWN_BYTES:
                return _newest_first(records), cls.count(alert_id, consistent_read=True) - read
            records += found
        return _newest_first(records), 0

    def _records(self) -> list[DeliveryRecord]:
        attempts: list[Attempt] = list(self.attempts or [])
        if self.outcome == "sending":
            attempts.append({"attempt": int(self.attempt), "at": self.claimed_at, "outcome": "sending", "detail": None})
        return [
            DeliveryRecord(
                channel_id=str(self.channel_id), type=str(self.channel_type), event=str(self.event), **attempt
            )
            for attempt in attempts
        ]


def _newest_first(records: Iterable[DeliveryRecord]) -> list[DeliveryRecord]:
    return sorted(records, key=lambda record: record.at, reverse=True)
