"""The statistics of the sudden part against the results of an independent implementation."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from driftguard.statistics import posterior
from driftguard.statistics.dispersion import Scatter, clustering, dispersion, scatter
from driftguard.statistics.stratified import compare, compare_shares, factors
from driftguard.statistics.surprise import LEAST, NEVER_BELOW, may_fire, surprise

VECTORS: dict[str, Any] = json.loads(Path(__file__).with_name("detection_vectors.json").read_text())
NUMERIC = np.ones(2, np.bool_)
MIXED = np.array([True, False])
COUNTS = arrays(np.int64, (4, 2, 10), elements=st.integers(0, 50))


def test_an_hour_against_its_reference_gives_the_results_of_the_vectors() -> None:
    """U, V and E of three hours and two features are those of the vectors."""
    hour = VECTORS["hour"]
    found = compare(np.array(hour["P"]), np.array(hour["R"]), NUMERIC)
    for values, expected in ((found.u, hour["U"]), (found.v, hour["V"]), (found.e, hour["E"])):
        assert values == pytest.approx(np.array(expected), rel=1e-12, abs=1e-12)


def test_the_posteriors_are_those_of_the_vectors() -> None:
    """The grid, the prior, both posteriors after pooling, and ρ of the week part are those of the vectors."""
    given = VECTORS["posterior"]
    z, a, b, phi = (np.array(given[name]) for name in ("Z", "a", "b", "phi"))
    wide = np.broadcast_to(b[:, None, None], z.shape)
    used, alike = np.ones(z.shape, np.bool_), np.ones(3, np.bool_)
    assert posterior.SDS.tolist() == given["sds"]
    assert pytest.approx(given["prior"], rel=1e-12) == posterior.PRIOR
    assert pytest.approx(given["rho_up"], rel=1e-12) == posterior.RHO_UP
    own = posterior.pooled(posterior.log_own(z, used, phi * a[:, None, None], wide), alike)
    near = posterior.pooled(posterior.log_near(z, used, phi, wide), alike)
    assert own == pytest.approx(np.array(given["own"]), rel=1e-9)
    assert near == pytest.approx(np.array(given["near"]), rel=1e-9)
    assert posterior.cautious(near)[:, 2:].max(axis=1) == pytest.approx(given["rho_week"], rel=1e-9)


@pytest.mark.parametrize("case", VECTORS["surprise"])
def test_surprises_are_those_of_the_vectors(case: dict[str, Any]) -> None:
    """The number of chance findings is that of the vectors."""
    noise, b = np.array(case["phi"] * case["a"]), np.array(float(case["b"]))
    found = surprise(np.array(float(case["z"])), noise, b, np.array(case["posterior"]), case["F"])
    assert float(found) == pytest.approx(case["surprise"], rel=1e-9)


@given(COUNTS, COUNTS)
def test_differences_have_no_direction(p: Any, r: Any) -> None:
    """Counts and their reference change places: U changes its sign, V and E stay."""
    there, back = compare(p, r, MIXED), compare(r, p, MIXED)
    assert there.u == pytest.approx(-back.u, abs=1e-9)
    assert there.v == pytest.approx(back.v, abs=1e-9)
    assert there.e == pytest.approx(back.e)
    assert np.isfinite(there.u).all()
    assert (there.v >= 0).all()


@given(COUNTS)
def test_nothing_differs_from_an_empty_reference_or_from_its_own_multiple(p: Any) -> None:
    """An hour without reference adds nothing, and an hour like its reference has no difference."""
    empty = compare(p, np.zeros_like(p), MIXED)
    assert not empty.u.any()
    assert not empty.v.any()
    assert not empty.e.any()
    assert np.abs(compare(p, 7 * p, MIXED).u).max() < 1e-9


@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 10**7), st.integers(0, 10**7))
def test_ties_have_no_variance(first: int, second: int, n: int, m: int) -> None:
    """If all values are in one group, V is exactly 0; otherwise the rank has a variance wherever both have rows."""
    p, r = np.zeros((1, 1, 10), np.int64), np.zeros((1, 1, 10), np.int64)
    p[0, 0, first], r[0, 0, second] = n, m
    for numeric in (True, False):
        found = compare(p, r, np.array([numeric]))
        assert found.v.any() == (first != second and n > 0 and m > 0)


@given(COUNTS, COUNTS)
def test_a_share_is_compared_like_a_category(p: Any, r: Any) -> None:
    """`compare_shares` of one group's values gives what `compare` gives for this category."""
    shares = compare_shares(p[..., :4], p.sum(axis=-1)[..., None], r[..., :4], r.sum(axis=-1)[..., None])
    categories = compare(p, r, ~NUMERIC)
    assert shares.u == pytest.approx(categories.u[..., :4], abs=1e-9)
    assert shares.v == pytest.approx(categories.v[..., :4], abs=1e-9)
    assert shares.e[..., 0] == pytest.approx(categories.e)


