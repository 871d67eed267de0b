"""Rows that come as numpy arrays, handed to the product's own counting and baselines without a list in between."""

from collections.abc import Sequence
from functools import partial
from typing import cast

import numpy as np
import numpy.typing as npt

from driftguard.distributions.baseline import Baseline, FeatureBaseline
from driftguard.distributions.numbers import numbers
from driftguard.rows.columns import Column, Columns, Part

type Floats = npt.NDArray[np.float64]
type Ints = npt.NDArray[np.int64]


def names(features: int) -> list[str]:
    """The names of so many features."""
    return [f"feature_{number:03d}" for number in range(features)]


def batch(times: Ints, values: Floats) -> Columns:
    """A batch as counting takes it. times: int64 (N,), milliseconds since the epoch. values: float64 (F, N)."""
    readers = {name: partial(_column, row) for name, row in zip(names(len(values)), values, strict=True)}
    return Columns(times.astype("<i8").tobytes(), readers, tuple)


def _column(values: Floats) -> Column:
    """Return a column. NaN is a missing value."""
    there = ~np.isnan(values)
    if not there.any():
        return ()
    mask = None if there.all() else there.tobytes()
    data = np.ascontiguousarray(values[there], "<f8").tobytes()
    return (Part("number", mask, int(there.sum()), "floats", data, "<f8"),)


def baseline(values: Floats, days: int | None) -> Baseline:
    """The baseline that `driftguard.distributions.baseline.build` makes of numbers, shape (F, N). NaN is missing.

    Its sums differ by rounding.
    """
    return Baseline(
        values.shape[1],
        days,
        tuple(_feature(name, row) for name, row in zip(names(len(values)), values, strict=True)),
    )


def _feature(name: str, values: Floats) -> FeatureBaseline:
    present = values[~np.isnan(values)]
    distinct, counts = np.unique(present + 0.0, return_counts=True)
    # Sequences as far as is asked of them.
    ascending, cumulative = cast("Sequence[float]", distinct), cast("Sequence[int]", np.cumsum(counts))
    distribution = numbers(ascending, cumulative, total=float(present.sum()), squares=float(np.square(present).sum()))
    missing = len(values) - len(present)
    return FeatureBaseline(name, "feature", "numeric", len(values), missing, 0, distribution)
