"""Every table class, so that documenting and erasing know all of them."""

from typing import Final

from driftguard.alerts.tables import Alerts, Outbox
from driftguard.baselines.references import References
from driftguard.baselines.tables import Baselines
from driftguard.checks.tables import History, Runs
from driftguard.counting.tables import StoredCounts
from driftguard.models.activity import Activities
from driftguard.models.statuses import Statuses
from driftguard.models.tables import Models
from driftguard.notifications.deliveries import Deliveries
from driftguard.notifications.tables import Channels
from driftguard.organizations.tables import ApiKeys
from driftguard.performance.tables import Joined
from driftguard.predictions.tables import Predictions
from driftguard.uploads.tables import Uploads

ALL: Final = (
    Predictions,
    StoredCounts,
    Joined,
    History,
    Runs,
    Baselines,
    References,
    Uploads,
    Deliveries,  # before alerts and channels, through which deliveries are found
    Alerts,
    Outbox,
    Channels,
    Activities,
    Statuses,
    Models,
    ApiKeys,
)
"""In the order in which their items are erased."""
