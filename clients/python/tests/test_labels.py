"""Labels: the same promises as for predictions, one by one in the background, as frames and as files."""

import json
import os
import random
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from driftguard_client import ArgumentError, AsyncDriftGuard, DriftGuard, DriftGuardError, Model, RejectedError
from driftguard_client.cli.main import main
from driftguard_client.ids import is_sampled
from driftguard_client.spool import read
from testing.processes import python
from testing.service import Fault, Service
from tests.test_spool import files, sync

AT = datetime(2026, 11, 6, 7, 26, 10, 123456, tzinfo=UTC)
LABELS_UNTIL_KILLED = """
    import os, sys, time
    from driftguard_client import DriftGuard

    url, folder, notes = sys.argv[1:]
    notes = os.open(notes, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    dg = DriftGuard(url, "secret", spool_dir=folder, flush_interval=0.05, batch_rows=20, timeout=0.5)
    model = dg.model("churn")
    os.write(1, b"ready\\n")
    for number in range(100_000):
        own_id = f"{os.getpid()}-{number}"
        model.log_label(own_id, number % 2)
        os.write(notes, f"{own_id}\\n".encode())
        time.sleep(0.0005)
    """


def client(service: Service, **options: Any) -> tuple[DriftGuard, Model]:
    dg = DriftGuard(service.url, service.key, **{"flush_interval": 0.05, **options})
    return dg, dg.model("churn")


def test_a_label_arrives_as_it_was_sent(service: Service) -> None:
    """Id, label, both times and outcomes arrive under the model's name. Without labelled_at it is the current time."""
    dg, model = client(service)
    model.log_label("a", np.int64(1), timestamp=AT, labelled_at=AT + timedelta(days=1), outcomes={"revenue": 12.5})
    before = datetime.now(UTC)
    model.log_label(17, "yes")
    model.log_label("c", withdraw=True)
    assert dg.flush()
    first, second, third = service.labels
    assert first == {
        "model": "churn",
        "prediction_id": "a",
        "label": 1,
        "timestamp": "2026-11-06T07:26:10.123Z",
        "labelled_at": "2026-11-07T07:26:10.123Z",
        "outcomes": {"revenue": 12.5},
    }
    assert (second["prediction_id"], second["label"]) == ("17", "yes")
    assert abs(datetime.fromisoformat(second["labelled_at"]) - before) < timedelta(seconds=1)
    assert (third["withdraw"], "label" in third) == (True, False)


def test_a_missing_label_is_not_sent(service: Service) -> None:
    """None, NaN, NA and an empty text are no labels yet."""
    dg, model = client(service)
    for missing in (None, float("nan"), pd.NA, pd.NaT, ""):
        model.log_label("a", missing)
    assert dg.flush()
    assert not service.requests
    assert dg.stats()["rejected"] == 0


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((None, 1), "prediction_id: is missing"),
        ((1.5, 1), "prediction_id: is a float"),
        (("a", float("inf")), "label: is infinite"),
        (("a", [1]), "label: is a list"),
    ],
)
def test_a_wrong_label_is_reported_and_never_raised(service: Service, arguments: Any, reason: str) -> None:
    """It is counted as rejected, and the last error says why; with strict it is raised."""
    dg, model = client(service)
    model.log_label(*arguments)
    stats = dg.stats()
    assert stats["rejected"] == 1
    assert reason in str(stats["last_error"])
    _, strict = client(service, strict=True)
    with pytest.raises(RejectedError):
        strict.log_label(*arguments)


def test_withdrawing_with_a_label_is_refused(service: Service) -> None:
    """A label cannot be sent and taken back at once; a time without a zone is refused, too."""
    dg, model = client(service)
    model.log_label("a", 1, withdraw=True)
    model.log_label("a", 1, timestamp=datetime(2026, 11, 6))  # noqa: DTZ001  the missing zone is the point
    assert dg.stats()["rejected"] == 2
    assert "no time zone" in str(dg.stats()["last_error"])


