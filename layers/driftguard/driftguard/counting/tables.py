"""The table of hourly and daily counts."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from pynamodb.attributes import BinaryAttribute, NumberAttribute, UnicodeAttribute

from driftguard.models.tables import Models
from driftguard.platform.dynamodb import KEYS, Options, Table
from driftguard.platform.retries import conditional
from driftguard.platform.times import DAY

LIFE = 35 * DAY
"""Time that the counts of hours are kept: the longest window (14 days) plus the age limit of late rows (21 days)."""

DAY_LIFE = 50 * DAY
"""Time that the counts of whole days are kept: the 28 days before a window of 14 days, with a few to spare."""

PROFILE_LIFE = 100 * DAY
"""Time that profiles are kept. A simulation of 28 days needs the 67 days before each of them, with a few to spare."""

KNOWLEDGE_LIFE = 4 * DAY
"""Time that knowledge is kept. A check reads that of the last day with rows, and can make it again."""


class StoredCounts(Table):
    """Counts of a model's predictions per hour and day, and how far the predictions have been counted.

    | pk | sk | what |
    |---|---|---|
    | model | `<version>#state` | the last arrival that is counted everywhere |
    | model | `<version>#h#<hour>#<group>` | the counts of one hour and one group of features |
    | model | `<version>#d#<day>#<group>` | the counts of one whole day, the sum of its hours, kept for 50 days |
    | model | `<version>#p#<day>#<group>` | the profile of one whole day: coarse counts by hour, kept for 100 days |
    | model | `<version>#k#<day>#<group>#<n>` | a part of what was known at the start of a day, made from profiles |

    `version` is the baseline version in eight digits. Hours and days are numbered from 1970 in seven digits.
    The counts of an hour include exactly the rows that arrived up to their `watermark`. A write succeeds only if the
    watermark is still the one that was read. Repeated and simultaneous folds therefore count each row once.
    Days before `profiled_from` have no profile yet, because an older version counted them; 0 means that none lack it.
    `made_of` is a digest of what knowledge was made of. Parts with different digests do not belong together.
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
    profiled_from = NumberAttribute(null=True)
    made_of = UnicodeAttribute(null=True)
    made_at = UnicodeAttribute(null=True)
    pieces = NumberAttribute(null=True)
    traffic = BinaryAttribute(null=True, legacy_encoding=False)

    @classmethod
    def of_model(cls, model: Models) -> "Iterable[StoredCounts]":
        """All counts of a model, keys only."""
        return cls.query(model.model_id, attributes_to_get=KEYS, consistent_read=True)

    @classmethod
    def of_organization(cls, _organization_id: str) -> "Iterable[StoredCounts]":
        """Nothing: all counts belong to a model."""
        return ()

    @classmethod
    def hours(
        cls, model_id: str, version: int, first: int, last: int, *, consistent: bool = True
    ) -> "Iterator[StoredCounts]":
        """Yield the counts of the hours `first` to `last`, both included, in order."""
        return cls._range(model_id, f"{version:08d}#h#", first, last, consistent=consistent)

    @classmethod
    def days(cls, model_id: str, version: int, first: int, last: int, *, consistent: bool) -> "Iterator[StoredCounts]":
        """Yield the counts of the days `first` to `last`, both included, in order."""
        return cls._range(model_id, f"{version:08d}#d#", first, last, consistent=consistent)

    @classmethod
    def profiles(
        cls, model_id: str, version: int, first: int, last: int, *, consistent: bool
    ) -> "Iterator[StoredCounts]":
        """Yield the profiles of the days `first` to `last`, both included, in order."""
        return cls._range(model_id, f"{version:08d}#p#", first, last, consistent=consistent)

    @classmethod
    def knowledge(cls, model_id: str, version: int, day: int, *, consistent: bool) -> "Iterator[StoredCounts]":
        """Yield the parts of what was known at the start of a day, in order."""
        return cls._range(model_id, f"{version:08d}#k#", day, day, consistent=consistent)

    @classmethod
    def _range(cls, model_id: str, prefix: str, first: int, last: int, *, consistent: bool) -> "Iterator[StoredCounts]":
        if first <= last:
            between = cls.sk.between(f"{prefix}{first:07d}", f"{prefix}{last:07d}~")
            yield from cls.query(model_id, between, consistent_read=consistent)

    @classmethod
    def filled_hours(cls, model_id: str, version: int, first: int, last: int) -> list[int]:
        """Return which of the hours `first` to `last`, both included, have counts."""
        prefix = f"{version:08d}#h#"
        between = cls.sk.between(f"{prefix}{first:07d}", f"{prefix}{last:07d}~")
        items = cls.query(model_id, between, consistent_read=True, attributes_to_get=KEYS)
        return sorted({item.place[0] for item in items})

    @classmethod
    def at(
        cls, model_id: str, version: int, places: Iterable[tuple[int, int]]
    ) -> "dict[tuple[int, int], StoredCounts]":
        """Return the stored counts of these hours and groups."""
        keys = [(model_id, hour_key(version, hour, group)) for hour, group in places]
        return {item.place: item for item in cls.batch_get(keys, consistent_read=True)}

    @property
    def place(self) -> tuple[int, int]:
        """The hour or day, and the group of features, that this item counts."""
        _version, _kind, moment, group, *_piece = self.sk.split("#")
        return int(moment), int(group)

    @classmethod
    def put(
        cls,
        model_id: str,
        key: str,
        data: bytes,
        watermark: str,
        *,
        read: str | None,
        now: datetime,
        life: timedelta = LIFE,
    ) -> None:
        """Store counts in place of those with the watermark `read`; None if there were none.

        Raises ConditionFailed if another fold has replaced them since.
        """
        item = cls(model_id, key, data=data, watermark=watermark, expires_at=int((now + life).timestamp()))
        with conditional():
            item.save(cls.watermark == read if read is not None else cls.pk.does_not_exist())

    @classmethod
    def state(cls, model_id: str, version: int) -> "StoredCounts | None":
        """Return how far predictions are counted for this baseline version; None before the first fold."""
        return cls.find(model_id, f"{version:08d}#state")

    @classmethod
    def last_arrival_of_any(cls, model_id: str, versions: Iterable[int]) -> str | None:
        """Return the last arrival that was counted for any of these baseline versions, None if there was none."""
        keys = [(model_id, f"{version:08d}#state") for version in versions]
        return max((str(item.last_arrival) for item in cls.batch_get(keys) if item.last_arrival), default=None)

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
        profiled_from: int | None = None,
        traffic: bytes | None = None,
    ) -> "StoredCounts":
        """Move the cursor forward from `read`. Raises ConditionFailed if another fold has moved the cursor."""
        item = cls(
            model_id,
            f"{version:08d}#state",
            cursor=cursor,
            first_hour=first_hour,
            rolled_before=rolled_before,
            last_arrival=last_arrival,
            rolled_at=rolled_at,
            profiled_from=profiled_from,
            traffic=traffic,
        )
        with conditional():
            item.save(cls.cursor == read if read is not None else cls.pk.does_not_exist())
        return item


def hour_key(version: int, hour: int, group: int) -> str:
    """Return the sort key of an hour's counts."""
    return f"{version:08d}#h#{hour:07d}#{group:03d}"


def day_key(version: int, day: int, group: int) -> str:
    """Return the sort key of a day's counts."""
    return f"{version:08d}#d#{day:07d}#{group:03d}"


def profile_key(version: int, day: int, group: int) -> str:
    """Return the sort key of a day's profile."""
    return f"{version:08d}#p#{day:07d}#{group:03d}"


def knowledge_key(version: int, day: int, group: int, piece: int) -> str:
    """Return the sort key of a part of what was known at the start of a day."""
    return f"{version:08d}#k#{day:07d}#{group:03d}#{piece:02d}"
