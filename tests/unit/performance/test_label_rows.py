"""Reading labels one by one: each mistake is told its place and the reason."""

from datetime import UTC, datetime
from typing import Any

import pytest

from driftguard.models.task import Task
from driftguard.performance.label_rows import read_label
from driftguard.platform.times import HOUR, iso
from driftguard.rows.reading import BadRow

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
TASK = Task(type="binary", positive="yes")


@pytest.mark.parametrize(
    ("label", "place", "message"),
    [
        ({"label": "yes"}, "prediction_id", "is required"),
        ({"prediction_id": 1.0, "label": "yes"}, "prediction_id", "decimal point"),
        ({"prediction_id": "", "label": "yes"}, "prediction_id", "1 to 128"),
        ({"prediction_id": "a", "label": 3}, "label", "must be a string"),
        ({"prediction_id": "a", "label": {"x": 1}}, "label", "nested"),
        ({"prediction_id": "a", "label": "yes", "labelled_at": iso(NOW + HOUR)}, "labelled_at", "15 minutes ahead"),
        ({"prediction_id": "a", "label": "yes", "timestamp": iso(NOW + HOUR)}, "timestamp", "15 minutes ahead"),
        ({"prediction_id": "a", "label": "yes", "timestamp": 5}, "timestamp", "RFC 3339"),
        ({"prediction_id": "a", "label": "yes", "withdraw": True}, "withdraw", "without `label`"),
        ({"prediction_id": "a", "label": "yes", "withdraw": "no"}, "withdraw", "true or false"),
        ({"prediction_id": "a", "label": "yes", "outcomes": [1]}, "outcomes", "must be an object"),
        ({"prediction_id": "a", "label": "yes", "outcomes": {str(n): n for n in range(11)}}, "outcomes", "10 at most"),
        ({"prediction_id": "a", "label": "yes", "outcomes": {"x": "1"}}, "x", "must be a number"),
        ({"prediction_id": "a", "lable": "yes"}, "lable", "unknown field"),
        ("a", 0, "must be an object"),
    ],
)
def test_a_wrong_label_is_told_the_place_and_the_reason(label: Any, place: str | int, message: str) -> None:
    """Wrong ids, times, values, outcomes and fields are refused at the field."""
    with pytest.raises(BadRow, match=message) as error:
        read_label(label, [0], TASK, NOW)
    assert error.value.loc[-1] == place


@pytest.mark.parametrize(
    ("task", "label"),
    [(Task(type="regression"), "3"), (Task(type="binary", positive=1), 0.5), (Task(type="binary", positive=1), 2)],
)
def test_a_label_that_the_task_lacks_is_refused(task: Task, label: Any) -> None:
    """Without the task the same label is accepted."""
    item = {"prediction_id": "a", "label": label}
    with pytest.raises(BadRow, match=r"regression|0 or 1"):
        read_label(item, [], task, NOW)
    row = read_label(item, [], None, NOW)
    assert row is not None
    assert row.prediction == label
