"""Counts: how often each bin of each feature was seen, hour by hour of event time."""

from collections.abc import Iterable
from datetime import datetime

from pynamodb.attributes import BinaryAttribute, NumberAttribute, UnicodeAttribute

from driftguard.models.tables import Models
from driftguard.platform.dynamodb import KEYS, Options, Table, conditional
from driftguard.platform.times import DAY

LIFE = 35 * DAY
"""How long a bucket lives: twice the longest window, and the time in which late rows may come."""


class Counts(Table):
    """Buckets of counts, and up to where a model's predictions have been folded into them.

    | pk | sk | what |
    |---|---|---|
    | model | `<version>#state` | up to which arrival everything has been folded |
    | model | `<version>#h#<hour>#<group>` | one hour of one group of features |
    | model | `<version>#d#<day>#<group>` | one whole day, rolled up from its hours |

    `version` is the baseline's, eight digits; hours and days are counted since 1970, seven digits.
    A bucket holds exactly the rows of its hour that arrived up to its `watermark`. It is replaced only if the
    watermark is still the one that was read, so a fold that is repeated, or runs twice at once, changes nothing.
    """

    table_setting = "COUNTS"

    class Meta(Options):
        pass

    watermark = UnicodeAttribute(null=True)
    data = BinaryAttribute(null=True, legacy_encoding=False)
    cursor = UnicodeAttribute(null=True)
    first_hour = NumberAttribute(null=True)
    rolled_before = NumberAttribute(null=True)
    last_arrival = UnicodeAttribute(null=True)
    rolled_at = UnicodeAttribute(null=True)

    @classmethod
    def of_model(cls, model: Models) -> "Iterable[Counts]":
        """All counts of a model, keys only."""
        return cls.query(model.model_id, attributes_to_get=KEYS, consistent_read=True)

    @classmethod
    def of_organization(cls, _organization_id: str) -> "Iterable[Counts]":
        """Nothing: all counts belong to a model."""
        return ()

    @classmethod
    def hours(cls, model_id: str, version: int, first: int, last: int) -> "list[Counts]":
        """The buckets of the hours `first` to `last`, both included, in order."""
        return cls._range(model_id, f"{version:08d}#h#", first, last, consistent=True)

    @classmethod
    def days(cls, model_id: str, version: int, first: int, last: int, *, consistent: bool) -> "list[Counts]":
        """The buckets of the days `first` to `last`, both included, in order."""
        return cls._range(model_id, f"{version:08d}#d#", first, last, consistent=consistent)

    @classmethod
    def _range(cls, model_id: str, prefix: str, first: int, last: int, *, consistent: bool) -> "list[Counts]":
        if first > last:
            return []
        between = cls.sk.between(f"{prefix}{first:07d}", f"{prefix}{last:07d}~")
        return list(cls.query(model_id, between, consistent_read=consistent))

    @classmethod
    def of_hours(
        cls, model_id: str, version: int, hours: Iterable[int], groups: int
    ) -> "dict[tuple[int, int], Counts]":
        """The buckets of these hours that exist, by hour and group."""
        keys = [(model_id, hour_key(version, hour, group)) for hour in hours for group in range(groups)]
        return {item.place: item for item in cls.batch_get(keys, consistent_read=True)}

    @property
    def place(self) -> tuple[int, int]:
        """The hour (or day) and the group of features that this bucket counts."""
        _version, _kind, moment, group = self.sk.split("#")
        return int(moment), int(group)

    @classmethod
    def put(cls, model_id: str, key: str, data: bytes, watermark: str, *, read: str | None, now: datetime) -> None:
        """Replace a bucket whose watermark was `read` (None: there was none). Raises ConditionFailed if it moved on."""
        item = cls(model_id, key, data=data, watermark=watermark, expires_at=int((now + LIFE).timestamp()))
        with conditional():
            item.save(cls.watermark == read if read is not None else cls.pk.does_not_exist())

    @classmethod
    def state(cls, model_id: str, version: int) -> "Counts | None":
        """Up to where predictions were folded for this baseline version; None before the first fold."""
        return cls.find(model_id, f"{version:08d}#state")

    @classmethod
    def advance(
        cls,
        model_id: str,
        version: int,
        *,
        read: str | None,
        cursor: str,
        first_hour: int | None,
        rolled_before: int | None,
        last_arrival: str | None,
        rolled_at: str | None,
    ) -> "Counts":
        """Move the fold on from the cursor `read`. Raises ConditionFailed when another fold has moved it."""
        item = cls(
            model_id,
            f"{version:08d}#state",
            cursor=cursor,
            first_hour=first_hour,
            rolled_before=rolled_before,
            last_arrival=last_arrival,
            rolled_at=rolled_at,
        )
        with conditional():
            item.save(cls.cursor == read if read is not None else cls.pk.does_not_exist())
        return item


def hour_key(version: int, hour: int, group: int) -> str:
    """The sort key of an hour's bucket."""
    return f"{version:08d}#h#{hour:07d}#{group:03d}"


def day_key(version: int, day: int, group: int) -> str:
    """The sort key of a day's bucket."""
    return f"{version:08d}#d#{day:07d}#{group:03d}"
