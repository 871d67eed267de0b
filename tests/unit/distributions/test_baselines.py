"""Baselines: types, edges, categories, and what is stored."""

import math
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftguard.baselines.schemas import BaselineFeature
from driftguard.distributions import categories as categories_module
from driftguard.distributions import encoding
from driftguard.distributions.baseline import FeatureBaseline, build
from driftguard.distributions.categories import CELLS, MAX_CATEGORIES, RARE, Categories, cell_of, digest_of
from driftguard.distributions.numbers import QUANTILES, RESOLUTION, Numbers
from driftguard.platform.serialization import Scalar

SCALARS = st.one_of(
    st.none(), st.booleans(), st.text(max_size=5), st.integers(), st.floats(allow_nan=False, allow_infinity=False)
)


def numbers_of(values: list[float]) -> Numbers:
    """The distribution of one numeric feature."""
    distribution = build({"x": values}).features[0].values
    assert isinstance(distribution, Numbers)
    return distribution


def categories_of(values: list[str]) -> Categories:
    """The distribution of one categorical feature."""
    distribution = build({"x": values}).features[0].values
    assert isinstance(distribution, Categories)
    return distribution


def test_baselines_are_built_without_numpy() -> None:
    """Building, encoding and decoding a baseline imports neither numpy nor scipy."""
    code = (
        "import sys; sys.modules['numpy'] = sys.modules['scipy'] = None; "
        "from driftguard.distributions import encoding; from driftguard.distributions.baseline import build; "
        "print(encoding.decode(encoding.encode(build({'x': [1, 2.5, None]}))).rows)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=_environment())
    assert done.stdout.strip() == "3"


def _environment() -> dict[str, str]:
    return {"PYTHONPATH": ":".join(path for path in sys.path if path)}


@given(st.lists(SCALARS, min_size=1, max_size=60), st.lists(SCALARS, max_size=60))
def test_any_values_make_a_baseline_that_survives_storing(first: list[Scalar], second: list[Scalar]) -> None:
    """Whatever the values, what was stored is what was built, and every row is present, missing or invalid."""
    rows = min(len(first), len(second))
    baseline = build({"a": first[:rows], "b": second[:rows]}, first[:rows], days=9)
    stored = encoding.decode(encoding.encode(baseline))
    assert (stored.rows, stored.days, stored.features) == (rows, 9, baseline.features)
    for feature in stored.features:
        held = feature.values
        counted = sum(held.counts) + (held.rare if isinstance(held, Categories) else 0)
        assert counted == feature.present == rows - feature.missing - feature.invalid
        BaselineFeature.model_validate(feature.summary())


@given(st.lists(st.one_of(st.floats(-1e6, 1e6), st.sampled_from([0.0, -0.0, 1.0])), min_size=257, max_size=1200))
def test_no_bin_with_several_values_holds_more_than_its_share(values: list[float]) -> None:
    """A bin with more than one distinct value has 1/256 of the baseline at most, and a heavier value has its own."""
    held = numbers_of(values)
    seen = Counter(values)
    for low, (high, own, count) in pairwise([(-math.inf, 0, 0), *zip(held.cuts, held.own, held.counts, strict=True)]):
        inside = [value for value in seen if low[0] < value <= high]
        assert sum(seen[value] for value in inside) == count
        if own:
            assert inside == [high]
        else:
            assert count * RESOLUTION <= len(values)


def test_up_to_256_distinct_values_get_a_bin_each() -> None:
    """With 256 distinct values every one has a bin of its own, however rare; with 257 they are merged."""
    few = numbers_of([float(value % 256) for value in range(10_000)])
    many = numbers_of([float(value % 257) for value in range(10_000)])
    assert (len(few.cuts), set(few.own)) == (256, {1})
    assert 0 in many.own


def test_zero_has_one_bin_whatever_its_sign() -> None:
    """Negative zero and zero are one value."""
    held = numbers_of([0.0, -0.0, -0.0])
    assert list(held.cuts) == [0.0]
    assert math.copysign(1, held.cuts[0]) == 1
    assert list(held.counts) == [3]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=200))
def test_quantiles_are_values_of_the_baseline(values: list[float]) -> None:
    """Quantiles are taken by nearest rank, from the least to the greatest value."""
    expected = [float(np.quantile(values, share, method="inverted_cdf")) for share in QUANTILES]
    assert list(numbers_of(values).quantiles) == expected


@pytest.mark.parametrize(
    ("values", "kind", "invalid"),
    [
        ([1, 2.5, "a", None], "numeric", 1),
        (["a", "b", 1, True], "categorical", 2),
        ([True, False, True, 1.0], "boolean", 1),
        ([1, "a"], "numeric", 1),
        ([None, None], "numeric", 0),
        ([True, 1], "numeric", 1),
        ([math.nan, math.inf, 2.0], "numeric", 2),
    ],
)
def test_a_feature_has_the_type_of_most_of_its_values(values: list[Scalar], kind: str, invalid: int) -> None:
    """The most frequent kind of value decides, and the others are of the wrong type; true is not 1."""
    feature = build({"x": values}).features[0]
    assert (feature.type, feature.invalid) == (kind, invalid)


def test_whole_numbers_beyond_doubles_are_the_largest_double() -> None:
    """A whole number that no double holds counts as the largest one, with its sign."""
    assert list(numbers_of([10**400, -(10**400)]).cuts) == [-sys.float_info.max, sys.float_info.max]


