"""The client in asyncio code."""

import asyncio

from driftguard_client import AsyncDriftGuard


async def main() -> None:
    """Log a row and a frame without blocking the event loop."""
    async with AsyncDriftGuard() as dg:
        model = await dg.model("churn")
        await model.log({"age": 41.0}, prediction=0.4)
        result = await model.log_frame({"age": [41.0, 72.0], "pred": [0.4, 0.7]}, prediction="pred")
        print(result)


asyncio.run(main())
