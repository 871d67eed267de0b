"""Predictions are stored once, whatever is sent again, dies or grows, and come back in order."""

import json
import math
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import boto3
import numpy as np
import pytest
from moto import mock_aws

from driftguard.models import registry
from driftguard.models.names import pack_names
from driftguard.models.schemas import NewModel
from driftguard.models.tables import Models
from driftguard.models.task import Task
from driftguard.performance.batches import Reader, time_in
from driftguard.performance.ids import hashes_of
from driftguard.performance.joining import arrived_of
from driftguard.performance.partitions import Done
from driftguard.platform.dynamodb import connect, disconnect
from driftguard.platform.environment import Environment
from driftguard.platform.errors import BadRequest, Conflict, Invalid, NotFound, TooLarge, Unavailable
from driftguard.platform.paging import encode_cursor
from driftguard.platform.retries import ConditionFailed
from driftguard.platform.times import HOUR, iso
from driftguard.predictions import intake, listing
from driftguard.predictions.heads import Head
from driftguard.predictions.keys import TIMED
from driftguard.predictions.schemas import BatchBody, BatchLogged, Logged, PredictionBody
from driftguard.predictions.tables import Predictions
from driftguard.rows.unpacking import unpack_rows
from sandbox.stack import deploy_tables

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
NUMBERS = count()


@pytest.fixture(scope="module", autouse=True)
def tables() -> Iterator[dict[str, str]]:
    """The template's own tables; each test has a model of its own."""
    with mock_aws():
        variables = deploy_tables()
        connect(Environment(variables))
        yield variables
        disconnect()


@pytest.fixture
def model() -> Models:
    """A new model with 4 partitions."""
    made = registry.create("org", NewModel(name=f"model {next(NUMBERS)}"), partitions=4, now=NOW)
    return registry.find("org", made.id)


def rows(number: int, **fields: Any) -> list[dict[str, Any]]:
    """Good rows, told apart by the feature `x`."""
    return [{"features": {"x": index}, **fields} for index in range(number)]


def named(*ids: str) -> list[dict[str, Any]]:
    """Good rows with these prediction ids."""
    return [{"features": {"x": prediction_id}, "prediction_id": prediction_id} for prediction_id in ids]


def batch(
    model: Models, items: list[Any], batch_id: str | None = None, *, header: str | None = None, now: datetime = NOW
) -> BatchLogged:
    """Log a batch."""
    body = BatchBody(model_id=model.model_id, predictions=items, batch_id=batch_id)
    return intake.log_batch("org", body, idempotency_key=header, now=now)


def one(model: Models, *, header: str | None = None, now: datetime = NOW, **fields: Any) -> Logged:
    """Log one prediction."""
    body = PredictionBody.model_validate({"model_id": model.model_id, "features": {}, **fields})
    return intake.log_one("org", body, idempotency_key=header, now=now)


def heads(model: Models) -> list[Head]:
    """All that is stored of a model, by arrival."""
    return list(Predictions.arrivals(model.model_id, 16))


def stored(model: Models) -> int:
    """How many predictions of a model are stored."""
    return sum(head.rows for head in heads(model))


def listed(model: Models, **arguments: Any) -> list[dict[str, Any]]:
    """Every page of the list, one after the other."""
    found: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = listing.list_logged("org", model.model_id, cursor=cursor, **{"limit": 3, **arguments})
        assert len(page.items) <= arguments.get("limit", 3)
        found += page.items
        cursor = page.cursor
        if cursor is None:
            return found


def test_what_is_logged_is_listed(model: Models) -> None:
    """A prediction comes back with its id, its time and its features."""
    answer = one(
        model, features={"age": 41, "plan": "gold", "new": True}, prediction=0.7, timestamp="2026-11-20T01:02:03Z"
    )
    assert answer.accepted == 1
    assert listed(model) == [
        {
            "prediction_id": answer.prediction_ids[0],
            "timestamp": "2026-11-20T01:02:03.000000Z",
            "features": {"age": 41, "plan": "gold", "new": True},
            "prediction": 0.7,
        }
    ]


TRUTH: dict[str, Any] = {"score": 0.7, "probabilities": {"yes": 0.7, "no": 0.3}, "label": "yes"}


def test_scores_probabilities_and_labels_are_listed(model: Models) -> None:
    """They come back with their row, from single predictions and from small and large batches, where they were sent."""
    one(model, features={"x": 21}, **TRUTH)
    batch(model, [{"features": {"x": number}, **(TRUTH if number % 2 else {})} for number in range(20)])
    found = listed(model)
    assert len(found) == 21
    plain = {"prediction_id", "timestamp", "features", "prediction"}
    for row in found:
        truth = {name: value for name, value in row.items() if name not in plain}
        assert truth == (TRUTH if row["features"]["x"] % 2 else {})


def test_another_label_is_another_body(model: Models) -> None:
    """A retry must have the same score, probabilities and label."""
    one(model, prediction_id="a", **TRUTH)
    one(model, prediction_id="a", **TRUTH)
    with pytest.raises(Conflict):
        one(model, prediction_id="a", **{**TRUTH, "label": "no"})
    assert stored(model) == 1


