"""Evidently's preset for data drift, which chooses a test for each column. It tells p-values or distances, not D."""

import pandas as pd
from evidently import Dataset, Report
from evidently.presets import DataDriftPreset

from bench.files.protocol import run
from bench.files.reading import frame


def compared(baseline: str, window: str) -> None:
    """Read both files and run the preset."""
    before, after = frame(baseline), frame(window)
    Report([DataDriftPreset()]).run(_dataset(after), _dataset(before)).dict()


def _dataset(rows: pd.DataFrame) -> Dataset:
    return Dataset.from_pandas(rows)


if __name__ == "__main__":
    run(compared)
