"""The engine under its own name, as the wheel has it, and samples that drift."""

import atexit
import shutil
import sys
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import pytest

from scripts.build.wheels import write_engine

FOLDER = Path(mkdtemp(prefix="driftguard-engine-"))
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
write_engine(FOLDER)
# Before the tests of this folder are imported. Their imports need the package.
sys.path.insert(0, str(FOLDER))


@pytest.fixture
def train() -> dict[str, Any]:
    """Columns of every kind, without drift."""
    return columns(1)


@pytest.fixture
def current() -> dict[str, Any]:
    """The same columns: `amount` moved, `country` has a new value, and `age` misses values."""
    found = columns(2)
    found["amount"] = found["amount"] + 0.4
    found["country"] = ["ZZ" if place % 8 == 0 else name for place, name in enumerate(found["country"])]
    found["age"] = [None if place % 5 == 0 else value for place, value in enumerate(found["age"])]
    return found


def columns(seed: int, rows: int = 3000) -> dict[str, Any]:
    """Return columns of numbers, whole numbers, texts and booleans, some with missing values."""
    chance = np.random.default_rng(seed)
    return {
        "amount": chance.normal(size=rows).round(6),
        "age": [
            None if missing else float(age)
            for age, missing in zip(chance.integers(18, 90, rows), chance.random(rows) < 0.02, strict=True)
        ],
        "visits": chance.poisson(3, rows),
        "country": chance.choice(["AT", "DE", "CH"], rows, p=[0.5, 0.3, 0.2]).tolist(),
        "member": (chance.random(rows) < 0.3).tolist(),
        "prediction": chance.random(rows).round(6),
    }
