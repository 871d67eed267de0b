"""Prints what the client library costs the process that logs: import, wheel, and log() while the service is dead."""

import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from scripts.build.wheels import CLIENT, build

ROWS: Final = 10_000
FEATURES: Final = 20
DEAD: Final = "http://127.0.0.1:9"
"""Nothing listens on this port."""


def main() -> int:
    """Print all measurements with their targets."""
    with tempfile.TemporaryDirectory() as folder:
        (wheel,) = build(Path(folder), CLIENT)
        print(f"wheel                                {wheel.stat().st_size / 1000:8.0f} kB    (target: below 200)")
        target = Path(folder) / "installed"
        subprocess.run(["uv", "pip", "install", "--quiet", "--no-deps", "--target", target, wheel], check=True)
        subprocess.run([sys.executable, "-m", "compileall", "-q", target], check=True)
        own = min(_cpu_seconds("import driftguard_client", target) for _ in range(5))
        bare = min(_cpu_seconds("", target) for _ in range(5))
        print(f"import, without Python's own         {1000 * (own - bare):8.1f} ms    (target: below 30)")
        sys.path.insert(0, str(target))
        _log_times("log() with the service dead", None)
        _log_times("log() with the service dead and spool", Path(folder) / "spool")
    return 0


def _cpu_seconds(code: str, path: Path) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    variables = {"PYTHONPATH": str(path), "PATH": os.environ.get("PATH", "")}
    subprocess.run([sys.executable, "-S", "-c", code], env=variables, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _log_times(what: str, spool: Path | None) -> None:
    """Print the median and the 99th percentile of log() for rows of 20 numbers."""
    from driftguard_client import DriftGuard  # noqa: PLC0415  from the wheel that was just installed

    dg = DriftGuard(DEAD, "key", spool_dir=spool, on_error=lambda _error: None)
    model = dg.model("bench")
    features = {f"feature_{number:02d}": random.random() for number in range(FEATURES)}
    times = []
    for _ in range(ROWS):
        began = time.perf_counter()
        model.log(features, 0.5)
        times.append(1e6 * (time.perf_counter() - began))
    dg.close(timeout=0.0)
    late = statistics.quantiles(times, n=100)[-1]
    print(f"{what:<37}{statistics.median(times):8.1f} µs    99 % under {late:.1f} µs (target: 50)", flush=True)


if __name__ == "__main__":
    sys.exit(main())
