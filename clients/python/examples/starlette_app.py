"""A Starlette application that logs each prediction. Start it with `uvicorn starlette_app:app`."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from driftguard_client import DriftGuard
from driftguard_client.wrappers.web import lifespan

dg = DriftGuard()
model = dg.model("churn")


async def predict(request: Request) -> JSONResponse:
    """Predict and log. log() does not block, so the event loop is not delayed."""
    customer = await request.json()
    score = min(1.0, customer["age"] / 100)
    return JSONResponse({"score": score, "prediction_id": model.log(customer, score)})


app = Starlette(routes=[Route("/predict", predict, methods=["POST"])], lifespan=lifespan(dg))
