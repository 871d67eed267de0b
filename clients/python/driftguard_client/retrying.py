"""Retries of a request that logs rows, with full jitter."""

from __future__ import annotations

import random
import time

from driftguard_client.errors import DriftGuardError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from driftguard_client.batches import Kind
    from driftguard_client.transport import Response, Transport

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0


def may_succeed_later(error: DriftGuardError) -> bool:
    """Return whether a retry can help: there was no response, or it was 429, 5xx, or a success that is not JSON."""
    return error.status is None or error.status == 429 or error.status >= 500 or error.status < 300


def deliver(
    transport: Transport,
    kind: Kind,
    content: bytes,
    *,
    timeout: float,
    deadline: float,
    pause: Callable[[float, DriftGuardError], bool],
) -> Response:
    """Send a request that the service stores once, and retry until `deadline` (by `time.monotonic`).

    pause: waits so many seconds after an error; returns False to give up.
    Raises the last error when a retry cannot help or would come too late.
    """
    attempt = 0
    while True:
        try:
            left = deadline - time.monotonic()
            response = transport.request("POST", kind.path, content, timeout=min(timeout, left), repeatable=True)
            if response.is_success:
                response.json()
                return response
            error: DriftGuardError = response.error(kind.what)
        except DriftGuardError as failure:
            error = failure
        if not may_succeed_later(error):
            raise error
        seconds = random.uniform(0, min(LONGEST_PAUSE, FIRST_PAUSE * 2**attempt))  # noqa: S311  it keeps no secret
        seconds += error.retry_after or 0.0
        if time.monotonic() + seconds >= deadline or not pause(seconds, error):
            raise error
        attempt += 1
