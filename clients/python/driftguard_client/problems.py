"""What happens to problems that must not reach the caller: `on_error`, `stats()`, and `stderr` once."""

from __future__ import annotations

import contextlib
import sys
import threading
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from driftguard_client.errors import DriftGuardError

EVERY_SECONDS = 60.0
"""Drops are reported at most this often."""


class Problems:
    """Reports problems. Each kind is printed once; lost rows are printed at most once a minute, with their number."""

    def __init__(self, on_error: Callable[[DriftGuardError], object] | None) -> None:
        self._on_error = on_error
        self._printed: set[str] = set()
        self._lost = 0
        self._lost_printed = -EVERY_SECONDS
        self._lock = threading.Lock()
        self.last: str | None = None

    def reset_locks(self) -> None:
        """Make new locks, in a process that was just forked."""
        self._lock = threading.Lock()

    def report(self, error: DriftGuardError, kind: str) -> None:
        """Keep an error for `stats()`, pass it to `on_error`, and print the first of its kind."""
        self.last = str(error)
        self._call(error)
        with self._lock:
            if kind in self._printed:
                return
            self._printed.add(kind)
        self._print(f"driftguard: {error} (Printed once; see stats() for more.)")

    def report_lost(self, error: DriftGuardError, rows: int) -> None:
        """Count lost rows, pass the error to `on_error`, and print their number at most once a minute."""
        self.last = str(error)
        self._call(error)
        now = time.monotonic()
        with self._lock:
            self._lost += rows
            if now - self._lost_printed < EVERY_SECONDS:
                return
            self._lost_printed = now
            lost, self._lost = self._lost, 0
        self._print(f"driftguard: {lost} {'row was' if lost == 1 else 'rows were'} not logged. {error}")

    def _call(self, error: DriftGuardError) -> None:
        if self._on_error is not None:
            # A callback that fails must not hurt the process that logs.
            with contextlib.suppress(Exception):
                self._on_error(error)

    @staticmethod
    def _print(text: str) -> None:
        with contextlib.suppress(Exception):
            print(text, file=sys.stderr, flush=True)  # noqa: T201  a last resort: nobody may read on_error or stats()
