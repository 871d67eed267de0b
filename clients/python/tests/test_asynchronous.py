"""The client for asyncio: the same methods, and an event loop that is never blocked."""

import asyncio
import time

from driftguard_client import AsyncDriftGuard, AsyncModel, DriftGuard, Model
from testing.service import Service

NO_COROUTINES = {"connection", "watch", "lambda_handler", "request", "listed", "log_row", "log_label_row"}
"""Parts that wait for nothing, or that only this package uses."""


def test_each_method_has_its_coroutine() -> None:
    """What DriftGuard and Model can do, AsyncDriftGuard and AsyncModel can."""
    for plain, coroutines in ((DriftGuard, AsyncDriftGuard), (Model, AsyncModel)):
        names = {name for name in vars(plain) if not name.startswith("_")}
        assert names - NO_COROUTINES <= set(vars(coroutines))


def test_the_event_loop_goes_on_while_the_service_hangs(service: Service) -> None:
    """A flush and a frame that wait for two seconds delay no other coroutine by more than a moment."""
    service.fault = lambda _number: "hang"
    service.hang_seconds = 2.0

    async def beat() -> float:
        longest = 0.0
        for _ in range(20):
            began = time.monotonic()
            await asyncio.sleep(0.05)
            longest = max(longest, time.monotonic() - began)
        return longest

    async def run() -> float:
        async with AsyncDriftGuard(service.url, service.key) as dg:
            model = await dg.model("churn")
            own_id = await model.log({"age": 1.0}, 0.5)
            longest, is_sent, result = await asyncio.gather(
                beat(), dg.flush(timeout=10), model.log_frame({"age": [1.0, 2.0]})
            )
            assert is_sent
            assert result.accepted == 2
            assert own_id in service.ids
            return longest

    assert asyncio.run(run()) < 1.0
