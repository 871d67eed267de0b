"""Who changed what: settings, baselines, channels, alerts and keys. Written in the same transaction as the change."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field
from pynamodb.attributes import JSONAttribute, UnicodeAttribute
from pynamodb.transactions import TransactWrite

from driftguard.platform.dynamodb import KEYS, Options, Table
from driftguard.platform.ids import earliest_id, new_id
from driftguard.platform.paging import Page, decode_key, encode_cursor
from driftguard.platform.serialization import Wire
from driftguard.platform.times import DAY, UtcTime, iso, parse

if TYPE_CHECKING:
    from driftguard.models.tables import Models

KEEP = 400 * DAY
MAX_DETAILS_BYTES = 1500
"""With ids, names and times an item stays under 2 kB."""
MAX_VALUE_CHARACTERS = 200
MAX_READ = 5000
"""Most entries read for one page. A filtered page may be short and still link to the next page."""

type ActivityKind = Literal[
    "model_created",
    "model_changed",
    "model_deleted",
    "baseline_created",
    "baseline_restored",
    "reference_created",
    "channel_created",
    "channel_changed",
    "channel_deleted",
    "alert_acknowledged",
    "alert_snoozed",
    "alert_resolved",
    "key_issued",
    "key_rotated",
    "key_revoked",
]


class ActivityEntry(Wire):
    """One change that a request or an operator made.

    `subject_id` is the id of the model, channel, alert or key, or the version of the baseline or of the reference.
    `details` has the changed values, or the names of changed fields where the values may be secret.
    """

    id: str
    at: UtcTime
    actor: str = Field(description="The name of the API key, or `operator` for changes of keys.")
    action: ActivityKind
    model_id: str | None
    subject_id: str
    details: dict[str, Any]


@dataclass(frozen=True)
class Change:
    """A change by a request, to be recorded with it. details must be JSON. They are cut to MAX_DETAILS_BYTES."""

    organization_id: str
    actor: str
    action: ActivityKind
    subject_id: str
    now: datetime
    model_id: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    def record(self, write: TransactWrite) -> None:
        """Add the record of the change to a transaction. It has a new id, so it never makes the transaction fail."""
        write.save(
            Activities(
                partition(self.organization_id),
                new_id(self.now),
                at=iso(self.now),
                actor=self.actor,
                action=self.action,
                model_id=self.model_id,
                subject_id=self.subject_id,
                details=cut(self.details),
                expires_at=int((self.now + KEEP).timestamp()),
            )
        )


class Activities(Table):
    """Who changed what in an organization.

    | pk | sk | what |
    |---|---|---|
    | `<organization>#activity` | id, sorted by time | a change by one request: actor, action, details |

    The item is written in the same transaction as the change. It is kept for 400 days, or until the organization is
    erased.
    """

    table_setting = "MODELS"

    class Meta(Options):
        pass

    at = UnicodeAttribute(null=True)
    actor = UnicodeAttribute(null=True)
    action = UnicodeAttribute(null=True)
    model_id = UnicodeAttribute(null=True)
    subject_id = UnicodeAttribute(null=True)
    details = JSONAttribute(null=True)

    @classmethod
    def of_model(cls, _model: "Models") -> "Iterable[Activities]":
        """Nothing: who deleted a model must stay known."""
        return ()

    @classmethod
    def of_organization(cls, organization_id: str) -> "Iterable[Activities]":
        """All changes in an organization, keys only."""
        return cls.query(partition(organization_id), attributes_to_get=KEYS, consistent_read=True)

    @property
    def entry(self) -> ActivityEntry:
        """The change as the API returns it."""
        return ActivityEntry.model_validate(
            {
                "id": self.sk,
                "at": parse(str(self.at)),
                "actor": self.actor,
                "action": self.action,
                "model_id": self.model_id,
                "subject_id": self.subject_id,
                "details": self.details or {},
            }
        )


def page(
    organization_id: str, *, limit: int, days: int | None, model_id: str | None, cursor: str | None, now: datetime
) -> Page[ActivityEntry]:
    """Return a page of an organization's changes, newest first. model_id: only changes of this model."""
    before = decode_key("activity", organization_id, cursor)
    since = earliest_id(now - timedelta(days=days)) if days else "0"
    if before is not None and before <= since:
        return Page([], None)
    found: list[Activities] = []
    following: str | None = None
    read = 0
    for item in Activities.query(
        partition(organization_id),
        Activities.sk.between(since, before or "~"),
        scan_index_forward=False,
        consistent_read=True,
    ):
        if item.sk == before:
            continue
        read += 1
        if model_id in (None, item.model_id):
            found.append(item)
        if len(found) == limit or read == MAX_READ:
            following = item.sk
            break
    return Page(
        [item.entry for item in found],
        encode_cursor("activity", organization_id, following) if following else None,
        lambda entry: encode_cursor("activity", organization_id, entry.id),
    )


def partition(organization_id: str) -> str:
    """Return the partition of an organization's changes. Its models have another one, so that lists stay apart."""
    return f"{organization_id}#activity"


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that differ, each as `{"from", "to"}`. Objects within are compared value by value."""
    found: dict[str, Any] = {}
    for name in dict.fromkeys([*before, *after]):
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            found |= {f"{name}.{inner}": change for inner, change in differences(old, new).items()}
        else:
            found[name] = {"from": old, "to": new}
    return found


def cut(details: Mapping[str, Any]) -> dict[str, Any]:
    """Return details of at most MAX_DETAILS_BYTES. Long texts are shortened; what is left out is counted."""
    kept: dict[str, Any] = {}
    size = 0
    for name, value in details.items():
        short = {name[:MAX_VALUE_CHARACTERS]: _short(value)}
        size += len(json.dumps(short))
        if size > MAX_DETAILS_BYTES:
            return {**kept, "left_out": len(details) - len(kept)}
        kept |= short
    return kept


def _short(value: Any) -> Any:
    if isinstance(value, str):
        return value if len(value) <= MAX_VALUE_CHARACTERS else f"{value[: MAX_VALUE_CHARACTERS - 1]}…"
    if isinstance(value, Mapping):
        return {name: _short(inner) for name, inner in value.items()}
    return value
