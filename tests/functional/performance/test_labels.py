"""Sending labels: which rows are taken, what the others are told, and that a retry is stored once."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from driftguard.models import registry
from driftguard.models.schemas import NewModel
from driftguard.models.tables import Models
from driftguard.models.task import threshold_at
from driftguard.performance import intake, joining
from driftguard.performance.batches import Reader
from driftguard.performance.counts import Counts
from driftguard.performance.partitions import Done, Watched
from driftguard.performance.schemas import LabelsLogged, LabelsOfModel
from driftguard.performance.tables import Joined, has_labels
from driftguard.platform.errors import Conflict, Invalid, TooLarge
from driftguard.platform.times import HOUR, iso
from driftguard.predictions import intake as predictions
from driftguard.predictions.keys import labels_of
from driftguard.predictions.schemas import BatchBody
from driftguard.predictions.tables import Predictions
from driftguard.rows.unpacking import unpack_rows
from tests.functional.conftest import Stack

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
BINARY = {"type": "binary", "positive": "yes"}


def new_model(deployed: Stack, task: dict[str, Any] | None = BINARY) -> Models:
    """A model with this task."""
    body = NewModel.model_validate({"name": "labelled", "settings": {"task": task} if task else {}})
    return read(registry.create("acme", body, partitions=2, now=NOW).id)


def read(model_id: str) -> Models:
    """The model as it is stored."""
    model = Models.one("acme", model_id)
    assert model is not None
    return model


def send(model: Models, labels: Any = None, columns: Any = None, **options: Any) -> LabelsLogged:
    """Send labels."""
    batch_id = options.pop("batch_id", None)
    body = LabelsOfModel(labels=labels, columns=columns, batch_id=batch_id)
    return intake.log_labels(model, body, now=NOW, **options)


def stored(model: Models) -> list[list[Any]]:
    """The stored label rows of each batch."""
    heads = Predictions.arrivals(labels_of(model.model_id), model.partition_count)
    return [unpack_rows(payload)[0] for _head, payload in Predictions.payloads(heads)]


def join(model: Models, now: datetime = NOW + HOUR) -> Done:
    """One step."""
    task = model.settings.task
    assert task is not None
    reader = Reader(model.model_id, task, [(since, value) for since, value in model.thresholds or []])
    return joining.step(Watched(model.model_id, model.partition_count, reader, 90), now, forced=True)


def test_valid_labels_are_stored_and_missing_ones_are_counted(deployed: Stack) -> None:
    """Rows and columns mean the same; null, NaN and an empty cell are no labels and withdraw nothing."""
    model = new_model(deployed)
    rows: list[dict[str, Any]] = [
        {"prediction_id": "a", "label": "yes", "timestamp": iso(NOW - HOUR), "outcomes": {"revenue": 12.5}},
        {"prediction_id": 7, "label": "no", "labelled_at": iso(NOW - HOUR)},
        {"prediction_id": "b", "withdraw": True},
        *({"prediction_id": f"missing {label}", "label": label} for label in (None, float("nan"), "")),
        {"prediction_id": "absent"},
    ]
    answer = send(model, rows)
    assert (answer.accepted, answer.rejected, answer.unlabelled, answer.errors) == (3, 0, 4, [])
    columns = {name: [row.get(name) for row in rows] for name in ("prediction_id", "label", "timestamp", "labelled_at")}
    columns |= {"withdraw": [row.get("withdraw") for row in rows], "outcomes": [row.get("outcomes") for row in rows]}
    assert send(model, columns=columns) == answer
    first, second = stored(model)
    assert first == second
    assert [row.prediction_id for row in first] == ["a", "7", "b"]
    assert send(model, [{"prediction_id": "x", "label": None}]).unlabelled == 1
    assert len(stored(model)) == 2


def test_a_wrong_label_is_told_the_place_and_the_reason(deployed: Stack) -> None:
    """The other labels of the request are stored. A request of wrong labels alone is refused."""
    model = new_model(deployed)
    answer = send(model, [{"prediction_id": 1.5, "label": "yes"}, {"prediction_id": "good", "label": "no"}])
    assert (answer.accepted, answer.rejected) == (1, 1)
    assert answer.errors[0]["loc"] == ["body", "labels", 0, "prediction_id"]
    with pytest.raises(Invalid, match="decimal point"):
        send(model, [{"prediction_id": 1.5, "label": "yes"}])


def test_a_repeated_id_and_an_unknown_class_are_bad_rows(deployed: Stack) -> None:
    """In one request an id has one label; a class must be one of the task's."""
    model = new_model(deployed, {"type": "multiclass", "classes": ["a", "b"]})
    answer = send(model, [{"prediction_id": 5, "label": "a"}, {"prediction_id": "5", "label": "b"}])
    assert (answer.accepted, answer.rejected) == (1, 1)
    assert "earlier" in answer.errors[0]["msg"]
    answer = send(model, [{"prediction_id": "x", "label": "a"}, {"prediction_id": "y", "label": "c"}])
    assert "end of `task.classes`" in answer.errors[0]["msg"]


