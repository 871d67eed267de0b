"""The OpenAPI document against the running stack: no request makes a 5xx, or an answer that it does not tell."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.local.launched import Launched

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "layers/driftguard/driftguard/openapi.json"
SECONDS = 150
"""The number of examples ends a run, in about 30 s on a free machine. A busy machine must still reach every route."""

HOSTILE = ("--checks", "not_a_server_error", "--phases", "fuzzing", "--max-examples", "8")
OPERATIONS = sum(len(methods) for methods in json.loads(DOCUMENT.read_text())["paths"].values())
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


@pytest.mark.stack
def test_no_request_makes_a_5xx_or_an_answer_that_the_document_does_not_tell(
    stack: Launched, lived_in: dict[str, str], tmp_path: Path
) -> None:
    """schemathesis at what exists. Only deleting gets ids of its own making."""
    ids = "\n".join(f'"path.{name}" = "{value}"' for name, value in lived_in.items())
    deletions = "\n".join(
        f'[[operations]]\ninclude-name = "DELETE {path}"\nparameters = {{ "path.{name}" = "none" }}\n'
        for path, name in (("/models/{model_id}", "model_id"), ("/alert-channels/{channel_id}", "channel_id"))
    )
    config = tmp_path / "schemathesis.toml"
    config.write_text(f"[parameters]\n{ids}\n\n{deletions}")
    phases = ("--checks", CHECKS, "--phases", "coverage,fuzzing", "--max-examples", "20")
    done = run(stack, tmp_path, *phases)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert f"Tested: {OPERATIONS}" in done.stdout


@pytest.mark.stack
def test_no_hostile_request_makes_a_5xx(stack: Launched, lived_in: dict[str, str], tmp_path: Path) -> None:
    """schemathesis with hostile paths, queries, headers, encodings and bodies, some of them at the limits."""
    environment = {"SCHEMATHESIS_HOOKS": "tests.fuzz.hostile", "IDS": json.dumps(lived_in), "PYTHONPATH": str(ROOT)}
    done = run(stack, tmp_path, *HOSTILE, **environment)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert f"Tested: {OPERATIONS}" in done.stdout


def run(stack: Launched, folder: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """schemathesis for a bounded time, with the folder's configuration."""
    command = [
        *(str(Path(sys.executable).with_name("st")), "run", str(DOCUMENT), "--url", stack.stack["url"]),
        *("-H", f"x-api-key: {stack.key}", "--max-time", str(SECONDS), "--request-timeout", "60"),
        *("--continue-on-failure", "--suppress-health-check", "all", "--no-color", "--generation-database", "none"),
        *("--warnings", "off", *options),
    ]
    begun = time.monotonic()
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=SECONDS + 60,
        check=False,
        env={**os.environ, **environment},
    )
    assert time.monotonic() - begun < SECONDS + 40
    return done
