"""Rows that come as numpy arrays, handed to the product's own counting and baselines without a list in between."""

from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import cast

import numpy as np
import numpy.typing as npt

from driftguard.distributions.baseline import Baseline, FeatureBaseline
from driftguard.distributions.categories import categories
from driftguard.distributions.numbers import numbers
from driftguard.rows.columns import Column, Columns, Part

type Floats = npt.NDArray[np.float64]
type Ints = npt.NDArray[np.int64]


def names(features: int) -> list[str]:
    """The names of so many features."""
    return [f"feature_{number:03d}" for number in range(features)]


def category(number: float) -> str:
    """The name of a category."""
    return f"category {number:.0f}"


def batch(times: Ints, values: Floats, *, as_categories: bool = False) -> Columns:
    """A batch as counting takes it. times: int64 (N,), milliseconds since the epoch. values: float64 (F, N).

    as_categories: whether the values are numbers of categories.
    """
    column = _names if as_categories else _column
    readers = {name: partial(column, row) for name, row in zip(names(len(values)), values, strict=True)}
    return Columns(times.astype("<i8").tobytes(), readers, tuple)


def _names(values: Floats) -> Column:
    """Return a column of categories. NaN is a missing value."""
    there = ~np.isnan(values)
    if not there.any():
        return ()
    mask = None if there.all() else there.tobytes()
    distinct, places = np.unique(values[there], return_inverse=True)
    data = places.astype("<u4").tobytes()
    known = [category(number) for number in distinct.tolist()]
    return (Part("string", mask, int(there.sum()), "codes", data, "<u4", dictionary=known),)


def _column(values: Floats) -> Column:
    """Return a column. NaN is a missing value."""
    there = ~np.isnan(values)
    if not there.any():
        return ()
    mask = None if there.all() else there.tobytes()
    data = np.ascontiguousarray(values[there], "<f8").tobytes()
    return (Part("number", mask, int(there.sum()), "floats", data, "<f8"),)


def baseline(values: Floats, days: int | None, *, as_categories: bool = False) -> Baseline:
    """The baseline that `driftguard.distributions.baseline.build` makes of numbers, shape (F, N). NaN is missing.

    Its sums differ by rounding. as_categories: whether the values are numbers of categories.
    """
    feature = _categorical if as_categories else _feature
    return Baseline(
        values.shape[1],
        days,
        tuple(feature(name, row) for name, row in zip(names(len(values)), values, strict=True)),
    )


def _categorical(name: str, values: Floats) -> FeatureBaseline:
    present = values[~np.isnan(values)]
    seen = Counter(category(number) for number in present.tolist())
    missing = len(values) - len(present)
    return FeatureBaseline(name, "feature", "categorical", len(values), missing, 0, categories(seen))


def _feature(name: str, values: Floats) -> FeatureBaseline:
    present = values[~np.isnan(values)]
    distinct, counts = np.unique(present + 0.0, return_counts=True)
    # Sequences as far as is asked of them.
    ascending, cumulative = cast("Sequence[float]", distinct), cast("Sequence[int]", np.cumsum(counts))
    distribution = numbers(ascending, cumulative, total=float(present.sum()), squares=float(np.square(present).sum()))
    missing = len(values) - len(present)
    return FeatureBaseline(name, "feature", "numeric", len(values), missing, 0, distribution)