def test_a_model_without_task_takes_any_labels(deployed: Stack) -> None:
    """Without a task any scalar is stored, and joined once there is a task; what it does not know is refused then."""
    model = new_model(deployed, None)
    rows = [{"prediction_id": str(place), "label": label} for place, label in enumerate(["yes", "no", 3, True])]
    assert send(model, [{**row, "timestamp": iso(NOW - HOUR)} for row in rows]).accepted == 4
    predicted = [{"features": {}, "prediction_id": str(place), "prediction": "yes"} for place in range(4)]
    predictions.log_batch(
        "acme",
        BatchBody(model_id=model.model_id, predictions=[{**row, "timestamp": iso(NOW - HOUR)} for row in predicted]),
        now=NOW,
    )
    patch(deployed, model, {"type": "binary", "positive": "yes"})
    model = read(model.model_id)
    assert join(model).refused == 2
    [day] = Joined.days(model.model_id, 0, 9_999_999)
    assert Counts.decode(day.counts).confusion.tolist() == [[0, 1], [0, 1]]
    state = Joined.state(model.model_id)
    assert state is not None
    assert state.progress.refused == 2
    assert state.progress.labels == 2
    assert state.progress.last_label is not None


def test_a_retry_is_stored_once(deployed: Stack) -> None:
    """The same batch id or Idempotency-Key stores once and answers alike; another body is a conflict."""
    model = new_model(deployed)
    rows = [{"prediction_id": "a", "label": "yes"}, {"prediction_id": "b"}, {"prediction_id": "c", "label": 1}]
    for options in ({"batch_id": "one"}, {"idempotency_key": "two"}):
        first = send(model, rows, **options)
        assert (first.accepted, first.rejected, first.unlabelled) == (1, 1, 1)
        assert send(model, rows, **options) == first
        with pytest.raises(Conflict):
            send(model, rows[:1], **options)
    assert len(stored(model)) == 2
    send(model, rows)
    send(model, rows)
    assert len(stored(model)) == 4


def test_a_request_is_limited_and_has_one_form(deployed: Stack) -> None:
    """5,000 labels fit and one more does not; rows and columns together, and columns of two lengths, are refused."""
    model = new_model(deployed)
    many = [{"prediction_id": f"{'long id ' * 12}{number}", "label": "yes"} for number in range(5001)]
    assert send(model, many[:5000]).accepted == 5000
    with pytest.raises(TooLarge, match="5,000 labels"):
        send(model, many)
    for labels, columns in (
        (None, None),
        ([], None),
        ({}, None),
        ([many[0]], {"prediction_id": ["a"], "label": ["yes"]}),
        (None, {"label": ["yes"]}),
        (None, {"prediction_id": ["a"], "label": []}),
        (None, {"prediction_id": ["a"], "lable": ["yes"]}),
        (None, [1]),
    ):
        with pytest.raises(Invalid):
            send(model, labels, columns)


def patch(deployed: Stack, model: Models, task: Any, status: int = 200) -> str:
    """Change the task through the API, and return the answer's text."""
    answer = deployed.call("PATCH", f"/models/{model.model_id}", {"settings": {"task": task}})
    assert answer.status == status, answer.text
    return answer.text


def test_with_labels_the_task_only_grows(deployed: Stack) -> None:
    """Before the first label everything may change; then type and positive stay, and classes grow at the end."""
    model = new_model(deployed)
    patch(deployed, model, {"type": "multiclass", "positive": None, "classes": ["a", "b"]})
    model = read(model.model_id)
    send(model, [{"prediction_id": "x", "label": "a"}])
    join(model)
    assert has_labels(model)
    assert "cannot change" in patch(deployed, model, {"type": "regression", "classes": None}, 409)
    assert "cannot be removed" in patch(deployed, model, None, 409)
    assert "at the end" in patch(deployed, model, {"classes": ["b", "a"]}, 409)
    patch(deployed, model, {"classes": ["a", "b", "c"]})
    assert "needs `classes`" in patch(deployed, model, {"classes": None}, 422)
    assert "did you mean classes" in patch(deployed, model, {"clases": ["a"]}, 422)
    settings = deployed.call("GET", f"/models/{model.model_id}").body["settings"]
    assert settings["task"]["classes"] == ["a", "b", "c"]
    assert settings["label_ratio"] == 0.8


def test_each_prediction_keeps_the_threshold_in_force(deployed: Stack) -> None:
    """The model keeps each threshold with the time from which it holds."""
    model = new_model(deployed)
    before = read(model.model_id).thresholds
    assert before == [[iso(NOW), 0.5]]
    patch(deployed, model, {"threshold": 0.8})
    patch(deployed, model, {"value_matrix": {"tp": 5}})
    after = [(since, value) for since, value in read(model.model_id).thresholds]
    assert [value for _since, value in after] == [0.5, 0.8]
    assert threshold_at(after, iso(NOW + timedelta(seconds=1)), 0.1) == 0.5
    assert threshold_at(after, after[1][0], 0.1) == 0.8


def test_a_new_type_without_labels_reads_predictions_again(deployed: Stack) -> None:
    """If nobody has sent labels yet, another type starts the directory afresh from the predictions that are kept."""
    model = new_model(deployed)
    rows = [
        {"features": {}, "prediction_id": str(number), "prediction": number, "timestamp": iso(NOW - HOUR)}
        for number in range(5)
    ]
    predictions.log_batch("acme", BatchBody(model_id=model.model_id, predictions=rows), now=NOW)
    join(model)
    assert not has_labels(model)
    patch(deployed, model, {"type": "regression", "positive": None})
    model = read(model.model_id)
    send(model, [{"prediction_id": "3", "label": 3.5, "timestamp": iso(NOW - HOUR)}])
    join(model)
    [day] = Joined.days(model.model_id, 0, 9_999_999)
    counts = Counts.decode(day.counts)
    assert counts.tally[:2] == (5, 1)
    assert counts.sums[0] == -0.5