def columns(model: Models, features: dict[str, list[Any]], *, header: str | None = None, **fields: Any) -> BatchLogged:
    """Log a batch as columns."""
    body = BatchBody.model_validate({"model_id": model.model_id, "columns": features, **fields})
    return intake.log_batch("org", body, idempotency_key=header, now=NOW)


def test_columns_store_what_rows_store(model: Models) -> None:
    """The list and the answer are those of the same data sent as rows."""
    other = registry.find("org", registry.create("org", NewModel(name="by rows"), partitions=4, now=NOW).id)
    times = [iso(NOW - number * MINUTE) for number in range(9)]
    answer = columns(
        model,
        {"x": [*range(8), {}], "y": ["a", None, True] * 3},
        predictions=[0.5] * 9,
        prediction_ids=list("abcdefghi"),
        timestamps=times,
        scores=[0.25] * 9,
        labels=[1, None, 0] * 3,
    )
    items: list[dict[str, Any]] = [
        {
            "features": {"x": number if number < 8 else {}, "y": ["a", None, True][number % 3]},
            "prediction": 0.5,
            "prediction_id": "abcdefghi"[number],
            "timestamp": times[number],
            "score": 0.25,
            "label": [1, None, 0][number % 3],
        }
        for number in range(9)
    ]
    by_rows = batch(other, items)
    assert listed(model) == listed(other)
    assert answer.errors == [{**by_rows.errors[0], "loc": ["body", "columns", "x", 8]}]
    assert answer.model_copy(update={"errors": []}) == by_rows.model_copy(update={"errors": []})


def test_columns_with_a_batch_id_are_stored_once(model: Models) -> None:
    """A retry answers like the first time, with its columns and fields in any order; other values are a conflict."""
    first = columns(model, {"x": [1, 2, []], "y": [0.5, None, 1]}, batch_id="night", labels=[1, 0, 1])
    assert (first.accepted, first.rejected) == (2, 1)
    again = columns(model, {"y": [0.5, None, 1], "x": [1, 2, []]}, labels=[1, 0, 1], scores=None, batch_id="night")
    assert again == first
    others: list[Any] = [
        {"features": {"x": [1, 2, []], "y": [0.5, None, 1]}},
        {"features": {"x": [1, 2, []], "y": [0.5, None, 1]}, "labels": [1, 0, 0]},
        {"features": {"x": [1, 2, []], "y": [0.5, None, 1]}, "predictions": [1, 0, 1]},
        {"features": {"x": [1.0, 2, []], "y": [0.5, None, 1]}, "labels": [1, 0, 1]},
        {"features": {"y": [1, 2, []], "x": [0.5, None, 1]}, "labels": [1, 0, 1]},
    ]
    for other in others:
        with pytest.raises(Conflict):
            columns(model, **other, batch_id="night")
    with pytest.raises(Conflict):
        batch(model, rows(2), "night")
    assert stored(model) == 2


def test_columns_with_an_id_in_every_row_are_stored_once_in_any_order(model: Models) -> None:
    """The set of ids is the batch's id, and each row keeps its values; ids in another form are the same ids."""
    first = columns(model, {"x": [10, 20, 30]}, prediction_ids=["1", "2", "3"])
    assert columns(model, {"x": [30, 10, 20]}, prediction_ids=[3, 1.0, "2"]) == first
    with pytest.raises(Conflict):
        columns(model, {"x": [30, 20, 10]}, prediction_ids=["3", "1", "2"])
    assert stored(model) == 3


def test_columns_without_any_id_count_each_time(model: Models) -> None:
    """Neither an id in some rows nor the same content makes a retry, but an Idempotency-Key does."""
    for _ in range(2):
        columns(model, {"x": [1, 2]})
        columns(model, {"x": [1, 2]}, prediction_ids=["a", None])
        columns(model, {"x": [1, 2]}, header="key")
    assert stored(model) == 2 * 2 + 2 * 2 + 2


def test_columns_and_rows_name_what_the_baseline_lacks(model: Models) -> None:
    """Features with values that the baseline lacks are in `warnings`, and features without values are not."""
    model.update(actions=[Models.baseline_names.set(pack_names(["a"], predicted=False))])
    features: dict[str, list[Any]] = {"a": [1, 2], "b": [None, 1], "c": [None, None]}
    by_columns = columns(model, features, predictions=[None, 1])
    by_rows = batch(
        model,
        [
            {"features": {name: values[row] for name, values in features.items()}, "prediction": row or None}
            for row in range(2)
        ],
    )
    assert by_columns.warnings == by_rows.warnings
    assert by_rows.warnings[0].startswith("Not in the model's baseline, so not watched: prediction, b.")
    assert columns(model, {"a": [1], "c": [None]}).warnings == []


