"""A model whose predictions get labels, day by day, in process: `now` is an argument of everything."""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from driftguard.alerts.events import AlertEvent, AlertNews, changes_in
from driftguard.alerts.publishing import publish_pending
from driftguard.alerts.schemas import Alert
from driftguard.alerts.tables import Alerts
from driftguard.baselines import versions
from driftguard.baselines.schemas import BaselineBody
from driftguard.checks import joins
from driftguard.models import registry
from driftguard.models.schemas import NewModel
from driftguard.models.statuses import Statuses
from driftguard.models.tables import Models
from driftguard.performance import intake
from driftguard.performance.partitions import Done
from driftguard.performance.schemas import LabelsOfModel
from driftguard.platform.times import DAY, HOUR, iso
from driftguard.predictions import intake as predictions
from driftguard.predictions.schemas import BatchBody

NOON = datetime(2026, 11, 10, 12, 0, tzinfo=UTC)
"""The first day of the story."""

BINARY = {"type": "binary", "positive": 1}


@dataclass
class Labelled:
    """A model in a story. news: what was published, message by message."""

    model_id: str
    random: random.Random
    news: list[list[AlertEvent]] = field(default_factory=list)

    @property
    def model(self) -> Models:
        """The model as it is stored."""
        model = Models.one("acme", self.model_id)
        assert model is not None
        return model

    def rows(self, count: int, accuracy: float) -> list[dict[str, Any]]:
        """Rows of a model that is right on this share of them, exactly."""
        right = [number < round(count * accuracy) for number in range(count)]
        self.random.shuffle(right)
        labels = [self.random.randint(0, 1) for _ in right]
        return [
            {"features": {"age": self.random.random()}, "prediction": label if hit else 1 - label, "label": label}
            for label, hit in zip(labels, right, strict=True)
        ]

    def baseline(self, accuracy: float = 0.9, count: int = 2000, now: datetime = NOON) -> None:
        """Create a baseline whose rows have labels."""
        body = BaselineBody(rows=self.rows(count, accuracy), days=14)
        versions.put(self.model, body, publish=self.publish, now=now, actor="Ada")

    def day(self, number: int, accuracy: float, count: int = 200, share: float = 1.0) -> None:
        """Log the predictions of a day at noon, and the labels of some of them three hours later."""
        at = NOON + number * DAY
        rows = self.rows(count, accuracy)
        logged = [
            {"features": row["features"], "prediction": row["prediction"], "prediction_id": f"{number}-{place}"}
            for place, row in enumerate(rows)
        ]
        body = BatchBody(
            model_id=self.model_id,
            predictions=[{**row, "timestamp": iso(at)} for row in logged],
            batch_id=f"day {number}",
        )
        predictions.log_batch("acme", body, now=at)
        labels = [
            {"prediction_id": f"{number}-{place}", "label": row["label"], "timestamp": iso(at)}
            for place, row in enumerate(rows[: round(share * count)])
        ]
        if labels:
            answer = intake.log_labels(self.model, LabelsOfModel(labels=labels), now=at + 3 * HOUR)
            assert answer.accepted == len(labels)

    def join(self, now: datetime, **options: Any) -> Done:
        """Run one join, and publish what it has found."""
        done = joins.join(self.model, now, lambda: True, **options)
        publish_pending(self.model_id, self.publish)
        return done

    def publish(self, news: AlertNews) -> None:
        """Keep what is published."""
        self.news.append(changes_in(news))

    @property
    def events(self) -> list[tuple[str, str]]:
        """The alert type and the kind of each event, in order."""
        return [(event.alert.alert_type, event.kind) for message in self.news for event in message]

    def alert(self, kind: str) -> Alert | None:
        """The open alert of a type."""
        alert_id = (Statuses.one("acme", self.model_id).open_alerts or {}).get(kind)
        return Alerts.one("acme", alert_id) if alert_id else None


def labelled_model(**settings: Any) -> Labelled:
    """A model with a binary task. Its days are mature when 80 % of their predictions have a label."""
    body = NewModel.model_validate({"name": "labelled", "settings": {"task": BINARY, **settings}})
    made = registry.create("acme", body, partitions=2, now=NOON - 30 * DAY)
    return Labelled(made.id, random.Random(1))


def evening(day: int, hours: float = 13.0) -> datetime:
    """An hour after the end of a day of the story."""
    return NOON + day * DAY + timedelta(hours=hours)