def test_sums_that_overflow_are_not_finite() -> None:
    """Values whose sum no double holds leave no sum, and no error."""
    held = numbers_of([1e308, 1e308, -1e308, 5.0])
    assert math.isfinite(held.total) is False or held.total == 1e308
    assert not math.isfinite(held.squares)


def test_the_most_frequent_categories_are_named_and_the_others_hashed() -> None:
    """Of 150 categories the first 100 are named, the others are counted by hash cell and have digests."""
    values = [f"c{number}" for number in range(150) for _ in range(200 - number)]
    held = categories_of([*values, "once"])
    assert held.names[:2] == ("c0", "c1")
    assert len(held.names) == MAX_CATEGORIES
    others = {f"c{number}": 200 - number for number in range(100, 150)} | {"once": 1}
    cells = [0] * CELLS
    for name, count in others.items():
        cells[cell_of(digest_of(name))] += count
    assert held.others is not None
    assert list(held.others.cells) == cells
    assert held.others.once == 1
    assert held.others.digests is not None
    assert list(held.others.digests.values) == sorted(map(digest_of, others))
    assert held.rare == sum(others.values())
    shown = build({"x": values}).summary()[0]["categories"]
    assert shown[RARE] == pytest.approx((held.rare - 1) / len(values))
    assert sum(shown.values()) == pytest.approx(1)


def test_digests_are_stored_apart_and_read_when_needed() -> None:
    """Digests survive storing, are no part of the baseline's bytes, and are read only for a feature that needs them."""
    baseline = build({"x": [f"user {number}" for number in range(5000)], "y": ["a", "b"] * 2500, "z": [True] * 5000})
    stored = encoding.encode_digests(baseline)
    assert len(encoding.encode(baseline)) < 3000
    assert len(stored) < 4 * 5000
    reads = []

    def read() -> Any:
        reads.append(1)
        return encoding.decode_digests(stored)

    features = encoding.decode(encoding.encode(baseline), read).features
    assert reads == []
    for one, other in zip(features, baseline.features, strict=True):
        assert digests_of(one) == digests_of(other)
    assert encoding.encode_digests(build({"x": [1, 2], "y": ["a", "b"], "z": [True, False]})) == b""


def digests_of(feature: FeatureBaseline) -> list[int]:
    """The digests of a categorical feature."""
    assert isinstance(feature.values, Categories)
    assert feature.values.others is not None
    assert feature.values.others.digests is not None
    return list(feature.values.others.digests.values)


def test_a_feature_of_too_many_values_has_no_digests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the limit of a feature, or of all features together, new values are not told apart, the largest first."""
    monkeypatch.setattr(categories_module, "MAX_DIGESTS", 900)
    monkeypatch.setattr(encoding, "MOST_DIGESTS", 1000)
    names = [f"user {number}" for number in range(1001)]
    baseline = build({"a": names, "b": [*names[:900], *names[:101]], "c": [*names[:300], *names[:701]]})
    kept = [feature.values.others.digests for feature in baseline.features]  # type: ignore[union-attr]
    assert [digests is None for digests in kept] == [True, False, False]
    stored = encoding.decode(
        encoding.encode(baseline), lambda: encoding.decode_digests(encoding.encode_digests(baseline))
    )
    kept = [feature.values.others.digests for feature in stored.features]  # type: ignore[union-attr]
    assert [digests is None for digests in kept] == [True, True, False]


def test_a_boolean_has_both_values() -> None:
    """A value that a boolean feature never had is listed with a count of zero."""
    held = build({"x": [True, True, None]}).features[0].values
    assert isinstance(held, Categories)
    assert (held.names, list(held.counts), held.rare) == (("true", "false"), [2, 0], 0)


def test_a_baseline_of_an_older_format_is_not_written_again() -> None:
    """Its cells cannot be computed again, so writing it would lose them silently."""
    old = replace(build({"x": ["a"]}), format=1)
    with pytest.raises(ValueError, match="format 1 cannot be written"):
        encoding.encode(old)


def test_predictions_join_the_features_only_when_there_are_any() -> None:
    """Predictions are a feature of their own role; all null, they are left out."""
    assert [feature.role for feature in build({"x": [1]}, [0.5]).features] == ["feature", "prediction"]
    assert build({"x": [1]}, [None]).names == ["x"]
    assert len(build({"x": [1]}, [None]).features) == 1


def test_columns_of_different_length_are_refused() -> None:
    """Every column must have a value for every row."""
    with pytest.raises(ValueError, match="equal length"):
        build({"a": [1, 2], "b": [1]})


def test_an_unknown_format_is_refused() -> None:
    """Bytes of another format are not taken for a baseline."""
    with pytest.raises(ValueError, match="unknown format"):
        encoding.decode(b"\xff\x00\x00\x00\x00")


def test_fifty_features_take_less_than_100_kilobytes() -> None:
    """A baseline of 50 numeric features with 257 bins of random doubles is stored in under 100 kB."""
    random = np.random.default_rng(5)
    baseline = build({f"f{number}": random.normal(size=3000).tolist() for number in range(50)})
    assert len(encoding.encode(baseline)) < 100_000


def test_an_inline_baseline_is_built_quickly() -> None:
    """400,000 values, about 4 MB of JSON, are built in well under three seconds of CPU."""
    random = np.random.default_rng(5)
    columns = {f"f{number}": random.normal(size=20_000).tolist() for number in range(20)}
    started = time.process_time()
    build(columns)
    assert time.process_time() - started < 3