def test_columns_of_any_numbers_are_told_apart(model: Models) -> None:
    """Integers beyond 64 bits, floats and mixtures each have their own identity."""
    number = count()
    for values in ([2**63, 1], [2.0**63, 1.0], [2.0**63, 1], [2**63 - 1, 1], [True, True]):
        key = f"key {next(number)}"
        columns(model, {"x": values}, batch_id=key)
        columns(model, {"x": list(values)}, batch_id=key)
        with pytest.raises(Conflict):
            columns(model, {"x": [*values[:1], 0]}, batch_id=key)
    assert stored(model) == 10


def test_without_any_id_every_request_counts(model: Models) -> None:
    """The same body twice is two predictions, or two batches."""
    ids = {one(model).prediction_ids[0] for _ in range(2)} | {batch(model, rows(1)).prediction_ids[0] for _ in range(2)}
    assert len(ids) == 4
    assert stored(model) == 4


@pytest.mark.parametrize("prediction_id", ["a", "x" * 128, "p#1/ü\n", " "])
def test_a_prediction_id_is_stored_once(model: Models, prediction_id: str) -> None:
    """A retry answers like the first time, hours later and with null fields in another order too."""
    first = one(model, prediction_id=prediction_id, features={"x": 1, "y": 2})
    again = one(model, features={"y": 2, "x": 1}, prediction_id=prediction_id, now=NOW + timedelta(hours=5))
    assert first == again == Logged(accepted=1, prediction_ids=[prediction_id])
    assert stored(model) == 1


def test_a_batch_id_is_stored_once(model: Models) -> None:
    """A retry has the first answer, with what was rejected and the ids that were made."""
    items = [*rows(3), {"features": {"x": []}}, {"features": {"x": 1}, "prediction_id": "mine"}]
    first = batch(model, items, "night")
    assert (first.accepted, first.rejected) == (4, 1)
    assert first.errors[0]["index"] == 3
    assert first.errors[0]["loc"] == ["body", "predictions", 3, "features", "x"]
    assert first.prediction_ids[3] == "mine"
    assert batch(model, items, "night", now=NOW + timedelta(days=1)) == first
    assert stored(model) == 4


@pytest.mark.parametrize("form", ["rows", "columns", "one"])
def test_a_made_id_starts_with_the_time_of_its_row(model: Models, form: str) -> None:
    """It is a ULID of the row's time, the same in the answer, in a retry, in the list and in a join."""
    moments = [NOW - timedelta(days=day, milliseconds=7) for day in (20, 0, 3)]
    sent = [{"features": {"x": number}, "timestamp": iso(moment)} for number, moment in enumerate(moments)]

    def send(now: datetime = NOW) -> list[str]:
        if form == "one":
            return [
                made
                for row in sent
                for made in one(model, header=f"h{row['timestamp']}", now=now, **row).prediction_ids
            ]
        if form == "columns":
            times = [row["timestamp"] for row in sent]
            body = BatchBody.model_validate(
                {"model_id": model.model_id, "columns": {"x": [0, 1, 2]}, "timestamps": times, "batch_id": "night"}
            )
            return intake.log_batch("org", body, now=now).prediction_ids
        return batch(model, sent, "night", now=now).prediction_ids

    ids = send()
    assert [time_in(made) for made in ids] == [round(moment.timestamp() * 1000) * 1000 for moment in moments]
    assert len({made[10:] for made in ids}) == 3
    assert send(NOW + HOUR) == ids
    assert {row["prediction_id"]: row["features"]["x"] for row in listed(model, limit=1)} == dict(
        zip(ids, range(3), strict=True)
    )
    reader = Reader(model.model_id, Task(type="regression"))
    arrived = arrived_of(reader, heads(model), [], Done())
    joined = [run.hashes for each in arrived for run in each.pieces.directories.values()]
    assert set(np.concatenate(joined)) == set(hashes_of(model.model_id, ids))


def test_a_batch_of_an_earlier_release_keeps_its_made_ids(model: Models) -> None:
    """Its head has no version of ids, so a retry and the list show the ids that were answered then."""
    batch(model, rows(2), "night")
    (head,) = heads(model)
    assert head.arrived_at.endswith(TIMED)
    item = Predictions.find(head.pk, head.sk)
    assert item is not None
    item.arrived_at = head.arrived_at.removesuffix(TIMED)
    item.save()
    digest = head.sk.removeprefix("b#")
    ids = [f"{digest[:20]}-0", f"{digest[:20]}-1"]
    assert batch(model, rows(2), "night").prediction_ids == ids
    assert [row["prediction_id"] for row in listed(model, limit=1)] == ids


def test_a_batch_without_made_ids_is_stored_as_before(model: Models) -> None:
    """The version of ids is noted only where it decides something."""
    batch(model, named("a", "b"))
    batch(model, [*named("a"), *rows(1)], now=NOW + MINUTE)
    assert [head.arrived_at.endswith(TIMED) for head in heads(model)] == [False, True]


def test_the_same_set_of_prediction_ids_is_one_batch_in_any_order(model: Models) -> None:
    """Ids on every row make a batch's id; the first order's answer is the answer."""
    items = named("a", "b", "c")
    first = batch(model, items)
    assert first.prediction_ids == ["a", "b", "c"]
    assert batch(model, items[::-1]) == first
    assert stored(model) == 3


