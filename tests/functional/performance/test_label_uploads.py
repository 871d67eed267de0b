"""Labels out of uploaded files: each row once, whatever breaks, with the errors of the others."""

import gzip
import json
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from driftguard.models.tables import Models
from driftguard.performance import loading
from driftguard.performance.label_rows import LABELLED_AT, OUTCOME, UNTIMED, WITHDRAW
from driftguard.platform import bulk
from driftguard.platform.times import parse
from driftguard.predictions.keys import labels_of
from driftguard.predictions.tables import Predictions
from driftguard.rows import files as row_files
from driftguard.rows.columns import Row
from driftguard.rows.unpacking import unpack_rows
from driftguard.uploads import processing
from driftguard.uploads.schemas import UploadedObject
from driftguard.uploads.tables import Uploads
from sandbox.gateway import LambdaContext, function
from sandbox.roles import under_role
from tests.functional import uploading
from tests.functional.conftest import Stack
from tests.functional.models import records
from tests.functional.uploading import Clock, Killed, dying, files, put, worker

CSV = b"prediction_id,label\n" + b"".join(f"order-{number},{number % 2}\n".encode() for number in range(100))


@pytest.fixture
def model(deployed: Stack) -> str:
    """The path of a new model with a binary task."""
    body = {"name": "churn", "settings": {"task": {"type": "binary", "positive": 1}}}
    return f"/models/{deployed.call('POST', '/models', body).body['id']}"


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of 30 rows."""
    monkeypatch.setattr(loading, "MAX_ROWS", 30)


def announce(deployed: Stack, model: str, **body: Any) -> dict[str, Any]:
    """A new upload of labels."""
    return uploading.announce(deployed, f"{model}/labels/uploads", **body)


def deliver(event: dict[str, Any], request_id: str = "r1") -> str:
    """Invoke the loader, under its role; returns its outcome."""
    return uploading.deliver(event, request_id, "load_labels")


def status(deployed: Stack, model: str, upload: dict[str, Any]) -> dict[str, Any]:
    """How far an upload has come."""
    answer = deployed.call("GET", f"{model}/labels/uploads/{upload['upload_id']}", role="viewer")
    assert answer.status == 200, answer.text
    found: dict[str, Any] = answer.body
    return found


def counts(told: dict[str, Any]) -> tuple[str, int, int, int, int]:
    """The state and the numbers of an upload."""
    return (told["status"], *(told[name] for name in ("rows_read", "accepted", "rejected", "unlabelled")))


def batches(model: str) -> list[list[Row]]:
    """The stored label rows of each batch."""
    found = Models.one("acme", model.removeprefix("/models/"))
    assert found is not None
    heads = Predictions.arrivals(labels_of(found.model_id), found.partition_count)
    return [unpack_rows(payload)[0] for _head, payload in Predictions.payloads(heads)]


def load(deployed: Stack, model: str, content: bytes, **body: Any) -> dict[str, Any]:
    """Upload a file and load it; returns the status."""
    upload = announce(deployed, model, **body)
    deliver(put(deployed, upload, content))
    return status(deployed, model, upload)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_file_stores_the_labels_of_the_same_request(
    deployed: Stack, model: str, form: str, *, compressed: bool
) -> None:
    """Both formats, plain or gzipped, store the rows that the same labels in a request store; the file is gone."""
    time = "2026-11-20T12:00:00Z"
    sent: list[dict[str, Any]] = [
        {"prediction_id": "a", "label": "1", "timestamp": time, "labelled_at": time},
        {"prediction_id": "17", "label": "0", "outcomes": {"revenue": 12.5, "cost": -3.0}},
        {"prediction_id": "b", "withdraw": True},
        {"prediction_id": "c", "label": None},
    ]
    content = (
        "prediction_id,label,timestamp,labelled_at,withdraw,outcome:revenue,outcome:cost\n"
        f"a,1,{time},{time},,,\n17,0,,,false,12.5,-3\nb,,,,true,,\nc,NA,,,,,\n"
    )
    if form == "jsonl":
        named = {**sent[1], "outcome:revenue": 12.5, "outcome:cost": -3}
        del named["outcomes"]
        content = "".join(json.dumps(row) + "\n" for row in (sent[0], named, *sent[2:]))
    data = gzip.compress(content.encode()) if compressed else content.encode()
    told = load(deployed, model, data, format=form, **({"compression": "gzip"} if compressed else {}))
    assert counts(told) == ("done", 4, 3, 0, 1)
    assert told["bytes_read"] == told["size"] == len(data)
    assert (told["reason"], told["line"], told["errors"], told["warnings"]) == (None, None, [], [])
    answer = deployed.call("POST", f"{model}/labels", {"labels": sent}, role="ingest").body
    assert (answer["accepted"], answer["unlabelled"]) == (3, 1)
    uploaded, requested = batches(model)
    # Rows without a timestamp have the time of their arrival.
    assert [row._replace(event_time=0) for row in uploaded] == [row._replace(event_time=0) for row in requested]
    assert uploaded[0].event_time == requested[0].event_time
    assert uploaded[1].features == {f"{OUTCOME}revenue": 12.5, f"{OUTCOME}cost": -3.0, UNTIMED: True}
    assert uploaded[2].features == {WITHDRAW: True, UNTIMED: True}
    assert LABELLED_AT in uploaded[0].features
    assert files(deployed) == []


def test_rejected_rows_do_not_stop_the_others(deployed: Stack, model: str) -> None:
    """Each rejected row is told with its line, place and reason; the valid ones are stored, and a warning says so."""
    content = (
        b"prediction_id,label,timestamp,labelled_at,withdraw,outcome:revenue\n"
        b"a,1,,,,\n17.0,1,,,,\nb,maybe,,,,\nc,1,yesterday,,,\nd,1,,2999-01-01T00:00:00Z,,\ne,1,,,perhaps,\n"
        b"f,1,,,true,\ng,1,,,,much\n,1,,,,\nh,1\ni,0,2026-11-20 12:00:00,,,\n"
    )
    told = load(deployed, model, content)
    assert counts(told) == ("done", 11, 2, 9, 0)
    assert told["line"] == 3
    assert [(error["line"], error["loc"]) for error in told["errors"]] == [
        (3, ["prediction_id"]),
        (4, ["label"]),
        (5, ["timestamp"]),
        (6, ["labelled_at"]),
        (7, ["withdraw"]),
        (8, ["withdraw"]),
        (9, ["outcome:revenue"]),
        (10, ["prediction_id"]),
        (11, []),
    ]
    assert told["errors"][0]["msg"].startswith("'17.0' is a whole number that was saved with a decimal point")
    assert told["warnings"] == [
        "9 of 11 rows were rejected; `errors` has the first of them. Correct these rows and send them in a new file."
    ]
    assert [row.prediction_id for rows in batches(model) for row in rows] == ["a", "i"]


@pytest.mark.parametrize(
    ("form", "content", "reason"),
    [
        (
            "csv",
            b"prediction_id,truth\na,1\n",
            "line 1: the column 'truth' is unknown; a file of labels has the columns",
        ),
        ("csv", b"label,timestamp\n1,2\n", "line 1: the file has no column 'prediction_id'; a file of labels has"),
        ("csv", b"prediction_id,label\n", "the file has no rows; send at least one row"),
        ("csv", b"prediction_id,label\na,x\n", "every row was rejected; line 2: must be 0 or 1"),
        (
            "csv",
            b'prediction_id,label\na,1\nb,"1\n',
            "line 3 is not valid CSV: unexpected end of data; correct",
        ),
        ("jsonl", b'[{"prediction_id": 1}]\n', "the file is a JSON array; write each row as an object on its own line"),
        ("jsonl", b'{"prediction_id": 1.5, "label": 1}\n', "every row was rejected; line 1: must be a string"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(
    deployed: Stack, model: str, form: str, content: bytes, reason: str
) -> None:
    """The status is failed, the reason names the place and the next step, and no label is stored."""
    told = load(deployed, model, content, format=form)
    assert told["status"] == "failed"
    assert told["reason"].startswith(reason)
    assert batches(model) == []
    assert files(deployed) == []


@pytest.mark.usefixtures("small")
def test_a_file_that_breaks_off_keeps_whole_batches(deployed: Stack, model: str) -> None:
    """The labels before a broken place stay, and the reason says how many rows were processed."""
    packed = gzip.compress(CSV)[:-5]
    told = load(deployed, model, packed, compression="gzip")
    assert told["status"] == "failed"
    assert "the gzip data end too early" in told["reason"]
    assert "The first 90 rows were processed; you may send them again" in told["reason"]
    assert counts(told) == ("failed", 90, 90, 0, 0)
    assert [len(rows) for rows in batches(model)] == [30, 30, 30]


@pytest.mark.usefixtures("small")
def test_a_file_with_too_many_rows_is_refused(deployed: Stack, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The labels up to the limit are stored, and the reason says what to do with the others."""
    monkeypatch.setattr(loading, "MAX_LABELS", 60)
    told = load(deployed, model, CSV)
    assert counts(told) == ("failed", 60, 60, 0, 0)
    assert told["reason"].startswith("the file has more than 60 rows; send the others in a new file. The first 60 rows")
    assert [len(rows) for rows in batches(model)] == [30, 30]


