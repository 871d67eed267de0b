"""Makes days of joined predictions the reference that a model's performance is compared with."""

from datetime import UTC, date, datetime, time, timedelta

from pydantic import Field

from driftguard.alerts import actions
from driftguard.alerts.publishing import Publish
from driftguard.baselines.references import References
from driftguard.baselines.schemas import FromPredictions
from driftguard.models import registry
from driftguard.models.activity import Change
from driftguard.models.statuses import Statuses
from driftguard.models.tables import Models
from driftguard.models.task import Task
from driftguard.performance.tables import Joined
from driftguard.performance.tally import tally_of
from driftguard.platform.dynamodb import transaction
from driftguard.platform.errors import Conflict, Invalid
from driftguard.platform.retries import retrying
from driftguard.platform.serialization import Wire
from driftguard.platform.times import DAY, UtcTime, hour_of, hour_start, iso

TRIES = 4

PLACE = ["body", "from_predictions"]


class ReferenceBody(Wire):
    """The body of PUT /models/{model_id}/baseline/performance."""

    from_predictions: FromPredictions = Field(
        description="The UTC days that lie completely in this time range. Each day with predictions must be mature."
    )


class ReferenceView(Wire):
    """A reference of performance. `rows` is the number of its labelled predictions, from `days` days."""

    version: int
    source: str
    rows: int
    days: int
    start: UtcTime
    end: UtcTime
    created_at: UtcTime


def put(model: Models, body: ReferenceBody, *, publish: Publish, now: datetime, actor: str) -> ReferenceView:
    """Make days of predictions the reference, and resolve an open alert on performance.

    Raises Conflict if the model has no task, and Invalid if the days are not mature or have no labels.
    """
    task = model.settings.task
    if task is None:
        raise Conflict("The model has no task. Set settings.task, so that labels are joined with predictions.")
    start, end = _midnight_after(body.from_predictions.start), _midnight_before(body.from_predictions.end)
    days = _mature_days(model, start, end)
    counts = [bytes(item.counts) for item in days]
    rows = sum(tally_of(data).labelled for data in counts)
    if not rows:
        raise Invalid.at(PLACE, "has no prediction with a label; choose days whose labels have arrived")
    reference = _store(model, task, counts, rows, start, end, now, actor)
    actions.replace_reference(model, publish=publish, now=now, actor=actor)
    return ReferenceView(
        version=int(reference.version),
        source="predictions",
        rows=rows,
        days=len(counts),
        start=start,
        end=end,
        created_at=now,
    )


def _midnight_before(moment: datetime) -> datetime:
    return datetime.combine(moment.astimezone(UTC).date(), time(), UTC)


def _midnight_after(moment: datetime) -> datetime:
    """Return the next midnight, or the last moment there is if no midnight follows."""
    before = _midnight_before(moment)
    if before == moment:
        return before
    return before + DAY if before.date() < date.max else moment


def _mature_days(model: Models, start: datetime, end: datetime) -> list[Joined]:
    """Return the days from start to before end that have predictions. Raises Invalid if one of them is not mature."""
    if start >= end:
        raise Invalid.at(PLACE, "contains no whole UTC day; choose a range from one midnight to another")
    first, last = hour_of(start) // 24, hour_of(end - timedelta(hours=1)) // 24
    days = [item for item in Joined.days(model.model_id, first, last) if tally_of(bytes(item.counts)).predictions]
    early = next((item for item in days if not item.matured_at), None)
    if early is not None:
        day = hour_start(early.number * 24).date().isoformat()
        raise Invalid.at(
            PLACE,
            f"contains {day}, which is not mature: its labels may still arrive. Choose an earlier end. "
            "`matured_until` of GET /models/{model_id}/labels/status says up to which day labels are complete",
        )
    return days


def _store(
    model: Models,
    task: Task,
    counts: list[bytes],
    rows: int,
    start: datetime,
    end: datetime,
    now: datetime,
    actor: str,
) -> References:
    for attempt in retrying(TRIES):
        reference = References.of_days(model.model_id, counts, task=task, rows=rows, start=start, end=end, now=now)
        details = {"start": iso(start), "end": iso(end), "rows": rows}
        owner, subject = model.organization_id, str(int(reference.version))
        change = Change(owner, actor, "reference_created", subject, now, model.model_id, details)
        with attempt:
            with transaction() as write:
                model.must_exist(write)
                reference.add(write)
                # A join that has read the old reference can then no longer store an alert about it.
                Statuses.overtake(write, owner, model.model_id)
                change.record(write)
            return reference
        registry.find(owner, model.model_id)
    raise Conflict("Other requests are changing the model at this moment. Please try again.", retry_after=1)
