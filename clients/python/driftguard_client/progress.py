"""A line on a terminal that says how far long work is."""

from __future__ import annotations

import sys
import time

_EVERY = 0.2


PLAIN_WIDTH = 100
"""The width of drawings that no terminal shows."""


def width_of_output() -> int | None:
    """Return the columns of the terminal that shows the output; None if no terminal does, so nothing need be cut."""
    import shutil

    return shutil.get_terminal_size((PLAIN_WIDTH, 24)).columns if sys.stdout.isatty() else None


class Progress:
    """Prints `phase 40% (2,000 of 5,000 rows)` on one line of stderr. Prints nothing if stderr is no terminal."""

    def __init__(self, unit: str = " rows") -> None:
        self._unit = unit
        self._is_shown = sys.stderr.isatty()
        self._width = 0
        self._last = 0.0

    def __call__(self, phase: str, done: int, total: int) -> None:
        """Show how far a phase is. A total of 0 means that it is unknown."""
        now = time.monotonic()
        if not self._is_shown or (now - self._last < _EVERY and done < total):
            return
        self._last = now
        share = f"{100 * done // total}% ({done:,} of {total:,}{self._unit})" if total else "…"
        text = f"{phase} {share}"
        sys.stderr.write("\r" + text.ljust(self._width))
        sys.stderr.flush()
        self._width = len(text)

    def end(self) -> None:
        """Clear the line."""
        if self._is_shown and self._width:
            sys.stderr.write("\r" + " " * self._width + "\r")
            sys.stderr.flush()
            self._width = 0
