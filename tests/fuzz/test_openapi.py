"""The OpenAPI document against the running stack: no request makes a 5xx, or an answer that it does not tell."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.local.launched import Launched, launched

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "layers/driftguard/driftguard/openapi.json"
SECONDS = 35
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launched]:
    """The built template, serving."""
    with launched(
        tmp_path_factory.mktemp("fuzzed"), template=ROOT / ".aws-sam/build/template.yaml", module="local"
    ) as found:
        yield found


def lived_in(stack: Launched) -> dict[str, str]:
    """Ids of a model with a report and an alert, and of a channel."""
    model_id = stack.http("POST", "/models", json={"name": "fuzzed"}).json()["id"]
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
    alert_id = stack.http("GET", "/drift/alerts").json()[0]["id"]
    channel = {"type": "email", "to": ["team@example.com"]}
    channel_id = stack.http("POST", "/alert-channels", json=channel).json()["id"]
    return {"model_id": model_id, "alert_id": alert_id, "channel_id": channel_id}


@pytest.mark.stack
def test_no_request_makes_a_5xx_or_an_answer_that_the_document_does_not_tell(stack: Launched, tmp_path: Path) -> None:
    """schemathesis, for a bounded time, at what exists; only deleting gets ids of its own making."""
    ids = "\n".join(f'"path.{name}" = "{value}"' for name, value in lived_in(stack).items())
    deletions = "\n".join(
        f'[[operations]]\ninclude-name = "DELETE {path}"\nparameters = {{ "path.{name}" = "none" }}\n'
        for path, name in (("/models/{model_id}", "model_id"), ("/alert-channels/{channel_id}", "channel_id"))
    )
    config = tmp_path / "schemathesis.toml"
    config.write_text(f"[parameters]\n{ids}\n\n{deletions}")
    command = [
        str(Path(sys.executable).with_name("st")),
        *("--config-file", str(config), "run", str(DOCUMENT), "--url", stack.stack["url"]),
        *("-H", f"x-api-key: {stack.key}", "--checks", CHECKS, "--phases", "coverage,fuzzing"),
        *(
            "--max-time",
            str(SECONDS),
            "--max-examples",
            "20",
            "--continue-on-failure",
            "--suppress-health-check",
            "all",
        ),
        *("--no-color", "--generation-database", "none", "--warnings", "off"),
    ]
    begun = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=SECONDS + 60, check=False)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    operations = sum(len(methods) for methods in json.loads(DOCUMENT.read_text())["paths"].values())
    assert f"Tested: {operations}" in done.stdout
    assert time.monotonic() - begun < SECONDS + 40
