"""The hours of the week in which a baseline's values occurred, from the timestamps of its rows.

The counts use ten groups of values per feature: tenths of the baseline for numbers; for categories, the nine most
frequent and the rest. They serve as a reference for a model that is too new to have a past of its own.

The stored bytes are: the format (1 byte), the length of the header (4 bytes, little-endian), and two deflated pieces:

| piece | content |
|---|---|
| header | JSON: `days`, `features`, and the bytes per count, `width` |
| counts | byte planes of uint64: the groups, in the order of `Weeks` |

This module is pure Python, because an API function without numpy builds inline baselines.
"""

import json
import math
import zlib
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import add

from driftguard.distributions.baseline import Baseline, FeatureBaseline
from driftguard.distributions.categories import BOOLEANS, Categories
from driftguard.distributions.numbers import Numbers, to_double
from driftguard.platform.deflating import compact_json, deflate, deflate_shortest, inflate
from driftguard.platform.planes import array_of, cut_planes, join_planes, little_endian, split_planes
from driftguard.platform.serialization import Scalar

GROUPS = 10
"""Groups of values per feature, with about equal baseline counts for numbers."""

NO_GROUP = GROUPS
"""The code of a missing value, or of a value of another type than the feature's."""
CODES = GROUPS + 1

HOURS_OF_WEEK = 168
NO_HOUR = 255
"""The hour of the week of a row that is left out."""

FEWEST_HOURS_OF_DAY = 3
"""Times in fewer hours of the day are dates. Dates do not tell the hour of a row."""

FORMAT = 1
LENGTH_BYTES = 4
MONDAY = 72
"""1970 began on a Thursday, 72 hours after a Monday."""


