"""NannyML's univariate drift calculator with its Kolmogorov–Smirnov method, the window as one chunk."""

from pathlib import Path
from typing import Any

import pandas as pd
from nannyml import UnivariateDriftCalculator

from bench.contenders.protocol import Distances, rows, run


def load(folder: Path) -> Any:
    """The calculator fitted to the baseline, and the window."""
    baseline, window = _frame(folder, "baseline"), _frame(folder, "window")
    calculator = UnivariateDriftCalculator(
        column_names=list(baseline.columns), continuous_methods=["kolmogorov_smirnov"], chunk_number=1
    )
    calculator.fit(baseline)
    return calculator, window


def check(state: Any) -> Distances:
    """Each column's statistic."""
    calculator, window = state
    found = calculator.calculate(window).filter(period="analysis").to_df()
    return [float(found[(name, "kolmogorov_smirnov", "value")].iloc[0]) for name in window.columns]


def _frame(folder: Path, name: str) -> pd.DataFrame:
    values = rows(folder, name)
    return pd.DataFrame({f"feature_{number:03d}": row for number, row in enumerate(values)})


if __name__ == "__main__":
    run(load, check)
