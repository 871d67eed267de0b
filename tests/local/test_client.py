"""The client library and its command line against the running stack."""

import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from driftguard_client import ArgumentError, DriftGuard, Model, ResponseError
from driftguard_client.cli.main import main
from tests.local.launched import Launched, launched

pytestmark = pytest.mark.stack

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "clients" / "python" / "examples"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launched]:
    """The built template, serving."""
    with launched(
        tmp_path_factory.mktemp("client"), template=ROOT / ".aws-sam/build/template.yaml", module="local"
    ) as found:
        yield found


@pytest.fixture(autouse=True)
def _configured(stack: Launched, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The stack is the one that the environment names."""
    monkeypatch.setenv("DRIFTGUARD_URL", stack.stack["url"])
    monkeypatch.setenv("DRIFTGUARD_API_KEY", stack.stack["api_keys"]["admin"])
    monkeypatch.setenv("DRIFTGUARD_CONFIG", str(tmp_path / "driftguard.ini"))


def frame(rows: int, *, shift: float = 0.0, seed: int = 1) -> pd.DataFrame:
    """Rows of a model; `shift` moves `age`."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "age": rng.normal(40 + shift, 10, rows).astype("float32"),
            "plan": pd.Categorical(rng.choice(["basic", "pro"], rows)),
            "active": rng.random(rows) < 0.5,
            "count": rng.integers(0, 100, rows),
            "pred": rng.random(rows),
        }
    )


def stored(stack: Launched, model: Model) -> list[dict[str, Any]]:
    """All rows of a model that the service lists."""
    return list(model.client.listed(f"/models/{model.id}/predictions?limit=500"))


def cli(*arguments: str, status: int = 0) -> Any:
    """What a command prints with --json."""
    out = io.StringIO()
    with redirect_stdout(out):
        assert main([*arguments, "--json"]) == status
    return json.loads(out.getvalue())