def test_corrections_in_one_batch_are_all_sent_in_order(service: Service) -> None:
    """A request has each id once, so a second label of the same prediction goes into the next request."""
    dg, model = client(service, flush_interval=600)
    for label in (0, 1, 0):
        model.log_label("a", label)
        model.log_label(f"other {label}", label)
    assert dg.flush()
    assert [one["label"] for one in service.labels if one["prediction_id"] == "a"] == [0, 1, 0]
    assert len(service.labels) == 6


@pytest.mark.parametrize("fault", ["fail_after_storing", "close_after_storing", "fail", "close", "garbage", "throttle"])
def test_retries_store_each_label_once(service: Service, fault: Fault) -> None:
    """Whatever way the first attempts fail, each label is stored once, also beside predictions."""
    service.fault = lambda number: fault if number < 3 else None
    dg, model = client(service)
    for number in range(20):
        model.log({"age": 1}, 0.5, prediction_id=f"{number}")
        model.log_label(f"{number}", number % 2)
    assert dg.flush(timeout=20)
    assert sorted(one["prediction_id"] for one in service.labels) == sorted(map(str, range(20)))
    assert len(service.rows) == 20
    assert dg.stats()["sent"] == 40


def test_killed_at_random_moments_no_label_is_lost_or_doubled(service: Service, tmp_path: Path) -> None:
    """With failures after storing and time-outs, the service has every label whose log_label() returned, once."""
    rng = random.Random(14)

    def fault(_number: int) -> Fault | None:
        draw = rng.random()
        return "fail_after_storing" if draw < 0.3 else "hang" if draw < 0.4 else None

    service.fault = fault
    service.hang_seconds = 0.8
    spool, notes = tmp_path / "spool", tmp_path / "notes"
    for _ in range(6):
        process = python(LABELS_UNTIL_KILLED, service.url, str(spool), str(notes))
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        time.sleep(rng.uniform(0.05, 0.6))
        process.kill()
        process.communicate()
    service.fault = lambda _number: None
    time.sleep(1.0)  # requests of killed clients that the service still works on
    assert sync(service, spool)
    returned = notes.read_text().split("\n")[:-1]
    stored = [one["prediction_id"] for one in service.labels]
    assert len(returned) > 100
    assert len(stored) == len(set(stored))
    assert set(returned) <= set(stored)
    assert len(stored) - len(returned) <= 6
    assert not list(spool.iterdir())


def test_a_label_is_on_disk_when_log_label_returns(tmp_path: Path) -> None:
    """Its file is one of labels, beside the files of predictions."""
    dg = DriftGuard("http://127.0.0.1:1", "secret", spool_dir=tmp_path)
    model = dg.model("churn")
    model.log({"age": 1}, 0.5)
    model.log_label("a", 1)
    (path,) = tmp_path.rglob("*.labels")
    assert [row[:2] for row in read(str(path)).rows] == [["a", 1]]
    assert len(files(tmp_path)) == 1
    assert dg.stats()["spooled"] == 2
    dg.close(timeout=0.0)


def test_sampling_leaves_out_the_labels_of_unsampled_ids(service: Service) -> None:
    """The hash of the id decides, one by one and in frames."""
    dg, model = client(service, sample=0.3)
    ids = [f"order-{number}" for number in range(200)]
    chosen = [one for one in ids if is_sampled(one, 0.3)]
    for one in ids:
        model.log_label(one, 1)
    assert dg.flush()
    assert [one["prediction_id"] for one in service.labels] == chosen
    assert dg.stats()["sampled_out"] == 200 - len(chosen)
    result = model.log_labels({"prediction_id": ids, "label": [0] * 200})
    assert (result.accepted, result.sampled_out) == (len(chosen), 200 - len(chosen))


