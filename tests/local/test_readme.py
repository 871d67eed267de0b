"""The requests without Python in the README, run as they are."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.local.launched import ROOT, Launched, launched

pytestmark = pytest.mark.stack


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Launched]:
    """A stack without anything in it."""
    with launched(tmp_path, template=ROOT / ".aws-sam/build/template.yaml", module="local") as found:
        yield found


def test_the_first_requests_end_in_an_alert_and_an_e_mail(stack: Launched, tmp_path: Path) -> None:
    """A stranger copies the block: the check finds the drift, and the outbox has the message."""
    block = (ROOT / "README.md").read_text().partition("## First requests without Python")[2]
    block = block.partition("```sh\n")[2].partition("```")[0]
    assert "http://127.0.0.1:3000 " in block
    (tmp_path / "there" / ".local").mkdir(parents=True)
    (tmp_path / "there" / ".local" / "stack.json").write_text(json.dumps(stack.stack))
    script = block.replace("http://127.0.0.1:3000 ", f"{stack.stack['url']} ").replace("sleep 2", "sleep 10")
    done = subprocess.run(
        ["bash", "-euc", script], cwd=tmp_path / "there", capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    checked, alerts, outbox = (json.loads(line) for line in done.stdout.splitlines()[-3:])
    assert checked["status"] == "drift"
    assert [(alert["model_name"], alert["alert_type"], alert["severity"]) for alert in alerts] == [
        ("churn", "data_drift", "HIGH")
    ]
    assert "oncall@example.com" in json.dumps(outbox)
    assert "tenure" in json.dumps(outbox)
