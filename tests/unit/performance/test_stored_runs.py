"""Stored runs: small, exact, and refused when damaged."""

from dataclasses import fields, replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftguard.performance.ids import hashes_of, partition_of
from driftguard.performance.runs import Directory, Kind, Labels, arrival_of
from driftguard.performance.stored_runs import MOST_BYTES, decode_directory, decode_labels, encode
from driftguard.performance.tables import name_of
from tests.unit.performance.rows import HOUR, START, directory, labels, story

KINDS: list[tuple[Kind, int]] = [("classes", 2), ("numbers", 0)]


def equal(first: Directory | Labels, second: Directory | Labels) -> None:
    """Every column is equal in type and value."""
    for one in fields(first):
        mine, yours = getattr(first, one.name), getattr(second, one.name)
        if isinstance(mine, dict):
            assert mine.keys() == yours.keys()
            for name in mine:
                np.testing.assert_array_equal(mine[name], yours[name], strict=True)
        elif isinstance(mine, str):
            assert mine == yours
        else:
            np.testing.assert_array_equal(mine, yours, one.name, strict=True)


@pytest.mark.parametrize(("kind", "classes"), KINDS)
def test_runs_read_back_as_they_were(kind: Kind, classes: int) -> None:
    """A run of any size survives its bytes, and its name is a hash of the bytes."""
    told = story(kind, classes)
    for rows in (1, 2, 70, None):
        predictions, given_labels = directory(told.predictions[:rows], kind), labels(told.labels[:rows], kind)
        [data] = encode(predictions)
        equal(decode_directory(data), predictions)
        [other] = encode(given_labels)
        equal(decode_labels(other), given_labels)
        assert name_of(data, "a") == name_of(bytes(bytearray(data)), "a")
        assert len({name_of(data, "a"), name_of(data, "b"), name_of(other, "a")}) == 3
        assert len(name_of(data, "a")) == 32


@given(
    st.lists(
        st.tuples(
            st.integers(0, 2**64 - 1),
            st.integers(-(2**62), 2**62),
            st.integers(-(2**62), 2**62),
            st.integers(0, 2**64 - 1),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_any_numbers_survive(rows: list[tuple[int, int, int, int]]) -> None:
    """Labels with extreme times, keys and hashes read back exactly."""
    hashes, labelled_at, arrived, keys = (list(column) for column in zip(*rows, strict=True))
    run = Labels(
        "classes",
        np.array(hashes, np.uint64),
        np.zeros(len(rows), np.uint8),
        np.zeros(0),
        np.array(labelled_at),
        np.array(arrived),
        np.array(keys, np.uint64),
        np.arange(len(rows)),
    )
    [data] = encode(run)
    equal(decode_labels(data), run)


def test_a_run_without_rows_is_not_stored() -> None:
    """Nothing to store has no bytes."""
    assert encode(Directory.empty("classes")) == encode(Labels.empty("numbers")) == []


def batches_of_one_partition(rows: int = 8000) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Predictions and labels of one of 16 partitions, in batches of 500 rows of the whole day."""
    rng = np.random.default_rng(3)
    ids = np.array([f"order-{number}" for number in range(rows * 16)])
    own = ids[partition_of(hashes_of("a-model", ids), 16) == 5]
    count = len(own)
    batch = np.sort(rng.integers(0, rows * 16 // 500, count))
    arrivals = START + np.sort(rng.integers(0, 24 * HOUR, batch.max() + 1))
    predictions = pd.DataFrame(
        {
            "id": own,
            "hour": np.sort(rng.integers(0, 24, count)),
            "predicted": (rng.random(count) < 0.3).astype(float),
            "value": rng.beta(2, 5, count).astype(np.float32),
        }
    )
    given_labels = pd.DataFrame(
        {
            "id": own,
            "label": (rng.random(count) < 0.3).astype(float),
            "labelled_at": arrivals[batch] - rng.integers(0, 3600, count) * 1_000_000,
            "arrived": arrivals[batch],
            "key": rng.integers(0, 2**63, batch.max() + 1)[batch],
            "index": rng.integers(0, 500, count),
        }
    )
    return predictions, given_labels


def test_a_full_partition_takes_few_bytes_a_row() -> None:
    """A merged partition takes at most 13 bytes a prediction, 17 of a regression, and 14 a label."""
    predictions, given_labels = batches_of_one_partition()
    count = len(predictions)
    [data] = encode(Directory.merge([directory(predictions)]))
    assert len(data) / count < 13
    amounts = predictions.assign(value=np.random.default_rng(4).normal(0, 1, count))
    [data] = encode(Directory.merge([directory(amounts, "numbers")]))
    assert len(data) / count < 17
    given_labels["key"] = given_labels["key"].astype(np.uint64)
    [data] = encode(Labels.merge([labels(given_labels)]))
    assert len(data) / count < 14.5


def test_a_large_run_is_stored_in_several() -> None:
    """No stored run takes more than an item holds, and together they hold all rows."""
    predictions, given_labels = batches_of_one_partition(40_000)
    given_labels["money_out"] = np.random.default_rng(5).normal(0, 1, len(given_labels))
    given_labels["key"] = given_labels["key"].astype(np.uint64)
    for run in (Directory.merge([directory(predictions)]), Labels.merge([labels(given_labels)])):
        pieces = encode(run)
        assert len(pieces) > 1
        assert all(len(piece) <= MOST_BYTES for piece in pieces)
        if isinstance(run, Directory):
            equal(Directory.merge([decode_directory(piece) for piece in pieces]), run)
        else:
            equal(Labels.merge([decode_labels(piece) for piece in pieces]), run)


def test_damaged_and_unknown_runs_are_refused() -> None:
    """Bytes that are cut, of another kind or of a later format raise ValueError."""
    told = story()
    [data], [other] = encode(directory(told.predictions)), encode(labels(told.labels))
    for damaged in (b"", data[:9], data[:40], data[:-1], b"\x02" + data[1:], other):
        with pytest.raises(ValueError, match=r"damaged|unknown format"):
            decode_directory(damaged)
    for damaged in (other[:40], other[:-1], data):
        with pytest.raises(ValueError, match=r"damaged|unknown format"):
            decode_labels(damaged)


def test_arrivals_keep_the_order_of_their_texts() -> None:
    """The numbers of arrivals sort as the texts do, to the microsecond and by the key."""
    texts = [
        "2026-11-20T12:00:00.000000Z#0000000000000001",
        "2026-11-20T12:00:00.000001Z#0000000000000000",
        "2026-11-20T12:00:00.000001Z#8000000000000000",
        "2026-11-20T12:00:00.000001Z#ffffffffffffffff",
        "2026-11-20T12:00:01.999999Z#7fffffffffffffff",
    ]
    assert sorted(map(arrival_of, texts)) == list(map(arrival_of, texts))
    assert len(set(map(arrival_of, texts))) == len(texts)


def test_rows_without_an_outcome_do_not_keep_its_column() -> None:
    """A part of a run leaves out outcomes that none of its rows has."""
    run = labels(story().labels)
    assert list(run.outcomes) == ["money_in"]
    without = run.take(np.isnan(run.outcomes["money_in"]))
    assert without.outcomes == {}
    equal(Labels.merge([without, replace(without, outcomes={})]).take(slice(0, 0)), Labels.empty("classes"))