def test_independent_rows_have_a_dispersion_of_one_and_clusters_have_more() -> None:
    """φ is near 1 for independent rows, near 3 if each row comes three times, and 1 without any day."""
    random = np.random.default_rng(5)
    p, r = random.poisson(9, (200, 24, 1, 10)), random.poisson(90, (200, 24, 1, 10))
    alone, tripled = (compare(times * p, times * r, np.array([True])) for times in (1, 3))
    for found, expected in ((alone, 1.0), (tripled, 3.0)):
        sums = scatter(found.u, found.v).summed()
        assert dispersion(sums, clustering(sums)) == pytest.approx(np.full((1, 11), expected), rel=0.12)
    nothing = Scatter(*np.zeros((4, 1, 11)))
    assert (dispersion(nothing, clustering(nothing)) == 1).all()


def test_kappa_compares_blocks_with_hours_where_both_have_degrees_of_freedom() -> None:
    """κ = Σz6/Σ(p1·df6), at least 1. A component without degrees of freedom of hours or blocks says nothing."""
    z1, df1 = np.array([46.0, 0.0, 23.0, 20.0]), np.array([23.0, 0.0, 23.0, 10.0])
    z6, df6 = np.array([30.0, 99.0, 40.0, 0.0]), np.array([3.0, 3.0, 1.0, 0.0])
    assert clustering(Scatter(z1, df1, z6, df6)) == pytest.approx((30 + 40) / (2 * 3 + 1 * 1))
    assert clustering(Scatter(z1, df1, z6 / 100, df6)) == 1.0
    assert clustering(Scatter(z1, df1 * 0, z6, df6)) == 1.0


def test_without_a_level_only_the_window_counts() -> None:
    """a is 1 and b is B/E without a level; a level of as many rows doubles a; an empty window has no b."""
    e, none = np.array([50.0, 50.0, 0.0]), np.zeros(3)
    a, b = factors(e, np.array([100.0, 100.0, 0.0]), np.array([0.0, 50.0, 50.0]), np.array([0.0, 25.0, 25.0]))
    assert a.tolist() == [1.0, 2.0, 1.0]
    assert b.tolist() == [2.0, 2.5, 0.0]
    assert factors(e, none, none, none)[1].tolist() == [0.0, 0.0, 0.0]


@given(
    st.floats(0, 1),
    st.floats(1, 5),
    st.floats(1, 3),
    st.floats(0, 1e4),
    st.lists(st.floats(1e-6, 1), min_size=12, max_size=12),
)
def test_the_shortcut_leaves_out_no_firing_test(part: float, phi: float, a: float, b: float, raw: list[float]) -> None:
    """Where `may_fire` is false, the surprise is at least LEAST per test, whatever φ, a, b and the posterior are."""
    z = np.array(part * NEVER_BELOW * np.sqrt(phi))
    assert not may_fire(z, np.array(phi)).any()
    weights = np.array(raw) / sum(raw)
    assert float(surprise(z, np.array(phi * a), np.array(b), weights, 4)) >= 4 * LEAST * (1 - 1e-9)
