"""The small stack, started once for all tests that leave it as it is."""

from collections.abc import Iterator

import pytest

from tests.local.launched import Launched, launched


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launched]:
    """The stack of tests/local/app, serving."""
    with launched(tmp_path_factory.mktemp("small")) as stack:
        yield stack
