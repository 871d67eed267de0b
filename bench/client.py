"""Prints what the client library costs the process that logs: import, wheel, and log() while the service is dead."""

import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from typing import Final

from scripts.build.wheels import CLIENT, build

ROUNDS: Final = 10
ROWS: Final = 5_000
FEATURES: Final = 20
MOST_MICROSECONDS: Final = 50
MOST_RATIO: Final = 2.5
DEAD: Final = "http://127.0.0.1:9"
"""Nothing listens on this port."""


def main() -> int:
    """Print all measurements with their targets. Returns 1 if log() takes longer than its target."""
    with tempfile.TemporaryDirectory() as folder:
        (wheel,) = build(Path(folder), CLIENT)
        print(f"wheel                                {wheel.stat().st_size / 1000:8.0f} kB    (target: below 200)")
        target = Path(folder) / "installed"
        uv = Path(sys.executable).parent / "uv"
        subprocess.run([uv, "pip", "install", "--quiet", "--no-deps", "--target", target, wheel], check=True)
        subprocess.run([sys.executable, "-m", "compileall", "-q", target], check=True)
        own = min(_cpu_seconds("import driftguard_client", target) for _ in range(5))
        bare = min(_cpu_seconds("", target) for _ in range(5))
        print(f"import, without Python's own         {1000 * (own - bare):8.1f} ms    (target: below 30)")
        sys.path.insert(0, str(target))
        plain = _log_times("log() with the service dead", None)
        spooled = _log_times("log() with the service dead and spool", Path(folder) / "spool")
    return int(not (plain and spooled))


def _cpu_seconds(code: str, path: Path) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    variables = {"PYTHONPATH": str(path), "PATH": os.environ.get("PATH", "")}
    subprocess.run([sys.executable, "-S", "-c", code], env=variables, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _log_times(what: str, spool: Path | None) -> bool:
    """Print the median and the 99th percentile of log() for rows of 20 numbers. Returns whether the target is met.

    It is processor time, because the waiting times of a busy machine are those of its other processes. These also empty
    the caches, so each round times a plain loop, too: log() may exceed the target if the loop is slow as well.
    """
    rounds = [(_round(spool), _plain_round()) for _ in range(ROUNDS)]
    middle = statistics.median(statistics.median(times) for times, _ in rounds)
    late, plain = (min(statistics.quantiles(times, n=100)[-1] for times in each) for each in zip(*rounds, strict=True))
    limit = max(MOST_MICROSECONDS, MOST_RATIO * plain)
    print(
        f"{what:<37}{middle:8.1f} µs    99 % under {late:.1f} µs, of plain json.dumps under {plain:.1f} µs, "
        f"best of {ROUNDS} rounds (target: {MOST_MICROSECONDS} µs, or {MOST_RATIO} times json.dumps on a busy machine)",
        flush=True,
    )
    return bool(late <= limit)


def _round(spool: Path | None) -> list[float]:
    from driftguard_client import DriftGuard  # noqa: PLC0415  from the wheel that was just installed

    dg = DriftGuard(DEAD, "key", spool_dir=spool, on_error=lambda _error: None)
    model, features = dg.model("bench"), _features()
    times = []
    with redirect_stderr(StringIO()):
        for _ in range(ROWS):
            began = time.thread_time()
            model.log(features, 0.5)
            times.append(1e6 * (time.thread_time() - began))
        dg.close(timeout=0.0)
    return times


def _plain_round() -> list[float]:
    features, times = _features(), []
    for _ in range(ROWS):
        began = time.thread_time()
        json.dumps([features, features])
        times.append(1e6 * (time.thread_time() - began))
    return times


def _features() -> dict[str, float]:
    return {f"feature_{number:02d}": random.random() for number in range(FEATURES)}


if __name__ == "__main__":
    sys.exit(main())
