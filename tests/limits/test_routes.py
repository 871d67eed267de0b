"""Every route is linear in the bytes of its requests."""

import time
from collections.abc import Iterator

import pytest

from bench.limits import report
from bench.limits.bodies import SHAPES, Shape
from bench.limits.routes import Served, own_time, served, share_of, time_of
from sandbox.gateway import routes

FACTOR = 8.0
"""By which a time may differ from the page. Another machine is faster or slower, and is shared."""


@pytest.fixture(scope="module")
def api() -> Iterator[Served]:
    """The API with a model of 500 features."""
    with served() as found:
        yield found


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.title)
def test_four_times_the_bytes_take_about_four_times_as_long(shape: Shape, api: Served) -> None:
    """A request of full size takes little more than four times as long as a quarter of it, and never answers 500."""
    timed = time_of(shape, api)
    assert timed.linear, f"{timed.small:.3f} s and {timed.large:.3f} s"
    assert timed.status < 500
    limit, share = share_of(shape.method, shape.path)
    assert timed.large / share < limit
    row = report.route_rows().get(f"`{shape.method} {shape.path}`" if shape.line is None else report.WITHOUT_BODY)
    assert row is not None, "docs/limits.md lacks this route; run `make limits`"
    assert timed.large / share < FACTOR * row.seconds + 0.1, "run `make limits`"


def test_the_page_shows_every_route_with_a_body() -> None:
    """docs/limits.md has a row for each route with a body, and one row for the others."""
    with_body = {f"`{shape.method} {shape.path}`" for shape in SHAPES if shape.line is None}
    assert set(report.route_rows()) == {*with_body, report.WITHOUT_BODY}


def test_every_route_is_measured() -> None:
    """No route of the template is left out."""
    assert {(shape.method, shape.path) for shape in SHAPES} == {(method, path) for method, path, _, _ in routes()}


def test_a_quadratic_request_is_found(api: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four times the bytes for sixteen times the work is not linear."""
    shape = next(shape for shape in SHAPES if shape.name == "one long text")

    def quadratic(_shape: Shape, content: str) -> tuple[float, int]:
        with own_time() as spent:
            end = time.process_time() + 0.5 * (len(content) / 4_000_000) ** 2
            while time.process_time() < end:
                pass
        return spent[0], 200

    monkeypatch.setattr(api, "seconds", quadratic)
    assert not time_of(shape, api).linear
