"""The running stack that the fuzzers share, with a model that has something to show."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.local.launched import Launched, launched

ROOT = Path(__file__).parents[2]


TASK = {"type": "binary", "positive": 1}


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launched]:
    """The built template, serving."""
    with launched(
        tmp_path_factory.mktemp("fuzzed"), template=ROOT / ".aws-sam/build/template.yaml", module="local"
    ) as found:
        yield found


@pytest.fixture(scope="package")
def lived_in(stack: Launched) -> dict[str, str]:
    """Ids of a model with reports and an alert, of a channel, an upload and a baseline version."""
    model_id = stack.http("POST", "/models", json={"name": "fuzzed", "settings": {"task": TASK}}).json()["id"]
    rows = [
        {"features": {"age": number % 50, "plan": "abc"[number % 3]}, "prediction": number % 2} for number in range(600)
    ]
    assert stack.http("PUT", f"/models/{model_id}/baseline", json={"rows": rows}).status_code == 200
    now = datetime.now(UTC)
    moved = [
        {**row, "features": {"age": 80, "plan": "z"}, "timestamp": (now - timedelta(minutes=15 * number)).isoformat()}
        for number, row in enumerate(rows)
    ]
    body = {"model_id": model_id, "predictions": moved}
    assert stack.http("POST", "/predictions/batch", json=body).status_code == 202
    assert stack.http("POST", f"/drift/models/{model_id}/check").json()["status"] == "drift"
    assert stack.http("POST", "/_local/schedule").status_code == 200
    assert stack.http("GET", f"/models/{model_id}/performance").status_code == 200
    alert_id = stack.http("GET", "/drift/alerts").json()[0]["id"]
    channel = {"type": "email", "to": ["team@example.com"]}
    channel_id = stack.http("POST", "/alert-channels", json=channel).json()["id"]
    upload = stack.http("POST", f"/models/{model_id}/baseline/uploads", json={"format": "csv"})
    return {
        "model_id": model_id,
        "alert_id": alert_id,
        "channel_id": channel_id,
        "upload_id": upload.json()["upload_id"],
        "version": "1",
    }