def test_batches_that_overlap_count_each(model: Models) -> None:
    """Ids shared with another batch, or with a single prediction, are another name space."""
    for items in (named("a", "b"), named("b", "c"), named("a", "b", "c"), named("a")):
        batch(model, items)
    one(model, features={"x": "a"}, prediction_id="a")
    batch(model, named("a"), "a")
    assert stored(model) == 2 + 2 + 3 + 1 + 1 + 1


def test_some_ids_are_not_a_batch_id(model: Models) -> None:
    """With a row without an id, a batch counts each time it is sent."""
    for _ in range(2):
        batch(model, [*named("a"), *rows(1)])
    assert stored(model) == 4


def test_an_id_with_another_body_is_a_conflict(model: Models) -> None:
    """One value changed is another body, whatever the id is; nothing is stored."""
    one(model, prediction_id="a", features={"x": 1})
    batch(model, rows(2), "night")
    batch(model, named("a", "b"))
    one(model, header="key", features={"x": 1})
    others: list[Callable[[], Any]] = [
        lambda: one(model, prediction_id="a", features={"x": 2}),
        lambda: one(model, prediction_id="a", features={"x": True}),
        lambda: batch(model, rows(3), "night"),
        lambda: batch(model, rows(2)[::-1], "night"),
        lambda: batch(model, [*named("a"), {"features": {"x": "c"}, "prediction_id": "b"}]),
        lambda: one(model, header="key", features={"x": 2}),
        lambda: batch(model, rows(2), header="key"),
        lambda: one(model, prediction_id="new", header="key", features={"x": 1}),
    ]
    for again in others:
        with pytest.raises(Conflict):
            again()
    assert stored(model) == 6


def test_an_idempotency_key_makes_any_request_harmless(model: Models) -> None:
    """Single predictions and batches without ids are stored once under the header's key."""
    keys = ["one", "two", "k" * 255]
    first = [one(model, header=keys[0]), batch(model, rows(2), header=keys[1]), batch(model, rows(2), header=keys[2])]
    again = [one(model, header=keys[0]), batch(model, rows(2), header=keys[1]), batch(model, rows(2), header=keys[2])]
    assert first == again
    assert stored(model) == 5


def test_an_idempotency_key_beside_an_id_is_bound_to_that_body(model: Models) -> None:
    """With both given, each alone finds the first answer, and each refuses another body."""
    first = one(model, prediction_id="a", header="key")
    assert one(model, prediction_id="a", header="key") == first
    assert one(model, prediction_id="a") == first
    with pytest.raises(Conflict):
        one(model, prediction_id="b", header="key")
    assert one(model, prediction_id="a", header="later") == first
    with pytest.raises(Conflict):
        one(model, prediction_id="c", header="later")
    assert stored(model) == 1


def test_a_refused_request_does_not_use_its_key_up(model: Models) -> None:
    """An id and a key are stored both or not at all."""
    one(model, prediction_id="a", features={"x": 1})
    with pytest.raises(Conflict):
        one(model, prediction_id="a", features={"x": 2}, header="key")
    one(model, prediction_id="b", features={"x": 2}, header="key")
    assert stored(model) == 2


def test_bad_rows_are_named_and_good_ones_kept(model: Models) -> None:
    """Each bad row has its index and the first wrong place; a repeated id is a bad row."""
    items: list[Any] = [
        *named("a"),
        None,
        {"features": {"x": float("nan")}},
        *named("a"),
        {"features": {"x": 1}, "timestamp": iso(NOW - timedelta(days=22))},
        *rows(1),
    ]
    answer = batch(model, items)
    place = ["body", "predictions"]
    assert [(error["index"], error["loc"]) for error in answer.errors] == [
        (1, [*place, 1]),
        (2, [*place, 2, "features", "x"]),
        (3, [*place, 3, "prediction_id"]),
        (4, [*place, 4, "timestamp"]),
    ]
    assert (answer.accepted, answer.rejected, len(answer.prediction_ids)) == (2, 4, 2)
    assert [row["prediction_id"] for row in listed(model)] == answer.prediction_ids


def test_nothing_valid_is_refused_and_not_stored(model: Models) -> None:
    """A batch of bad rows names each, an empty one its list, a bad prediction its place."""
    with pytest.raises(Invalid) as caught:
        batch(model, [None, {"features": {"x": []}}], "night")
    assert [error["loc"][:3] for error in caught.value.errors] == [
        ["body", "predictions", 0],
        ["body", "predictions", 1],
    ]
    with pytest.raises(Invalid) as caught:
        batch(model, [])
    assert caught.value.errors[0]["loc"] == ["body", "predictions"]
    with pytest.raises(Invalid) as caught:
        one(model, features={"age": {}}, prediction_id="a")
    assert caught.value.errors[0]["loc"] == ["body", "features", "age"]
    assert stored(model) == 0
    assert one(model, features={"age": 1}, prediction_id="a").accepted == 1


