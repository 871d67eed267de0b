"""Baselines built chunk by chunk, against those built at once."""

from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftguard.distributions import large
from driftguard.distributions.baseline import Baseline, build
from driftguard.distributions.categories import Categories
from driftguard.distributions.large import BaselineBuilder
from driftguard.distributions.numbers import Numbers
from driftguard.platform.serialization import Scalar

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from(["a", "b", "c"]),
    st.integers(),
    st.floats(),
    st.sampled_from([0.0, -0.0, 1e308, -1e308, 5e-324, 10**400]),
)


def in_chunks(columns: dict[str, list[Scalar]], predictions: list[Scalar] | None, size: int) -> Baseline:
    """The baseline of all rows, given `size` at a time."""
    rows = len(next(iter(columns.values())))
    with TemporaryDirectory() as folder:
        builder = BaselineBuilder(Path(folder))
        for first in range(0, rows, size):
            chunk = {name: values[first : first + size] for name, values in columns.items()}
            builder.add(chunk, None if predictions is None else predictions[first : first + size])
        done = builder.finish(days=3)
        assert list(Path(folder).iterdir()) == []
    return done


def same(one: Baseline, other: Baseline) -> bool:
    """Whether two baselines are equal but for the last bits of their sums."""
    if (one.rows, len(one.features)) != (other.rows, len(other.features)):
        return False
    for first, second in zip(one.features, other.features, strict=True):
        if first.summary() != second.summary() or (first.missing, first.invalid) != (second.missing, second.invalid):
            return False
        a, b = first.values, second.values
        if isinstance(a, Numbers) and isinstance(b, Numbers):
            if (a.cuts, a.own, a.counts, a.quantiles) != (b.cuts, b.own, b.counts, b.quantiles):
                return False
        elif a != b:
            return False
    return True


@given(st.lists(st.tuples(SCALARS, SCALARS), min_size=1, max_size=50), st.integers(1, 20))
def test_chunks_make_the_baseline_of_all_rows(rows: list[tuple[Scalar, Scalar]], size: int) -> None:
    """However the rows are cut into chunks, types, counts, edges and quantiles are those of one build."""
    columns = {"x": [row[0] for row in rows], "y": [row[1] for row in rows]}
    predictions = [row[0] for row in rows]
    assert same(in_chunks(columns, predictions, size), build(columns, predictions, days=3))


@pytest.mark.parametrize("at_once", [50, 700, 10**6])
def test_large_columns_are_merged_range_by_range(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ties, heavy tails and smooth values come out the same when little fits in memory at a time."""
    monkeypatch.setattr(large, "PAIRS_AT_ONCE", at_once)
    random = np.random.default_rng(6)
    columns: dict[str, list[Scalar]] = {
        "smooth": random.normal(size=5000).tolist(),
        "tied": random.zipf(1.5, size=5000).astype(float).tolist(),
        "constant": [7.0] * 5000,
        "rounded": np.round(random.lognormal(size=5000), 1).tolist(),
    }
    chunked, whole = in_chunks(columns, None, 333), build(columns)
    assert same(chunked, whole)
    for one, other in zip(chunked.features, whole.features, strict=True):
        assert isinstance(one.values, Numbers)
        assert isinstance(other.values, Numbers)
        assert one.values.total == pytest.approx(other.values.total)
        assert one.values.squares == pytest.approx(other.values.squares)


def test_features_may_appear_late(tmp_path: Path) -> None:
    """A feature that earlier chunks lack was missing there, and progress tells how far the building is."""
    builder = BaselineBuilder(tmp_path)
    builder.add({"x": [1.0, 2.0]})
    builder.add({"y": ["a"]}, [True])
    told: list[tuple[int, int]] = []
    baseline = builder.finish(progress=lambda done, all_of_them: told.append((done, all_of_them)))
    assert [(one.name, one.rows, one.missing) for one in baseline.features] == [
        ("x", 3, 1),
        ("y", 3, 2),
        ("prediction", 3, 2),
    ]
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_too_many_categories_are_forgotten_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the limit the frequent categories stay and every row is still counted."""
    monkeypatch.setattr(large, "MAX_NAMES", 300)
    monkeypatch.setattr(large, "KEPT_NAMES", 100)
    builder = BaselineBuilder(tmp_path)
    for first, last in pairwise(range(0, 2001, 200)):
        builder.add({"x": ["often"] * 50 + [f"id {number}" for number in range(first, last)]})
    held = builder.finish().features[0].values
    assert isinstance(held, Categories)
    assert (held.names[0], held.counts[0]) == ("often", 500)
    assert held.others is not None
    assert held.others.digests is None
    assert sum(held.counts) + held.rare == 2500


def test_many_features_of_many_categories_share_one_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Together they hold no more bytes than allowed; frequent names stay, and every row is still counted."""
    monkeypatch.setattr(large, "MAX_NAME_BYTES", 400_000)
    monkeypatch.setattr(large, "KEPT_NAME_BYTES", 0)
    builder = BaselineBuilder(tmp_path)
    for first, last in pairwise(range(0, 1001, 100)):
        ids = ["often"] * 50 + [f"id {number}" for number in range(first, last)]
        builder.add({**{f"id {number}": ids for number in range(8)}, "plan": ["gold", "silver", "bronze"] * 50})
        assert sum(column.name_bytes for column in builder._features.values()) <= 400_000
    assert all(column._forgotten for key, column in builder._features.items() if key[1] != "plan")
    *features, plan = [feature.values for feature in builder.finish().features]
    assert isinstance(plan, Categories)
    assert (plan.names, plan.rare) == (("bronze", "gold", "silver"), 0)
    for held in features:
        assert isinstance(held, Categories)
        assert (held.names[0], held.counts[0]) == ("often", 500)
        assert held.others is not None
        assert held.others.digests is None
        assert sum(held.counts) + held.rare == 1500


def test_columns_of_a_chunk_must_have_one_length(tmp_path: Path) -> None:
    """A chunk whose columns differ in length is refused."""
    with pytest.raises(ValueError, match="equal length"):
        BaselineBuilder(tmp_path).add({"x": [1], "y": [1, 2]})
