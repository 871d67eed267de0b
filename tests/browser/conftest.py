"""A stack with two models in it, one of which has drifted; a browser; and pages that may not complain."""

import contextlib
import json
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, Route, sync_playwright

ROOT = Path(__file__).parents[2]
FLAGS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    *(["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []),
]
AXE = ROOT / "dashboard" / "node_modules" / "axe-core" / "axe.min.js"
CUT_OFF = "[...document.querySelectorAll('.sheet')].some(sheet => sheet.scrollWidth > sheet.clientWidth)"
HOSTILE = '<img src=x onerror="window.hacked=1"><b>bold</b>'


@dataclass
class Stack:
    """A stack that serves, and what is in it."""

    url: str
    aws_endpoint: str
    keys: dict[str, str]
    functions: dict[str, str]
    drifted: str = ""
    steady: str = ""
    alert: str = ""

    def answer(self, method: str, path: str, body: Any = None, key: str | None = None) -> httpx.Response:
        """The answer to a request."""
        headers = {"x-api-key": key or self.keys["admin"]}
        return httpx.request(method, self.url + path, json=body, headers=headers, timeout=130.0)

    def call(self, method: str, path: str, body: Any = None, key: str | None = None) -> Any:
        """The body of a successful answer."""
        answer = self.answer(method, path, body, key)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None


def rows(shift: float, count: int, seed: int) -> list[dict[str, Any]]:
    """Rows of a model; `shift` moves `delay` and the prediction."""
    chance = random.Random(seed)
    made = []
    for _ in range(count):
        delay = chance.gauss(10 + shift, 12)
        features = {
            "delay": round(delay, 1),
            "distance": chance.randint(100, 2800),
            "carrier": chance.choice(["UA", "B6", "DL", "AA"]),
            "weekend": chance.random() < 0.29,
            HOSTILE: chance.random(),
        }
        made.append({"features": features, "prediction": round(delay * 0.9 + chance.gauss(0, 4), 2)})
    return made


def spread(made: list[dict[str, Any]], time: timedelta) -> list[dict[str, Any]]:
    """The rows as predictions at even distances over the last `time`."""
    now, step = datetime.now(UTC), time / len(made)
    return [
        {**row, "timestamp": (now - step * (len(made) - index)).isoformat().replace("+00:00", "Z")}
        for index, row in enumerate(made)
    ]


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The built stack, with a model that has drifted, one that has not, and an e-mail channel."""
    with serving(tmp_path_factory.mktemp("stack")) as running:
        running.call("POST", "/alert-channels", {"type": "email", "name": "On call", "to": ["on-call@example.com"]})
        ids = []
        for name, shift in (("arrival-delays", 12.0), (f"steady {HOSTILE}", 0.0)):
            model = running.call("POST", "/models", {"name": name, "labels": {"team": HOSTILE}})["id"]
            running.call("PUT", f"/models/{model}/baseline", {"rows": rows(0, 1500, 1), "days": 28})
            logged = spread(rows(shift, 900, 2), timedelta(days=5))
            body = {"model_id": model, "predictions": logged}
            running.call("POST", "/predictions/batch", body, running.keys["ingest"])
            running.call("POST", f"/drift/models/{model}/check")
            ids.append(model)
        running.drifted, running.steady = ids
        alerts = running.call("GET", f"/drift/models/{running.drifted}/alerts?alert_type=data_drift")
        running.alert = alerts[0]["id"]
        yield running


@contextlib.contextmanager
def serving(state: Path) -> Iterator[Stack]:
    """The built template, served by the launcher until the end of the block."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    command = [sys.executable, "-m", "local", "--port", "0", "--state", str(state)]
    with (state / "launcher.log").open("w+") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            ready, deadline = state / "stack.json", time.monotonic() + 90
            while not ready.exists():
                assert process.poll() is None, (state / "launcher.log").read_text()
                assert time.monotonic() < deadline, "the stack did not come up"
                time.sleep(0.1)
            found = json.loads(ready.read_text())
            yield Stack(found["url"], found["aws_endpoint"], found["api_keys"], found["resources"])
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium. Of a module, as Playwright keeps the thread's event loop while it runs."""
    found = subprocess.run(
        ["sh", "scripts/environments/chromium.sh"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found.stdout.strip(), args=FLAGS)
        yield chromium
        chromium.close()


@dataclass
class Visit:
    """A visitor's tab; `complaints` are what its console and its scripts said."""

    page: Page
    stack: Stack
    complaints: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)

    def open(self, route: str = "", key: str | None = None) -> None:
        """Go to a route of the dashboard with a key; an admin's unless said otherwise."""
        self.page.goto(f"{self.stack.url}/dashboard{route}")
        self.page.get_by_label("API key").fill(key or self.stack.keys["admin"])
        self.page.keyboard.press("Enter")

    def go(self, route: str) -> None:
        """Follow a route within the page."""
        self.page.evaluate("route => { location.hash = route }", route)

    def settle(self) -> None:
        """Wait until everything asked for has arrived."""
        self.page.wait_for_load_state("networkidle")

    def answer(self, path: str, status: int = 200, body: Any = None, headers: dict[str, str] | None = None) -> None:
        """Answer requests below `path` in the API's stead."""

        def fulfil(route: Route) -> None:
            route.fulfill(status=status, json=body, headers=headers or {})

        self.page.route(re.compile(re.escape(self.stack.url + path)), fulfil)

    def problems(self) -> list[tuple[str, list[list[str]]]]:
        """What axe finds wrong with the page as it is, and what does not fit its width."""
        self.page.evaluate(AXE.read_text())
        broken = self.page.evaluate("axe.run()")["violations"]
        found = [(str(rule["id"]), [node["target"] for node in rule["nodes"]][:3]) for rule in broken]
        if self.page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            found.append(("scrolls sideways", []))
        if self.page.evaluate(CUT_OFF):
            found.append(("a table does not fit", []))
        return found

    def expect(self, *statuses: int) -> None:
        """What a browser says of failed requests by itself is no complaint for these statuses."""
        told = [f"status of {status}" for status in statuses]
        self.complaints[:] = [said for said in self.complaints if not any(text in said for text in told)]


@pytest.fixture
def visit(browser: Browser, stack: Stack) -> Iterator[Visit]:
    """A tab of its own, which at the end has complained of nothing and asked no other host."""
    context = browser.new_context(
        locale="en-GB", timezone_id="Europe/Berlin", viewport={"width": 1280, "height": 900}, reduced_motion="reduce"
    )
    context.set_default_timeout(15_000)
    page = context.new_page()
    tab = Visit(page, stack)
    page.on("console", lambda said: tab.complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: tab.complaints.append(str(error)))
    page.on("request", lambda asked: None if asked.url.startswith(stack.url) else tab.strangers.append(asked.url))
    yield tab
    context.close()
    assert tab.complaints == []
    assert tab.strangers == []
