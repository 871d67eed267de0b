"""Stores the drift history, the last reports of each model, and the runs of the schedule."""

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Literal

from pynamodb.attributes import (
    BinaryAttribute,
    UnicodeAttribute,
)

from driftguard.models.tables import Models
from driftguard.platform.dynamodb import KEYS, Options, Table
from driftguard.platform.retries import ConditionFailed, conditional
from driftguard.platform.sizes import chunks, first_of
from driftguard.platform.times import DAY, iso

MOST_ROW_BYTES = 1_500_000
"""Most compressed bytes of the history that one page reads. A page of usual rows has 5 MB then."""

type CheckOutcome = Literal["checked", "skipped", "failed"]


class History(Table):
    """The results of a model's checks.

    | pk | sk | what |
    |---|---|---|
    | model | `h#<checked_at>#<check>` | one check or replayed day: its row in GET …/history, compressed |
    | model | `report#<a or b>#<n>` | chunks of the last two full reports; the model's status names the current report |
    """

    table_setting = "HISTORY"

    class Meta(Options):
        pass

    row = BinaryAttribute(null=True, legacy_encoding=False)
    data = BinaryAttribute(null=True, legacy_encoding=False)
    check_id = UnicodeAttribute(null=True)

    @classmethod
    def entry(cls, model_id: str, check_id: str, row: bytes, now: datetime, keep: timedelta) -> "History":
        """Return the history item of one check."""
        return cls(
            model_id,
            f"h#{iso(now)}#{check_id}",
            row=row,
            check_id=check_id,
            expires_at=int((now + keep).timestamp()),
        )

    @classmethod
    def put_report(cls, model_id: str, slot: str, check_id: str, data: bytes, *, over: str | None) -> int:
        """Store a report's chunks in the slot that is not current. Returns the number of chunks.

        The caller then writes the slot into the model's status, which makes the report current.
        over: the check whose report the slot contains, according to the status.
        Raises ConditionFailed if the slot contains the report of a later check, which may be the current report.
        Ids order the checks even if clocks differ. A check takes over a lease only when its own clock is past the end
        of that lease.
        """
        pieces = chunks(data)
        for number, piece in enumerate(pieces):
            with conditional():
                cls(model_id, report_key(slot, number), data=piece, check_id=check_id).save(
                    cls.pk.does_not_exist() | (cls.check_id == over) | (cls.check_id < check_id)
                )
        return len(pieces)

    @classmethod
    def report(cls, model_id: str, slot: str, check_id: str, count: int) -> bytes | None:
        """Return the bytes of a check's report, or None if a later report replaced it."""
        keys = [(model_id, report_key(slot, number)) for number in range(count)]
        found = {item.sk: item.data for item in cls.batch_get(keys, consistent_read=True) if item.check_id == check_id}
        if len(found) < count:
            return None
        return b"".join(found[key] for _pk, key in keys)

    @classmethod
    def of_model(cls, model: Models) -> "Iterable[History]":
        """All checks and reports of a model, keys only."""
        return cls.query(model.model_id, attributes_to_get=KEYS, consistent_read=True)

    @classmethod
    def of_organization(cls, _organization_id: str) -> "Iterable[History]":
        """Nothing: every check belongs to a model."""
        return ()

    @classmethod
    def newest(cls, model_id: str, *, since: datetime | None, before: str | None, limit: int) -> "list[History]":
        """Return up to `limit` checks, newest first, from `since` on and older than the sort key `before`.

        Returns fewer if they are longer than MOST_ROW_BYTES.
        """
        lower = f"h#{iso(since)}" if since else "h#"
        upper = before or "h#~"
        if upper < lower:
            return []  # The cursor is older than `since`, because `since` moves forward between two pages.
        found = cls.query(
            model_id, cls.sk.between(lower, upper), scan_index_forward=False, limit=limit + 1, consistent_read=True
        )
        items = (item for item in found if item.sk != upper)
        return first_of(items, limit, lambda item: len(item.row), MOST_ROW_BYTES)


def report_key(slot: str, number: int) -> str:
    """Return the sort key of a report's chunk."""
    return f"report#{slot}#{number:04d}"


class Runs(Table):
    """The runs of the schedule. Each run has a tick as its id.

    | pk | sk | what |
    |---|---|---|
    | `schedule` | `last` | the tick and the time of the last run; belongs to the stack, not to a tenant |
    | `<organization>#run` | model | the outcome of the model's last scheduled check and its tick, kept for two days |

    A check overwrites the model's item, so a message that is delivered twice is counted once. One item per model is
    enough, because a model's messages arrive in order. Erasing a model deletes its item by this key.
    """

    table_setting = "MODELS"

    class Meta(Options):
        pass

    tick = UnicodeAttribute(null=True)
    started_at = UnicodeAttribute(null=True)
    outcome = UnicodeAttribute(null=True)
    reason = UnicodeAttribute(null=True)

    @classmethod
    def start(cls, tick: str, now: datetime) -> None:
        """Record the start of a run."""
        cls("schedule", "last", tick=tick, started_at=iso(now)).save()

    @classmethod
    def last(cls) -> "Runs | None":
        """Return the last run, or None before the first run."""
        return cls.find("schedule", "last")

    @classmethod
    def of(
        cls, organization_id: str, tick: str, model_id: str, outcome: CheckOutcome, now: datetime, reason: str = ""
    ) -> "Runs":
        """Return the item with the outcome of one model's scheduled check."""
        return cls(
            f"{organization_id}#run",
            model_id,
            tick=tick,
            outcome=outcome,
            reason=reason or None,
            expires_at=int((now + 2 * DAY).timestamp()),
        )

    @classmethod
    def of_model(cls, model: Models) -> "Iterable[Runs]":
        """How the last scheduled check of a model ended, keys only."""
        runs = f"{model.organization_id}#run"
        return cls.query(runs, cls.sk == model.model_id, attributes_to_get=KEYS, consistent_read=True)

    @classmethod
    def of_organization(cls, organization_id: str) -> "Iterable[Runs]":
        """How the last scheduled checks of an organization's models ended, keys only."""
        return cls.query(f"{organization_id}#run", attributes_to_get=KEYS, consistent_read=True)

    @classmethod
    def fail(cls, organization_id: str, tick: str, model_id: str, now: datetime, reason: str) -> None:
        """Record that a scheduled check failed.

        A check that failed after it stored its verdict stays `checked`. Otherwise a retry would check the model again.
        """
        run = cls.of(organization_id, tick, model_id, "failed", now, reason)
        with suppress(ConditionFailed), conditional():
            run.save(cls.pk.does_not_exist() | (cls.tick != tick) | (cls.outcome == "failed"))

    @classmethod
    def ended(cls, organization_id: str, tick: str, model_id: str) -> bool:
        """Return whether the model's check in this run has already ended without a failure."""
        run = cls.find(f"{organization_id}#run", model_id)
        return run is not None and run.tick == tick and run.outcome != "failed"

    @classmethod
    def outcomes(cls, organization_id: str, tick: str) -> dict[str, int]:
        """Return the number of the organization's models per outcome in a run."""
        result = {"checked": 0, "skipped": 0, "failed": 0}
        for run in cls.query(f"{organization_id}#run", filter_condition=cls.tick == tick):
            result[run.outcome] = result.get(run.outcome, 0) + 1
        return result
