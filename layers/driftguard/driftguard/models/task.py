"""What a model predicts: its task, the classes, and how values become classes.

Values compare as numbers, booleans or texts. `1`, `true` and the texts "1" and "true" are the same value, and so are
`0`, `false` and their texts. The text of a number is that number.
"""

import bisect
import re
import sys
from collections.abc import Sequence
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from driftguard.platform.serialization import Scalar, Wire

type TaskType = Literal["binary", "multiclass", "regression"]

MAX_CLASSES = 50
MAX_TEXT = 256
"""Characters of a label."""

_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?", re.ASCII)
_FLAGS = {"true": "1", "false": "0"}

Classes = Annotated[list[Scalar], Field(max_length=MAX_CLASSES)]
Threshold = Annotated[float, Field(ge=0, le=1, strict=True)]


class ValueMatrix(Wire):
    """What a prediction is worth, in money per row."""

    tp: float = Field(default=0.0, description="A positive that was predicted positive.")
    fp: float = Field(default=0.0, description="A negative that was predicted positive.")
    fn: float = Field(default=0.0, description="A positive that was predicted negative.")
    tn: float = Field(default=0.0, description="A negative that was predicted negative.")


class Task(Wire):
    """What the model predicts. Labels are compared with predictions only if a model has a task."""

    type: TaskType
    positive: Scalar = Field(
        default=None, description="Binary: the positive label. Every other label of the same type is negative."
    )
    threshold: Threshold = Field(default=0.5, description="Binary: a score at or above this value predicts positive.")
    classes: Classes | None = Field(
        default=None, description=f"Multiclass: 2 to {MAX_CLASSES} classes. Extend at the end."
    )
    value_matrix: ValueMatrix | None = Field(default=None, description="Binary: the value of each kind of row.")

    @field_validator("positive", mode="after")
    @classmethod
    def _short(cls, value: Scalar) -> Scalar:
        _check_value(value)
        return value

    @model_validator(mode="after")
    def _fits_its_type(self) -> Self:
        if self.type == "binary" and self.positive is None:
            raise ValueError("a binary task needs `positive`, the positive label, such as 1, true or a text")
        if self.type == "multiclass":
            _check_classes(self.classes)
        only = {"positive": "binary", "threshold": "binary", "value_matrix": "binary", "classes": "multiclass"}
        for name, kind in only.items():
            # A response has every default, and people send back what they read.
            if kind != self.type and getattr(self, name) not in (None, type(self).model_fields[name].default):
                raise ValueError(f"`{name}` belongs to a {kind} task; leave it out of a {self.type} task")
        return self

    @cached_property
    def codes(self) -> dict[str, int]:
        """The code of each class by its canonical text. A binary task knows 1, the positive, and 0 if it is certain."""
        if self.type == "multiclass":
            return {canonical(value): code for code, value in enumerate(self.classes or [])}
        positive = canonical(self.positive)
        return {positive: 1} | ({"0": 0} if positive == "1" else {"1": 0} if positive == "0" else {})

    @property
    def class_count(self) -> int:
        """Number of classes; 0 for a regression."""
        return len(self.classes or ()) if self.type == "multiclass" else 2 if self.type == "binary" else 0

    def class_of(self, value: Scalar) -> int | None:
        """Return the code of the class that a value names; None if it names none."""
        if value is None or self.type == "regression":
            return None
        code = self.codes.get(canonical(value))
        if code is None and self.type == "binary" and not self._exact and _kind(value) == _kind(self.positive):
            return 0
        return code

    @property
    def _exact(self) -> bool:
        """Whether the classes of a binary task are exactly 0 and 1."""
        return len(self.codes) == 2

    def number_of(self, value: Scalar) -> float | None:
        """Return a value of a regression; None if the value is not a finite number."""
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return None
        return float(value) if abs(value) <= sys.float_info.max else None

    def truth_of(self, value: Scalar) -> float | None:
        """Return a label as it is stored: the code of its class, or the number; None if the task has no such label."""
        return self.number_of(value) if self.type == "regression" else self.class_of(value)

    def reason(self) -> str:
        """Return why a label for which `truth_of` is None is refused."""
        if self.type == "regression":
            return "must be a number, because the task is a regression"
        if self.type == "multiclass":
            return "is no class of the task; add the class at the end of `task.classes` first"
        if self._exact:
            return "must be 0 or 1, because `task.positive` is one of them"
        return f"must be a {_kind(self.positive)}, as `task.positive` is"

    def score_of(self, score: float | None, prediction: Scalar) -> float | None:
        """Return the score of a row of a binary task: its own, or a prediction that is a number from 0 to 1."""
        if score is None and isinstance(prediction, (int, float)) and not isinstance(prediction, bool):
            return float(prediction) if 0 <= prediction <= 1 else None
        return score

    def predicted(
        self,
        prediction: Scalar,
        score: float | None,
        probabilities: dict[str, float] | Sequence[float] | None,
        threshold: float,
    ) -> int | None:
        """Return the code of the predicted class: of the prediction, else by the score or the highest probability."""
        own = self.class_of(prediction)
        if own is not None and not (self.type == "binary" and self._is_score(prediction)):
            return own
        if self.type == "binary":
            score = self.score_of(score, prediction)
            return None if score is None else int(score >= threshold)
        if not probabilities:
            return None
        if isinstance(probabilities, dict):
            best = max(probabilities, key=probabilities.__getitem__)
            return self.class_of(best)
        best_place = max(range(len(probabilities)), key=probabilities.__getitem__)
        return best_place if best_place < self.class_count else None

    def _is_score(self, prediction: Scalar) -> bool:
        """Whether a number is a score and no class, although other numbers are negative labels."""
        return isinstance(prediction, float) and 0 < prediction < 1


