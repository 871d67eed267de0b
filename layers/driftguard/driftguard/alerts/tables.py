"""Stores alerts, and the alert events that are not published yet."""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from pynamodb.attributes import BinaryAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.indexes import AllProjection, LocalSecondaryIndex
from pynamodb.transactions import TransactWrite

from driftguard.alerts.cutting import cut_alert, cut_event
from driftguard.alerts.events import AlertEvent
from driftguard.alerts.schemas import Alert
from driftguard.platform.dynamodb import KEYS, Options, Table
from driftguard.platform.serialization import MAX_ANSWER_BYTES
from driftguard.platform.sizes import squeeze, unsqueeze
from driftguard.platform.times import iso

if TYPE_CHECKING:  # functions that only need this table do not load settings
    from driftguard.alerts.findings import Outcome
    from driftguard.models.tables import Models

MAX_READ = 2000
"""Maximum number of alerts read for one page. A filtered page may be short and still link to the next page."""


def add_outcomes(write: TransactWrite, outcomes: Iterable["Outcome"]) -> None:
    """Add changed alerts and the events to publish to a transaction."""
    for outcome in outcomes:
        for alert in outcome.alerts:
            Alerts.write(write, alert)
        for event in outcome.events:
            Outbox.write(write, event)


class ByModel(LocalSecondaryIndex["Alerts"]):  # type: ignore[no-untyped-call]
    """Index of an organization's alerts by model, oldest first."""

    class Meta:
        index_name = "by_model"
        projection = AllProjection()

    pk = UnicodeAttribute(hash_key=True)
    model_alert = UnicodeAttribute(range_key=True)


class Open(LocalSecondaryIndex["Alerts"]):  # type: ignore[no-untyped-call]
    """Index of an organization's unresolved alerts, oldest first."""

    class Meta:
        index_name = "open"
        projection = AllProjection()

    pk = UnicodeAttribute(hash_key=True)
    open_alert = UnicodeAttribute(range_key=True)