@dataclass(frozen=True)
class Weeks:
    """Counts of features by hour of the week.

    days: the number of days with rows per weekday, Monday first. features: their number.
    groups: values by hour of the week, feature and group, flat (168, features, GROUPS).
    """

    days: tuple[int, ...]
    features: int
    groups: "array[int]"

    @property
    def hours(self) -> int:
        """The number of hours of the week with values."""
        size = self.features * GROUPS
        starts = range(0, len(self.groups), size or 1)
        return sum(any(self.groups[start : start + size]) for start in starts)

    def encode(self) -> bytes:
        """Return the counts as bytes."""
        width = max(1, -(-max(self.groups, default=0).bit_length() // 8))
        head = deflate(compact_json({"days": self.days, "features": self.features, "width": width}))
        counts = deflate_shortest(b"".join(split_planes(little_endian(self.groups), width)))
        return b"".join([bytes([FORMAT]), len(head).to_bytes(LENGTH_BYTES, "little"), head, counts])

    @classmethod
    def decode(cls, data: bytes) -> "Weeks":
        """Return the counts that `encode` wrote. Raises ValueError for another format or damaged data."""
        if data[:1] != bytes([FORMAT]):
            raise ValueError(f"hours of the week of unknown format {data[:1].hex()}; this code reads {FORMAT}")
        start = 1 + LENGTH_BYTES
        middle = start + int.from_bytes(data[1:start], "little")
        try:
            head = json.loads(inflate(data[start:middle]))
            days, features, width = tuple(head["days"]), int(head["features"]), int(head["width"])
            planes = cut_planes(inflate(data[middle:]), width)
            groups = array_of(join_planes(planes, HOURS_OF_WEEK * features * GROUPS), "<u8")
        except (zlib.error, LookupError, TypeError) as error:
            raise ValueError(f"damaged hours of the week: {type(error).__name__}: {error}") from error
        return cls(days, features, groups)


class Calendar:
    """Collects the hours of a baseline's rows, and turns them into hours of the week, which begin on Monday 00:00 UTC.

    before: rows of this day and later ones are left out; None keeps all rows. The model's own counts contain these
    days already, and one day must not count as two.
    """

    def __init__(self, before: int | None = None) -> None:
        self._before = before
        self._hours: set[int] = set()

    def add(self, hours: Iterable[int | None]) -> bytes:
        """Add rows by their hours since 1970, None without a time. Returns one hour of the week per row, or NO_HOUR."""
        each = list(hours)
        slots: dict[int | None, int] = {None: NO_HOUR}
        for hour in set(each):
            if hour is None:
                continue
            slots[hour] = NO_HOUR
            if self._before is None or hour < self._before * 24:
                slots[hour] = (hour + MONDAY) % HOURS_OF_WEEK
                self._hours.add(hour)
        return bytes(map(slots.__getitem__, each))

    @property
    def days(self) -> tuple[int, ...]:
        """The number of days with rows per weekday, Monday first."""
        days = {hour // 24 for hour in self._hours}
        found = Counter((day * 24 + MONDAY) % HOURS_OF_WEEK // 24 for day in days)
        return tuple(found[weekday] for weekday in range(7))

    @property
    def tells_hours(self) -> bool:
        """Whether the times are more than dates."""
        return len({hour % 24 for hour in self._hours}) >= FEWEST_HOURS_OF_DAY

    def weeks(self, tallies: Sequence[Mapping[int, int]]) -> Weeks:
        """Return the counts by hour of the week.

        tallies: per feature, the number of values by hour of the week times CODES plus their code.
        """
        features = len(tallies)
        groups = array("Q", bytes(8 * HOURS_OF_WEEK * features * GROUPS))
        for index, tally in enumerate(tallies):
            for key, count in tally.items():
                slot, code = divmod(key, CODES)
                if slot != NO_HOUR and code != NO_GROUP:
                    groups[(slot * features + index) * GROUPS + code] = count
        return Weeks(self.days, features, groups)


def weeks_of(
    baseline: Baseline,
    columns: Mapping[str, Sequence[Scalar]],
    predictions: Sequence[Scalar] | None,
    hours: Iterable[int | None],
    *,
    before: int | None = None,
) -> Weeks | None:
    """Return when the values of a baseline occurred; None if its times tell no hours.

    columns, predictions: the values that the baseline was built from. hours: of each row, since 1970.
    before: as in `Calendar`.
    """
    calendar = Calendar(before)
    slots = calendar.add(hours)
    if not calendar.tells_hours:
        return None
    offsets = [slot * CODES for slot in slots]
    tallies = []
    for feature in baseline.features:
        values = columns[feature.name] if feature.role == "feature" else predictions or ()
        tallies.append(Counter(map(add, offsets, _codes(feature, values))))
    return calendar.weeks(tallies)


def groups_of(values: Numbers | Categories) -> list[int]:
    """Return the group of each cut or named category, and for categories the group of all others as the last item."""
    if isinstance(values, Categories):
        return [min(place, GROUPS - 1) for place in range(len(values.names) + 1)]
    total = sum(values.counts)
    return [
        int((upto - count / 2) * GROUPS // total)
        for upto, count in zip(accumulate(values.counts), values.counts, strict=True)
    ]


def _codes(feature: FeatureBaseline, values: Sequence[Scalar]) -> Iterable[int]:
    """Return the group of each value, or NO_GROUP."""
    groups = groups_of(feature.values)
    if isinstance(feature.values, Categories):
        names = feature.values.names
        wanted = str if feature.type == "categorical" else bool
        keys: Sequence[Scalar] = names if wanted is str else [name == BOOLEANS[True] for name in names]
        known = dict(zip(keys, groups, strict=False))
        return [known.get(value, groups[-1]) if type(value) is wanted else NO_GROUP for value in values]
    cuts = list(feature.values.cuts)

    def code(value: Scalar) -> int:
        if type(value) is not float and type(value) is not int:
            return NO_GROUP
        number = to_double(value)
        return groups[bisect_left(cuts, number)] if math.isfinite(number) else NO_GROUP

    return map(code, values)
