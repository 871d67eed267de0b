"""`make bench`: measure and write the page."""

import time
from collections.abc import Callable
from dataclasses import replace

from bench.environments import ROOT
from bench.files.command import compare_files
from bench.speed import costs
from bench.speed.compare import CASES, Case, compare, contenders
from bench.speed.intake import measure as measure_intake
from bench.speed.report import Measured, document, files_section, intake_section, replaced, versions

PAGE = ROOT / "docs" / "benchmarks.md"
WINDOW_DAYS = (7, 14)


def run(say: Callable[[str], None], cases: tuple[Case, ...] = CASES) -> None:
    """Measure everything and write docs/benchmarks.md."""
    from bench.speed.reads import by_time  # noqa: PLC0415 - it brings moto and the template, late and for long

    begun = time.monotonic()
    say("The product's own steps")
    steps, windows, kinds = costs.steps(), costs.by_window(), costs.by_kind()
    say("Read units")
    reads = {days: by_time(days) for days in WINDOW_DAYS}
    say("Logging a batch")
    intake = measure_intake()
    say("Files beside other tools")
    files = compare_files(say)
    say("Beside other tools")
    every = contenders()
    measured = Measured(
        every,
        compare(cases, say),
        steps,
        windows,
        kinds,
        reads,
        intake,
        versions=versions(every),
        files=files,
    )
    PAGE.write_text(document(replace(measured, minutes=(time.monotonic() - begun) / 60)), encoding="utf-8")
    say(PAGE.read_text(encoding="utf-8"))


def run_intake(say: Callable[[str], None]) -> None:
    """Measure logging as rows and as columns, and write that section of docs/benchmarks.md alone."""
    _write(intake_section(measure_intake()), say)


def run_files(say: Callable[[str], None]) -> None:
    """Compare files with each tool, and write that section of docs/benchmarks.md alone."""
    _write(files_section(compare_files(say)), say)


def _write(section: str, say: Callable[[str], None]) -> None:
    PAGE.write_text(replaced(PAGE.read_text(encoding="utf-8"), section), encoding="utf-8")
    say(f"{section}\nwrote {PAGE.name}")