def test_a_retry_is_answered_like_the_first_time_when_its_rows_have_grown_too_old(model: Models) -> None:
    """What was good when it came is not refused when the answer got lost and it is sent again late."""
    old = iso(NOW - timedelta(days=20))
    items = rows(2, timestamp=old)
    first = batch(model, items, "night"), one(model, prediction_id="a", timestamp=old)
    later = NOW + timedelta(days=2)
    assert (batch(model, items, "night", now=later), one(model, prediction_id="a", timestamp=old, now=later)) == first
    with pytest.raises(Invalid):
        batch(model, items, "another night", now=later)


def test_an_id_is_free_again_after_the_retention_period(model: Models) -> None:
    """21 days after its arrival an id may come with another body, whether or not DynamoDB has removed the item."""
    one(model, prediction_id="a", features={"x": 1}, header="key")
    later = NOW + timedelta(days=21, seconds=2)
    assert one(model, prediction_id="a", features={"x": 2}, header="key", now=later).accepted == 1
    assert [row["features"] for row in listed(model)] == [{"x": 2}]


def test_ids_belong_to_a_model(model: Models) -> None:
    """The same id in another model is another prediction."""
    other = registry.find(
        "org", registry.create("org", NewModel(name=f"model {next(NUMBERS)}"), partitions=4, now=NOW).id
    )
    one(model, prediction_id="a", features={"x": 1})
    one(other, prediction_id="a", features={"x": 2})
    assert (stored(model), stored(other)) == (1, 1)


def test_a_retry_finds_its_first_try_when_partitions_were_added_between(model: Models) -> None:
    """Ids and keys are looked for where they lay under every earlier number of partitions."""
    ids = [f"id {i}" for i in range(12)]
    first = [one(model, prediction_id=prediction_id, header=f"h {prediction_id}") for prediction_id in ids]
    model.partitions = [4, 16]
    model.save()
    assert [one(model, prediction_id=prediction_id) for prediction_id in ids] == first
    for prediction_id in ids:
        with pytest.raises(Conflict):
            one(model, prediction_id=prediction_id, features={"x": "other"})
        with pytest.raises(Conflict):
            one(model, features={"x": "other"}, header=f"h {prediction_id}")
    assert stored(model) == 12
    grown = [batch(model, rows(1), f"batch {number}") for number in range(12)]
    assert [batch(model, rows(1), f"batch {number}") for number in range(12)] == grown
    assert stored(model) == 24
    assert any(int(head.pk.rpartition("#")[2]) >= 4 for head in heads(model))


def wide(number: int) -> list[dict[str, Any]]:
    """Rows that do not compress: about 8 kB of random text each."""
    source = random.Random(1)
    return [{"features": {f"f{j}": f"{source.getrandbits(1000):0250x}" for j in range(30)}} for _ in range(number)]


def test_a_batch_larger_than_an_item_is_stored_in_chunks(model: Models) -> None:
    """A batch that packs to more than 400 kB is stored whole, listed, and found again by its id."""
    items = wide(150)
    first = batch(model, items, "large")
    assert first.accepted == 150
    assert batch(model, items, "large") == first
    (head,) = heads(model)
    ((_, data),) = Predictions.payloads([head])
    assert len(data) > 400_000
    assert [row.features for row in unpack_rows(data)[0]] == [item["features"] for item in items]
    with pytest.raises(Conflict):
        batch(model, items[1:], "large")


