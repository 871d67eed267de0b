"""A loop of `scipy.stats.ks_2samp`, with asymptotic p-values as the product has them."""

from pathlib import Path
from typing import Any

from scipy.stats import ks_2samp

from bench.contenders.protocol import Distances, rows, run


def load(folder: Path) -> Any:
    """Both samples."""
    return rows(folder, "baseline"), rows(folder, "window")


def check(state: Any) -> Distances:
    """One test a feature."""
    baseline, window = state
    return [ks_2samp(a, b, method="asymp").statistic for a, b in zip(baseline, window, strict=True)]


if __name__ == "__main__":
    run(load, check)
