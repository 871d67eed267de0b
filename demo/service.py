"""One model of the service, run in this process on the tables of a stack on this machine.

The service's code takes the time as an argument. So a history of months passes through its intake, checks, joins and
notifiers in minutes, and every item is stored with the time of the history.
"""

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Self

from driftguard.alerts.events import AlertNews
from driftguard.alerts.publishing import Publish, publish_pending
from driftguard.baselines import versions
from driftguard.baselines.schemas import BaselineBody
from driftguard.checks.check import check
from driftguard.checks.joins import join
from driftguard.checks.task import Task
from driftguard.models import registry
from driftguard.models.schemas import NewModel
from driftguard.models.tables import Models
from driftguard.notifications.delivery import Notifier, Send
from driftguard.notifications.messages import Retry
from driftguard.notifications.providers.base import NotifierName
from driftguard.performance.intake import log_labels
from driftguard.performance.schemas import LabelsOfModel
from driftguard.platform import aws
from driftguard.platform.dynamodb import connect
from driftguard.platform.environment import Environment
from driftguard.platform.observability import logger
from driftguard.predictions import intake
from driftguard.predictions.schemas import BatchBody
from functions.notify_email.app import send as send_email
from functions.notify_slack.app import send as send_slack

FUNCTIONS: Final = (
    "CheckDriftFunction",
    "JoinLabelsFunction",
    "LogPredictionsFunction",
    "ManageBaselinesFunction",
    "ManageModelsFunction",
    "NotifyEmailFunction",
    "NotifySlackFunction",
)
"""The functions whose work is done here. The settings are those of these functions."""

SENDERS: Final[Mapping[NotifierName, Send]] = {"email": send_email, "slack": send_slack}
FOREVER: Final = timedelta(minutes=5)
ACTOR: Final = "demo"


@dataclass(frozen=True)
class Service:
    """The work of one organization of a stack, at any time that the caller names."""

    organization_id: str
    keep_days: int
    resources: Mapping[str, str]

    @classmethod
    def of(cls, stack: Mapping[str, Any], credentials: Mapping[str, str]) -> Self:
        """Connect to the stack that a stack file describes. From then on, this process uses its tables."""
        resources = stack["resources"]
        os.environ |= {
            "AWS_ENDPOINT_URL": stack["aws_endpoint"],
            "AWS_DEFAULT_REGION": stack["region"],
            "AWS_ACCESS_KEY_ID": credentials["aws_access_key_id"],
            "AWS_SECRET_ACCESS_KEY": credentials["aws_secret_access_key"],
        }
        functions = aws.client("lambda")
        for name in FUNCTIONS:
            os.environ |= functions.get_function_configuration(FunctionName=resources[name])["Environment"]["Variables"]
        os.environ |= {"POWERTOOLS_METRICS_DISABLED": "true", "POWERTOOLS_TRACE_DISABLED": "true"}
        logger.setLevel(logging.CRITICAL)
        environment = Environment()
        connect(environment)
        return cls(stack["organization_id"], environment.history_retention_days, resources)

    @contextmanager
    def in_the_past(self) -> Iterator[None]:
        """Keep today's clock away from the tables in the block.

        The schedule would check the model in the middle of its history. And what expires, such as predictions after
        three weeks, would be deleted before the history has used it.
        """
        events, dynamodb = aws.client("events"), aws.client("dynamodb")
        expiring: dict[str, str] = {}
        for name, table in self.resources.items():
            if name.endswith("Table"):
                found = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
                if found["TimeToLiveStatus"] == "ENABLED":
                    expiring[table] = found["AttributeName"]

        def expire(*, enabled: bool) -> None:
            for table, attribute in expiring.items():
                rule = {"Enabled": enabled, "AttributeName": attribute}
                dynamodb.update_time_to_live(TableName=table, TimeToLiveSpecification=rule)

        events.disable_rule(Name=self.resources["ScheduleRule"])
        expire(enabled=False)
        try:
            yield
        finally:
            expire(enabled=True)
            events.enable_rule(Name=self.resources["ScheduleRule"])

    def create(self, body: NewModel, baseline: BaselineBody, now: datetime) -> str:
        """Create a model with its baseline at `now`. Returns the model's id."""
        # A thousand rows a day need one partition. Each further one is another query of each check.
        model = registry.create(self.organization_id, body, partitions=1, now=now, actor=ACTOR)
        versions.put(self._model(model.id), baseline, publish=self._deliver(now), now=now, actor=ACTOR)
        return model.id

    def log(self, body: BatchBody, key: str, now: datetime) -> int:
        """Log a batch that arrives at `now`. Returns the number of accepted rows."""
        return intake.log_batch(self.organization_id, body, idempotency_key=key, now=now).accepted

    def log_labels(self, model_id: str, body: LabelsOfModel, key: str, now: datetime) -> int:
        """Log labels that arrive at `now`. Returns the number of accepted labels."""
        return log_labels(self._model(model_id), body, idempotency_key=key, now=now).accepted

    def check(self, model_id: str, now: datetime) -> None:
        """Check the model and deliver its alerts, as the schedule would have done at `now`."""
        keep = timedelta(days=self.keep_days)
        check(Task(self._model(model_id), now, None, lambda: FOREVER, self._deliver(now), keep))

    def join(self, model_id: str, now: datetime, may_go_on: Callable[[], bool] = lambda: True) -> None:
        """Join the labels and deliver the alerts, as the schedule would have done at `now`."""
        join(self._model(model_id), now, may_go_on)
        publish_pending(model_id, self._deliver(now))

    def _model(self, model_id: str) -> Models:
        return registry.find(self.organization_id, model_id)

    def _deliver(self, now: datetime) -> Publish:
        """Return a function that delivers alert events at `now`, in place of the topic and the functions behind it."""

        def deliver(news: AlertNews) -> None:
            for name, send in SENDERS.items():
                self._notifier(name, send, now).notify(news, FOREVER.total_seconds)

        return deliver

    def _notifier(self, name: NotifierName, send: Send, now: datetime) -> Notifier:
        def at_once(retry: Retry, _seconds: int) -> None:
            notifier.retry(retry, FOREVER.total_seconds)

        notifier = Notifier(name, send, at_once, at_once, lambda: now, self.keep_days)
        return notifier
