"""How a contender is run: `python -m bench.contenders.<name> ingest|check FOLDER`; it prints one line of JSON.

FOLDER holds `window.npy` and `baseline.npy`, float64 (features, rows). `ingest` is what is done once for every row, if
anything; `check` is what every check of the window does again. Getting the baseline ready is not part of the check.
Runs on every Python from 3.11, with numpy alone.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

ENOUGH = 1.0
"""CPU seconds after which a check is not repeated again, nor after MOST times."""
MOST = 40

Distances = Sequence[float] | None


def rows(folder: Path, name: str) -> npt.NDArray[np.float64]:
    """`window` or `baseline`, (features, rows)."""
    values: npt.NDArray[np.float64] = np.load(folder / f"{name}.npy")
    return values


def run(
    load: Callable[[Path], Any], check: Callable[[Any], Distances], ingest: Callable[[Path], None] | None = None
) -> None:
    """Do what the command line says. `check` returns each feature's D, or None when the tool does not tell."""
    what, folder = sys.argv[1], Path(sys.argv[2])
    if what == "ingest":
        began = time.process_time()
        if ingest:
            ingest(folder)
        print(json.dumps({"cpu": time.process_time() - began}))
        return
    state = load(folder)
    cpu: list[float] = []
    wall: list[float] = []
    distances: Distances = None
    # The first time lazy imports and caches count in; it is left out when there is a second.
    while not cpu or (sum(cpu) < ENOUGH and len(cpu) < MOST):
        began, began_wall = time.process_time(), time.perf_counter()
        distances = check(state)
        cpu.append(time.process_time() - began)
        wall.append(time.perf_counter() - began_wall)
    found = None if distances is None else [float(distance) for distance in distances]
    times = {"cpu": float(np.median(cpu[1:] or cpu)), "wall": float(np.median(wall[1:] or wall)), "times": len(cpu)}
    print(json.dumps({**times, "memory": peak_memory(), "distances": found}))


def peak_memory() -> int:
    """The most memory that this process has had resident, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    import resource  # noqa: PLC0415 - not on every system

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
