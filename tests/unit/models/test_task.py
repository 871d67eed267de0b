"""The task of a model: which values are equal, which labels it takes, and what a prediction means."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from driftguard.models.task import MAX_CLASSES, Task, canonical, refused_change, threshold_at, with_threshold
from driftguard.platform.serialization import Scalar


@pytest.mark.parametrize(
    ("same", "other"),
    [
        ([1, 1.0, True, "1", "true", "True", "1.0", " 1"], 0),
        ([0, False, "0", "false", "FALSE", 0.0, -0.0], 1),
        ([2, 2.0, "2", "2.0"], "two"),
        ([0.5, "0.5"], "0,5"),
        (["yes"], "Yes"),
        (["01"], "1"),
        ([-3, "-3"], 3),
    ],
)
def test_equal_values_have_one_text(same: list[Scalar], other: Scalar) -> None:
    """Numbers, booleans and their texts are equal; other texts are equal only if each character is."""
    assert len({canonical(value) for value in same}) == 1
    assert canonical(other) != canonical(same[0])


@given(st.one_of(st.integers(-(2**53), 2**53), st.floats(allow_nan=False, allow_infinity=False)))
def test_the_text_of_a_number_is_that_number(number: float) -> None:
    """A number that went through CSV or JSON keys is still the same class."""
    assert canonical(str(number)) == canonical(number)


@pytest.mark.parametrize("positive", [1, True, "1", "true"])
def test_with_positive_1_the_classes_are_0_and_1(positive: Scalar) -> None:
    """Only 0, 1 and their spellings are labels, and a number between is a score."""
    task = Task(type="binary", positive=positive)
    assert [task.class_of(value) for value in (1, "true", 0, False, "0")] == [1, 1, 0, 0, 0]
    assert [task.class_of(value) for value in (2, 0.5, "no", None)] == [None] * 4
    assert "0 or 1" in task.reason()
    assert Task(type="binary", positive=0).class_of("true") == 0
    assert Task(type="binary", positive=0).class_of(False) == 1


def test_every_other_label_of_the_type_is_negative() -> None:
    """With a text as the positive label, other texts are negative and numbers are refused, and the reverse."""
    churned = Task(type="binary", positive="churned")
    assert [churned.class_of(value) for value in ("churned", "stays", "", 3, True)] == [1, 0, 0, None, None]
    two = Task(type="binary", positive=2)
    assert [two.class_of(value) for value in (2, "2", 7, "x", None)] == [1, 1, 0, None, None]
    assert churned.reason() == "must be a string, as `task.positive` is"


def test_multiclass_labels_are_the_classes() -> None:
    """A label's code is the place of its class; others are refused with the next step."""
    task = Task(type="multiclass", classes=["a", 2, True])
    assert [task.class_of(value) for value in ("a", "2", 1, "b")] == [0, 1, 2, None]
    assert task.class_count == 3
    assert "end of `task.classes`" in task.reason()


def test_regression_labels_are_finite_numbers() -> None:
    """Numbers are labels; texts, booleans, huge integers and missing values are not."""
    task = Task(type="regression")
    assert task.truth_of(3) == 3.0
    assert [task.truth_of(value) for value in ("3", True, None, 10**400, float("inf"))] == [None] * 5
    assert task.class_of(1) is None
    assert task.class_count == 0


@pytest.mark.parametrize(
    ("prediction", "score", "threshold", "expected"),
    [
        (1, 0.2, 0.5, 1),
        (0, 0.9, 0.5, 0),
        (None, 0.5, 0.5, 1),
        (None, 0.49, 0.5, 0),
        (0.7, None, 0.5, 1),
        (0.7, None, 0.8, 0),
        (0.7, 0.1, 0.5, 0),
        (None, None, 0.5, None),
        (7, None, 0.5, None),
        ("x", 0.9, 0.5, 1),
        (True, None, 0.5, 1),
    ],
)
def test_the_predicted_class(prediction: Scalar, score: float | None, threshold: float, expected: int | None) -> None:
    """A prediction that is a class decides, else the score and the threshold."""
    assert Task(type="binary", positive=1).predicted(prediction, score, None, threshold) == expected


def test_the_predicted_class_of_several() -> None:
    """Without a prediction the highest probability decides, by name or by place."""
    task = Task(type="multiclass", classes=["a", "b", 3])
    assert task.predicted("b", None, {"a": 0.9, "b": 0.1}, 0.5) == 1
    assert task.predicted(None, None, {"a": 0.2, "3": 0.8}, 0.5) == 2
    assert task.predicted(None, None, [0.1, 0.7, 0.2], 0.5) == 1
    assert task.predicted("new", None, {"other": 1.0}, 0.5) is None
    assert task.predicted(None, None, None, 0.5) is None
    assert task.predicted(None, None, [0, 0, 0, 1], 0.5) is None


