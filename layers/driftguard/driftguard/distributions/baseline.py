"""Baselines: the distributions that a model's windows are compared with, built from columns of values.

A numeric feature becomes bins. Their edges bound the error of every later Kolmogorov–Smirnov statistic by 1/256. With
at most 256 distinct values, each value has its own bin. With more, a bin of several distinct values holds at most 1/256
of the baseline, and a more frequent value has its own bin. A categorical or boolean feature becomes the counts of its
most frequent categories, and of all others by hash cell.

This module is pure Python, because an API function without numpy builds inline baselines.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from operator import mul
from typing import Any, Literal

from driftguard.distributions.categories import BOOLEANS, RARE, Categories, booleans, categories
from driftguard.distributions.numbers import QUANTILES, Numbers, numbers, sum_of, to_double
from driftguard.platform.serialization import Scalar

type Role = Literal["feature", "prediction"]
FeatureType = Literal["numeric", "categorical", "boolean"]

FORMAT = 2
"""The format of new baselines. Format 1 has no hash cells, and compares numbers exactly."""

PREDICTION = "prediction"
"""The name of the prediction among the features."""

FEATURE_PREFIX = "feature:"
"""Tells a feature called `prediction` from the prediction, where both share one list of names."""

CLASHING = re.compile(f"({FEATURE_PREFIX})*{PREDICTION}")


def key_of(name: str, role: Role) -> str:
    """Return the name that settings, scores and lists use for a feature or the prediction.

    The prediction is called `prediction`. A feature of that name gets a prefix. A feature called like the prefixed name
    gets one more, so no two keys are equal.
    """
    clash = role == "feature" and CLASHING.fullmatch(name) is not None
    return FEATURE_PREFIX + name if clash else name


@dataclass(frozen=True, slots=True)
class FeatureBaseline:
    """One feature of a baseline.

    missing: rows without a value. invalid: rows with a value of another type.
    """

    name: str
    role: Role
    type: FeatureType
    rows: int
    missing: int
    invalid: int
    values: Numbers | Categories

    @property
    def key(self) -> str:
        """The feature's name in settings, scores and lists."""
        return key_of(self.name, self.role)

    @property
    def present(self) -> int:
        """The number of rows with a value of the feature's type."""
        return self.rows - self.missing - self.invalid

    def summary(self) -> dict[str, Any]:
        """Return the feature as in the API: name, role, type, shares of rows, and quantiles or categories."""
        shown = {
            "name": self.name,
            "role": self.role,
            "type": self.type,
            "missing_share": self.missing / self.rows if self.rows else 0.0,
            "invalid_share": self.invalid / self.rows if self.rows else 0.0,
        }
        if isinstance(self.values, Numbers):
            return {**shown, "quantiles": dict(zip(map(str, QUANTILES), self.values.quantiles, strict=False))}
        present = self.present or 1
        shares = {name: count / present for name, count in zip(self.values.names, self.values.counts, strict=True)}
        if self.values.rare:
            shares[RARE] = shares.get(RARE, 0.0) + self.values.rare / present
        return {**shown, "categories": shares}


@dataclass(frozen=True, eq=False)
class Baseline:
    """A baseline. rows: number of rows. days: number of days that the rows come from; None if unknown.

    format: the stored format that the baseline comes from, or FORMAT.
    Baselines compare by identity, so that a cache can hold results derived from a baseline.
    """

    rows: int
    days: int | None
    features: tuple[FeatureBaseline, ...]
    format: int = FORMAT

    @cached_property
    def names(self) -> list[str]:
        """The names of the features, without the prediction."""
        return [feature.name for feature in self.features if feature.role == "feature"]

    def summary(self) -> list[dict[str, Any]]:
        """Return every feature as in the API."""
        return [feature.summary() for feature in self.features]


def build(
    columns: Mapping[str, Sequence[Scalar]], predictions: Sequence[Scalar] | None = None, *, days: int | None = None
) -> Baseline:
    """Return a baseline of columns of equal length. The predictions are in the same order of rows.

    A feature without any value is kept as a numeric feature. Predictions without any value are left out.
    Raises ValueError if the columns differ in length.
    """
    lengths = {len(values) for values in [*columns.values(), *([] if predictions is None else [predictions])]}
    if len(lengths) > 1:
        raise ValueError(f"the columns of a baseline must have equal length; these have {sorted(lengths)} values")
    features = [_feature(name, "feature", values) for name, values in columns.items()]
    if predictions is not None and any(value is not None for value in predictions):
        features.append(_feature(PREDICTION, "prediction", predictions))
    return Baseline(max(lengths, default=0), days, tuple(features))


def feature_type(numeric: int, strings: int, booleans: int) -> FeatureType:
    """Return the type of a feature with these numbers of values: the most frequent type, numeric first in a tie."""
    most = max(numeric, strings, booleans)
    if numeric == most:
        return "numeric"
    return "categorical" if strings == most else "boolean"


def _feature(name: str, role: Role, values: Sequence[Scalar]) -> FeatureBaseline:
    kinds = Counter(map(type, values))
    kind = feature_type(kinds[int] + kinds[float], kinds[str], kinds[bool])
    distribution: Numbers | Categories
    if kind == "numeric":
        present = kinds[int] + kinds[float]
        seen = Counter(map(to_double, _of_types(values, kinds, (int, float))))
        # No bin can hold an infinite number or NaN, so these count as invalid.
        for odd in [value for value in seen if not math.isfinite(value)]:
            present -= seen.pop(odd)
        distinct = sorted(seen)
        counts = [seen[value] for value in distinct]
        distribution = numbers(
            distinct,
            list(accumulate(counts)),
            total=sum_of(map(mul, distinct, counts)),
            squares=sum_of(map(mul, map(mul, distinct, distinct), counts)),
        )
    elif kind == "categorical":
        present = kinds[str]
        distribution = categories(Counter(_of_types(values, kinds, (str,))))
    else:
        present = kinds[bool]
        distribution = booleans(Counter(BOOLEANS[value] for value in values if isinstance(value, bool)))
    missing = kinds[type(None)]
    return FeatureBaseline(name, role, kind, len(values), missing, len(values) - missing - present, distribution)


def _of_types(values: Sequence[Any], kinds: Counter[type], types: tuple[type, ...]) -> Iterable[Any]:
    if sum(kinds[wanted] for wanted in types) == len(values):
        return values
    return [value for value in values if type(value) in types]