@pytest.mark.parametrize("library", ["pandas", "polars", "rows"])
def test_a_frame_of_labels_is_sent_as_gzip_columns(service: Service, library: str) -> None:
    """All columns arrive; missing labels are counted, and withdrawals have none."""
    content = {
        "id": ["a", "b", "c", "d"],
        "y": [1, None, 0, None],
        "ts": [AT] * 4,
        "known": [AT + timedelta(days=day) for day in range(4)],
        "gone": [None, None, False, True],
        "revenue": [1.5, 2.5, None, None],
    }
    frame: Any = pd.DataFrame(content) if library == "pandas" else pl.DataFrame(content)
    if library == "rows":
        frame = [dict(zip(content, values, strict=True)) for values in zip(*content.values(), strict=True)]
    _, model = client(service)
    result = model.log_labels(
        frame,
        prediction_id="id",
        label="y",
        timestamp="ts",
        labelled_at="known",
        withdraw="gone",
        outcomes=["revenue"],
    )
    assert (result.rows, result.accepted, result.unlabelled, result.rejected) == (4, 3, 1, 0)
    assert "3 of 4 labels sent" in str(result)
    assert [one["prediction_id"] for one in service.labels] == ["a", "c", "d"]
    assert [one.get("label") for one in service.labels] == [1, 0, None]
    assert service.labels[0]["outcomes"] == {"revenue": 1.5}
    assert service.labels[2]["withdraw"] is True
    assert service.labels[1]["labelled_at"] == "2026-11-08T07:26:10.123Z"


def test_the_same_frame_under_one_id_is_stored_once(service: Service) -> None:
    """Chunks of many labels are repeated byte by byte, so a notebook cell can run twice."""
    _, model = client(service)
    frame = {"prediction_id": [f"{number}" for number in range(12_000)], "label": [1] * 12_000}
    for _ in range(2):
        result = model.log_labels(frame, batch_id="2026-11")
        assert (result.accepted, result.batches) == (12_000, 3)
    assert len(service.labels) == 12_000
    assert service.requests[-1].headers["content-encoding"] == "gzip"
    assert {path.path for path in service.requests} == {"/labels"}


def test_every_rejected_label_is_in_the_answer(service: Service) -> None:
    """Rows that the client refuses and rows that the service refuses, by their place in the frame."""
    service.reject = lambda row: "is no class of the task" if row["label"] == "zebra" else None
    _, model = client(service)
    frame = {"prediction_id": ["a", None, "c", "d"], "label": ["cat", "cat", "zebra", float("inf")]}
    result = model.log_labels(frame)
    assert (result.accepted, result.rejected) == (1, 3)
    assert [(one.row, one.column, one.reason[:20]) for one in result.errors] == [
        (1, "prediction_id", "is missing. Fill the"),
        (2, "label", "is no class of the t"),
        (3, "label", "is infinite. Log Non"),
    ]


def test_a_dead_service_is_an_answer_for_each_row(service: Service) -> None:
    """log_labels does not raise; each row is in `errors`, and a wrong column lists the near ones."""
    service.fault = lambda _number: "fail"
    _, model = client(service, max_retry_s=0.3)
    result = model.log_labels({"prediction_id": ["a", "b"], "label": [1, 0]})
    assert (result.failed, len(result.errors)) == (2, 2)
    with pytest.raises(ArgumentError, match=r"no column .lable.\. Did you mean .label."):
        model.log_labels({"prediction_id": ["a"], "label": [1]}, label="lable")


def test_coroutines_do_the_same(service: Service) -> None:
    """AsyncModel has the methods for labels."""
    import asyncio

    async def run() -> None:
        async with AsyncDriftGuard(service.url, service.key) as dg:
            model = await dg.model("churn")
            await model.log_label("a", 1)
            assert (await model.log_labels({"prediction_id": ["b"], "label": [0]})).accepted == 1
            assert await dg.flush()

    asyncio.run(run())
    assert sorted(one["prediction_id"] for one in service.labels) == ["a", "b"]


