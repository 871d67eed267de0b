"""What the tests of the client share: a service on a real socket, and sockets to this machine only."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_socket

from testing.service import Service


@pytest.fixture(autouse=True)
def _only_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Allow sockets to this machine only, and hide the configuration of whoever runs the tests."""
    for name in ("DRIFTGUARD_URL", "DRIFTGUARD_API_KEY", "DRIFTGUARD_PROFILE", "AWS_LAMBDA_FUNCTION_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DRIFTGUARD_CONFIG", str(tmp_path / "driftguard.ini"))
    pytest_socket.socket_allow_hosts(["127.0.0.1", "::1", "localhost"], allow_unix_socket=True)
    yield
    pytest_socket.enable_socket()
    pytest_socket._remove_restrictions()


@pytest.fixture
def service() -> Iterator[Service]:
    """A service that stores what it gets, and misbehaves as the test says."""
    with Service() as running:
        yield running
