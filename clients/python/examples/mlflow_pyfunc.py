"""An MLflow model that logs what it predicts, wherever it is served."""

import tempfile
from typing import Any

import mlflow.pyfunc
import pandas as pd

from driftguard_client.wrappers.mlflow import logged


class Churn(mlflow.pyfunc.PythonModel):  # type: ignore[misc]  # MLflow's class has no types
    """A model of your own."""

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> Any:
        """Predict."""
        return (model_input["age"] / 100).clip(upper=1.0)


with tempfile.TemporaryDirectory() as folder:
    mlflow.pyfunc.save_model(f"{folder}/churn", python_model=logged(Churn(), model="churn"), pip_requirements=[])
    served = mlflow.pyfunc.load_model(f"{folder}/churn")
    print(served.predict(pd.DataFrame({"age": [41.0, 72.0, 18.0]})).tolist())