def test_the_first_report_takes_eight_lines(stack: Launched) -> None:
    """The README's lines, run as they are, end in a report that finds the drift."""
    source = (EXAMPLES / "eight_lines.py").read_text()
    lines = source.partition("# start of the eight lines\n")[2].partition("# end of the eight lines")[0]
    code = [line.partition("  #")[0] for line in lines.splitlines() if line]
    assert len(code) <= 8
    readme = (ROOT / "clients" / "python" / "README.md").read_text()
    assert all(line in readme for line in code)
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "clients" / "python")}
    command = [sys.executable, str(EXAMPLES / "eight_lines.py")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.startswith("drift: score"), done.stderr
    assert "rows against 2,000 of the baseline" in done.stdout


def test_rows_arrive_in_the_service_as_they_were_logged(stack: Launched) -> None:
    """log() and log_frame() with an ingest key; the service's own list shows ids, times, features and predictions."""
    admin = DriftGuard()
    admin.model("arrivals", create=True)
    dg = DriftGuard(api_key=stack.stack["api_keys"]["ingest"], strict=True)
    at = datetime.now(UTC) - timedelta(hours=3)
    dg.model("arrivals").log(
        {"age": np.float32(0.5), "plan": "basic", "gap": float("nan")}, 1, prediction_id="one", timestamp=at
    )
    assert dg.flush()
    data = frame(1000)
    result = dg.model("arrivals").log_frame(data, prediction="pred", chunk_rows=300)
    assert (result.accepted, result.errors) == (1000, [])
    rows = {row["prediction_id"]: row for row in stored(stack, admin.model("arrivals"))}
    assert len(rows) == 1001
    assert rows["one"]["features"] == {"age": 0.5, "plan": "basic"}
    assert abs((datetime.fromisoformat(rows["one"]["timestamp"]) - at).total_seconds()) < 0.002
    for own_id, expected in zip(result.prediction_ids, data.to_dict("records"), strict=True):
        assert rows[own_id]["prediction"] == expected.pop("pred")
        assert rows[own_id]["features"] == expected


def test_the_same_batch_by_two_clients_is_stored_once(stack: Launched, tmp_path: Path) -> None:
    """A batch that was sent, then found again in the spool as after a crash, does not count twice."""
    model = DriftGuard().model("replayed", create=True)
    dg = DriftGuard(spool_dir=tmp_path, strict=True, flush_interval=60)
    for index in range(50):
        dg.model("replayed").log({"age": index}, 0.5)
    (path,) = tmp_path.rglob("*.rows")
    content = path.read_bytes()
    assert dg.flush()
    dg.close()
    folder = tmp_path / "of a killed process"
    folder.mkdir()
    (folder / "lock").touch()
    (folder / path.name).write_bytes(content)
    assert cli("sync", str(tmp_path))["sent"] == 50
    assert len(stored(stack, model)) == 50


def test_every_row_that_the_service_rejects_is_in_the_answer(stack: Launched) -> None:
    """Rows that are too old, and ids that come twice, by their position in the frame."""
    data = frame(700)
    data["ts"] = pd.Timestamp.now("UTC")
    data.loc[[5, 699], "ts"] = pd.Timestamp("2020-01-01", tz="UTC")
    data["id"] = [f"r{index}" for index in range(700)]
    data.loc[20, "id"] = "r19"
    model = DriftGuard().model("rejections", create=True)
    result = model.log_frame(data, prediction="pred", timestamp="ts", prediction_id="id")
    assert (result.accepted, result.rejected) == (697, 3)
    assert [one.row for one in result.errors] == [5, 20, 699]
    assert "21 days" in result.errors[0].reason
    assert "earlier in this batch" in result.errors[1].reason


def test_a_baseline_inline_and_uploaded_gives_the_same_shares(stack: Launched, tmp_path: Path) -> None:
    """A small frame goes in one request, a large one and a file are uploaded with progress; all become versions."""
    model = DriftGuard().model("baselines", create=True)
    small = model.set_baseline(frame(500), prediction="pred")
    phases: list[str] = []
    large = model.set_baseline(
        frame(90_000), prediction="pred", days=7, progress=lambda phase, *_: phases.append(phase)
    )
    assert {"Writing", "Uploading"} <= set(phases)
    frame(500).to_csv(tmp_path / "train.csv.gz", index=False)
    from_file = model.set_baseline(str(tmp_path / "train.csv.gz"), prediction="pred", progress=False)
    assert [(one.version, one.rows) for one in (small, large, from_file)] == [(1, 500), (2, 90_000), (3, 500)]
    kinds = {one["name"]: (one["role"], one["type"]) for one in large.features}
    assert kinds == {one["name"]: (one["role"], one["type"]) for one in from_file.features}
    assert kinds["plan"] == ("feature", "categorical")
    assert [one.version for one in model.baselines()] == [3, 2, 1]
    model.restore_baseline(2)
    assert model.baseline().version == 2
    with pytest.raises(ArgumentError, match=r"row 3, age: is infinite"):
        model.set_baseline({"age": [1.0, 2.0, 3.0, float("inf")]})
    (tmp_path / "bad.csv").write_text("age\n")
    with pytest.raises(ResponseError, match="The baseline was not built"):
        model.set_baseline(str(tmp_path / "bad.csv"))


def test_a_model_that_does_not_exist_is_named_with_its_neighbours(stack: Launched) -> None:
    """And logging to it is visible in stats(), not raised."""
    DriftGuard().model("customers", create=True)
    with pytest.raises(ArgumentError, match="Did you mean 'customers'"):
        _ = DriftGuard().model("custmers").id
    dg = DriftGuard(flush_interval=0.05)
    dg.model("custmers").log({"age": 1})
    assert dg.flush()
    assert dg.stats()["dropped"] == 1


def test_a_day_with_the_command_line(stack: Launched, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From a file to a resolved alert, each command once, with JSON."""
    frame(2000).to_csv(tmp_path / "train.csv", index=False)
    today = frame(3000, shift=9, seed=2)
    today["ts"] = [(datetime.now(UTC) - timedelta(minutes=4 * index)).isoformat() for index in range(3000)]
    today.to_parquet(tmp_path / "today.parquet")
    assert {one["name"] for one in cli("models", "--create", "cli")} >= {"cli"}
    made = cli("baseline", "put", "cli", str(tmp_path / "train.csv"), "--prediction", "pred")
    assert (made["version"], made["rows"]) == (1, 2000)
    logged = cli("log", "cli", str(tmp_path / "today.parquet"), "--prediction", "pred", "--timestamp", "ts")
    assert logged["accepted"] == 3000
    report = cli("check", "cli", "--fail-on", "drift", status=1)
    assert (report["status"], report["drifted_features"]) == ("drift", ["age"])
    assert cli("report", "cli") == report
    (alert,) = cli("alerts", "list", "--model", "cli", "--status", "firing")
    assert cli("alerts", "ack", alert["id"], "--note", "on it")["status"] == "acknowledged"
    assert cli("alerts", "snooze", alert["id"], "--for", "3d")["status"] == "snoozed"
    assert cli("alerts", "resolve", alert["id"])["status"] == "resolved"
    assert cli("channels") == []
    assert cli("simulate", "cli", "--set", "features.age.enabled=false")["alerts"] == []
    assert [one["version"] for one in cli("baseline", "list", "cli")] == [1]
    assert cli("baseline", "restore", "cli", "1")
    assert cli("doctor")["ok"] is True
    capsys.readouterr()
    assert main(["simulate", "cli", "--set", "min_drift_scor=0.9"]) == 2
    assert "min_drift_score" in capsys.readouterr().err
    assert main(["report", "cli"]) == 0
    assert "! age:" in capsys.readouterr().out
    model = DriftGuard().model("cli")
    assert [row.status for row in model.history(days=1)] == ["drift"]
    assert model.alerts().to_pandas()["status"].tolist() == ["resolved"]
    assert "age" in model.report()._repr_html_()
    assert model.report().to_pandas()["name"][0] == "age"


def test_an_ingest_key_may_log_and_the_doctor_knows(stack: Launched, monkeypatch: pytest.MonkeyPatch) -> None:
    """The role is shown; what the key may not do is refused with a sentence."""
    DriftGuard().model("for ingest", create=True)
    monkeypatch.setenv("DRIFTGUARD_API_KEY", stack.stack["api_keys"]["ingest"])
    checks = {one["check"]: one["detail"] for one in cli("doctor")["checks"]}
    assert checks["key"] == "role ingest of Local: may log only"
    dg = DriftGuard(strict=True)
    dg.model("for ingest").log({"age": 1})
    assert dg.flush()
    with pytest.raises(ResponseError, match="403"):
        dg.model("for ingest").report()
    monkeypatch.setenv("DRIFTGUARD_API_KEY", "unknown")
    checks = {one["check"]: one["detail"] for one in cli("doctor", status=2)["checks"]}
    assert "the API key is missing, unknown or revoked" in checks["key"]


def test_logging_from_many_threads_arrives_once(stack: Launched) -> None:
    """3,000 rows of one model through one client; the service lists each once."""
    model = DriftGuard().model("many", create=True)
    dg = DriftGuard()
    ids = [dg.model("many").log({"age": index}, 0.5) for index in range(3000)]
    began = time.monotonic()
    assert dg.flush(timeout=60)
    assert time.monotonic() - began < 60
    assert sorted(row["prediction_id"] for row in stored(stack, model)) == sorted(ids)


def test_late_labels_become_performance(stack: Launched) -> None:
    """The example logs and labels. After a join, the client and the command line read coverage and metrics."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "clients" / "python")}
    command = [sys.executable, str(EXAMPLES / "late_labels.py")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert "450 of 500 labels sent" in done.stdout, done.stderr
    assert "50 rows have no label yet" in done.stdout
    model = DriftGuard(strict=True).model("late labels")
    found = joined(stack, model, 450)
    rows = {row["prediction_id"]: row["score"] for row in stored(stack, model)}
    assert len(rows) == 500
    status = model.labels()
    assert (status.matched, status.corrected, status.waiting) == (450, 1, 0)
    assert found.headline == "roc_auc"
    (day,) = (one for one in found.days if one["n"])
    assert (day["predictions"], day["n"], day["mature"]) == (500, 450, True)
    assert 0.5 < model.performance(metric="roc_auc").metrics["roc_auc"]["value"] < 1
    assert cli("performance", "late labels")["window"]["n"] == 450
    assert cli("labels", "late labels")["matched"] == 450


def test_labels_in_columns_and_files_count_once(stack: Launched, tmp_path: Path) -> None:
    """A frame sent twice under one id, a file of the command line, an upload, and a withdrawal, with an ingest key."""
    model = DriftGuard(strict=True).model("labelled", create=True, task={"type": "binary", "positive": 1})
    at = datetime.now(UTC) - timedelta(days=2)
    ids = [f"{number:03d}" for number in range(300)]
    data = pd.DataFrame({"age": 1.0, "id": ids, "pred": [number % 2 for number in range(300)], "ts": at})
    model.log_frame(data, prediction="pred", prediction_id="id", timestamp="ts")
    labels = pd.DataFrame({"prediction_id": ids, "label": 1, "timestamp": at})
    ingest = DriftGuard(api_key=stack.stack["api_keys"]["ingest"]).model("labelled")
    for _ in range(2):
        assert ingest.log_labels(labels[:100], timestamp="timestamp", batch_id="first").accepted == 100
    labels[100:200].to_csv(tmp_path / "second.csv", index=False)
    assert cli("labels", "labelled", str(tmp_path / "second.csv"))["accepted"] == 100
    labels[200:].to_csv(tmp_path / "third.csv.gz", index=False)
    uploaded = model.upload_labels(tmp_path / "third.csv.gz", progress=False)
    assert (uploaded.accepted, uploaded.rejected) == (100, 0)
    ingest.log_label("000", withdraw=True, timestamp=at)
    assert ingest.client.flush()
    found = joined(stack, model, 299)
    assert found.metrics["accuracy"]["value"] == pytest.approx(150 / 299)
    rejected = ingest.log_labels(
        {"prediction_id": ["001", "002"], "label": ["zebra", 1], "timestamp": [at, at]}, timestamp="timestamp"
    )
    assert (rejected.accepted, rejected.errors[0].row) == (1, 0)
    assert "must be 0 or 1" in rejected.errors[0].reason


@pytest.mark.parametrize("way", ["columns", "rows", "file"])
def test_a_baseline_with_labels_is_the_reference(stack: Launched, tmp_path: Path, way: str) -> None:
    """Inline columns, inline rows with times, and a file give the reference of the performance."""
    model = DriftGuard(strict=True).model(f"reference {way}", create=True, task={"type": "binary", "positive": 1})
    rng = np.random.default_rng(4)
    train = pd.DataFrame({"age": rng.normal(40, 9, 400), "p": rng.random(400)})
    train["y"] = (rng.random(400) < train["p"]).astype(int)
    if way == "file":
        train.to_csv(tmp_path / "train.csv", index=False)
        cli("baseline", "put", model.name, str(tmp_path / "train.csv"), "--label", "y", "--score", "p")
    elif way == "rows":
        train["ts"] = datetime.now(UTC) - timedelta(days=30)
        model.set_baseline(train, label="y", score="p", timestamp="ts")
    else:
        model.set_baseline(train, label="y", score="p")
    at = datetime.now(UTC) - timedelta(days=2)
    rows = train.assign(id=[f"{number}" for number in range(400)], at=at)
    model.log_frame(rows[["age", "p", "id", "at"]], score="p", prediction_id="id", timestamp="at")
    model.log_labels(rows, prediction_id="id", label="y", timestamp="at")
    found = joined(stack, model, 400)
    assert found.reference is not None
    assert (found.reference["source"], found.reference["n"]) == ("baseline", 400)
    accuracy = found.metrics["accuracy"]
    assert accuracy["value"] == accuracy["reference"] == ((train["p"] >= 0.5) == (train["y"] == 1)).mean()
    assert found.degraded == []


def joined(stack: Launched, model: Model, count: int) -> Any:
    """The performance after a join has counted so many labels."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        stack.http("POST", "/_local/schedule")
        try:
            found = model.performance()
        except ResponseError as error:  # until the first join
            if error.status != 404:
                raise
            found = None
        if found is not None and found.window.get("n") == count:
            return found
        time.sleep(1)
    raise AssertionError(f"{count} labels were not joined: {model.labels().to_dict()}")