def test_a_loader_without_time_stops_with_a_reason(deployed: Stack, model: str) -> None:
    """The loader ends by itself before Lambda stops it."""
    upload = announce(deployed, model)
    event = put(deployed, upload, CSV)
    assert function("load_labels").handler(event, LambdaContext(seconds_left=50.0)) == {"outcome": "failed"}
    assert status(deployed, model, upload)["reason"].startswith("only 0 rows could be stored in the time limit")


def test_long_lines_are_not_kept(deployed: Stack, model: str) -> None:
    """Of a line with a field that is far too long only the reason is kept, so that many of them fit into memory."""
    long = json.dumps({"prediction_id": "a", "label": 1, "x" * 1_000_000: 1}) + "\n"
    upload = announce(deployed, model, format="jsonl", compression="gzip")
    event = put(deployed, upload, gzip.compress(long.encode() * 60, 1))
    tracemalloc.start()
    try:
        assert deliver(event) == "failed"
        assert tracemalloc.get_traced_memory()[1] < 40_000_000
    finally:
        tracemalloc.stop()
    assert "unknown field" in status(deployed, model, upload)["reason"]


def test_ids_may_repeat_in_a_file(deployed: Stack, model: str) -> None:
    """A file may hold the history of a label, also within one batch; each row is stored in the order of the file."""
    told = load(deployed, model, b"prediction_id,label\na,1\na,0\na,1\n")
    assert counts(told) == ("done", 3, 3, 0, 0)
    assert [row.prediction for row in batches(model)[0]] == ["1", "0", "1"]


