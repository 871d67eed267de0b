"""Draws the pictures of the dashboard and of e-mails in docs/img, the dashboard from models in a stack of its own.

A picture is drawn if a page of the documentation shows it: `docs/img/dashboard-PAGE-THEME-WIDTH.png`, where THEME is
light or dark, and WIDTH is wide or phone; and `docs/img/email-KIND-THEME-WIDTH.png`, where WIDTH is desktop or phone.
The pages of HISTORY show the model of the demo, the others models with rows that are made up. All rows are always the
same, but times in the dashboard are those of the run, so these pictures change with every run. Run it after a change of
the dashboard or of messages: `make pictures`, or `make pictures PAGES="connect performance"` for some pages only, or
`make pictures PAGES=emails`.
"""

import json
import math
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx
from playwright.sync_api import Page, sync_playwright

from scripts.generate.messages import emails

ROOT: Final = Path(__file__).resolve().parents[2]
IMAGES: Final = ROOT / "docs" / "img"
WIDTHS: Final = {"wide": (1280, 900), "phone": (390, 844)}
MAIL_WIDTHS: Final = {"desktop": (680, 400), "phone": (390, 400)}
EMAILS: Final = "emails"
THEMES: Final = ("light", "dark")
DAYS: Final = 20
WORSE_DAYS: Final = 8
HISTORY: Final = ("alerts", "model", "alert", "performance-regression", "performance-alert")
"""The pages that show the model of the demo."""

MADE_UP: Final = (
    "overview", "connect", "performance", "performance-multiclass", "performance-empty", "settings-of-a-model"
)  # fmt: skip
"""The pages that show models with rows that are made up. The overview has all models."""

CLASSES: Final = ("billing", "technical", "delivery", "account", "other")
SECONDS: Final = 120
FLAGS: Final = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []

type Row = dict[str, Any]


class Stack(NamedTuple):
    """A running stack: its address and its keys by role."""

    url: str
    keys: dict[str, str]
    file: Path

    def call(self, method: str, path: str, body: Any = None, role: str = "admin") -> Any:
        """Return the body of the response. Raises httpx.HTTPStatusError for an error."""
        headers = {"x-api-key": self.keys[role]}
        response = httpx.request(method, self.url + path, json=body, headers=headers, timeout=130.0)
        response.raise_for_status()
        return response.json() if response.content else None


def main(pages: list[str]) -> int:
    """Draw the pages with these names, all pages and e-mails without names. Return the exit code."""
    unknown = [name for name in pages if name not in {*HISTORY, *MADE_UP, EMAILS}]
    if unknown:
        print(f"There is no page {unknown[0]}. Pages: {', '.join((*HISTORY, *MADE_UP, EMAILS))}.", file=sys.stderr)
        return 2
    if not pages or EMAILS in pages:
        _draw_emails(emails())
    if pages == [EMAILS]:
        return 0
    with tempfile.TemporaryDirectory() as folder, _serving(Path(folder)) as stack:
        for names, fill in ((HISTORY, _replay), (MADE_UP, _fill)):
            wanted = [name for name in names if not pages or name in pages]
            if wanted:
                routes = fill(stack)
                _draw(stack, {name: routes[name] for name in wanted})
    return 0


@contextmanager
def _serving(state: Path) -> Iterator[Stack]:
    command = [sys.executable, "-m", "local", "--port", "0", "--state", str(state)]
    with (state / "launcher.log").open("w") as log, subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log) as run:
        try:
            _wait(lambda: (state / "stack.json").exists() or run.poll() is not None)
            found = json.loads((state / "stack.json").read_text())
            yield Stack(found["url"], found["api_keys"], state / "stack.json")
        finally:
            run.terminate()


