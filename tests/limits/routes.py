"""Every route that takes a body is linear in the bytes of the body."""

from collections.abc import Iterator

import pytest

from bench.limits.routes import SHAPES, Served, Shape, seconds_allowed, served, time_of
from sandbox.gateway import routes

WITHOUT_BODY = {
    ("POST", "/drift/models/{model_id}/check"),
    ("POST", "/models/{model_id}/baselines/{version}/restore"),
}


@pytest.fixture(scope="module")
def api() -> Iterator[Served]:
    """The API with a model of 500 features."""
    with served() as found:
        yield found


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.title)
def test_four_times_the_bytes_take_about_four_times_as_long(shape: Shape, api: Served) -> None:
    """A body of 4 MB takes at most five times as long as one of 1 MB, and less than the function's time limit."""
    timed = time_of(shape, api)
    assert timed.linear, f"{timed.small:.3f} s and {timed.large:.3f} s"
    assert timed.large < seconds_allowed(shape)
    assert timed.status < 500


def test_every_route_with_a_body_is_measured() -> None:
    """No route is left out."""
    of_template = {(method, path) for method, path, _, _ in routes() if method in ("POST", "PUT", "PATCH")}
    assert {(shape.method, shape.path) for shape in SHAPES} == of_template - WITHOUT_BODY
