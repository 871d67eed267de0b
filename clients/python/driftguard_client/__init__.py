"""The client library of DriftGuard: log predictions, set baselines, run checks and read reports.

from driftguard_client import DriftGuard

dg = DriftGuard()                               # DRIFTGUARD_URL and DRIFTGUARD_API_KEY, or `driftguard login`
model = dg.model("churn")
model.log({"age": 41, "plan": "basic"}, prediction=0.12)
"""

from __future__ import annotations

from driftguard_client.client import DriftGuard
from driftguard_client.errors import (
    ArgumentError,
    ConfigurationError,
    DriftGuardError,
    DroppedError,
    RejectedError,
    ResponseError,
    UnreachableError,
)
from driftguard_client.model import Model
from driftguard_client.version import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from driftguard_client.asynchronous import AsyncDriftGuard, AsyncModel
    from driftguard_client.comparing import compare as compare

__all__ = [
    "ArgumentError",
    "AsyncDriftGuard",
    "AsyncModel",
    "ConfigurationError",
    "DriftGuard",
    "DriftGuardError",
    "DroppedError",
    "Model",
    "RejectedError",
    "ResponseError",
    "UnreachableError",
    "__version__",
    "compare",
]


def __getattr__(name: str) -> object:
    """Import the parts that few programs need when they are used."""
    if name in {"AsyncDriftGuard", "AsyncModel"}:
        from driftguard_client import asynchronous

        return getattr(asynchronous, name)
    if name == "compare":
        from driftguard_client.comparing import compare

        return compare
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