def test_a_task_is_set_with_the_model(service: Service) -> None:
    """A new model is created with it; a model that exists gets it unless it has it."""
    task = {"type": "binary", "positive": 1}
    current: dict[str, Any] = {"task": None}
    created: list[Any] = []

    def create(body: Any) -> Any:
        created.append(body)
        return (201, {"id": "m1"}) if len(created) == 1 else (409, {"message": "exists"})

    def change(body: Any) -> Any:
        current.update(body["settings"])
        return 200, {"settings": current}

    service.routes = {
        ("POST", "/models"): create,
        ("GET", "/models?limit=500"): lambda _body: (200, [{"id": "m1", "name": "churn"}]),
        ("GET", "/models/m1"): lambda _body: (
            200,
            {"settings": {"task": current["task"] and {**task, "threshold": 0.5}}},
        ),
        ("PATCH", "/models/m1"): change,
    }
    dg = DriftGuard(service.url, service.key, strict=True)
    for _ in range(3):
        dg.model("churn", create=True, task=task, settings={"alpha": 0.01})
    assert created[0]["settings"] == {"alpha": 0.01, "task": task}
    assert [one.body for one in service.requests if one.method == "PATCH"] == [{"settings": {"task": task}}]
    with pytest.raises(ArgumentError, match="task goes with create=True"):
        dg.model("churn", task=task)


def test_a_baseline_has_labels_and_scores(service: Service) -> None:
    """Inline columns have `labels` and `scores`; with times, each row has its own."""
    sent: list[Any] = []

    def put(body: Any) -> Any:
        sent.append(body)
        return 200, {"version": 1, "rows": 2, "created_at": "", "source": "inline"}

    service.routes = {
        ("GET", "/models?limit=500"): lambda _body: (200, [{"id": "m1", "name": "churn"}]),
        ("PUT", "/models/m1/baseline"): put,
    }
    _, model = client(service)
    frame = {"age": [1, 2], "p": [0.2, 0.9], "y": [0, 1], "ts": [AT, AT]}
    model.set_baseline({name: frame[name] for name in ("age", "p", "y")}, score="p", label="y")
    model.set_baseline(frame, score="p", label="y", timestamp="ts")
    assert sent[0] == {"columns": {"age": [1, 2]}, "scores": [0.2, 0.9], "labels": [0, 1]}
    assert sent[1]["rows"][1] == {
        "features": {"age": 2},
        "score": 0.9,
        "label": 1,
        "timestamp": "2026-11-06T07:26:10.123Z",
    }


PERFORMANCE = {
    "task": {"type": "binary"},
    "headline": "roc_auc",
    "metric": "accuracy",
    "days": [{"day": "2026-11-06", "value": 0.9, "interval": [0.8, 1.0], "n": 10, "mature": True}],
    "window": {
        "days": 1,
        "n": 10,
        "metrics": {
            "accuracy": {"value": 0.8, "interval": [0.7, 0.9], "reference": 0.9, "degraded": True},
            "recall": {"value": 0.5, "interval": None, "reference": None, "degraded": None},
        },
    },
    "reference": None,
}
STATUS = {
    "received": 12,
    "matched": 10,
    "waiting": 2,
    "unmatched": 0,
    "corrected": 1,
    "withdrawn": 0,
    "ambiguous": 0,
    "coverage": [{"day": "2026-11-06", "predictions": 20, "labelled": 10}],
    "delay_hours": {"p50": 3, "p90": 20, "p99": None},
    "matured_until": None,
}


@pytest.fixture
def shown(service: Service, monkeypatch: pytest.MonkeyPatch) -> Service:
    """A service with a performance report, which the environment names."""
    monkeypatch.setenv("DRIFTGUARD_URL", service.url)
    monkeypatch.setenv("DRIFTGUARD_API_KEY", service.key)
    service.routes = {
        ("GET", "/models?limit=500"): lambda _body: (200, [{"id": "m1", "name": "churn"}]),
        ("GET", "/models/m1/performance?days=28&metric=accuracy"): lambda _body: (200, PERFORMANCE),
        ("GET", "/models/m1/labels/status"): lambda _body: (200, STATUS),
    }
    return service


