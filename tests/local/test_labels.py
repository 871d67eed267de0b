"""Ground truth on the running stack: labels sent over HTTP become the metrics that the API answers with."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest

from bench.labels import over_http, storm
from bench.labels.story import flights
from tests.local.launched import Launched, launched

pytestmark = pytest.mark.stack

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launched]:
    """The built template, serving."""
    with launched(
        tmp_path_factory.mktemp("labels"), template=ROOT / ".aws-sam/build/template.yaml", module="local"
    ) as found:
        yield found


def test_labels_become_the_accuracy_that_pandas_computes(stack: Launched) -> None:
    """A model without a baseline gets predictions and later labels; firing the schedule joins them."""
    made = stack.http(
        "POST", "/models", json={"name": "labelled", "settings": {"task": {"type": "binary", "positive": 1}}}
    )
    assert made.status_code == 201, made.text
    path = f"/models/{made.json()['id']}"
    rng = np.random.default_rng(1)
    scores = rng.random(500)
    at = [datetime.now(UTC) - timedelta(hours=1 + place / 10) for place in range(500)]
    table = pd.DataFrame({"score": scores, "label": (rng.random(500) < scores).astype(int), "at": at})
    times = [moment.isoformat() for moment in at]
    ids = [f"row {place}" for place in range(500)]
    columns = {"columns": {"age": [1.0] * 500}, "scores": scores.tolist(), "prediction_ids": ids, "timestamps": times}
    logged = stack.http("POST", "/predictions/batch", json={"model": "labelled", **columns})
    assert logged.status_code == 202, logged.text
    labels = {"prediction_id": ids, "label": table["label"].tolist(), "timestamp": times}
    for _ in range(2):
        sent = stack.http("POST", f"{path}/labels", json={"columns": labels, "batch_id": "all"})
        assert (sent.status_code, sent.json()["accepted"]) == (202, 500), sent.text
    fired = stack.http("POST", "/_local/schedule")
    assert fired.status_code == 200, fired.text
    performance = stack.http("GET", f"{path}/performance?metric=accuracy").json()
    hits = (table["score"] >= 0.5) == (table["label"] == 1)
    expected = hits.groupby(table["at"].dt.strftime("%Y-%m-%d")).mean()
    assert {day["day"]: day["value"] for day in performance["days"]} == expected.to_dict()
    status = stack.http("GET", f"{path}/labels/status").json()
    assert (status["received"], status["matched"]) == (500, 500)


def test_a_check_shows_what_its_join_has_counted(stack: Launched) -> None:
    """A check waits for the join of its model, so the labels just sent are counted when the response has no header.

    The first joins of a stack can take longer than a check waits, because their process starts.
    """
    made = stack.http(
        "POST", "/models", json={"name": "checked", "settings": {"task": {"type": "binary", "positive": 1}}}
    ).json()
    path, at = f"/models/{made['id']}", (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    row = {"model": "checked", "prediction_id": "a", "features": {"x": 1}, "score": 0.9, "timestamp": at}
    assert stack.http("POST", "/predictions", json=row).status_code == 202
    labels = [{"prediction_id": "a", "label": 1, "timestamp": at}]
    assert stack.http("POST", f"{path}/labels", json={"labels": labels}).status_code == 202
    for _ in range(10):
        checked = stack.http("POST", f"/drift{path}/check")
        assert checked.status_code == 200, checked.text
        if "x-labels-pending" not in checked.headers:
            break
    assert "x-labels-pending" not in checked.headers
    assert stack.http("GET", f"{path}/labels/status").json()["matched"] == 1


def test_a_file_of_labels_is_stored_and_joined(stack: Launched) -> None:
    """A file that is put at the presigned URL reaches load_labels and no other function, and its labels are joined."""
    made = stack.http(
        "POST", "/models", json={"name": "filed", "settings": {"task": {"type": "binary", "positive": 1}}}
    ).json()
    path = f"/models/{made['id']}"
    batch = {"model": "filed", "columns": {"x": [1.0] * 40}, "scores": [0.9] * 40}
    ids = stack.http("POST", "/predictions/batch", json=batch).json()["prediction_ids"]
    upload = stack.http("POST", f"{path}/labels/uploads", json={"format": "csv"}).json()
    content = "prediction_id,label\n" + "".join(f"{one},{number % 2}\n" for number, one in enumerate(ids)) + "bad,x\n"
    put = httpx.put(upload["url"], content=content.encode(), headers=upload["headers"], trust_env=False)
    assert put.status_code == 200, put.text
    status = until_ended(stack, f"{path}/labels/uploads/{upload['upload_id']}")
    assert (status["status"], status["accepted"], status["rejected"]) == ("done", 40, 1), status
    assert status["errors"][0]["line"] == 42
    assert stack.http("POST", "/_local/schedule").status_code == 200
    # The ids that the service made tell the day, so labels without a timestamp are joined at once.
    joined = stack.http("GET", f"{path}/labels/status").json()
    assert (joined["received"], joined["matched"], joined["waiting"]) == (40, 40, 0)
    assert stack.http("GET", f"{path}/baselines").json() == []


def until_ended(stack: Launched, path: str) -> dict[str, Any]:
    """The status of an upload once it is done or failed."""
    for _ in range(120):
        status: dict[str, Any] = stack.http("GET", path).json()
        if status["status"] in ("done", "failed"):
            return status
        time.sleep(0.5)
    raise AssertionError(status)


def test_a_storm_of_labels_delays_no_other_model(stack: Launched) -> None:
    """While the labels of one model are joined, a check of another one ends within a tick, and its labels are joined in
    the tick in which they arrived. `make bench-labels` does the same with a million labels."""
    found = storm.run(stack.stack["url"], stack.key, 20_000)
    assert found.rounds[-1].storm == 20_000
    assert found.longest_check < storm.TICK.total_seconds()
    assert [each.calm for each in found.rounds] == [(place + 1) * storm.CALM_ROWS for place in range(len(found.rounds))]


def test_flights_over_http_equal_a_group_by_of_pandas(stack: Launched) -> None:
    """Two days of real flights with labels that repeat, come shuffled, are corrected and withdrawn."""
    story, shown = over_http.send(stack.stack["url"], stack.key, flights("2013-12-30", "2013-12-31"))
    assert len(story.rows) > 1_500
    assert shown == over_http.expected(story)