def test_a_class_keeps_its_text(deployed: Stack) -> None:
    """Leading zeros stay for classes, and a regression reads numbers."""
    classes = {"type": "multiclass", "classes": ["007", "1.0"]}
    for task, stored in ((classes, ["007", "1"]), ({"type": "regression"}, [7.0, 1.0])):
        body = {"name": task["type"], "settings": {"task": task}}
        path = f"/models/{deployed.call('POST', '/models', body).body['id']}"
        assert counts(load(deployed, path, b"prediction_id,label\na,007\nb,1\n"))[:3] == ("done", 2, 2)
        assert [row.prediction for row in batches(path)[0]] == stored


@pytest.mark.usefixtures("small")
def test_an_event_that_comes_again_changes_nothing(deployed: Stack, model: str) -> None:
    """Neither after success nor after a failure, and a second file at the same URL is left out."""
    upload = announce(deployed, model)
    event = put(deployed, upload, CSV)
    assert [deliver(event), deliver(event), deliver(event, "r2")] == ["done", "ignored", "ignored"]
    assert deliver(put(deployed, upload, CSV), "r3") == "ignored"
    assert [len(rows) for rows in batches(model)] == [30, 30, 30, 10]
    assert files(deployed) == []


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_loader_killed_anywhere_stores_each_label_once(deployed: Stack, model: str, *, after: bool) -> None:
    """Killed before or after any of its calls, and repeated: the same counts and rows, and no file left."""
    content = CSV + b"bad,x\nmissing,\n"
    with dying() as die_at:
        event = put(deployed, announce(deployed, model), content)
        calls = die_at(-1, after)
        assert deliver(event) == "done"
        count = len(calls)
        assert count > 12
        wanted = [row.prediction_id for rows in batches(model) for row in rows]
        for number in range(count):
            upload = announce(deployed, model)
            event = put(deployed, upload, content)
            stored = len(batches(model))
            die_at(number, after)
            with pytest.raises(Killed):
                deliver(event)
            die_at(-1, after)
            assert deliver(event) in ("done", "ignored")
            assert counts(status(deployed, model, upload)) == ("done", 102, 100, 1, 1)
            assert [row.prediction_id for rows in batches(model)[stored:] for row in rows] == wanted
            assert files(deployed) == []


@pytest.mark.usefixtures("small")
def test_another_file_in_the_place_of_a_half_read_one_is_refused(deployed: Stack, model: str) -> None:
    """The batches of one upload come from one version of its file, also when a loader died between two versions."""
    upload = announce(deployed, model)
    first = put(deployed, upload, CSV)
    with dying() as die_at:
        other = put(deployed, announce(deployed, model), CSV)
        calls = die_at(-1, False)
        deliver(other)
        writes = [number for number, name in enumerate(calls) if name == "PutItem"]
        stored = len(batches(model))
        die_at(writes[1], True)
        with pytest.raises(Killed):
            deliver(first)
        die_at(-1, False)
        assert len(batches(model)) == stored + 2
        second = put(deployed, upload, CSV.replace(b",1", b",0"))
        assert deliver(second) == "failed"
    assert status(deployed, model, upload)["reason"].startswith(processing.REPLACED)
    assert len(batches(model)) == stored + 2


