"""AWS Lambda: rows are sent before the handler returns, because Lambda freezes all threads right after it."""

from __future__ import annotations

import functools

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from driftguard_client.client import DriftGuard

LONGEST = 5.0
"""Seconds that an invocation waits for the service."""
SPARE = 0.5
"""Seconds before the invocation's own time-out that are left to the handler's answer."""


def flushing(client: DriftGuard, handler: Any) -> Any:
    """Return a handler that sends the logged rows before it returns, also if it raises.

    Rows that cannot be sent in time stay queued for the next invocation of the same environment.
    """
    if client._sender is not None:
        client._sender.use_callers_thread()

    @functools.wraps(handler)
    def wrapped(event: Any, context: Any = None, *arguments: Any, **options: Any) -> Any:
        try:
            return handler(event, context, *arguments, **options)
        finally:
            if client._sender is not None:
                client._sender.flush(_seconds(context))

    return wrapped


def _seconds(context: Any) -> float:
    remaining = getattr(context, "get_remaining_time_in_millis", None)
    if not callable(remaining):
        return LONGEST
    return max(0.1, min(LONGEST, float(remaining()) / 1000 - SPARE))
