"""What a model's past says about one day: what its hours are compared with, and how much hours and days differ.

`learning.learn` rebuilds everything from the profiles of earlier days. One encoded group holds GROUP_SIZE features. It
begins with the format (1 byte), followed by pieces, see `platform.pieces`:

| piece | content |
|---|---|
| small numbers | work (features), since (features), own_days (features), k (4, features, 5) |
| reference | groups (4, 24, features, 10) |
| reference of flaws | flaws (4, 24, features, 4) |
| values of the table | of_table (4, 24, features) |
| numbers | float32 of: phi, theta, e_level, b_level, phi_week, rho_week |
| weights | the upper 24 bits of float32: (features, 15, 12) |

Arrays are stored in row-major order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from driftguard.counting.layout import MERGED, Layout
from driftguard.counting.profiles import FLAWS, HOURS, packed, span_of, unpacked
from driftguard.statistics import stratified
from driftguard.statistics.arrays import Flags, Floats, Ints
from driftguard.statistics.posterior import SDS
from driftguard.statistics.stratified import Comparison, compare, compare_shares

REACH = 67
"""Days before a day whose profiles `learning.learn` reads."""

STARTS = 4
"""Days on which a window can begin: the day itself and the three days before."""

DRIFT = stratified.COMPONENTS
"""Components of the drift test. The components of flaws follow."""
COMPONENTS = DRIFT + len(FLAWS)
UNITS = 1 + len(FLAWS)
UNIT_OF = np.array([0] * DRIFT + [*range(1, UNITS)])
"""The unit of each component."""

SMALL = ("work", "since", "own_days", "k")
COUNTS = ("groups", "flaws", "of_table")
FLOATS = ("phi", "theta", "e_level", "b_level", "phi_week", "rho_week")
AXES = {
    **dict.fromkeys(("work", "since", "own_days", "phi", "phi_week", "rho_week", "weights"), 0),
    **dict.fromkeys(("k", "theta", "e_level", "b_level"), 1),
    **dict.fromkeys(COUNTS, 2),
}
"""The axis of features of each array."""

WEIGHT_SHIFT = 8
"""Lower bits of a weight's float32 that are not stored: they change a surprise by less than 1 in 10,000."""

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
    of_table: int64 (4, 24, F), how many values of `groups` come from the baseline's table, which knows no flaws.
    k: int64 (4, F, 5), the number of days in the reference of a first day.
    own_days: int64 (F,), the number of the model's own days in the reference of `day`, the baseline's table left out.
    since: int64 (F,), the day from which the sudden part judges a feature, in the future while it learns.
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
    of_table: Ints
    k: Ints
    own_days: Ints
    since: Ints

    @property
    def reference_days(self) -> Ints:
        """The number of days in the reference of `day`: int64 (F,)."""
        return self.k[-1, :, 0]

    @property
    def learning(self) -> Flags:
        """Whether no hour of a window can have a reference: bool (F,)."""
        learning: Flags = ~(self.k[..., 0] > 0).any(axis=0)
        return learning

    def encode(self, group: int) -> bytes:
        """Return the knowledge of one group of features: about 1.5 kB per feature for 60 rows per hour.

        Above 100,000 rows per hour, the result can be larger than a table item.
        """
        part = self._arrays(span_of(group))
        floats = np.concatenate([part[name].ravel() for name in FLOATS])
        return b"".join(
            [
                bytes([FORMAT]),
                packed(np.concatenate([part[name].ravel() for name in SMALL]).astype(np.int64)),
                *(packed(part[name]) for name in COUNTS),
                packed(_bits(floats)),
                packed(_bits(part["weights"]) >> WEIGHT_SHIFT),
            ]
        )

    @classmethod
    def decode(cls, layout: Layout, day: int, groups: Mapping[int, bytes]) -> "Knowledge":
        """Return the knowledge that `encode` wrote for each group. Features of other groups have no reference.

        Raises ValueError for another format, damaged data, or another baseline.
        """
        known = cls.nothing(len(layout.features), day)
        for group, data in groups.items():
            part = known._arrays(span_of(group))
            sizes = [(sum(part[name].size for name in names),) for names in (SMALL, FLOATS)]
            shapes = [part[name].shape for name in COUNTS]
            small, *counts, floats, weights = unpacked(
                data, FORMAT, [sizes[0], *shapes, sizes[1], part["weights"].shape]
            )
            _fill([part[name] for name in SMALL], small)
            for name, values in zip(COUNTS, counts, strict=True):
                part[name][:] = values
            _fill([part[name] for name in FLOATS], _floats(floats))
            part["weights"][:] = _floats(weights << WEIGHT_SHIFT)
        return known

    def _arrays(self, span: slice) -> dict[str, Any]:
        """Return views of the arrays of some features, by name."""
        return {name: getattr(self, name)[(*[slice(None)] * axis, span)] for name, axis in AXES.items()}

    @classmethod
    def nothing(cls, features: int, day: int) -> "Knowledge":
        """Return the knowledge about features without a past."""
        return cls(
            day=day,
            work=np.zeros(features, np.bool_),
            phi=np.ones((features, COMPONENTS)),
            weights=np.zeros((features, COMPONENTS, len(SDS))),
            phi_week=np.ones(features),
            rho_week=np.zeros(features),
            theta=np.zeros((STARTS, features, COMPONENTS)),
            e_level=np.zeros((STARTS, features, UNITS)),
            b_level=np.zeros((STARTS, features, UNITS)),
            groups=np.zeros((STARTS, HOURS, features, MERGED), np.int64),
            flaws=np.zeros((STARTS, HOURS, features, len(FLAWS)), np.int64),
            of_table=np.zeros((STARTS, HOURS, features), np.int64),
            k=np.zeros((STARTS, features, UNITS), np.int64),
            own_days=np.zeros(features, np.int64),
            since=np.full(features, day),
        )