def test_chunks_without_their_head_are_nothing(model: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer that dies before the head is committed has stored nothing, and its retry stores all."""
    with monkeypatch.context() as patch:
        patch.setattr(Predictions, "commit", lambda *arguments: (_ for _ in ()).throw(TimeoutError))
        with pytest.raises(TimeoutError):
            batch(model, wide(150), "large")
    assert heads(model) == []
    assert batch(model, wide(150), "large").accepted == 150
    assert stored(model) == 150


def test_a_write_whose_answer_was_lost_is_not_repeated(model: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the client library tries again after the first try arrived, its own item makes the condition fail."""
    commit = Predictions.commit

    def twice(self: Predictions, *arguments: Any) -> None:
        commit(self, *arguments)
        raise ConditionFailed

    with monkeypatch.context() as patch:
        patch.setattr(Predictions, "commit", twice)
        answer = one(model)
        assert one(model, prediction_id="a", header="key").accepted == 1
    assert {row["prediction_id"] for row in listed(model)} == {answer.prediction_ids[0], "a"}
    assert stored(model) == 2


def test_the_same_request_twice_at_once_is_asked_to_come_again(model: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    """While another transaction holds the key there is no answer yet, and never a false one."""
    with monkeypatch.context() as patch:
        patch.setattr(Predictions, "commit", lambda *arguments: (_ for _ in ()).throw(ConditionFailed))
        with pytest.raises(Unavailable) as caught:
            one(model, prediction_id="a")
    assert caught.value.retry_after
    assert one(model, prediction_id="a").accepted == 1


def test_other_organizations_and_unknown_models_are_not_found(model: Models) -> None:
    """Neither logging nor listing tells whether another organization's model exists."""
    for organization, model_id in (("other", model.model_id), ("org", "unknown")):
        with pytest.raises(NotFound):
            intake.log_one(organization, PredictionBody(model_id=model_id, features={}), now=NOW)
        with pytest.raises(NotFound):
            intake.log_batch(organization, BatchBody(model_id=model_id, predictions=rows(1)), now=NOW)
        with pytest.raises(NotFound):
            listing.list_logged(organization, model_id, limit=1)


def test_more_than_five_thousand_rows_are_too_many(model: Models) -> None:
    """5,000 rows are taken, 5,001 are not."""
    with pytest.raises(TooLarge):
        batch(model, [None] * 5001)
    assert batch(model, rows(5000)).accepted == 5000


def test_a_body_nested_without_end_is_refused(model: Models) -> None:
    """Nesting deeper than the interpreter can follow is the client's mistake, not ours."""
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(BadRequest):
        one(model, features={"x": deep})


@pytest.mark.parametrize(
    ("ids", "once"),
    [({}, 1), ({"batch_id": "b" * 128}, 1), ({"batch_id": "b", "header": "h"}, 2)],
    ids=["without id", "with an id", "with an id and a key, in a transaction"],
)
def test_500_rows_of_20_random_numbers_cost_a_tenth_of_a_write_unit_each(
    model: Models, tables: dict[str, str], ids: dict[str, str], once: int
) -> None:
    """Every item written, in DynamoDB's own rounding, with the index entry; twice what is in a transaction."""
    source = random.Random(2)
    items = [
        {
            "features": {f"feature_{j}": source.randint(100_000, 999_999) for j in range(20)},
            "prediction": round(source.random(), 6),
            "timestamp": iso(NOW - timedelta(seconds=source.random() * 600_000)),
        }
        for _ in range(500)
    ]
    batch(model, items, **ids)  # type: ignore[arg-type]
    units = 0
    for item in raw_items(tables["PREDICTIONS_TABLE"], model):
        times = 1 if item["sk"]["S"].startswith("c#") else once
        units += times * math.ceil(item_bytes(item) / 1024)
        if "arrived_at" in item:
            units += times * math.ceil((item_bytes({name: item[name] for name in INDEXED}) + 100) / 1024)
    assert 0.05 < units / 500 <= 0.1


INDEXED = ("pk", "sk", "arrived_at", "rows", "first_event", "last_event")


def raw_items(table: str, model: Models) -> list[dict[str, Any]]:
    """Everything stored of a model, as DynamoDB has it."""
    client = boto3.client("dynamodb")
    return [
        item
        for number in range(4)
        for item in client.query(
            TableName=table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": f"{model.model_id}#{number}"}},
        )["Items"]
    ]


def item_bytes(item: dict[str, Any]) -> int:
    """An item's size as DynamoDB counts it: names, text and bytes as they are, numbers at most 21 bytes."""
    total = 0
    for name, typed in item.items():
        ((kind, value),) = typed.items()
        size = len(value.encode()) if kind == "S" else len(value)
        total += len(name) + (min(21, size // 2 + 2) if kind == "N" else size)
    return total


def test_arrivals_come_in_one_order_over_all_partitions(model: Models) -> None:
    """Whoever stops anywhere and goes on after the last head sees each batch once, in the order of arrival."""
    for minute in range(30):
        batch(model, rows(1 + minute % 3), f"batch {minute}", now=NOW + minute * MINUTE)
    whole = heads(model)
    assert len({head.pk for head in whole}) == 4
    assert [head.arrived_at for head in whole] == sorted({head.arrived_at for head in whole})
    taken: list[Head] = []
    while part := list(Predictions.arrivals(model.model_id, 4, after=taken[-1].arrived_at if taken else "", limit=7)):
        taken += part
    assert taken == whole
    early = list(Predictions.arrivals(model.model_id, 4, until=iso(NOW + 10 * MINUTE)))
    late = list(Predictions.arrivals(model.model_id, 4, after=iso(NOW + 10 * MINUTE)))
    assert early + late == whole
    assert len(early) == 10
    assert list(Predictions.arrivals(model.model_id, 4, after=iso(NOW + 2 * MINUTE), until=iso(NOW))) == []


def test_chunks_and_markers_are_no_arrivals(model: Models) -> None:
    """Only heads are in the index."""
    batch(model, wide(150), "large", header="key")
    assert [head.sk[0] for head in heads(model)] == ["b"]


def test_payloads_come_in_the_order_asked_for(model: Models) -> None:
    """Small batches among large ones are read with their data; what has gone meanwhile is left out."""
    rng = random.Random(5)
    for number in range(30):
        wide = {f"f{index}": rng.random() for index in range(150 if number % 3 else 0)}
        one(model, features={"x": number, **wide}, now=NOW + number * MINUTE)
    wanted = heads(model)[::-1]
    assert [head.small is None for head in wanted] == [number % 3 > 0 for number in range(30)][::-1]
    Predictions(wanted[6].pk, wanted[6].sk).delete()
    found = [(head, unpack_rows(data)[0][0].features["x"]) for head, data in Predictions.payloads(wanted)]
    assert found == [(head, 29 - place) for place, head in enumerate(wanted) if place != 6]


def test_single_predictions_are_read_from_the_index_alone(model: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small prediction's entry in the index holds its data, in less than one write unit, and needs no second read."""
    row = {f"feature {number}": round(number * 1234.567, 2) for number in range(50)}
    for number in range(20):
        one(model, features=row, now=NOW + number * MINUTE)
    monkeypatch.setattr(Predictions, "batch_get", lambda *_args, **_options: pytest.fail("read again"))
    found = list(Predictions.payloads(heads(model)))
    assert len(found) == 20
    for head, data in found:
        entry = len(head.pk) + len(head.sk) + len(head.arrived_at) + len(data) + 3 * 8
        names = sum(map(len, ("pk", "sk", "arrived_at", "rows", "first_event", "last_event", "small")))
        assert entry + names < 1024


def test_chunks_are_read_in_portions_and_a_batch_without_all_of_its_own_has_gone(
    model: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Batches in chunks come back joined and in order; one that is just being removed is left out."""
    monkeypatch.setattr("driftguard.predictions.tables.CHUNKS_AT_ONCE", 3)
    monkeypatch.setattr("driftguard.predictions.storing.MAX_ITEM_BYTES", 10_000)
    monkeypatch.setattr("driftguard.predictions.storing.chunks", lambda data: [data[:9000], data[9000:]])
    for number in range(5):
        batch(model, wide(3 + number), now=NOW + number * MINUTE)
    stored_batches = heads(model)
    gone = Predictions.find(stored_batches[2].pk, stored_batches[2].sk)
    assert gone is not None
    assert gone.chunks == 2
    Predictions(gone.pk, f"c#{gone.nonce}#1").delete()
    assert [(head, len(unpack_rows(data)[0])) for head, data in Predictions.payloads(stored_batches)] == [
        (head, head.rows) for head in stored_batches if head.sk != gone.sk
    ]


def test_a_list_goes_from_the_newest_arrival_to_the_oldest_page_by_page(model: Models) -> None:
    """Pages of any size show every row once, a batch's rows in their order."""
    for number in range(4):
        batch(model, [{"features": {"batch": number, "row": row}} for row in range(5)], now=NOW + number * MINUTE)
    expected = [(number, row) for number in (3, 2, 1, 0) for row in range(5)]
    for limit in (1, 3, 5, 7, 20, 500):
        seen = [(row["features"]["batch"], row["features"]["row"]) for row in listed(model, limit=limit)]
        assert seen == expected
    assert len({row["prediction_id"] for row in listed(model)}) == 20


def test_what_arrives_while_a_list_is_read_does_not_move_its_pages(model: Models) -> None:
    """A cursor is a place, not a number of rows to skip."""
    batch(model, rows(4))
    page = listing.list_logged("org", model.model_id, limit=2)
    batch(model, rows(4), now=NOW + MINUTE)
    following = listing.list_logged("org", model.model_id, limit=2, cursor=page.cursor)
    assert [row["features"]["x"] for row in [*page.items, *following.items]] == [0, 1, 2, 3]
    assert following.cursor is None


def test_start_and_end_choose_by_event_time(model: Models) -> None:
    """Start is inside, end is outside, and the time of arrival does not matter."""
    for day in range(20):
        batch(
            model,
            [{"features": {"x": day + part}, "timestamp": iso(NOW - timedelta(days=day + part))} for part in (0, 0.5)],
        )
    start, end = NOW - timedelta(days=5), NOW - timedelta(days=3)
    assert sorted(row["features"]["x"] for row in listed(model, start=start, end=end, limit=50)) == [3.5, 4, 4.5, 5]
    assert len(listed(model, start=start, limit=50)) == 11
    assert len(listed(model, end=end, limit=50)) == 33
    assert [head.rows for head in Predictions.by_event(model.model_id, 4, start, end)] == [2, 2, 2]
    extremes = {"start": datetime(1, 1, 1, tzinfo=UTC), "end": datetime(9999, 12, 31, tzinfo=UTC)}
    assert len(listed(model, limit=50, **extremes)) == 40
    with pytest.raises(Invalid):
        listing.list_logged("org", model.model_id, limit=1, start=end, end=start)


def test_late_events_are_found_by_their_own_time(model: Models) -> None:
    """A row logged 21 days late, or 15 minutes early, is found where it belongs."""
    for offset in (timedelta(days=-21), timedelta(minutes=15)):
        one(model, timestamp=iso(NOW + offset), features={"x": offset.total_seconds()})
        found = listed(model, start=NOW + offset, end=NOW + offset + timedelta(milliseconds=1))
        assert [row["features"]["x"] for row in found] == [offset.total_seconds()]


def test_a_page_stops_before_five_megabytes(model: Models) -> None:
    """Wide rows are spread over pages that each fit an answer, quoted once more, and none is left out."""
    text = "\U0001f642" * 256
    for number in range(8):
        items = [{"features": {f"{j}-" + "n" * 100: text for j in range(490)} | {"x": number}} for _ in range(2)]
        batch(model, items, now=NOW + number * MINUTE)
    sizes: list[int] = []
    cursor, seen = None, []
    while True:
        page = listing.list_logged("org", model.model_id, limit=500, cursor=cursor)
        sizes.append(len(json.dumps(json.dumps(page.items, ensure_ascii=False))))
        seen += [row["features"]["x"] for row in page.items]
        cursor = page.cursor
        if cursor is None:
            break
    assert seen == [number for number in range(7, -1, -1) for _ in range(2)]
    assert len(sizes) > 2
    assert max(sizes) <= 5_000_000


def test_a_page_reads_a_bounded_number_of_batches(model: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that finds little ends early, with a cursor, and following it finds everything."""
    for number in range(12):
        one(model, timestamp=iso(NOW - number * timedelta(days=1)), features={"x": number}, now=NOW + number * MINUTE)
    start, end = NOW - timedelta(days=1, hours=1), NOW + timedelta(hours=1)
    for bound in ("BATCHES_SEEN_A_PAGE", "BATCHES_READ_A_PAGE", "ROWS_READ_A_PAGE"):
        monkeypatch.setattr(listing, bound, 2)
        page = listing.list_logged("org", model.model_id, limit=10)
        assert len(page.items) == 2
        assert page.cursor is not None
        assert len(listed(model)) == 12
        assert sorted(row["features"]["x"] for row in listed(model, start=start, end=end)) == [0, 1]


@pytest.mark.parametrize(
    "position", ["x", [], [1, 2], ["2026", 0], ["x" * 1500, 0], [iso(NOW), 0], {}, [iso(NOW), -1, 2]]
)
def test_a_cursor_of_our_form_with_another_content_is_refused(model: Models, position: Any) -> None:
    """A forged cursor never reaches a table."""
    cursor = encode_cursor("predictions", model.model_id, position)
    with pytest.raises(Invalid) as caught:
        listing.list_logged("org", model.model_id, limit=1, cursor=cursor)
    assert caught.value.errors[0]["loc"] == ["query", "cursor"]


def test_a_numeric_id_is_the_same_id_as_its_text(model: Models) -> None:
    """A retry may write a whole number as number or as text, alone and in a batch."""
    forms: tuple[Any, ...] = (7, "7", 7.0)
    answers = [one(model, prediction_id=form) for form in forms]
    assert [answer.prediction_ids for answer in answers] == [["7"]] * 3
    batches = [batch(model, [{"features": {"x": 1}, "prediction_id": form}, *named("b")]) for form in forms]
    assert [answer.prediction_ids for answer in batches] == [["7", "b"]] * 3
    assert stored(model) == 3


def test_a_numeric_id_that_repeats_a_text_is_a_bad_row(model: Models) -> None:
    """Within a batch 7 and "7" are one id."""
    answer = batch(model, [*rows(1, prediction_id=7), *rows(1, prediction_id="7")])
    assert (answer.accepted, [error["index"] for error in answer.errors]) == (1, [1])


def by_name(model: Models) -> dict[str, Any]:
    """The reference to a model by its name."""
    return {"model": model.name}


def test_a_retry_may_name_the_model_in_the_other_way(model: Models) -> None:
    """Id and name are one model: a retry by the one is the same request as a retry by the other."""
    reference = {"model_id": model.model_id}
    for options in ({"prediction_id": "a"}, {}):
        answers = [
            intake.log_one(
                "org",
                PredictionBody.model_validate({**given, "features": {"x": 1}, **options}),
                idempotency_key=None if options else "key",
                now=NOW,
            )
            for given in (reference, by_name(model), {**by_name(model), "model_id": None})
        ]
        assert answers[0] == answers[1] == answers[2]
    batches = [
        intake.log_batch("org", BatchBody.model_validate({**given, "predictions": rows(2), "batch_id": "b"}), now=NOW)
        for given in (by_name(model), reference)
    ]
    assert batches[0] == batches[1]
    assert stored(model) == 4


def test_a_model_is_named_exactly_once_and_must_exist(model: Models) -> None:
    """Both id and name, or neither, are refused; an unknown name and another organization's are not found."""
    for given in ({"model_id": model.model_id, "model": model.name}, {}, {"model": None}):
        with pytest.raises(Invalid):
            intake.log_one("org", PredictionBody.model_validate({**given, "features": {}}), now=NOW)
        with pytest.raises(Invalid):
            intake.log_batch("org", BatchBody.model_validate({**given, "predictions": rows(1)}), now=NOW)
    for organization_id, name in (("org", "unknown"), ("other", model.name)):
        body = PredictionBody.model_validate({"model": name, "features": {}})
        with pytest.raises(NotFound):
            intake.log_one(organization_id, body, now=NOW)
    assert stored(model) == 0
