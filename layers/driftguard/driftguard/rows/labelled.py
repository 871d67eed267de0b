"""Rows with a label, of which a model's performance can be computed. They keep no features."""

from collections.abc import Sequence

from driftguard.platform.serialization import Scalar
from driftguard.rows.columns import Probabilities, Row


def labelled_row(
    prediction: Scalar, label: Scalar, score: float | None = None, probabilities: Probabilities | None = None
) -> Row | None:
    """Return a row without its features and its time; None if it has no label."""
    if label is None or label == "":
        return None
    return Row(0.0, {}, prediction, None, score, probabilities, label)


def labelled_rows(
    labels: Sequence[Scalar],
    predictions: Sequence[Scalar] | None = None,
    scores: Sequence[float | None] | None = None,
) -> list[Row]:
    """Return the rows with a label of columns. All columns have one length. `scores` may be empty or None."""
    if not labels:
        return []
    nothing = [None] * len(labels)
    rows = zip(predictions or nothing, labels, scores or nothing, strict=True)
    found = (labelled_row(prediction, label, score) for prediction, label, score in rows)
    return [row for row in found if row is not None]


def can_be_compared(row: Row) -> bool:
    """Whether the row has anything that its label can be compared with."""
    return row.prediction is not None or row.score is not None or bool(row.probabilities)
