"""The stack that is loaded: started for it, or one that serves on this machine already."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from bench.environments import ROOT
from local.stack import Stack

STATE: Final = ROOT / ".local" / "load"
START_SECONDS: Final = 120.0
STOP_SECONDS: Final = 30.0


class LoadError(Exception):
    """The run cannot go on; the message is for the person who started it."""


class Served:
    """A local stack, as its stack.json describes it."""

    def __init__(self, content: dict[str, Any]) -> None:
        self.url = loopback(content["url"])
        self.aws = Stack(loopback(content["aws_endpoint"]), content["resources"], {})
        self.pid = int(content["pid"])
        self.key = str(content.get("api_keys", {}).get("admin", ""))
        self.logs = Path(content["logs"])
        self.names = {physical: logical for logical, physical in content["resources"].items()}


def loopback(url: str) -> str:
    """The address, if it is on this machine. Raises LoadError for any other: nobody else's service is to be loaded."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        here = host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        here = False
    if parts.scheme != "http" or not here or parts.username is not None:
        raise LoadError(f"{url} is not on this machine: only a local stack at http://127.0.0.1 is loaded")
    return url.rstrip("/")


def read(path: Path, url: str) -> Served:
    """The stack that serves at `url`, described by the stack.json at `path`. Raises LoadError when it does not."""
    if not path.exists():
        raise LoadError(f"no stack serves here ({path} is missing): start one with `make local`, or leave out the URL")
    content = json.loads(path.read_text(encoding="utf-8"))
    if content["url"] != loopback(url):
        raise LoadError(f"{path} describes a stack at {content['url']}, not at {url}")
    return Served(content)


@contextmanager
def started(say: Callable[[str], None], state: Path = STATE) -> Iterator[Served]:
    """A stack of its own on a free port, without any data, until the end of the block."""
    description = state / "stack.json"
    description.unlink(missing_ok=True)
    state.mkdir(parents=True, exist_ok=True)
    log = state.with_suffix(".log")
    command = [sys.executable, "-m", "local", "--port", "0", "--fresh", "--state", str(state)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not description.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise LoadError(f"the stack did not start:\n{log.read_text(encoding='utf-8', errors='replace')}")
            time.sleep(0.1)
        served = Served(json.loads(description.read_text(encoding="utf-8")))
        say(f"A stack of its own serves at {served.url}, its data in {state}")
        yield served
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
