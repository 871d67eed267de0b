"""Evidently's report of value drift by the Kolmogorov–Smirnov test. It tells p-values, not D."""

from pathlib import Path
from typing import Any

import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.metrics import ValueDrift

from bench.contenders.protocol import Distances, rows, run


def load(folder: Path) -> Any:
    """The report, and both sets of rows as it wants them."""
    baseline, window = _dataset(folder, "baseline"), _dataset(folder, "window")
    columns = [f"feature_{number:03d}" for number in range(len(rows(folder, "baseline")))]
    return Report([ValueDrift(column=column, method="ks") for column in columns]), baseline, window


def check(state: Any) -> Distances:
    """One drift metric a column."""
    report, baseline, window = state
    report.run(window, baseline)
    return None


def _dataset(folder: Path, name: str) -> Dataset:
    values = rows(folder, name)
    frame = pd.DataFrame({f"feature_{number:03d}": row for number, row in enumerate(values)})
    return Dataset.from_pandas(frame, data_definition=DataDefinition(numerical_columns=list(frame.columns)))


if __name__ == "__main__":
    run(load, check)
