"""References of performance through the API: of baselines with labels in every form, and of mature days."""

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from sklearn.metrics import accuracy_score, roc_auc_score

from driftguard.platform.times import DAY, iso
from sandbox.gateway import LambdaContext, function
from sandbox.roles import under_role
from tests.functional.conftest import Stack
from tests.functional.models import drain_joins, log

BINARY = {"type": "binary", "positive": 1}


def new_model(deployed: Stack, task: dict[str, Any] | None = BINARY) -> str:
    """Create a model whose days are mature when half of their predictions have a label."""
    settings = {"label_ratio": 0.5, "min_labels": 20, **({"task": task} if task else {})}
    answer = deployed.call("POST", "/models", {"name": "referred", "settings": settings})
    assert answer.status == 201, answer.text
    model_id: str = answer.body["id"]
    return model_id


def scored(count: int = 300, seed: int = 1) -> tuple[list[float], list[int]]:
    """Scores with seven digits, and labels that follow them."""
    rng = random.Random(seed)
    scores = [round(rng.random(), 7) for _ in range(count)]
    return scores, [int(rng.random() < score) for score in scores]


def put(deployed: Stack, model_id: str, body: dict[str, Any], status: int = 200) -> Any:
    """Put a baseline."""
    answer = deployed.call("PUT", f"/models/{model_id}/baseline", body)
    assert answer.status == status, answer.text
    return answer.body


def reference(deployed: Stack, model_id: str) -> dict[str, Any] | None:
    """The reference in the performance report, after a join by hand."""
    event = {"id": "tick-by-hand", "time": "2026-11-20T12:00:00Z", "detail": {"by_hand": True}}
    with under_role("schedule_checks"):
        function("schedule_checks").handler(event, LambdaContext())
    assert drain_joins(deployed) == [{"batchItemFailures": []}]
    answer = deployed.call("GET", f"/models/{model_id}/performance", role="viewer")
    assert answer.status == 200, answer.text
    found: dict[str, Any] | None = answer.body["reference"]
    return found


def is_of(found: dict[str, Any] | None, scores: list[float], labels: list[int]) -> None:
    """The reference has the metrics that scikit-learn computes of the rows."""
    assert found is not None
    assert (found["source"], found["n"]) == ("baseline", len(labels))
    assert found["metrics"]["accuracy"] == accuracy_score(labels, [score >= 0.5 for score in scores])
    assert found["metrics"]["roc_auc"] == pytest.approx(roc_auc_score(labels, scores), abs=0.0005)


def test_columns_with_labels_are_the_reference(deployed: Stack) -> None:
    """Labels and scores beside the columns give the reference; rows without a label do not count in it."""
    model_id = new_model(deployed)
    scores, labels = scored()
    body = {"columns": {"age": [1, *scores]}, "scores": [0.5, *scores], "labels": [None, *labels], "days": 30}
    put(deployed, model_id, body)
    found = reference(deployed, model_id)
    is_of(found, scores, labels)
    assert found is not None
    assert found["days"] == 30


def test_rows_with_labels_are_the_reference_also_before_there_is_a_task(deployed: Stack) -> None:
    """Each row has its own score and label. The task that is set later decides what they mean."""
    model_id = new_model(deployed, None)
    scores, labels = scored()
    rows = [
        {"features": {"age": score}, "score": score, "label": bool(label)}
        for score, label in zip(scores, labels, strict=True)
    ]
    put(deployed, model_id, {"rows": rows})
    settings = {"settings": {"task": BINARY}}
    assert deployed.call("PATCH", f"/models/{model_id}", settings).status == 200
    is_of(reference(deployed, model_id), scores, labels)


def test_logged_rows_with_labels_are_the_reference(deployed: Stack) -> None:
    """A baseline out of logged predictions takes their own labels and scores; a baseline with few labels takes none."""
    model_id = new_model(deployed)
    scores, labels = scored()
    at = datetime.now(UTC) - 2 * DAY
    rows = [
        {"features": {"age": score}, "score": score, "label": label, "timestamp": iso(at)}
        for score, label in zip(scores, labels, strict=True)
    ]
    log(deployed, model_id, rows, "rows")
    later: list[dict[str, Any]] = [
        {"features": {"age": 1}, "timestamp": iso(at + DAY)},
        {**rows[0], "timestamp": iso(at + DAY)},
    ]
    log(deployed, model_id, later, "later")
    for start in (at, at + DAY):
        put(deployed, model_id, {"from_predictions": {"start": iso(start), "end": iso(start + DAY / 2)}})
        is_of(reference(deployed, model_id), scores, labels)


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_file_with_labels_is_the_reference(deployed: Stack, form: str) -> None:
    """`label_column` and `score_column` of a CSV file, or `label` and `score` of JSON Lines, are no features."""
    model_id = new_model(deployed)
    scores, labels = scored()
    about: dict[str, Any] = {"format": form}
    if form == "csv":
        about |= {"label_column": "truth", "score_column": "p"}
        lines = ["age,p,truth", *(f"{score},{score},{label}" for score, label in zip(scores, labels, strict=True))]
    else:
        lines = [
            json.dumps({"features": {"age": score}, "score": score, "label": label})
            for score, label in zip(scores, labels, strict=True)
        ]
    status = uploaded(deployed, model_id, about, "\n".join([*lines, ""]))
    assert status["status"] == "done", status
    assert [column["name"] for column in status["columns"]] == ["age"]
    is_of(reference(deployed, model_id), scores, labels)


