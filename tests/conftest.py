"""What every test shares: no credentials, no region of the machine's own, no sockets where none are needed."""

import os
from pathlib import Path

import pytest
import pytest_socket
from hypothesis import settings

# Before anything imports boto3 or Powertools, and so that a slip can never reach a real account.
os.environ.update(
    AWS_ACCESS_KEY_ID="testing",
    AWS_SECRET_ACCESS_KEY="testing",
    AWS_SESSION_TOKEN="testing",
    AWS_DEFAULT_REGION="eu-west-1",
    AWS_REGION="eu-west-1",
    AWS_EC2_METADATA_DISABLED="true",
    POWERTOOLS_SERVICE_NAME="driftguard",
    POWERTOOLS_METRICS_NAMESPACE="DriftGuard",
    POWERTOOLS_TRACE_DISABLED="true",
)
for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL"):
    os.environ.pop(name, None)

ROOT = Path(__file__).parent
WITH_SOCKETS = (ROOT / "local", ROOT / "e2e", ROOT / "browser", ROOT / "fuzz")

settings.register_profile("default", deadline=None, max_examples=50)
settings.register_profile("thorough", deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def pytest_make_parametrize_id(val: object) -> str | None:
    """Name bytes by their number: compressed ones hold the time, and each worker has to collect the same names."""
    return f"{len(val)} bytes" if isinstance(val, bytes) else None


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Only the tests of the running stack may open sockets, and those only to this machine."""
    if any(item.path.is_relative_to(folder) for folder in WITH_SOCKETS):
        pytest_socket.enable_socket()
        pytest_socket.socket_allow_hosts(["127.0.0.1", "::1", "localhost"], allow_unix_socket=True)
    else:
        pytest_socket.disable_socket(allow_unix_socket=True)


def pytest_runtest_teardown() -> None:
    """Hand sockets back, so that one test's rule never reaches the next."""
    pytest_socket.enable_socket()
    pytest_socket._remove_restrictions()
