"""A Lambda function that logs its predictions. They are sent before the handler returns."""

from typing import Any

from driftguard_client import DriftGuard

dg = DriftGuard()  # outside the handler: connections are kept between invocations
model = dg.model("churn")


@dg.lambda_handler
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Predict and log."""
    score = min(1.0, event["age"] / 100)
    return {"score": score, "prediction_id": model.log(event, score)}
