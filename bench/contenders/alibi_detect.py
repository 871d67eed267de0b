"""alibi-detect's KSDrift."""

from pathlib import Path
from typing import Any

import numpy as np
from alibi_detect.cd import KSDrift

from bench.contenders.protocol import Distances, rows, run


def load(folder: Path) -> Any:
    """The detector with the baseline, and the window."""
    return KSDrift(np.ascontiguousarray(rows(folder, "baseline").T)), np.ascontiguousarray(rows(folder, "window").T)


def check(state: Any) -> Distances:
    """One test a feature."""
    detector, window = state
    distances: list[float] = detector.predict(window)["data"]["distance"].tolist()
    return distances


if __name__ == "__main__":
    run(load, check)
