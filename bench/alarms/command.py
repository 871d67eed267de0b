"""`make bench-alarms`: simulate, write the page and its picture, or with ALL=1 the page about other traffic."""

import json
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.alarms.report import document, others_document, picture
from bench.alarms.simulation import Outcome, jobs, plans, simulate
from bench.environments import PLOTS, ROOT

PAGE = ROOT / "docs" / "alarms.md"
OTHERS = ROOT / "docs" / "alarms-other-traffic.md"
PICTURE = ROOT / "docs" / "img" / "alarms.png"
PLOT = ROOT / "bench" / "plot.py"


def run(effort: float, say: Callable[[str], None], *, others: bool = False) -> None:
    """Simulate `effort` times as many models as usual and write docs/alarms.md.

    others: simulate what is not in its tables, and write docs/alarms-other-traffic.md. A run that was stopped is
    continued.
    """
    begun = time.monotonic()
    outcomes = simulate(plans(effort, others=others), jobs(), say)
    page, write = (OTHERS, others_document) if others else (PAGE, document)
    page.write_text(write(outcomes, (time.monotonic() - begun) / 60), encoding="utf-8")
    say(page.read_text(encoding="utf-8"))
    if not others:
        draw(outcomes, say)


def draw(outcomes: list[Outcome], say: Callable[[str], None]) -> None:
    """Draw the picture, where the environment that draws can be made."""
    if not PLOTS.install(say):
        say(f"The picture stays as it was: {PLOTS.missing}")
        return
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "alarms.json"
        data.write_text(json.dumps(picture(outcomes)), encoding="utf-8")
        subprocess.run([PLOTS.executable, PLOT, data, PICTURE], check=True)
