"""`scipy.stats.ks_2samp` for each number, which is exact."""

from collections.abc import Mapping

import numpy as np
from scipy.stats import ks_2samp

from bench.files.protocol import run
from bench.files.reading import frame


def compared(baseline: str, window: str) -> Mapping[str, float]:
    """Read both files and test each number. Missing values are left out."""
    before, after = frame(baseline), frame(window)
    found = {}
    for name in before.columns:
        if before[name].dtype.kind in "iuf":
            samples = [np.asarray(rows[name].dropna(), np.float64) for rows in (before, after)]
            found[name] = float(ks_2samp(samples[0], samples[1], method="asymp").statistic)
    return found


if __name__ == "__main__":
    run(compared)
