"""Baselines: what a model's windows are compared with, built from columns of values.

A numeric feature becomes bins whose edges bound the error of every later Kolmogorov–Smirnov statistic by 1/256: with
at most 256 distinct values each gets a bin of its own; otherwise bins are closed greedily so that none with more than
one distinct value holds more than 1/256 of the baseline, and a heavier value gets a bin of its own. A categorical or
boolean feature becomes the counts of its most frequent categories.

Pure Python, since an inline baseline is built inside an API function.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from operator import mul
from typing import Any, Literal

from driftguard.distributions.categories import BOOLEANS, RARE, Categories, categories
from driftguard.distributions.numbers import QUANTILES, Numbers, numbers, sum_of, to_double

type Scalar = float | int | str | bool | None
type Role = Literal["feature", "prediction"]
type FeatureType = Literal["numeric", "categorical", "boolean"]

PREDICTION = "prediction"
"""The name that the prediction goes by among the features."""


@dataclass(frozen=True, slots=True)
class FeatureBaseline:
    """One feature of a baseline. missing, invalid: rows without a value, and with one of another type."""

    name: str
    role: Role
    type: FeatureType
    rows: int
    missing: int
    invalid: int
    values: Numbers | Categories

    @property
    def present(self) -> int:
        """Rows with a value of the feature's type."""
        return self.rows - self.missing - self.invalid

    def summary(self) -> dict[str, Any]:
        """The feature as the API shows it: name, role, type, missing_share, and quantiles or categories."""
        shown = {
            "name": self.name,
            "role": self.role,
            "type": self.type,
            "missing_share": self.missing / self.rows if self.rows else 0.0,
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
    """A baseline of `rows` rows, which come from `days` days when that is known.

    Compares by identity, so that what is derived from it can be kept as long as it is used.
    """

    rows: int
    days: int | None
    features: tuple[FeatureBaseline, ...]

    @cached_property
    def names(self) -> list[str]:
        """The features' names, without the prediction."""
        return [feature.name for feature in self.features if feature.role == "feature"]

    def summary(self) -> list[dict[str, Any]]:
        """Every feature as the API shows it."""
        return [feature.summary() for feature in self.features]


def build(
    columns: Mapping[str, Sequence[Scalar]], predictions: Sequence[Scalar] | None = None, *, days: int | None = None
) -> Baseline:
    """A baseline of columns of one length each, and of the predictions in the same order of rows.

    Features without any value are kept, as numeric ones; predictions without any value are not.
    Raises ValueError when the columns differ in length.
    """
    lengths = {len(values) for values in [*columns.values(), *([] if predictions is None else [predictions])]}
    if len(lengths) > 1:
        raise ValueError("the columns of a baseline must have one length")
    features = [_feature(name, "feature", values) for name, values in columns.items()]
    if predictions is not None and any(value is not None for value in predictions):
        features.append(_feature(PREDICTION, "prediction", predictions))
    return Baseline(max(lengths, default=0), days, tuple(features))


def feature_type(numeric: int, strings: int, booleans: int) -> FeatureType:
    """The type of a feature with so many values of each kind: that of the most, numeric when none is ahead."""
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
        # What is not finite is no number that a bin could hold.
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
        distribution = categories(Counter(BOOLEANS[value] for value in values if isinstance(value, bool)))
    missing = kinds[type(None)]
    return FeatureBaseline(name, role, kind, len(values), missing, len(values) - missing - present, distribution)


def _of_types(values: Sequence[Any], kinds: Counter[type], types: tuple[type, ...]) -> Iterable[Any]:
    if sum(kinds[wanted] for wanted in types) == len(values):
        return values
    return [value for value in values if type(value) in types]
