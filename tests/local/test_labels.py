"""Ground truth on the running stack: labels sent over HTTP become the metrics that the API answers with."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

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
