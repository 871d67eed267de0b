"""Says what to do if Python is too old for comparisons, or a package is missing. It is imported before they are."""

import sys
from importlib.util import find_spec

NEEDED = ("driftguard_engine", "numpy", "pyarrow", "pydantic", "scipy")
"""The packages of the extra `compare`."""

OLDEST = (3, 12)
INSTALL = "pip install 'driftguard-client[compare]'"


def problem(version: tuple[int, int, int], missing: list[str]) -> str | None:
    """Return what to do before data can be compared; None if nothing is missing. version: that of Python."""
    if version[:2] < OLDEST:
        return (
            f"You run Python {'.'.join(map(str, version))}; compare and backtest need Python 3.12 or newer. "
            f"Make an environment with it: python3.12 -m venv .venv && .venv/bin/{INSTALL}"
        )
    return f"compare and backtest need {', '.join(missing)}. Install them with: {INSTALL}" if missing else None


_problem = problem(sys.version_info[:3], [name for name in NEEDED if find_spec(name) is None])
if _problem is not None:
    raise ImportError(_problem)
