"""whylogs: rows become profiles once, and the Kolmogorov–Smirnov test runs on the profiles' sketches."""

from pathlib import Path
from typing import Any

import pandas as pd
import whylogs
from whylogs.core.view.dataset_profile_view import DatasetProfileView
from whylogs.viz.drift.column_drift_algorithms import KS

from bench.contenders.protocol import Distances, rows, run

NAMES = ("baseline", "window")


def ingest(folder: Path) -> None:
    """Profile both sets of rows."""
    for name in NAMES:
        frame = pd.DataFrame({f"feature_{number:03d}": row for number, row in enumerate(rows(folder, name))})
        whylogs.log(frame).profile().view().write(str(folder / f"{name}.whylogs"))


def load(folder: Path) -> Any:
    """Where the profiles lie."""
    return folder


def check(state: Any) -> Distances:
    """Read both profiles and test each column."""
    baseline, window = (DatasetProfileView.read(str(state / f"{name}.whylogs")) for name in NAMES)
    test = KS()
    columns = window.get_columns()
    return [test.calculate(columns[name], baseline.get_column(name)).statistic for name in sorted(columns)]


if __name__ == "__main__":
    run(load, check, ingest)
