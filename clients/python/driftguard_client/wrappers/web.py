"""FastAPI and Starlette: a dependency that logs, and a lifespan that sends what is queued at shutdown."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from typing import Any

    from driftguard_client.client import DriftGuard
    from driftguard_client.model import Model


def prediction_log(model: Model) -> Callable[[], Callable[..., str]]:
    """Return a dependency whose value is `model.log`.

    In FastAPI: `log: Annotated[Callable[..., str], Depends(prediction_log(model))]`. Tests can replace it with
    `app.dependency_overrides`. In Starlette, call `model.log` or the dependency itself.
    """

    def dependency() -> Callable[..., str]:
        return model.log

    return dependency


def lifespan(client: DriftGuard, timeout: float = 5.0) -> Callable[[Any], Any]:
    """Return a lifespan for `FastAPI(lifespan=…)` or `Starlette(lifespan=…)` that flushes at shutdown."""

    @asynccontextmanager
    async def flushing(_app: Any) -> AsyncIterator[None]:
        yield
        await asyncio.to_thread(client.flush, timeout)

    return flushing
