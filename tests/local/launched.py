"""Starts the launcher on the small stack, as a test's own process."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import httpx

HERE = Path(__file__).parent
ROOT = HERE.parent.parent


@dataclass
class Launched:
    """A stack that serves."""

    process: subprocess.Popen[str]
    stack: dict[str, Any]

    @property
    def resources(self) -> dict[str, str]:
        resources: dict[str, str] = self.stack["resources"]
        return resources

    @property
    def key(self) -> str:
        key: str = self.stack["api_keys"]["admin"]
        return key

    def aws(self, service: str) -> Any:
        credentials: dict[str, Any] = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        return boto3.client(service, endpoint_url=self.stack["aws_endpoint"], region_name="eu-west-1", **credentials)

    def http(self, method: str, path: str, **options: Any) -> httpx.Response:
        """A call with the admin's key, unless `headers` are given."""
        return httpx.request(
            method, self.stack["url"] + path, **{"headers": {"x-api-key": self.key}, "timeout": 130.0, **options}
        )

    def invoke(self, logical_id: str, payload: Any) -> Any:
        answer = self.aws("lambda").invoke(FunctionName=self.resources[logical_id], Payload=json.dumps(payload))
        return json.load(answer["Payload"])

    def kill(self) -> None:
        """Pull the plug."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)


SMALL = HERE / "app" / "template.yaml"


def start(
    state: Path, *arguments: str, template: Path = SMALL, module: str = "tests.local.serve"
) -> subprocess.Popen[str]:
    """Start the launcher, in a hurry unless `module` is its own; it may refuse."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    command = [
        sys.executable,
        "-m",
        module,
        "--port",
        "0",
        "--state",
        str(state),
        "--template",
        str(template),
    ]
    return subprocess.Popen(
        [*command, *arguments], cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


@contextlib.contextmanager
def launched(
    state: Path, *arguments: str, template: Path = SMALL, module: str = "tests.local.serve"
) -> Iterator[Launched]:
    """A stack that serves until the end of the block."""
    ready = state / "stack.json"
    ready.unlink(missing_ok=True)
    process = start(state, *arguments, template=template, module=module)
    try:
        deadline = time.monotonic() + 60
        while not ready.exists():
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < deadline, "the stack did not come up"
            time.sleep(0.05)
        yield Launched(process, json.loads(ready.read_text()))
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
        process.communicate()


def until(condition: Any, seconds: float = 20.0) -> Any:
    """Ask again until the answer is true; it is returned."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.05)
    return answer
