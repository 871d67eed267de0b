"""Rule 8: the wrappers, and the examples that show them, run against a service."""

import json
import pickle
import socket
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.datasets import load_iris
from sklearn.linear_model import LinearRegression, LogisticRegression

from driftguard_client import DriftGuard, DriftGuardError
from testing.processes import variables
from testing.service import Service

EXAMPLES = Path(__file__).parent.parent / "examples"


def run(service: Service, *command: str, cwd: Path = EXAMPLES) -> str:
    """Run an example to its end and return what it printed."""
    done = subprocess.run(
        [sys.executable, *command],
        cwd=cwd,
        env=variables({"DRIFTGUARD_URL": service.url, "DRIFTGUARD_API_KEY": service.key}),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_watched_classifier_logs_what_it_predicts(service: Service) -> None:
    """Frames, arrays, sparse matrices and lists: each row arrives under its names, and answers are unchanged."""
    iris = load_iris(as_frame=True)
    two = iris.target < 2
    estimator = LogisticRegression().fit(iris.data[two], iris.target[two])
    dg = DriftGuard(service.url, service.key, strict=True)
    watched = dg.watch(estimator, "iris")
    frame = iris.data.head(3)
    assert (watched.predict(frame) == estimator.predict(frame)).all()
    shares = watched.predict_proba(frame)
    dg.flush()
    assert [row["features"] for row in service.rows[:3]] == frame.to_dict("records")
    assert [row["prediction"] for row in service.rows[:3]] == [0, 0, 0]
    last = service.rows[5]
    assert last["probabilities"] == {"0": shares[2][0], "1": shares[2][1]}
    assert (last["score"], last["prediction"]) == (shares[2][1], 0)
    unnamed = LogisticRegression().fit(iris.data[two].to_numpy(), iris.target[two])
    watched = dg.watch(unnamed, "iris", feature_names=list(iris.data.columns))
    watched.predict(frame.to_numpy())
    watched.predict(sparse.csr_matrix(frame.to_numpy()))
    watched.predict(frame.to_numpy().tolist())
    dg.flush()
    assert len(service.rows) == 15
    assert service.rows[14]["features"] == frame.to_dict("records")[2]
    assert watched.classes_ is unnamed.classes_
    assert pickle.loads(pickle.dumps(estimator)).predict(frame).tolist() == [0, 0, 0]


def test_a_watched_regressor_logs_numbers(service: Service) -> None:
    """Also from a polars frame."""
    frame = pl.DataFrame({"a": [1.0, 2.0, 3.0], "b": [0.0, 1.0, 0.0]})
    estimator = LinearRegression().fit(frame.to_pandas(), [1.0, 2.0, 3.0])
    dg = DriftGuard(service.url, service.key)
    dg.watch(estimator, dg.model("numbers")).predict(frame)
    dg.flush()
    assert [round(row["prediction"], 6) for row in service.rows] == [1.0, 2.0, 3.0]


def test_a_prediction_never_fails_because_of_its_logging(service: Service) -> None:
    """Rows without names are a problem of the log alone; a strict client raises it."""
    estimator = LinearRegression().fit(np.eye(3), [1, 2, 3])
    errors: list[DriftGuardError] = []
    dg = DriftGuard(service.url, service.key, on_error=errors.append)
    assert len(dg.watch(estimator, "numbers").predict(np.eye(3))) == 3
    assert "feature_names=[…]" in str(errors[0])
    strict = DriftGuard(service.url, service.key, strict=True)
    with pytest.raises(DriftGuardError, match="feature_names"):
        strict.watch(estimator, "numbers").predict(np.eye(3))


def test_the_example_for_scikit_learn_runs(service: Service) -> None:
    """It logs 30 rows under the names of the data set."""
    assert "30 features" in run(service, "scikit_learn.py")
    assert len(service.rows) == 30
    assert "mean radius" in service.rows[29]["features"]
    assert service.rows[0]["score"] == service.rows[0]["probabilities"]["1"]


def test_the_example_for_asyncio_runs(service: Service) -> None:
    """It logs a row and a frame."""
    assert "2 of 2 rows logged" in run(service, "asyncio_service.py")
    assert len(service.rows) == 3


def test_the_example_for_mlflow_runs(service: Service) -> None:
    """The model is saved, loaded and asked; what it predicts is logged."""
    assert "[0.41, 0.72, 0.18]" in run(service, "mlflow_pyfunc.py")
    assert [(row["features"], row["prediction"]) for row in service.rows] == [
        ({"age": 41.0}, 0.41),
        ({"age": 72.0}, 0.72),
        ({"age": 18.0}, 0.18),
    ]


def test_the_example_for_sagemaker_runs(service: Service, tmp_path: Path) -> None:
    """The container's sequence of model_fn, input_fn and predict_fn logs each row."""
    frame = pd.DataFrame({"age": [1.0, 2.0, 3.0], "tenure": [0.0, 1.0, 0.0]})
    joblib.dump(LinearRegression().fit(frame, [1.0, 2.0, 3.0]), tmp_path / "model.joblib")
    body = json.dumps(frame.to_dict("records"))
    code = f"""
import sys
sys.path.insert(0, "sagemaker")
import inference
model = inference.model_fn({str(tmp_path)!r})
print(inference.predict_fn(inference.input_fn({body!r}, "application/json"), model).round(3).tolist())
"""
    assert "[1.0, 2.0, 3.0]" in run(service, "-c", code)
    assert [row["features"] for row in service.rows] == frame.to_dict("records")


def test_the_example_for_lambda_runs(service: Service) -> None:
    """Its row is sent when the handler has returned."""
    code = "import aws_lambda, os; print(aws_lambda.handler({'age': 41.0}, None)['score'], flush=True); os._exit(0)"
    assert run(service, "-c", code).strip() == "0.41"
    assert service.rows[0]["features"] == {"age": 41.0}


@pytest.mark.parametrize("name", ["fastapi_app", "starlette_app"])
def test_a_web_application_under_load_loses_nothing(service: Service, name: str) -> None:
    """800 requests from 16 clients, with failures after storing: each row is there once after the end."""
    service.fault = lambda number: "fail_after_storing" if number % 3 == 0 else None
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    environment = variables({"DRIFTGUARD_URL": service.url, "DRIFTGUARD_API_KEY": service.key})
    server = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", f"{name}:app", "--port", str(port), "--log-level", "warning"],
        cwd=EXAMPLES,
        env=environment,
    )
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert time.monotonic() < deadline
                assert server.poll() is None
                time.sleep(0.1)

        def ask(number: int) -> str:
            request = urllib.request.Request(
                f"http://127.0.0.1:{port}/predict",
                data=json.dumps({"age": number, "plan": "basic"}).encode(),
                headers={"content-type": "application/json"},
            )
            with urllib.request.urlopen(request, timeout=30) as response:
                answer: dict[str, Any] = json.load(response)
                return str(answer["prediction_id"])

        with ThreadPoolExecutor(16) as pool:
            ids = list(pool.map(ask, range(800)))
        server.terminate()
        server.wait(20)
    finally:
        server.kill()
        server.wait()
    assert sorted(service.ids) == sorted(ids)


def test_every_example_is_run_by_a_test() -> None:
    """No example is only read."""
    names = {path.name for path in EXAMPLES.rglob("*.py")}
    tested = Path(__file__).read_text()
    local = (Path(__file__).parents[3] / "tests" / "local" / "test_client.py").read_text()
    assert {name for name in names if Path(name).stem not in tested + local} == set()
