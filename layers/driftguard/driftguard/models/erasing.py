"""Erasing a deleted model: every item of it, in every table, and its uploaded files, for good."""

from collections.abc import Callable, Iterable
from datetime import datetime
from itertools import batched

from driftguard.alerts.tables import Alerts, Outbox
from driftguard.baselines import uploads
from driftguard.baselines.tables import Baselines
from driftguard.checks.tables import History, Runs
from driftguard.counting.tables import StoredCounts
from driftguard.models.tables import Models, Statuses
from driftguard.notifications.deliveries import Deliveries
from driftguard.platform.dynamodb import Table
from driftguard.platform.times import iso
from driftguard.predictions.tables import Predictions

A_STEP = 250
KEYS = ["pk", "sk"]


def erase(
    organization_id: str,
    model_id: str,
    *,
    delete_files: Callable[[str], None],
    may_go_on: Callable[[], bool],
    now: datetime,
) -> bool:
    """Erase what is left of a model that was deleted; True when nothing is left.

    delete_files: deletes the uploaded files whose keys begin so. The bucket would expire them too, but only after a
    day; one that arrives later is deleted by its builder, which finds no model.

    False when time ran out or a check of it is still running: what remains is found again by the same call. A model
    that was not deleted is left alone. The mark of the deletion goes last.
    """
    mark = Models.find(organization_id, f"erase#{model_id}")
    if mark is None:
        return True
    status = Statuses.one(organization_id, model_id)
    if status.lease_until is not None and status.lease_until > iso(now):
        return False
    delete_files(uploads.prefix(organization_id, model_id))
    for items in _items(organization_id, model_id, mark):
        for step in batched(items, A_STEP, strict=False):
            if not may_go_on():
                return False
            _delete(step)
    mark.delete()
    return True


def _items(organization_id: str, model_id: str, mark: Models) -> Iterable[Iterable[Table]]:
    for partition in range(mark.partition_count):
        yield Predictions.query(f"{model_id}#{partition}", attributes_to_get=KEYS, consistent_read=True)
    for table in (StoredCounts, History, Baselines):
        yield table.query(model_id, attributes_to_get=KEYS, consistent_read=True)
    alerts = Alerts.by_model.query(
        organization_id, Alerts.model_alert.startswith(f"{model_id}#"), consistent_read=True, attributes_to_get=KEYS
    )
    for alert in alerts:
        yield Deliveries.query(alert.sk, attributes_to_get=KEYS, consistent_read=True)
        yield [alert]
    yield Outbox.query(f"{model_id}#outbox", attributes_to_get=KEYS, consistent_read=True)
    yield Runs.query(f"{organization_id}#run", Runs.sk == model_id, attributes_to_get=KEYS, consistent_read=True)
    yield Statuses.query(
        organization_id, Statuses.sk == f"status#{model_id}", attributes_to_get=KEYS, consistent_read=True
    )


def _delete(items: Iterable[Table]) -> None:
    by_table: dict[type[Table], list[Table]] = {}
    for item in items:
        by_table.setdefault(type(item), []).append(item)
    for table, found in by_table.items():
        with table.batch_write() as batch:
            for item in found:
                batch.delete(item)