def test_performance_and_the_state_of_labels_are_read(shown: Service) -> None:
    """Both have text, a table for notebooks, a DataFrame, and what the service sent."""
    model = DriftGuard(strict=True).model("churn")
    found = model.performance(days=28, metric="accuracy")
    assert found.degraded == ["accuracy"]
    assert found.to_dict() == PERFORMANCE
    assert found.to_pandas()["value"].tolist() == [0.9]
    assert "degraded" in found._repr_html_()
    status = model.labels()
    assert (status.waiting, status.to_pandas()["labelled"].tolist()) == (2, [10])
    assert "12 received, 10 matched, 2 waiting" in str(status)
    assert "delay: p50 3 h, p90 20 h" in str(status)
    with pytest.raises(DriftGuardError, match="404"):
        model.performance()


def test_the_command_line_shows_them(shown: Service, capsys: pytest.CaptureFixture[str]) -> None:
    """Text or JSON; status 1 for a degraded metric only where it is asked for."""
    command = ["performance", "churn", "--days", "28", "--metric", "accuracy"]
    assert main(command) == 0
    text = capsys.readouterr().out
    assert "10 labels of 1 mature days" in text
    assert "accuracy" in text
    assert main([*command, "--fail-on", "performance", "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == PERFORMANCE
    assert main(["labels", "churn"]) == 0
    assert "2 waiting" in capsys.readouterr().out


def test_a_file_of_labels_is_sent(shown: Service, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Ids keep their zeros, known columns are found by their names, and empty cells are no labels."""
    path = tmp_path / "labels.csv"
    path.write_text("prediction_id,label,timestamp,outcome:revenue\n007,1,2026-11-06T07:00:00Z,2.5\n008,,,\n")
    assert main(["labels", "churn", str(path)]) == 0
    text = capsys.readouterr().out
    assert "1 of 2 labels sent" in text
    assert "waits until there is a prediction with its id" in text
    assert "`driftguard labels churn` shows how many labels wait" in text
    assert shown.labels[0]["prediction_id"] == "007"
    assert shown.labels[0]["timestamp"] == "2026-11-06T07:00:00.000Z"
    assert shown.labels[0]["outcomes"] == {"revenue": 2.5}
    shown.reject = lambda _row: "is no class of the task"
    other = tmp_path / "other.jsonl"
    other.write_text('{"id": "9", "y": "zebra"}\n')
    assert main(["labels", "churn", str(other), "--prediction-id", "id", "--label", "y"]) == 2
    assert main(["labels", "churn", str(tmp_path / "none.csv")]) == 2
    assert main(["labels", "churn", str(path), "--label", "lable"]) == 2
    assert "Did you mean 'label'" in capsys.readouterr().err


def test_a_large_file_is_uploaded(
    shown: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file whose columns have the service's names goes to object storage as it is; rejected lines are shown."""
    monkeypatch.setattr("driftguard_client.cli.rows.UPLOADED", 10)
    described: list[Any] = []
    uploaded: list[Any] = []
    done = {
        "upload_id": "u1",
        "status": "done",
        "accepted": 1,
        "rejected": 1,
        "unlabelled": 0,
        "errors": [{"line": 3, "loc": ["label"], "msg": "must be 0 or 1"}],
    }

    def begin(body: Any) -> Any:
        described.append(body)
        return 201, {
            "upload_id": "u1",
            "url": f"{shown.url}/bucket",
            "method": "PUT",
            "headers": {"x-api-key": shown.key},
        }

    def take(body: Any) -> Any:
        uploaded.append(body)
        return 200, {}

    shown.routes |= {
        ("POST", "/models/m1/labels/uploads"): begin,
        ("PUT", "/bucket"): take,
        ("GET", "/models/m1/labels/uploads/u1"): lambda _body: (200, done),
    }
    path = tmp_path / "labels.csv"
    path.write_text("prediction_id,label\na,1\nb,7\n")
    assert main(["labels", "churn", str(path)]) == 0
    assert described == [{"format": "csv"}]
    assert uploaded == [path.read_bytes()]
    assert "1 labels stored, 1 rejected" in capsys.readouterr().out
    assert main(["labels", "churn", str(path), "--strict"]) == 1
    assert os.path.getsize(path) > 10
