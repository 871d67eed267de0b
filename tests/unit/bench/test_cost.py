"""What labels cost, and that a model without them costs what it did."""

import random
from datetime import UTC, datetime, timedelta

from bench.cost import labels, measure
from driftguard.baselines import versions
from driftguard.baselines.schemas import BaselineBody
from driftguard.checks.messages import schedule_joins
from driftguard.models import registry
from driftguard.models.schemas import NewModel
from driftguard.models.statuses import Statuses
from driftguard.models.tables import Models
from sandbox.meter import Usage, metered

INGEST = (7.0, 2.0, 3)
"""Write units, read units and calls of a batch of 100 rows with 20 features, as before there were labels."""


class NoQueue:
    """A queue that takes no message."""

    url = "none"

    @property
    def sqs(self) -> None:
        raise AssertionError("a join was queued")


def test_a_batch_costs_what_it_did_before_labels() -> None:
    """Logging uses the same units and calls, also with ids that the service makes."""
    usage, _bytes, _stored = measure.measure_ingest(20)
    assert (usage.write_units, usage.read_units, sum(usage.calls.values())) == INGEST


def test_a_model_without_a_task_uses_nothing_of_labels() -> None:
    """Its checks use the same units as those of a model with a task, none in the table of labels, and nothing is
    queued for it."""

    def checked(task: dict[str, object] | None) -> Usage:
        with measure.tables():
            now = datetime.now(UTC).replace(minute=5)
            body = NewModel.model_validate({"name": "m", "settings": {"task": task} if task else {}})
            model_id = registry.create("acme", body, partitions=4, now=now - timedelta(days=2)).id
            rows = measure.rows(random.Random(1), 5, 300)
            baseline = BaselineBody.model_validate({"rows": rows, "days": 14})
            versions.put(registry.find("acme", model_id), baseline, publish=lambda _message: None, now=now)
            measure.log(model_id, rows, now - timedelta(hours=1))
            with metered() as usage:
                measure.run(model_id, now)
            if task is None:
                assert list(Models.to_join(None)) == []
                assert schedule_joins(NoQueue(), "tick", now) == 0  # type: ignore[arg-type]  # must not be used
            return usage

    plain, labelled = checked(None), checked({"type": "binary", "positive": 1})
    assert (plain.write_units, plain.read_units, plain.calls) == (
        labelled.write_units,
        labelled.read_units,
        labelled.calls,
    )
    assert not [kind for kind in plain.written if kind.startswith("LabelsTable")]


def test_a_part_of_an_item_costs_as_much_as_the_whole() -> None:
    """A status of 9 kB takes 1.5 units in an eventually consistent read, whatever is read of it."""
    with measure.tables():
        model = Models("acme", "model#m", organization_id="acme", model_id="m", created_at="")
        Statuses("acme", "status#m", model_id="m", episodes=bytes(9_000)).save()
        with metered() as whole:
            list(Statuses.batch_get([("acme", "status#m")]))
        with metered() as part:
            [(_model, status)] = Statuses.of_models([model])
    assert status.episodes is None
    assert part.read_units == whole.read_units == 1.5


def test_the_cost_of_labels_counts_requests_joins_and_storage() -> None:
    """A short run has every line, and each of them costs something."""
    usage = labels.measure_labels(timestamps=True, warm=1, measured=1, batches=3)
    lines = labels.label_lines(usage)
    assert [line.service for line in lines if not line.dollars > 0] == []
    assert usage.joins.write_units > 0
    assert usage.kept > 20_000_000
