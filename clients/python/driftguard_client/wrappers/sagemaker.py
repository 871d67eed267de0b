"""SageMaker: a `predict_fn` for `inference.py` that logs what it predicts."""

from __future__ import annotations

import functools

from driftguard_client.wrappers.watching import Watched

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from driftguard_client.model import Model


def logged(
    model: Model, predict_fn: Callable[..., Any] | None = None, *, feature_names: Sequence[str] | None = None
) -> Callable[..., Any]:
    """Return a `predict_fn(input_data, model)` that logs each row of `input_data` with its prediction.

    predict_fn: your own function. Default: `model.predict(input_data)`, as the scikit-learn container does.
    feature_names: the names of the columns of an array. Default: `feature_names_in_` of the estimator.
    """

    def predict(input_data: Any, estimator: Any, *context: Any) -> Any:
        if predict_fn is not None:
            predictions = predict_fn(input_data, estimator, *context)
        else:
            predictions = estimator.predict(input_data)
        Watched(estimator, model, feature_names=feature_names)._log(input_data, predictions, None)
        return predictions

    return functools.wraps(predict_fn)(predict) if predict_fn is not None else predict
