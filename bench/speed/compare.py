"""The product's check beside other ways to the same answer, each in a process of its own on the same rows."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.columns import Floats
from bench.environments import PEERS, ROOT

TIMEOUT = 120
"""Seconds for one contender on one case, getting ready included."""

MEMORY = 8 * 2**30
SEED = 20_261_123


@dataclass(frozen=True)
class Case:
    """So many features, and rows in the window; the baseline has a tenth of that."""

    features: int
    rows: int

    @property
    def name(self) -> str:
        """As in 50 × 10⁵."""
        return f"{self.features} × {power(self.rows)}"

    def write(self, folder: Path) -> None:
        """Draw the rows into a folder."""
        rng = np.random.default_rng([SEED, self.features, self.rows])
        np.save(folder / "baseline.npy", draw(rng, self.features, self.rows // 10))
        np.save(folder / "window.npy", draw(rng, self.features, self.rows, shift=0.1))


CASES = (Case(10, 10**4), Case(50, 10**5), Case(500, 10**5), Case(50, 10**6))


@dataclass(frozen=True)
class Contender:
    """A module of bench.contenders, the Python it runs with, and the packages whose versions name it.

    missing: why it cannot run here.
    """

    module: str
    title: str
    python: Path
    package: str | None = None
    missing: str | None = None


@dataclass(frozen=True)
class Result:
    """What one contender needed for one case: seconds of CPU and of time, bytes, the D of each feature.

    ingest: CPU seconds for what is done once for every row. problem: why there is nothing else.
    """

    cpu: float = 0.0
    wall: float = 0.0
    memory: int = 0
    distances: Sequence[float] | None = None
    ingest: float = 0.0
    problem: str | None = None


type Results = Mapping[tuple[Case, str], Result]
"""By case and by the contender's module."""

OWN = "driftguard"
OWN_TESTS = "driftguard_tests"
EXACT = "scipy_loop"


def contenders() -> list[Contender]:
    """The product, what numpy and scipy offer, and every tool with its own environment."""
    here = Path(sys.executable)
    return [
        Contender(OWN, "DriftGuard's check", here),
        Contender(OWN_TESTS, "DriftGuard's tests, counts in memory", here),
        Contender("sorted_numpy", "sorted numpy, no p-value", here),
        Contender(EXACT, "loop of `scipy.stats.ks_2samp`", here),
        *(
            Contender(peer.name.replace("-", "_"), peer.name, peer.executable, peer.name, peer.missing)
            for peer in PEERS
        ),
    ]


def compare(cases: Sequence[Case], say: Callable[[str], None]) -> dict[tuple[Case, str], Result]:
    """Run every contender on every case."""
    results = {}
    for case in cases:
        with tempfile.TemporaryDirectory(prefix="bench-") as name:
            folder = Path(name)
            case.write(folder)
            for contender in contenders():
                result = measure(contender, folder)
                results[case, contender.module] = result
                say(f"{case.name:10}  {contender.title:32}  {_said(result)}")
    return results


def measure(contender: Contender, folder: Path) -> Result:
    """One contender on the rows in `folder`."""
    if contender.missing:
        return Result(problem=contender.missing)
    try:
        ingest = _run(contender, "ingest", folder)
        found = _run(contender, "check", folder)
    except subprocess.TimeoutExpired:
        return Result(problem=f"> {TIMEOUT} s")
    except subprocess.CalledProcessError as error:
        lines = [line for line in error.stderr.splitlines() if line.strip()]
        return Result(problem=lines[-1].strip()[:200] if lines else f"exit status {error.returncode}")
    return Result(
        cpu=found["cpu"],
        wall=found["wall"],
        memory=found["memory"],
        distances=found["distances"],
        ingest=ingest["cpu"],
    )


def version_of(contender: Contender) -> str:
    """The version of a contender's package, or nothing."""
    if not contender.package or contender.missing:
        return ""
    code = f"from importlib.metadata import version; print(version({contender.package!r}))"
    return subprocess.run([contender.python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def _run(contender: Contender, what: str, folder: Path) -> Any:
    command = [str(contender.python), "-W", "ignore", "-m", f"bench.contenders.{contender.module}", what, str(folder)]
    # No tool may tell anybody that it was used.
    quiet = {"DO_NOT_TRACK": "1", "NML_DISABLE_USAGE_LOGGING": "1", "WHYLOGS_NO_ANALYTICS": "True"}
    path = os.pathsep.join([str(ROOT), str(ROOT / "layers" / "driftguard")])
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **quiet, "PYTHONPATH": path, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=True,
        timeout=TIMEOUT,
        preexec_fn=_limit_memory,
    )
    return json.loads(done.stdout.splitlines()[-1])


def _limit_memory() -> None:
    import resource  # noqa: PLC0415 - not on every system

    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))


def draw(rng: np.random.Generator, features: int, rows: int, shift: float = 0.0) -> Floats:
    """Values of five shapes in turn: normal, lognormal, uniform, exponential, and normal with two decimals, so that
    values repeat. Every third feature is moved by `shift`. (features, rows)."""
    values = np.empty((features, rows))
    for number in range(features):
        row = values[number]
        rng.standard_normal(out=row)
        row += shift * (number % 3 == 0)
        match number % 5:
            case 1:
                np.exp(row, out=row)
            case 2:
                rng.random(out=row)
            case 3:
                rng.standard_exponential(out=row)
            case 4:
                np.round(row, 2, out=row)
    return values


def largest_error(results: Results, case: Case, contender: str) -> float | None:
    """The largest |D − exact| over the features; None when either is not known."""
    found, exact = results[case, contender].distances, results[case, EXACT].distances
    if found is None or exact is None:
        return None
    return float(np.abs(np.subtract(found, exact)).max())


def power(number: int) -> str:
    """A power of ten, as in 10⁵; other numbers in full."""
    digits = len(str(number)) - 1
    if number != 10**digits:
        return f"{number:,}"
    return "10" + str(digits).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _said(result: Result) -> str:
    if result.problem:
        return result.problem
    return f"{result.cpu * 1000:12,.1f} ms CPU  {result.wall * 1000:12,.1f} ms  {result.memory / 1e6:8,.0f} MB"