def test_a_prediction_between_0_and_1_is_a_score() -> None:
    """A row's own score comes first; booleans and other numbers are no scores."""
    task = Task(type="binary", positive=1)
    assert [task.score_of(None, value) for value in (0.3, 1, True, 1.5, "0.3", None)] == [
        0.3,
        1.0,
        None,
        None,
        None,
        None,
    ]
    assert task.score_of(0.2, 0.3) == 0.2


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"type": "binary"}, "needs `positive`"),
        ({"type": "multiclass"}, "needs `classes`"),
        ({"type": "multiclass", "classes": ["a"]}, "2 to 50"),
        ({"type": "multiclass", "classes": [*range(MAX_CLASSES + 1)]}, "at most 50"),
        ({"type": "multiclass", "classes": ["1", True]}, "names one class twice"),
        ({"type": "multiclass", "classes": ["a", None]}, "null is not a class"),
        ({"type": "multiclass", "classes": ["a", "b"], "threshold": 0.4}, "belongs to a binary task"),
        ({"type": "regression", "positive": 1}, "belongs to a binary task"),
        ({"type": "binary", "positive": 1, "classes": [0, 1]}, "belongs to a multiclass task"),
        ({"type": "binary", "positive": 1, "threshold": 1.5}, "less than or equal to 1"),
        ({"type": "binary", "positive": "x" * 257}, "1 to 256 characters"),
        ({"type": "ranking"}, "'binary', 'multiclass' or 'regression'"),
        ({"type": "binary", "positive": 1, "treshold": 0.5}, "Extra inputs"),
        ({"type": "binary", "positive": 1, "value_matrix": {"tp": float("nan")}}, "finite number"),
    ],
)
def test_a_wrong_task_is_refused_with_the_reason(wrong: dict[str, Any], message: str) -> None:
    """Each mistake names what is wrong."""
    with pytest.raises(ValidationError, match=message):
        Task.model_validate(wrong)


def test_a_task_survives_json() -> None:
    """What is stored reads back as the same task, with the kinds of its values."""
    for task in (
        Task.model_validate({"type": "binary", "positive": True, "threshold": 0.3, "value_matrix": {"tp": 5}}),
        Task.model_validate({"type": "multiclass", "classes": ["a", 1, 2.5, False]}),
        Task(type="regression"),
    ):
        assert Task.model_validate(task.model_dump(mode="json", exclude_unset=True)) == task


def test_with_labels_a_task_only_grows() -> None:
    """Type and positive stay, the task stays, classes grow at the end, and the rest is free."""
    binary, classes = Task(type="binary", positive="yes"), Task(type="multiclass", classes=["a", "b"])
    assert refused_change(None, binary) is None
    assert refused_change(binary, Task(type="binary", positive="yes", threshold=0.2)) is None
    assert "cannot be removed" in (refused_change(binary, None) or "")
    assert "cannot change" in (refused_change(binary, Task(type="binary", positive="no")) or "")
    assert "cannot change" in (refused_change(binary, classes) or "")
    assert refused_change(Task(type="binary", positive=1), Task(type="binary", positive="true")) is None
    assert refused_change(classes, Task(type="multiclass", classes=["a", "b", "c"])) is None
    for given_classes in (["b", "a"], ["a", "c"], ["a", "x", "b"]):
        assert "at the end" in (refused_change(classes, Task(type="multiclass", classes=given_classes)) or "")


def test_a_prediction_keeps_the_threshold_of_its_arrival() -> None:
    """A changed threshold holds for later arrivals only."""
    old, new = Task(type="binary", positive=1), Task(type="binary", positive=1, threshold=0.8)
    history = with_threshold([], None, old, "2026-11-01T00:00:00.000000Z")
    assert with_threshold(history, old, old, "2026-11-02T00:00:00.000000Z") == history
    history = with_threshold(history, old, new, "2026-11-03T00:00:00.000000Z")
    assert threshold_at(history, "2026-10-01T00:00:00.000000Z#k", 0.1) == 0.5
    assert threshold_at(history, "2026-11-02T23:59:59.999999Z#k", 0.1) == 0.5
    assert threshold_at(history, "2026-11-03T00:00:00.000000Z#k", 0.1) == 0.8
    assert threshold_at([], "2026-11-03T00:00:00.000000Z#k", 0.1) == 0.1
    assert with_threshold([], old, new, "t") == [("", 0.5), ("t", 0.8)]
    assert with_threshold(history, new, Task(type="regression"), "t") == history