def sizes_of(values: Floats, flaws: Floats) -> Floats:
    """Return what each kind of flaw is counted among: (…, F, 4).

    values: (…, F), the number of values of the feature's own type. flaws: (…, F, 4).
    """
    filled = values + flaws[..., 1]
    return np.stack([filled + flaws[..., 0], filled, values, values], axis=-1)


def held_against(
    numeric: Flags, own: tuple[Floats, Floats, Floats], reference: tuple[Floats, Floats, Floats]
) -> Comparison:
    """Compare counts with their reference: u, v (…, F, 15) and e (…, F, 5).

    own, reference: the merged groups, the flaws, and what the flaws are counted among.
    """
    drift = compare(own[0], reference[0], numeric)
    flaws = compare_shares(own[1], own[2], reference[1], reference[2])
    return Comparison(
        np.concatenate([drift.u, flaws.u], axis=-1),
        np.concatenate([drift.v, flaws.v], axis=-1),
        np.concatenate([drift.e[..., None], flaws.e], axis=-1),
    )


def as_stored(values: Floats) -> Floats:
    """Return numbers rounded as `encode` stores them, so that fresh and stored knowledge are equal."""
    return values.astype("<f4").astype(np.float64)


def weights_as_stored(weights: Floats) -> Floats:
    """Return weights rounded as `encode` stores them."""
    half = 1 << WEIGHT_SHIFT - 1
    return _floats(_bits(weights) + half >> WEIGHT_SHIFT << WEIGHT_SHIFT)


def _bits(values: Floats) -> Ints:
    return values.astype("<f4").view("<u4").astype(np.int64)


def _floats(bits: Ints) -> Floats:
    return bits.astype("<u4").view("<f4").astype(np.float64)


def _fill(arrays: Sequence[Any], values: Ints | Floats) -> None:
    place = 0
    for one in arrays:
        one[...] = values[place : place + one.size].reshape(one.shape)
        place += one.size
