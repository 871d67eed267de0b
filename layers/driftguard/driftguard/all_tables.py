"""Every table class, so that connecting, documenting and erasing know them all."""

from typing import Final

from driftguard.alerts.tables import Alerts, Outbox
from driftguard.baselines.tables import Baselines, Uploads
from driftguard.checks.tables import History, Runs
from driftguard.counting.tables import StoredCounts
from driftguard.models.tables import Models, Statuses
from driftguard.notifications.deliveries import Deliveries
from driftguard.notifications.tables import Channels
from driftguard.organizations.tables import ApiKeys
from driftguard.platform.dynamodb import Table
from driftguard.predictions.tables import Predictions

ALL: Final[tuple[type[Table], ...]] = (
    Alerts,
    ApiKeys,
    Baselines,
    Channels,
    Deliveries,
    History,
    Models,
    Outbox,
    Predictions,
    Runs,
    Statuses,
    StoredCounts,
    Uploads,
)
