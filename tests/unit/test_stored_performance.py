"""Runs and counts of performance that format 1 stored are read by today's code.

The fixtures in tests/stored/performance were written once. A failure here means that existing deployments lose data:
mend the reader, not the fixture.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from driftguard.performance.counts import Counts, Outcome
from driftguard.performance.stored_runs import decode_directory, decode_labels
from driftguard.performance.tally import Tally

STORED = Path(__file__).parents[1] / "stored" / "performance"
NAMES = ("classes", "numbers", "five")


def data(kind: str, name: str) -> bytes:
    """The stored bytes."""
    return (STORED / f"{kind}-{name}.bin").read_bytes()


def expected(kind: str, name: str) -> Any:
    """What the bytes must give back."""
    return json.loads((STORED / "expected.json").read_text())[name][kind]


def plain(values: Any) -> list[float | None]:
    """Numbers with None in place of NaN."""
    return [None if np.isnan(value) else float(value) for value in values]


@pytest.mark.parametrize("name", NAMES)
def test_stored_directories_are_read(name: str) -> None:
    """Hashes, hours, classes and values are those that were stored."""
    run, was = decode_directory(data("directory", name)), expected("directory", name)
    assert [str(one) for one in run.hashes] == was["hashes"]
    assert run.hours.tolist() == was["hours"]
    assert run.classes.tolist() == was["classes"]
    assert plain(run.values) == was["values"]


@pytest.mark.parametrize("name", NAMES)
def test_stored_labels_are_read(name: str) -> None:
    """Labels, times, arrivals, places and outcomes are those that were stored."""
    run, was = decode_labels(data("labels", name)), expected("labels", name)
    assert [str(one) for one in run.hashes] == was["hashes"]
    assert [str(one) for one in run.key] == was["key"]
    for column in ("classes", "numbers", "labelled_at", "arrived", "index"):
        assert getattr(run, column).tolist() == was[column], column
    assert {one: plain(values) for one, values in run.outcomes.items()} == was["outcomes"]


@pytest.mark.parametrize("name", NAMES)
def test_stored_counts_are_read(name: str) -> None:
    """Whole numbers and sums are those that were stored."""
    counts, was = Counts.decode(data("counts", name)), expected("counts", name)
    assert counts.tally == Tally(**was["tally"])
    assert counts.confusion.tolist() == was["confusion"]
    assert (counts.n, counts.scored) == (was["n"], was["scored"])
    assert counts.sums.tolist() == was["sums"]
    assert counts.delays.sum(axis=1).tolist() == was["delays"]
    assert counts.outcomes == {one: Outcome(*values) for one, values in was["outcomes"].items()}
    for column, filled in was["filled"].items():
        found = getattr(counts, column).ravel()
        assert [[place, int(found[place])] for place in np.flatnonzero(found)] == filled
