"""References of performance, and alerts about it, as the code that introduced them stored them are still read.

The fixtures are never written again. A failure here means that existing deployments lose data: mend the reader.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from driftguard.alerts.schemas import PerformanceChange
from driftguard.baselines.labelled import pieces_of, unpack_labelled
from driftguard.performance.counts import Counts
from driftguard.performance.tally import tally_of

STORED = Path(__file__).parents[1] / "stored" / "references"


def fixture(name: str) -> Any:
    """What was stored, as plain JSON."""
    return json.loads((STORED / name).read_text())


def test_stored_rows_with_labels_are_read() -> None:
    """Predictions, scores, probabilities and labels come back, whatever batches they were stored in."""
    batches = list(unpack_labelled((STORED / "labelled_1.bin").read_bytes()))
    assert [len(rows) for rows in batches] == [9, 5]
    assert [[*row] for rows in batches for row in rows] == fixture("labelled_1.json")


def test_stored_counts_of_days_are_read() -> None:
    """The counts of each day come back, and the tally alone is read without the rest."""
    pieces = list(pieces_of((STORED / "counted_1.bin").read_bytes()))
    for piece, was in zip(pieces, fixture("counted_1.json"), strict=True):
        counts = Counts.decode(piece)
        assert counts.confusion.tolist() == was["confusion"]
        assert counts.tally._asdict() == tally_of(piece)._asdict() == was["tally"]


def test_damaged_parts_are_refused() -> None:
    """A part that is cut off, or of a later format, stops instead of guessing."""
    data = (STORED / "counted_1.bin").read_bytes()
    with pytest.raises(ValueError, match="cut off"):
        list(pieces_of(data[:-1]))
    first = next(pieces_of(data))
    with pytest.raises(ValueError, match="unknown format 2"):
        tally_of(b"\x02" + first[1:])


def test_a_stored_change_of_performance_is_read() -> None:
    """The metrics of an alert come back."""
    stored = fixture("performance_1.json")
    assert PerformanceChange.model_validate(stored).model_dump(mode="json") == stored
