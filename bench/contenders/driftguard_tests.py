"""The product's tests and decisions alone, the counts read and decoded beforehand: with what it needs in memory, as the
tools beside it have their rows."""

from pathlib import Path
from typing import Any

from bench.contenders import driftguard
from bench.contenders.protocol import Distances, run
from bench.stored import gathered, judged, series
from driftguard.distributions import encoding


def load(folder: Path) -> Any:
    """The baseline, the window's counts and those of the whole days."""
    of = series(encoding.decode(driftguard.load(folder).baseline))
    return of, gathered(of)


def check(state: Any) -> Distances:
    """Test, decide, and make the report."""
    return [feature["drift_score"] or 0.0 for feature in judged(*state).report["features"]]


if __name__ == "__main__":
    run(load, check, driftguard.ingest)
