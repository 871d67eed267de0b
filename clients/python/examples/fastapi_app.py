"""A FastAPI application that logs each prediction. Start it with `uvicorn fastapi_app:app`."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, FastAPI
from pydantic import BaseModel

from driftguard_client import DriftGuard
from driftguard_client.wrappers.web import lifespan, prediction_log

dg = DriftGuard()
app = FastAPI(lifespan=lifespan(dg))
Log = Annotated[Callable[..., str], Depends(prediction_log(dg.model("churn")))]


class Customer(BaseModel):
    """What the model needs to know."""

    age: float
    plan: str


@app.post("/predict")
def predict(customer: Customer, log: Log) -> dict[str, str | float]:
    """Predict, log, and return the id, with which the true value can be sent later."""
    score = min(1.0, customer.age / 100)
    return {"score": score, "prediction_id": log(customer.model_dump(), prediction=score)}
