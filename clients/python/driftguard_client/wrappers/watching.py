"""An estimator that logs its predictions."""

from __future__ import annotations

import sys

from driftguard_client.errors import DriftGuardError
from driftguard_client.frames import Frame

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from driftguard_client.model import Model


class Watched:
    """Wraps an estimator. `predict` and `predict_proba` return what the estimator returns, and log each row.

    feature_names: the names of the columns of an array. Default: the names of a frame, or the estimator's
      `feature_names_in_`.
    positive: the class whose probability is logged as `score`. Default: the second of two classes.
    All other attributes are those of the estimator.
    """

    def __init__(
        self, estimator: Any, model: Model, *, feature_names: Sequence[str] | None = None, positive: Any = None
    ) -> None:
        self._estimator = estimator
        self._model = model
        self._names = feature_names
        self._positive = positive

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "_estimator":  # asked while an instance is being copied or unpickled
            raise AttributeError(name)
        return getattr(self._estimator, name)

    def predict(self, rows: Any, *arguments: Any, **options: Any) -> Any:
        """Return the estimator's predictions, and log them."""
        predictions = self._estimator.predict(rows, *arguments, **options)
        self._log(rows, predictions, None)
        return predictions

    def predict_proba(self, rows: Any, *arguments: Any, **options: Any) -> Any:
        """Return the estimator's probabilities, and log them with the most probable class as the prediction."""
        probabilities = self._estimator.predict_proba(rows, *arguments, **options)
        self._log(rows, None, probabilities)
        return probabilities

    def _log(self, rows: Any, predictions: Any, probabilities: Any) -> None:
        try:
            records = records_of(rows, self._names or getattr(self._estimator, "feature_names_in_", None))
            answers = None if predictions is None else _listed(predictions)
            shares = None if probabilities is None else _listed(probabilities)
            for index, features in enumerate(records):
                if shares is not None:
                    self._log_classes(features, shares[index])
                else:
                    self._model.log(features, None if answers is None else answers[index])
        except Exception as error:
            client = self._model.client
            if client._options.strict:
                raise
            client._problems.report(DriftGuardError(f"watch: {type(error).__name__}: {error}"), "watch")

    def _log_classes(self, features: dict[str, Any], shares: list[float]) -> None:
        classes = getattr(self._estimator, "classes_", None)
        names = _listed(classes) if classes is not None else list(range(len(shares)))
        best = max(range(len(shares)), key=shares.__getitem__)
        score = None
        if self._positive is not None:
            score = shares[names.index(self._positive)]
        elif len(names) == 2:
            score = shares[1]
        self._model.log(features, names[best], score, dict(zip(names, shares, strict=True)))


def records_of(rows: Any, names: Any) -> list[dict[str, Any]]:
    """Return rows as dictionaries: of a frame, of dictionaries, or of an array with names. Raises DriftGuardError."""
    if hasattr(rows, "columns") or hasattr(rows, "column_names"):
        frame = Frame(rows)
        columns = [frame.values(name) for name in frame.names]
        return [dict(zip(frame.names, values, strict=True)) for values in zip(*columns, strict=True)]
    if hasattr(rows, "items"):
        return [dict(rows.items())]
    if isinstance(rows, (list, tuple)) and rows and hasattr(rows[0], "items"):
        return [dict(row.items()) for row in rows]
    if hasattr(rows, "toarray") and "scipy" in sys.modules:  # a sparse matrix
        rows = rows.toarray()
    values = _listed(rows)
    if values and not isinstance(values[0], (list, tuple)):
        values = [values]
    if names is None:
        raise DriftGuardError(
            "The rows have no names, and the estimator has no feature_names_in_. Pass feature_names=[…] to watch()."
        )
    texts = [str(name) for name in names]
    if values and len(values[0]) != len(texts):
        raise DriftGuardError(f"The rows have {len(values[0])} columns, but there are {len(texts)} names.")
    return [dict(zip(texts, row, strict=True)) for row in values]


def _listed(values: Any) -> list[Any]:
    for method in ("tolist", "to_list", "to_pylist"):
        convert = getattr(values, method, None)
        if callable(convert):
            converted = convert()
            return converted if isinstance(converted, list) else [converted]
    nested = getattr(values, "values", None)  # a DataFrame has no tolist
    if nested is not None and hasattr(nested, "tolist"):
        return _listed(nested)
    return list(values)
