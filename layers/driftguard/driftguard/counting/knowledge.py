"""What a model's past says about one day: what its hours are compared with, and how much hours and days differ.

Everything is rebuilt from the profiles of earlier days by `learn`. One encoded group holds GROUP_SIZE features. It
begins with the format (1 byte), followed by pieces, see `platform.pieces`:

| piece | content |
|---|---|
| small numbers | work (features), since (features), own_days (features), k (4, features, 5) |
| reference | groups (4, 24, features, 10) |
| reference of flaws | flaws (4, 24, features, 4) |
| numbers | float32 of: phi, theta, e_level, b_level, phi_week, rho_week |
| weights | the upper 24 bits of float32: (features, 15, 12) |

Arrays are stored in row-major order.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from driftguard.counting.layout import MERGED, Layout
from driftguard.counting.profiles import FLAWS, HOURS, Profile, Table, packed, span_of, unpacked
from driftguard.statistics.arrays import Flags, Floats, Ints

REACH = 67
"""Days before a day whose profiles `learn` reads."""

STARTS = 4
"""Days on which a window can begin: the day itself and the three days before."""

DRIFT = 11
"""Components of the drift test."""
COMPONENTS = DRIFT + len(FLAWS)
UNITS = 1 + len(FLAWS)
"""Kinds of effective sample sizes: one for all drift components, and one for each flaw."""
GRID = 12

FORMAT = 1


@dataclass(frozen=True, eq=False)
class Knowledge:
    """What is known at the start of one UTC day about F features.

    A component is one of 11 drift components (see `statistics.stratified`) or of 4 flaws (see `profiles.FLAWS`). A unit
    is what sample sizes are counted in: one for all drift components, and one for each flaw. A first day is one of
    day−3 … day, in this order.

    day: in days since 1970-01-01.
    work: bool (F,), whether all working days are one kind of day. If not, only equal weekdays are.
    phi: (F, 15), by how much the variance within a day exceeds that of independent rows, at least 1.
    weights: (F, 15, 12), the posterior of the standard deviation between days, on the grid of `statistics.posterior`.
    phi_week, rho_week: (F,), φ and ρ for the comparison of a whole window with the baseline.
    theta: (4, F, 15), the level of each component in the week before a first day.
    e_level, b_level: (4, F, 5), the sums ΣE and ΣE²(1 + 1/k) over the days of this level, 0 without a level.
    groups, flaws: int64 (4, 24, F, 10) and (4, 24, F, 4), the reference of each hour of a first day, as in `Profile`.
    k: int64 (4, F, 5), the number of days in the reference of a first day.
    own_days: int64 (F,), the number of the model's own days in the reference of `day`, the baseline's table left out.
    since: int64 (F,), the day from which the sudden part judges.
    """

    day: int
    work: Flags
    phi: Floats
    weights: Floats
    phi_week: Floats
    rho_week: Floats
    theta: Floats
    e_level: Floats
    b_level: Floats
    groups: Ints
    flaws: Ints
    k: Ints
    own_days: Ints
    since: Ints

    @property
    def reference_days(self) -> Ints:
        """The number of days in the reference of `day`: int64 (F,)."""
        return self.k[-1, :, 0]

    @property
    def learning(self) -> Flags:
        """Whether a feature has no reference yet: bool (F,)."""
        learning: Flags = self.reference_days == 0
        return learning

    def encode(self, group: int) -> bytes:
        """Return the knowledge of one group of features: about 2 kB per feature for 60 rows per hour.

        The result can exceed the size of a table item, if an hour has more than 100,000 rows.
        """
        span = span_of(group)
        small = [self.work[span], self.since[span], self.own_days[span], self.k[:, span]]
        numbers = [getattr(self, name) for name in ("phi", "theta", "e_level", "b_level", "phi_week", "rho_week")]
        at = [span, (slice(None), span), (slice(None), span), (slice(None), span), span, span]
        floats = np.concatenate([one[place].ravel() for one, place in zip(numbers, at, strict=True)])
        return b"".join(
            [
                bytes([FORMAT]),
                packed(np.concatenate([one.ravel() for one in small]).astype(np.int64)),
                packed(self.groups[:, :, span]),
                packed(self.flaws[:, :, span]),
                packed(_bits(floats)),
                packed(_bits(self.weights[span]) >> 8),
            ]
        )

    @classmethod
    def decode(cls, layout: Layout, day: int, groups: Mapping[int, bytes]) -> "Knowledge":
        """Return the knowledge that `encode` wrote for each group. Features of other groups have no reference.

        Raises ValueError for another format, damaged data, or another baseline.
        """
        known = cls.nothing(len(layout.features), day)
        for group, data in groups.items():
            span = span_of(group)
            part = cls.nothing(len(layout.features[span]), day)
            small = [part.work, part.since, part.own_days, part.k]
            floats = [part.phi, part.theta, part.e_level, part.b_level, part.phi_week, part.rho_week]
            sizes = [(sum(one.size for one in some),) for some in (small, floats)]
            read = unpacked(data, FORMAT, [sizes[0], part.groups.shape, part.flaws.shape, sizes[1], part.weights.shape])
            _fill(small, read[0])
            part.groups[:], part.flaws[:] = read[1], read[2]
            _fill(floats, _floats(read[3]))
            part.weights[:] = _floats(read[4] << 8)
            _copy(part, known, span)
        return known

    @classmethod
    def nothing(cls, features: int, day: int) -> "Knowledge":
        """Return the knowledge about features without a past."""
        return cls(
            day=day,
            work=np.zeros(features, np.bool_),
            phi=np.ones((features, COMPONENTS)),
            weights=np.zeros((features, COMPONENTS, GRID)),
            phi_week=np.ones(features),
            rho_week=np.zeros(features),
            theta=np.zeros((STARTS, features, COMPONENTS)),
            e_level=np.zeros((STARTS, features, UNITS)),
            b_level=np.zeros((STARTS, features, UNITS)),
            groups=np.zeros((STARTS, HOURS, features, MERGED), np.int64),
            flaws=np.zeros((STARTS, HOURS, features, len(FLAWS)), np.int64),
            k=np.zeros((STARTS, features, UNITS), np.int64),
            own_days=np.zeros(features, np.int64),
            since=np.full(features, day),
        )


def learn(
    layout: Layout,
    day: int,
    profiles: Mapping[int, Profile],
    table: Table | None,
    bad: Mapping[int, Flags],
    first_day: int,
) -> Knowledge:
    """Return what is known at the start of `day`.

    Args:
        layout: the baseline's features.
        day: in days since 1970-01-01.
        profiles: by day, those of the REACH days before `day` that have rows. Other days are ignored.
        table: the baseline's counts by hour of the week, if its rows have timestamps.
        bad: by day, bool (F,): the features for which this day says nothing about what is normal.
        first_day: the first whole day with counts. Earlier days are ignored.
    """
    raise NotImplementedError


def _bits(values: Floats) -> Ints:
    return values.astype("<f4").view("<u4").astype(np.int64)


def _floats(bits: Ints) -> Floats:
    return bits.astype("<u4").view("<f4").astype(np.float64)


def _fill[T: np.generic](arrays: "list[np.typing.NDArray[T]]", values: "np.typing.NDArray[T]") -> None:
    place = 0
    for one in arrays:
        one[...] = values[place : place + one.size].reshape(one.shape)
        place += one.size


def _copy(part: Knowledge, known: Knowledge, span: slice) -> None:
    for name in ("work", "phi", "weights", "phi_week", "rho_week", "own_days", "since"):
        getattr(known, name)[span] = getattr(part, name)
    for name in ("theta", "e_level", "b_level", "k"):
        getattr(known, name)[:, span] = getattr(part, name)
    for name in ("groups", "flaws"):
        getattr(known, name)[:, :, span] = getattr(part, name)
