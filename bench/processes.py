"""Runs a module of the bench in a process of its own, with the Python of any environment."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from bench.environments import ROOT
from scripts.build.wheels import ENGINE

SILENT = {"DO_NOT_TRACK": "1", "NML_DISABLE_USAGE_LOGGING": "1"}
"""No tool may report its use."""


def found_by(python: Path, module: str, *arguments: Path, timeout: float) -> dict[str, Any]:
    """Return what a module prints as JSON in its last line. The project, its client and its engine can be imported.

    Raises subprocess.TimeoutExpired after `timeout` seconds, and subprocess.CalledProcessError if the module fails.
    """
    path = os.pathsep.join(map(str, (ROOT, ROOT / "clients" / "python", ENGINE / "src")))
    done = subprocess.run(
        [str(python), "-W", "ignore", "-m", module, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **SILENT, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
        timeout=timeout,
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
