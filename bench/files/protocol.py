"""How a tool compares two files: `python -m bench.files.<tool> BASELINE WINDOW`; it prints one line of JSON.

Everything from opening the files to the last number counts; importing the tool does not. Runs on every Python from
3.11.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping

from bench.contenders.protocol import peak_memory


def run(compare: Callable[[str, str], Mapping[str, float] | None]) -> None:
    """Compare the files that the command line names. `compare` returns D by number, None if the tool tells none."""
    baseline, window = sys.argv[1:3]
    cpu, wall = time.process_time(), time.perf_counter()
    distances = compare(baseline, window)
    times = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
    print(json.dumps({**times, "memory": peak_memory(), "distances": distances}))