@pytest.mark.usefixtures("small")
def test_progress_is_told_every_few_seconds(deployed: Stack, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the file is read, the status shows rows and counts that grow to the final ones."""
    monkeypatch.setattr(loading, "MAX_ROWS", 5)
    told: list[dict[str, Any]] = []
    original = Uploads.progress
    upload = announce(deployed, model)
    event = put(deployed, upload, CSV)

    def progress(item: Uploads, *arguments: Any) -> None:
        original(item, *arguments)
        told.append(status(deployed, model, upload))

    monkeypatch.setattr(Uploads, "progress", progress)
    file = UploadedObject.model_validate(event["detail"]["object"])
    assert loading.load(file, worker(deployed, Clock(), "r1")) == "done"
    assert {each["status"] for each in told} == {"processing"}
    assert 3 <= len(told) <= 12
    accepted = [each["accepted"] for each in told]
    assert accepted == sorted(accepted)
    assert (0 < accepted[0] < 100, accepted[-1]) == (True, 100)
    assert [each["rows_read"] for each in told] == accepted


@pytest.mark.usefixtures("small")
def test_a_model_deleted_meanwhile_keeps_no_label(deployed: Stack, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Deleted and erased while its file is read: no batch and no file is left."""
    model_id = model.removeprefix("/models/")
    event = put(deployed, announce(deployed, model), CSV)
    original = row_files.read_records
    left: list[Callable[[], None]] = []

    def delete() -> None:
        assert deployed.call("DELETE", model).status == 204
        with under_role("erase_model"):
            body = json.dumps({"organization_id": "acme", "model_id": model_id})
            assert function("erase_model").handler(records(body), LambdaContext()) == {"batchItemFailures": []}

    def read(*arguments: Any, **options: Any) -> Iterator[Any]:
        for record in original(*arguments, **options):
            if left and record.line > 40:
                left.pop()()
            yield record

    left.append(delete)
    monkeypatch.setattr(loading, "read_records", read)
    found = Models.one("acme", model_id)
    assert found is not None
    # The role of the loader does not cover the erasure in its middle.
    assert function("load_labels").handler(event, LambdaContext(seconds_left=900.0)) == {"outcome": "ignored"}
    assert list(Predictions.of_model(found)) == []
    assert files(deployed) == []


def test_the_loader_may_clean_up_after_a_deleted_model(deployed: Stack, model: str) -> None:
    """The role of the loader allows what the deletion of a model in the middle of its work asks of it."""
    found = Models.one("acme", model.removeprefix("/models/"))
    assert found is not None
    assert counts(load(deployed, model, CSV))[0] == "done"
    with under_role("load_labels"):
        assert bulk.delete(Predictions.of_model(found))
    assert batches(model) == []


def test_uploads_of_labels_and_of_baselines_are_apart(deployed: Stack, model: str) -> None:
    """Neither route shows the uploads of the other, neither function takes its files, and the roles differ."""
    labels, baseline = announce(deployed, model), uploading.announce(deployed, f"{model}/baseline/uploads")
    assert deployed.call("GET", f"{model}/baseline/uploads/{labels['upload_id']}").status == 404
    assert deployed.call("GET", f"{model}/labels/uploads/{baseline['upload_id']}").status == 404
    assert uploading.key_of(labels).endswith(".labels")
    assert deliver(put(deployed, baseline, CSV)) == "ignored"
    path = f"{model}/labels/uploads"
    assert deployed.call("POST", path, {"format": "csv"}, role="ingest").status == 201
    assert deployed.call("POST", path, {"format": "csv"}, role="viewer").status == 403
    assert deployed.call("GET", f"{path}/{labels['upload_id']}", role="ingest").status == 403
    assert deployed.call("POST", path, {"format": "csv", "prediction_column": "p"}).status == 422
    assert deployed.call("POST", path, {"format": "jsonl", "delimiter": ";"}).status == 422
    dead = Models.one("acme", model.removeprefix("/models/"))
    assert dead is not None
    assert timedelta(days=6) < timedelta(seconds=uploads_life(dead, labels["upload_id"])) < timedelta(days=8)


def uploads_life(model: Models, upload_id: str) -> float:
    """The seconds that an upload is kept."""
    item = Uploads.one(model.model_id, upload_id, "labels")
    assert item is not None
    return float(item.expires_at or 0) - parse(item.created_at).timestamp()
