"""Drift history: one row a check, and the last full report of each model."""

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Literal

from pynamodb.attributes import (
    BinaryAttribute,
    UnicodeAttribute,
)

from driftguard.models.tables import Models
from driftguard.platform.dynamodb import KEYS, ConditionFailed, Options, Table, chunks, conditional
from driftguard.platform.times import DAY, iso

type CheckOutcome = Literal["checked", "skipped", "failed"]


class History(Table):
    """What the checks of a model found.

    | pk | sk | what |
    |---|---|---|
    | model | `h#<checked_at>#<check>` | one check: the row that GET …/history answers with, compressed |
    | model | `report#<a or b>#<n>` | chunks of the last two full reports; the model's status names the one in force |
    """

    table_setting = "HISTORY"

    class Meta(Options):
        pass

    row = BinaryAttribute(null=True, legacy_encoding=False)
    data = BinaryAttribute(null=True, legacy_encoding=False)
    check_id = UnicodeAttribute(null=True)

    @classmethod
    def entry(cls, model_id: str, check_id: str, row: bytes, now: datetime, keep: timedelta) -> "History":
        """The item of one check."""
        return cls(
            model_id,
            f"h#{iso(now)}#{check_id}",
            row=row,
            check_id=check_id,
            expires_at=int((now + keep).timestamp()),
        )

    @classmethod
    def put_report(cls, model_id: str, slot: str, check_id: str, data: bytes, *, over: str | None) -> int:
        """Store a report's chunks in the slot that is not in force; returns how many. The status then names it.

        over: the check whose report lies there by the status. Raises ConditionFailed where that of a later check does,
        which may be the one in force by now. A check gets the lease of an earlier one when that is over by its own
        clock, so of these two the ids follow each other however clocks differ.
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
        """The bytes of a check's report, None when a later one has taken its place."""
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
        """Up to `limit` checks, newest first, not older than `since`, older than the sort key `before`."""
        lower = f"h#{iso(since)}" if since else "h#"
        upper = before or "h#~"
        if upper < lower:
            return []  # a page was asked for so late that what it begins with has become too old
        found = cls.query(
            model_id, cls.sk.between(lower, upper), scan_index_forward=False, limit=limit + 1, consistent_read=True
        )
        return [item for item in found if item.sk != upper][:limit]


def report_key(slot: str, number: int) -> str:
    """The sort key of a report's chunk."""
    return f"report#{slot}#{number:04d}"


class Runs(Table):
    """What the schedule did.

    | pk | sk | what |
    |---|---|---|
    | `schedule` | `last` | the last tick: id and time; the stack's, no tenant's |
    | `<organization>#run` | model | how the last scheduled check of that model ended, and its tick; two days |

    An outcome is put, not counted, so a message delivered twice changes nothing. A model's messages come in order, so
    one item a model is enough, and whoever erases the model knows where it is.
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
        """Record that a tick has begun."""
        cls("schedule", "last", tick=tick, started_at=iso(now)).save()

    @classmethod
    def last(cls) -> "Runs | None":
        """The last tick, None before the first."""
        return cls.find("schedule", "last")

    @classmethod
    def of(
        cls, organization_id: str, tick: str, model_id: str, outcome: CheckOutcome, now: datetime, reason: str = ""
    ) -> "Runs":
        """The item that says how a scheduled check of one model ended."""
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
        """Record that a scheduled check failed. One that has its verdict, and failed after that, stays checked: else
        its repetition would check once more."""
        run = cls.of(organization_id, tick, model_id, "failed", now, reason)
        with suppress(ConditionFailed), conditional():
            run.save(cls.pk.does_not_exist() | (cls.tick != tick) | (cls.outcome == "failed"))

    @classmethod
    def ended(cls, organization_id: str, tick: str, model_id: str) -> bool:
        """Whether this tick's check of the model has a verdict already."""
        run = cls.find(f"{organization_id}#run", model_id)
        return run is not None and run.tick == tick and run.outcome != "failed"

    @classmethod
    def outcomes(cls, organization_id: str, tick: str) -> dict[str, int]:
        """How many of the organization's models ended each way in a tick."""
        result = {"checked": 0, "skipped": 0, "failed": 0}
        for run in cls.query(f"{organization_id}#run", filter_condition=cls.tick == tick):
            result[run.outcome] = result.get(run.outcome, 0) + 1
        return result
