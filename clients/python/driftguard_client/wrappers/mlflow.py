"""MLflow: a pyfunc model that logs what it predicts. MLflow is imported when `logged` is called, never before."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def logged(python_model: Any, model: str, **client_options: Any) -> Any:
    """Return a `PythonModel` that predicts with `python_model` and logs each row under the name `model`.

    client_options: options of `DriftGuard`. The client is made where the model is loaded, so the URL and the key come
    from the environment of the serving process and are not saved with the model.
    """
    from mlflow.pyfunc import PythonModel

    class LoggedModel(PythonModel):  # type: ignore[misc]  # MLflow's class has no types
        """Predicts with another PythonModel and logs."""

        def __init__(self) -> None:
            self.python_model = python_model
            self.model = model
            self.client_options = client_options
            self._log: Any = None

        def __getstate__(self) -> dict[str, Any]:
            return {**self.__dict__, "_log": None}

        def load_context(self, context: Any) -> None:
            self.python_model.load_context(context)

        def predict(self, context: Any, model_input: Any, params: dict[str, Any] | None = None) -> Any:
            predictions = self.python_model.predict(context, model_input, params)
            if self._log is None:
                from driftguard_client import DriftGuard
                from driftguard_client.wrappers.watching import Watched

                self._log = Watched(self.python_model, DriftGuard(**self.client_options).model(self.model))._log
            self._log(model_input, predictions, None)
            return predictions

    return LoggedModel()