def uploaded(deployed: Stack, model_id: str, about: dict[str, Any], text: str) -> dict[str, Any]:
    """Upload a file and build its baseline. Returns the status of the upload."""
    path = f"/models/{model_id}/baseline/uploads"
    answer = deployed.call("POST", path, about)
    assert answer.status == 201, answer.text
    upload_id = answer.body["upload_id"]
    bucket, key = deployed.variables["UPLOADS_BUCKET"], f"acme/{model_id}/{upload_id}"
    etag = boto3.client("s3").put_object(Bucket=bucket, Key=key, Body=text.encode())["ETag"].strip('"')
    event = {"detail": {"object": {"key": key, "size": len(text.encode()), "etag": etag}}}
    with under_role("build_baseline"):
        function("build_baseline").handler(event, LambdaContext(seconds_left=900.0))
    found: dict[str, Any] = deployed.call("GET", f"{path}/{upload_id}").body
    return found


def test_a_file_with_wrong_labels_is_refused(deployed: Stack) -> None:
    """A label that the task does not know, a score over 1 and labels without predictions give the reason."""
    model_id = new_model(deployed)
    about = {"format": "csv", "label_column": "truth"}
    assert "'2.0' must be 0 or 1" in uploaded(deployed, model_id, about, "age,prediction,truth\n1,1,2\n")["reason"]
    failed = uploaded(deployed, model_id, {**about, "score_column": "p"}, "age,p,truth\n1,0.5,1\n2,1.5,1\n")
    assert failed["line"] == 3
    assert "from 0 to 1" in failed["reason"]
    assert "no predictions and no scores" in uploaded(deployed, model_id, about, "age,truth\n1,1\n")["reason"]
    assert "label_column gives" in uploaded(deployed, model_id, about, "age,prediction\n1,1\n")["reason"]


@pytest.mark.parametrize(
    ("body", "place", "reason"),
    [
        ({"columns": {"a": [1, 2]}, "predictions": [1, 0], "labels": [1, 7]}, ["body", "labels", 1], "must be 0 or 1"),
        ({"columns": {"a": [1, 2]}, "labels": [1, 0]}, ["body", "labels"], "no predictions and no scores"),
        ({"columns": {"a": [1]}, "labels": [1], "scores": [1.5]}, ["body", "scores", 0], "from 0 to 1"),
        ({"columns": {"a": [1]}, "labels": [[1]], "scores": [1]}, ["body", "labels", 0], "not a nested value"),
        ({"columns": {"a": [1, 2]}, "predictions": [1, 0], "labels": [1]}, ["body", "columns"], "same length"),
        ({"columns": {"a": [1]}, "scores": [0.5]}, ["body"], "scores need labels"),
        ({"rows": [{"features": {}}], "labels": [1]}, ["body"], "labels go with columns"),
        ({"rows": [{"features": {"a": 1}, "label": 3, "prediction": 1}]}, ["body", "rows", 0, "label"], "0 or 1"),
    ],
)
def test_wrong_labels_refuse_the_baseline(deployed: Stack, body: dict[str, Any], place: list[Any], reason: str) -> None:
    """Each mistake gets the place and the reason, and nothing is stored."""
    model_id = new_model(deployed)
    answer = put(deployed, model_id, body, 422)
    assert answer["errors"][0]["loc"] == place
    assert reason in answer["errors"][0]["msg"]


def test_mature_days_become_the_reference_through_the_api(deployed: Stack) -> None:
    """The route answers with the days that it took, and its mistakes have the contract's shape."""
    model_id = new_model(deployed)
    scores, labels = scored(80)
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    rows = [
        {"features": {}, "score": score, "label": label, "timestamp": iso(midnight - DAY)}
        for score, label in zip(scores, labels, strict=True)
    ]
    log(deployed, model_id, rows, "rows")
    path = f"/models/{model_id}/baseline/performance"
    period = {"start": iso(midnight - 3 * DAY), "end": iso(midnight)}
    early = deployed.call("PUT", path, {"from_predictions": period})
    assert (early.status, early.body["errors"][0]["loc"]) == (422, ["body", "from_predictions"])
    assert reference(deployed, model_id) is None
    # What arrived in the last minutes is counted by hand, and stored by a later join.
    early = deployed.call("PUT", path, {"from_predictions": period})
    assert early.status == 422
    assert deployed.call("PUT", path, {}).status == 422
    assert deployed.call("PUT", path, {"from_predictions": period}, role="viewer").status == 403
    assert deployed.call("PUT", "/models/unknown/baseline/performance", {"from_predictions": period}).status == 404


def test_mature_days_are_taken_by_the_api(deployed: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """The days that lie in the range are the reference; a change of it is recorded."""
    monkeypatch.setattr("driftguard.performance.joining.SETTLED", timedelta(0))
    model_id = new_model(deployed)
    scores, labels = scored(80)
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    rows = [
        {"features": {}, "score": score, "label": label, "timestamp": iso(midnight - DAY)}
        for score, label in zip(scores, labels, strict=True)
    ]
    log(deployed, model_id, rows, "rows")
    assert reference(deployed, model_id) is None
    period = {"start": iso(midnight - 3 * DAY), "end": iso(datetime.now(UTC))}
    answer = deployed.call("PUT", f"/models/{model_id}/baseline/performance", {"from_predictions": period})
    assert answer.status == 200, answer.text
    assert (answer.body["version"], answer.body["rows"], answer.body["days"]) == (1, 80, 1)
    found = reference(deployed, model_id)
    assert found is not None
    assert (found["source"], found["n"], found["days"]) == ("predictions", 80, 1)
    entry = deployed.call("GET", "/activity").body[0]
    assert (entry["action"], entry["subject_id"], entry["details"]["rows"]) == ("reference_created", "1", 80)