class Alerts(Table):
    """The alerts of an organization. Alert ids sort by the time of detection.

    | pk | sk | what |
    |---|---|---|
    | organization | alert id | an alert: `document` contains the full alert, lists filter by the other attributes |

    Local secondary indexes: `by_model` (`<model>#<alert>`), and `open` (alert id, unresolved alerts only).
    Each write increments `revision` and fails if the revision changed since it was read. Resolved alerts expire.
    """

    table_setting = "ALERTS"

    class Meta(Options):
        pass

    by_model = ByModel()
    open = Open()
    model_alert = UnicodeAttribute(null=True)
    open_alert = UnicodeAttribute(null=True)
    model_id = UnicodeAttribute(null=True)
    status = UnicodeAttribute(null=True)
    severity = UnicodeAttribute(null=True)
    alert_type = UnicodeAttribute(null=True)
    revision = NumberAttribute(null=True)
    document = BinaryAttribute(null=True, legacy_encoding=False)

    @property
    def alert(self) -> Alert:
        """Return the stored alert."""
        return Alert.model_validate_json(unsqueeze(self.document))

    @classmethod
    def one(cls, organization_id: str, alert_id: str) -> Alert | None:
        """Return the organization's alert, or None."""
        item = cls.find(organization_id, alert_id)
        return item.alert if item is not None and item.document is not None else None

    @classmethod
    def several(cls, organization_id: str, alert_ids: Iterable[str]) -> dict[str, Alert]:
        """Return alerts by id, read with strong consistency."""
        keys = [(organization_id, alert_id) for alert_id in alert_ids]
        return {item.sk: item.alert for item in cls.batch_get(keys, consistent_read=True)}

    @classmethod
    def write(cls, transaction: TransactWrite, alert: Alert) -> None:
        """Add a write of `alert` to `transaction`, on the condition that `alert.revision` is still stored.

        Revision 0 creates the alert. What would make the item too large is left out and counted.
        """
        alert = cut_alert(alert)
        item = cls(
            alert.organization_id,
            alert.id,
            model_alert=f"{alert.model_id}#{alert.id}",
            open_alert=alert.id if alert.is_open else None,
            model_id=alert.model_id,
            status=alert.status,
            severity=alert.severity,
            alert_type=alert.alert_type,
            revision=alert.revision + 1,
            document=squeeze(alert.model_copy(update={"revision": alert.revision + 1}).model_dump_json()),
            expires_at=int((alert.resolved_at + cls.keep).timestamp()) if alert.resolved_at else None,
        )
        condition = cls.revision == alert.revision if alert.revision else cls.pk.does_not_exist()
        transaction.save(item, condition=condition)

    @classmethod
    def of_model(cls, model: "Models") -> "Iterable[Alerts]":
        """All alerts of a model, keys only."""
        return cls.by_model.query(
            model.organization_id,
            cls.model_alert.startswith(f"{model.model_id}#"),
            consistent_read=True,
            attributes_to_get=KEYS,
        )

    @classmethod
    def of_organization(cls, _organization_id: str) -> "Iterable[Alerts]":
        """Nothing: every alert belongs to a model."""
        return ()

    @classmethod
    def newest(
        cls,
        organization_id: str,
        *,
        model_id: str | None,
        since_id: str | None,
        before: str | None,
        status: str | None,
        severity: str | None,
        alert_type: str | None,
        limit: int,
        as_of: Callable[[Alert], Alert],
    ) -> "tuple[list[Alert], str | None]":
        """Return up to `limit` alerts, newest first, and the `before` of the next page, None on the last page.

        since_id: older alerts are left out unless they are open. before: only alerts with smaller ids are returned.
        as_of: returns the current state of a stored alert. Its status may differ from the stored status.
        """
        found: list[Alert] = []
        read = size = 0
        stretches: list[tuple[str, str | None, bool]] = []
        if status is None or status == "resolved":
            stretches.append((since_id or "", None, False))
        if since_id is not None or not stretches:
            stretches.append(("", since_id if stretches else None, True))
        for lower, below, open_only in stretches:
            upper = min(filter(None, (before, below)), default=None)
            for item in cls._stretch(organization_id, model_id, lower, upper, open_only):
                read += 1
                if model_id in (None, item.model_id) and _may_match(item, status, severity, alert_type):
                    alert = as_of(item.alert)
                    if status in (None, alert.status):
                        found.append(alert)
                        size += len(unsqueeze(item.document))
                if len(found) == limit or read == MAX_READ or size > MAX_ANSWER_BYTES:
                    return found, item.sk
        return found, None

    @classmethod
    def _stretch(
        cls, organization_id: str, model_id: str | None, lower: str, upper: str | None, open_only: bool
    ) -> "Iterator[Alerts]":
        """Yield alerts with `lower` ≤ id < `upper`, newest first."""
        end = upper or "~"
        if upper is not None and upper <= lower:
            return
        if open_only:
            source = cls.open.query(
                organization_id,
                cls.open_alert.between(lower or "0", end),
                scan_index_forward=False,
                consistent_read=True,
            )
        elif model_id is not None:
            source = cls.by_model.query(
                organization_id,
                cls.model_alert.between(f"{model_id}#{lower}", f"{model_id}#{end}"),
                scan_index_forward=False,
                consistent_read=True,
            )
        else:
            source = cls.query(
                organization_id, cls.sk.between(lower or "0", end), scan_index_forward=False, consistent_read=True
            )
        for item in source:
            if item.sk != upper:
                yield item


def _may_match(item: Alerts, status: str | None, severity: str | None, alert_type: str | None) -> bool:
    """Return whether the alert may match the filters. An alert stored as snoozed may be firing by now."""
    statuses = (None, item.status, *(["firing"] if item.status == "snoozed" else []))
    return status in statuses and severity in (None, item.severity) and alert_type in (None, item.alert_type)


class Outbox(Table):
    """Alert events that are not published yet. An event is written in the same transaction as its alert.

    | pk | sk | what |
    |---|---|---|
    | `<model>#outbox` | event id | the event's JSON, compressed |
    """

    table_setting = "ALERTS"

    class Meta(Options):
        pass

    document = BinaryAttribute(null=True, legacy_encoding=False)
    at = UnicodeAttribute(null=True)

    @classmethod
    def write(cls, transaction: TransactWrite, event: AlertEvent) -> None:
        """Add an event to publish to `transaction`."""
        event = cut_event(event)
        item = cls(
            f"{event.model_id}#outbox", event.event_id, document=squeeze(event.model_dump_json()), at=iso(event.at)
        )
        transaction.save(item)

    @classmethod
    def of_model(cls, model: "Models") -> "Iterable[Outbox]":
        """All unpublished events of a model, keys only."""
        return cls.query(f"{model.model_id}#outbox", attributes_to_get=KEYS, consistent_read=True)

    @classmethod
    def of_organization(cls, _organization_id: str) -> "Iterable[Outbox]":
        """Nothing: every event belongs to a model."""
        return ()

    @classmethod
    def pending(cls, model_id: str) -> "list[tuple[Outbox, AlertEvent]]":
        """Return the unpublished events of a model with their items, oldest first."""
        items = sorted(cls.query(f"{model_id}#outbox", consistent_read=True), key=lambda item: str(item.at))
        return [(item, AlertEvent.model_validate_json(unsqueeze(item.document))) for item in items]
