"""Packed batches of version 2, as the code that introduced them stored them, are read by today's code.

The fixtures are never written again. A failure here means that existing deployments lose data: mend the reader.
"""

import json
from array import array
from pathlib import Path

import pytest

from driftguard.rows.columns import Row, values_of
from driftguard.rows.unpacking import columns, unpack_rows

STORED = Path(__file__).parents[1] / "stored" / "batches_2"
NAMES = ["classes_hardly_in_common", "columns", "few_rows", "only_labels"]


def comparable(rows: list[Row]) -> list[object]:
    """Rows as what must come back: true is not 1 here, but 1 is 1.0."""
    return [(row, isinstance(row.label, bool)) for row in rows]


@pytest.mark.parametrize("name", NAMES)
def test_a_stored_batch_gives_back_scores_probabilities_and_labels(name: str) -> None:
    """Every field of every row, and the list of rejected rows, is what was logged."""
    wanted = json.loads((STORED / f"{name}.json").read_text())
    data = (STORED / f"{name}.bin").read_bytes()
    assert (data[0], chr(data[1])) == (2, wanted["mode"])
    rows, rejected = unpack_rows(data)
    logged = [Row(at / 1000, *others) for at, *others in wanted["rows"]]
    assert comparable(rows) == comparable(logged)
    assert rejected == wanted["rejected"]


@pytest.mark.parametrize("name", NAMES)
def test_a_stored_batch_gives_its_features_to_the_counts(name: str) -> None:
    """Counting sees times, features and predictions, and none of the further fields."""
    rows = json.loads((STORED / f"{name}.json").read_text())["rows"]
    view = columns((STORED / f"{name}.bin").read_bytes())
    assert array("q", view.times).tolist() == [row[0] for row in rows]
    assert view.names == ["age", "plan"]
    assert [value for part in view.feature("plan") for value in values_of(part)] == [row[1]["plan"] for row in rows]
    assert [value for part in view.prediction for value in values_of(part)] == [row[2] for row in rows]


def test_every_fixture_is_read() -> None:
    """A fixture that no test names would not be tested."""
    assert sorted(path.stem for path in STORED.glob("*.bin")) == NAMES
