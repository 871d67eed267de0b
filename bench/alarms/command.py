"""`make bench-alarms`: simulate, write the page and its picture."""

import json
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.alarms.report import document, picture
from bench.alarms.simulation import Outcome, jobs, plans, simulate
from bench.environments import PLOTS, ROOT

PAGE = ROOT / "docs" / "alarms.md"
PICTURE = ROOT / "docs" / "img" / "alarms.png"
PLOT = ROOT / "bench" / "plot.py"


def run(effort: float, say: Callable[[str], None], *, everything: bool = False) -> None:
    """Simulate `effort` times as many models as usual and write docs/alarms.md.

    everything: also what is not in the first tables. A run that was stopped is continued.
    """
    begun = time.monotonic()
    outcomes = simulate(plans(effort, everything=everything), jobs(), say)
    PAGE.write_text(document(outcomes, (time.monotonic() - begun) / 60), encoding="utf-8")
    say(PAGE.read_text(encoding="utf-8"))
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
