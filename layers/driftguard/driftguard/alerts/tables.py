"""Alerts, and the events about them that SNS does not have yet."""

from collections.abc import Callable, Iterable, Iterator

from pynamodb.attributes import BinaryAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.indexes import AllProjection, LocalSecondaryIndex
from pynamodb.transactions import TransactWrite

from driftguard.alerts.events import AlertEvent
from driftguard.alerts.findings import Outcome
from driftguard.alerts.schemas import Alert
from driftguard.models.tables import Models
from driftguard.platform.dynamodb import KEYS, Options, Table, squeeze, unsqueeze
from driftguard.platform.times import iso

MAX_READ = 2000
"""How many alerts one page of a filtered list looks at; a page may then be short, with its Link."""


def add_outcomes(write: TransactWrite, outcomes: Iterable[Outcome]) -> None:
    """Add to a transaction the alerts that changed and the events to publish about them."""
    for outcome in outcomes:
        for alert in outcome.alerts:
            Alerts.write(write, alert)
        for event in outcome.events:
            Outbox.write(write, event)


class ByModel(LocalSecondaryIndex["Alerts"]):  # type: ignore[no-untyped-call]
    """An organization's alerts, model by model, oldest first."""

    class Meta:
        index_name = "by_model"
        projection = AllProjection()

    pk = UnicodeAttribute(hash_key=True)
    model_alert = UnicodeAttribute(range_key=True)


class Open(LocalSecondaryIndex["Alerts"]):  # type: ignore[no-untyped-call]
    """An organization's unresolved alerts, oldest first."""

    class Meta:
        index_name = "open"
        projection = AllProjection()

    pk = UnicodeAttribute(hash_key=True)
    open_alert = UnicodeAttribute(range_key=True)


class Alerts(Table):
    """Alerts of an organization; an id sorts by the time of detection.

    | pk | sk | what |
    |---|---|---|
    | organization | alert id | an alert; `document` is all of it, the other attributes are what lists filter by |

    Local secondary indexes: `by_model` (`<model>#<alert>`), `open` (alert id, only while it is not resolved).
    `revision` goes up with each write; a write holds only on the revision it has read. A resolved alert expires.
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
        """The alert itself."""
        return Alert.model_validate_json(unsqueeze(self.document))

    @classmethod
    def one(cls, organization_id: str, alert_id: str) -> Alert | None:
        """The organization's alert, or None."""
        item = cls.find(organization_id, alert_id)
        return item.alert if item is not None and item.document is not None else None

    @classmethod
    def several(cls, organization_id: str, alert_ids: Iterable[str]) -> dict[str, Alert]:
        """Alerts by id, strongly consistent."""
        keys = [(organization_id, alert_id) for alert_id in alert_ids]
        return {item.sk: item.alert for item in cls.batch_get(keys, consistent_read=True)}

    @classmethod
    def write(cls, transaction: TransactWrite, alert: Alert) -> None:
        """Add to `transaction` that `alert` replaces the revision it was made from (0: it is new)."""
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
    def of_model(cls, model: Models) -> "Iterable[Alerts]":
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
        """Alerts older than the id `before`, newest first: those with ids from `since_id` on, and all that are open.

        as_of: an alert as it is now, which may have another status than when it was stored.

        Returns up to `limit` alerts and the id to go on before, None at the end.
        """
        found: list[Alert] = []
        read = 0
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
                if len(found) == limit or read == MAX_READ:
                    return found, item.sk
        return found, None

    @classmethod
    def _stretch(
        cls, organization_id: str, model_id: str | None, lower: str, upper: str | None, open_only: bool
    ) -> "Iterator[Alerts]":
        """Alerts with `lower` ≤ id < `upper`, newest first."""
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
    """Whether the alert is worth a look: one stored as snoozed may be firing by now."""
    statuses = (None, item.status, *(["firing"] if item.status == "snoozed" else []))
    return status in statuses and severity in (None, item.severity) and alert_type in (None, item.alert_type)


class Outbox(Table):
    """Events written in one transaction with what they tell, until SNS has them.

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
        """Add to `transaction` that `event` is to be published."""
        item = cls(
            f"{event.model_id}#outbox", event.event_id, document=squeeze(event.model_dump_json()), at=iso(event.at)
        )
        transaction.save(item)

    @classmethod
    def of_model(cls, model: Models) -> "Iterable[Outbox]":
        """All unpublished events of a model, keys only."""
        return cls.query(f"{model.model_id}#outbox", attributes_to_get=KEYS, consistent_read=True)

    @classmethod
    def of_organization(cls, _organization_id: str) -> "Iterable[Outbox]":
        """Nothing: every event belongs to a model."""
        return ()

    @classmethod
    def pending(cls, model_id: str) -> "list[tuple[Outbox, AlertEvent]]":
        """What is still to be published about a model, oldest first."""
        items = sorted(cls.query(f"{model_id}#outbox", consistent_read=True), key=lambda item: str(item.at))
        return [(item, AlertEvent.model_validate_json(unsqueeze(item.document))) for item in items]