type Thresholds = Sequence[tuple[str, float]]
"""Each threshold of a binary task with the time (RFC 3339) from which it held, oldest first."""


def threshold_at(thresholds: Thresholds, arrived_at: str, current: float) -> float:
    """Return the threshold in force at a time. Before the first known time the first threshold holds."""
    if not thresholds:
        return current
    place = bisect.bisect_right(thresholds, arrived_at, key=lambda entry: entry[0])
    return thresholds[max(place - 1, 0)][1]


def canonical(value: Scalar) -> str:
    """Return the text that equal values share."""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, str):
        text = value.strip()
        if _NUMBER.fullmatch(text):
            return canonical(float(text))
        return _FLAGS.get(text.lower(), value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else repr(value)


def _kind(value: Scalar) -> str:
    """Return what a value compares as: a number or a text. The texts of booleans are numbers here, 0 and 1."""
    return "number" if _NUMBER.fullmatch(canonical(value)) else "string"


def _check_value(value: Scalar) -> None:
    if isinstance(value, str) and not 1 <= len(value) <= MAX_TEXT:
        raise ValueError(f"must have 1 to {MAX_TEXT} characters")


def _check_classes(classes: Sequence[Scalar] | None) -> None:
    if classes is None or len(classes) < 2:
        raise ValueError(f"a multiclass task needs `classes`, a list of 2 to {MAX_CLASSES} labels")
    if any(value is None for value in classes):
        raise ValueError("null is not a class")
    for value in classes:
        _check_value(value)
    if len({canonical(value) for value in classes}) < len(classes):
        raise ValueError("`classes` names one class twice; 1, true and their texts are the same class")


def refused_change(before: Task | None, after: Task | None) -> str | None:
    """Return why a task cannot change in this way once the model has labels; None if it can."""
    if before is None:
        return None
    if after is None:
        return "The model has labels, so its task cannot be removed."
    if after.type != before.type or canonical(after.positive) != canonical(before.positive):
        return "The model has labels, so `task.type` and `task.positive` cannot change. Create a new model instead."
    old, new = ([canonical(value) for value in task.classes or ()] for task in (before, after))
    if new[: len(old)] != old:
        return "The model has labels, so `task.classes` can only be extended at the end."
    return None


def with_threshold(
    thresholds: Thresholds, before: Task | None, after: Task | None, now: str
) -> list[tuple[str, float]]:
    """Return the history of thresholds after a change of the task."""
    entries = [(since, value) for since, value in thresholds]
    if after is None or after.type != "binary":
        return entries
    if before is None or before.type != "binary":
        return [(now, after.threshold)]
    if not entries:
        entries = [("", before.threshold)]
    return entries if entries[-1][1] == after.threshold else [*entries, (now, after.threshold)]
