"""The demo on the built stack, with a history of four weeks."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.local.launched import launched

pytestmark = pytest.mark.stack

ROOT = Path(__file__).parents[2]
SECONDS = 900
"""Longest duration of the demo on a busy machine. On a free one it takes a minute."""


def test_the_demo_finds_what_pandas_and_scipy_say(tmp_path: Path) -> None:
    """The demo compares all itself. After it, weeks of checks are there, and schedule and expiry are on again."""
    with launched(tmp_path / "state", template=ROOT / ".aws-sam/build/template.yaml", module="local") as stack:
        file = tmp_path / "stack.json"
        file.write_text(json.dumps(stack.stack))
        ended = subprocess.run(
            [sys.executable, "-m", "demo", "--stack", file, "--weeks", "4"],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(["layers/driftguard", "clients/python"])},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert f"{stack.stack['url']}/dashboard#/?key={stack.key}" in ended.stdout
        assert "<html" in (tmp_path / "email.html").read_text()
        (model,) = stack.http("GET", "/models").json()
        checks = stack.http("GET", f"/drift/models/{model['id']}/history?days=60&limit=500").json()
        assert len(checks) > 200
        first = min(datetime.fromisoformat(one["checked_at"]) for one in checks)
        assert timedelta(days=27) < datetime.now(UTC) - first < timedelta(days=37)
        assert stack.aws("events").describe_rule(Name=stack.resources["ScheduleRule"])["State"] == "ENABLED"
        expiry = stack.aws("dynamodb").describe_time_to_live(TableName=stack.resources["PredictionsTable"])
        assert expiry["TimeToLiveDescription"]["TimeToLiveStatus"] == "ENABLED"
