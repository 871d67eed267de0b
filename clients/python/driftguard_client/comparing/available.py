"""Says what to install if a package is missing that comparisons need. It is imported before they are."""

from importlib.util import find_spec

NEEDED = ("driftguard_engine", "numpy", "pyarrow", "pydantic", "scipy")
"""The packages of the extra `compare`."""

_missing = [name for name in NEEDED if find_spec(name) is None]
if _missing:
    raise ImportError(
        f"compare and backtest need {', '.join(_missing)}, and Python 3.12 or newer. "
        'Install them with: pip install "driftguard-client[compare]"'
    )
