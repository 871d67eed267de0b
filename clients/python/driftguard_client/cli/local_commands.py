"""What the commands that need no server share: their exit status, progress, and writing of results."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from driftguard_client.progress import width_of_output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from driftguard_client.comparing.shown import Shown

OK, FAILED, WRONG = 0, 1, 2
INTERRUPTED = 130
EVERY = 0.2
"""Seconds between two lines of progress."""


class Terminal:
    """Shows progress on standard error while it is a terminal."""

    def __init__(self) -> None:
        self._shown = False
        self._last = 0.0
        self._is_terminal = sys.stderr.isatty()

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_error: object) -> None:
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def tell(self, what: str, rows: int) -> None:
        """Show what is being done and the number of rows so far."""
        now = time.monotonic()
        if not self._is_terminal or now - self._last < EVERY:
            return
        self._last, self._shown = now, True
        line = f"{what}: {rows:,} rows" if rows else f"{what} …"
        sys.stderr.write(f"\r\x1b[K{line[: shutil.get_terminal_size().columns - 1]}")
        sys.stderr.flush()

    def write(
        self, result: Shown, arguments: argparse.Namespace, more: Mapping[str, Callable[[], str]] | None = None
    ) -> None:
        """Write a result in the format of `--format` to the file of `--out`, or to standard output. Raises OSError.

        more: formats beside text, JSON and HTML.
        """
        width = width_of_output() if arguments.out is None else None
        texts: dict[str, Callable[[], str]] = {
            "text": lambda: result.to_text(width),
            "json": lambda: json.dumps(result.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n",
            "html": result.to_html,
            **(more or {}),
        }
        text = texts[arguments.format]()
        if arguments.out is None:
            sys.stdout.write(text)
            sys.stdout.flush()
        else:
            Path(arguments.out).write_text(text, encoding="utf-8")


def guarded(command: str, run: Callable[[], int]) -> int:
    """Return the exit status of a command. Every error becomes a sentence on standard error and the status 2."""
    try:
        return run()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of the output has ended, for example `head`. Python must not fail at exit for the same reason.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return WRONG
    except MemoryError:
        said = "not enough memory. Compare a sample of the rows, or use Parquet, which is read in parts."
    except Exception as error:  # noqa: BLE001  a crash must not look like a finding, whose status is 1
        said = _said(error)
    sys.stderr.write(f"driftguard {command}: {said}\n")
    return WRONG


def _said(error: Exception) -> str:
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}{error.strerror or error}. Check the path and try again."
    # Errors of the comparison have a text for people. `comparing` cannot be imported here, since it is optional.
    if type(error).__name__ == "CompareError" or isinstance(error, ImportError):
        return str(error)
    shown = str(error).splitlines()[0][:300] if str(error) else ""
    return f"unexpected {type(error).__name__}: {shown}. This is a fault of DriftGuard: please report it."