def _wait(until: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not until():
        if time.monotonic() > deadline:
            raise TimeoutError("the stack did not answer in time")
        time.sleep(0.5)


def _replay(stack: Stack) -> dict[str, str]:
    """Replay the demo's history, and return the routes of its pages by name."""
    command = [sys.executable, "-m", "demo", "--stack", str(stack.file)]
    paths = os.pathsep.join(["layers/driftguard", "clients/python"])
    subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": paths}, check=True)
    return _routes(stack)


def _routes(stack: Stack) -> dict[str, str]:
    (flights,) = (model["id"] for model in stack.call("GET", "/models") if model["name"] == "flight-delays")
    alerts = stack.call("GET", f"/drift/models/{flights}/alerts?limit=500")
    newest = {alert["alert_type"]: alert["id"] for alert in reversed(alerts)}
    return {
        "alerts": "#/alerts",
        "model": f"#/models/{flights}?days=120",
        "alert": f"#/alerts/{newest['data_drift']}",
        "performance-regression": f"#/models/{flights}/performance?days=92",
        "performance-alert": f"#/alerts/{newest['performance']}",
    }


def _fill(stack: Stack) -> dict[str, str]:
    """Create the made-up models, and return the routes of their pages by name."""
    churn = _model(stack, "customer-churn", {"type": "binary", "positive": 1}, _scored, per_day=300)
    tickets = _model(stack, "ticket-routing", {"type": "multiclass", "classes": list(CLASSES)}, _routed, per_day=150)
    empty = stack.call("POST", "/models", {"name": "credit-risk"})["id"]
    return {
        "overview": "#/",
        "connect": f"#/models/{churn}/connect",
        "performance": f"#/models/{churn}/performance",
        "performance-multiclass": f"#/models/{tickets}/performance",
        "performance-empty": f"#/models/{empty}/performance",
        "settings-of-a-model": f"#/models/{churn}/settings",
    }


def _scored(chance: random.Random, *, worse: bool) -> tuple[Row, Any]:
    signal = chance.gauss(0, 1.5)
    score = round(1 / (1 + math.exp(0.5 - signal)), 4)
    features = {"tenure": round(30 + 10 * signal, 1), "plan": chance.choice(["basic", "plus", "pro"])}
    likely = 0.45 * score + 0.21 if worse else score
    return {"features": features, "prediction": score, "score": score}, int(chance.random() < likely)


def _routed(chance: random.Random, *, worse: bool) -> tuple[Row, Any]:
    label = chance.choices(range(len(CLASSES)), (5, 3, 2, 1, 1))[0]
    wrong = chance.random() < (0.21 if worse else 0.18)
    predicted = (label + wrong * chance.choice((1, 1, 2))) % len(CLASSES)
    return {"features": {"words": chance.randint(3, 200)}, "prediction": CLASSES[predicted]}, CLASSES[label]


def _model(stack: Stack, name: str, task: Row, one: Callable[..., tuple[Row, Any]], *, per_day: int) -> str:
    """Create a model with a labelled baseline, predictions and late labels, and join them. Return its id."""
    chance, now = random.Random(name), datetime.now(UTC)
    model_id: str = stack.call("POST", "/models", {"name": name, "settings": {"task": task}})["id"]
    base = [one(chance, worse=False) for _ in range(3000)]
    rows = [{**row, "label": label} for row, label in base]
    stack.call("PUT", f"/models/{model_id}/baseline", {"rows": rows, "days": 28})
    predictions, labels = [], []
    for number in range(per_day * DAYS):
        at = now - timedelta(days=DAYS) * (1 - (number + 0.5) / (per_day * DAYS))
        row, label = one(chance, worse=now - at < timedelta(days=WORSE_DAYS))
        identity = {"prediction_id": f"{name}-{number}", "timestamp": at.isoformat()}
        predictions.append({**identity, **row})
        known = at + timedelta(hours=1 + chance.expovariate(1 / 14))
        if known < now and chance.random() < 0.96:
            labels.append({**identity, "label": label, "labelled_at": known.isoformat()})
    for start in range(0, len(predictions), 3000):
        batch = {"model_id": model_id, "predictions": predictions[start : start + 3000]}
        stack.call("POST", "/predictions/batch", batch, "ingest")
        stack.call("POST", f"/models/{model_id}/labels", {"labels": labels[start : start + 3000]}, "ingest")
    stack.call("POST", f"/drift/models/{model_id}/check")
    _wait(lambda: _matched(stack, model_id) == len(labels))
    return model_id


def _matched(stack: Stack, model_id: str) -> int | None:
    try:
        return int(stack.call("GET", f"/models/{model_id}/labels/status")["matched"])
    except httpx.HTTPStatusError:
        return None  # before the first join


def shown() -> set[str]:
    """Return the file names of the pictures that the README or a page of docs/ shows."""
    texts = [page.read_text(encoding="utf-8") for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"))]
    return {name for text in texts for name in re.findall(r"\bimg/([\w-]+\.\w+)", text)}


def _draw(stack: Stack, routes: dict[str, str]) -> None:
    for kind, page in _windows(WIDTHS):
        _draw_all(page, stack, routes, kind)


def _draw_emails(texts: dict[str, str]) -> None:
    """Draw the HTML of e-mails, by the name of the picture, where a page shows it."""
    drawn = shown()
    for kind, page in _windows(MAIL_WIDTHS):
        for name, text in texts.items():
            if f"{name}-{kind}.png" in drawn:
                page.set_content(text)
                page.screenshot(path=IMAGES / f"{name}-{kind}.png", full_page=True)
    print(f"drawn: {', '.join(texts)}")


def _windows(widths: dict[str, tuple[int, int]]) -> Iterator[tuple[str, Page]]:
    """Yield a page of a browser for each theme and width, with their names, such as `dark-phone`."""
    chromium = subprocess.run(
        ["sh", "scripts/environments/chromium.sh"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.stdout.strip(), args=FLAGS)
        for theme in THEMES:
            for width, (across, down) in widths.items():
                page = browser.new_page(
                    viewport={"width": across, "height": down},
                    color_scheme="dark" if theme == "dark" else "light",
                    locale="en-GB",
                    timezone_id="Europe/Berlin",
                    reduced_motion="reduce",
                )
                yield f"{theme}-{width}", page
                page.close()
        browser.close()


def _draw_all(page: Page, stack: Stack, routes: dict[str, str], kind: str) -> None:
    named = {name: f"dashboard-{name}-{kind}.png" for name in routes}
    pictures = {name: picture for name, picture in named.items() if picture in shown()}
    if not pictures:
        return
    page.goto(f"{stack.url}/dashboard")
    page.get_by_label("API key").fill(stack.keys["admin"])
    page.keyboard.press("Enter")
    inside = page.get_by_role("navigation", name="Main")
    inside.wait_for()
    for name, picture in pictures.items():
        page.evaluate("route => { location.hash = route }", routes[name])
        page.reload(wait_until="networkidle")
        inside.wait_for()
        page.screenshot(path=IMAGES / picture, full_page=True)
    print(f"drawn: {', '.join(pictures)} ({kind})")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
