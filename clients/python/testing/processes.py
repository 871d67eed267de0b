"""Starts Python processes that use the client, as a test's own."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

LIBRARY = Path(__file__).parent.parent


def python(code: str, *arguments: str, environment: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
    """Start a process that runs the code. Its output goes to pipes."""
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        env=variables(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def variables(more: dict[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a process that finds the library."""
    return {**os.environ, "PYTHONPATH": str(LIBRARY), **(more or {})}
