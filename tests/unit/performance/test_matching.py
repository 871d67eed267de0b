"""Joining labels with predictions: the same counts in any order, and the counts of pandas on the rows."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftguard.performance.counts import DELAY_EDGES, Counts, delay_bin, total
from driftguard.performance.ids import PARTITIONS, hashes_of, partition_of, partitions_for
from driftguard.performance.matching import count, count_labelled
from driftguard.performance.runs import NO_CLASS, Directory, Kind, Labels
from driftguard.statistics import errors, scores
from tests.unit.performance.rows import DAY, HOUR, START, Story, directory, labels, story

STORIES: list[tuple[Kind, int]] = [("classes", 2), ("classes", 5), ("numbers", 0)]


def same(first: Counts, second: Counts) -> None:
    """All whole numbers are equal, and sums differ in their last bits only."""
    assert first.tally == second.tally
    for name in ("confusion", "negatives", "positives", "calibration", "errors", "delays"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name), name)
    for name in ("calibration_sums", "sums"):
        np.testing.assert_allclose(getattr(first, name), getattr(second, name), rtol=1e-12)
    assert first.outcomes.keys() == second.outcomes.keys()
    for name, outcome in first.outcomes.items():
        assert outcome.n == second.outcomes[name].n
        np.testing.assert_allclose(outcome, second.outcomes[name], rtol=1e-12)


@pytest.mark.parametrize(("kind", "classes"), STORIES)
def test_counts_do_not_depend_on_the_order_the_runs_or_the_partitions(kind: Kind, classes: int) -> None:
    """Shuffled rows in one run, in many runs and in many partitions give the same counts."""
    told = story(kind, classes)
    once = told.counts(pieces=1)
    for pieces in (1, 2, 7, 40):
        again = told.counts(pieces)
        assert again.encode() == once.encode()
    for partitions in PARTITIONS[1:]:
        same(told.counts(3, partitions), once)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("kind", "classes"), STORIES)
def test_the_tally_is_pandas_on_the_rows(kind: Kind, classes: int, seed: int) -> None:
    """Predictions, labelled, ambiguous, corrected, withdrawn and waiting ids equal those of pandas."""
    told = story(kind, classes, seed=seed)
    tally = told.counts().tally
    joined = told.joined()
    entries = told.predictions.drop_duplicates()
    of_id = told.labels.groupby("id")["label"]
    corrected = of_id.nunique()[of_id.nunique() > 1].index
    labelled = joined[joined["label"].notna()]
    assert tally.predictions == len(joined)
    assert tally.ambiguous == entries["id"][entries["id"].duplicated()].nunique() > 0
    assert tally.labelled == len(labelled)
    assert tally.corrected == labelled["id"].isin(corrected).sum() > 0
    assert tally.withdrawn == (joined["label"].isna() & joined["labelled_at"].notna()).sum() > 0
    assert tally.waiting == len(set(told.labels["id"]) - set(entries["id"])) > 0
    assert tally.labels == len(told.labels.drop_duplicates()) < len(told.labels)


@pytest.mark.parametrize("classes", [2, 5])
def test_the_confusion_matrix_is_pandas_on_the_rows(classes: int) -> None:
    """Each cell equals pandas' cross table of the labelled predictions that name a class."""
    told = story(classes=classes)
    joined = told.joined()
    expected = pd.crosstab(joined["label"], joined["predicted"])
    np.testing.assert_array_equal(told.counts().confusion, expected.to_numpy())


def test_scores_are_counted_by_label() -> None:
    """Binned scores, calibration, and the Brier and log-loss sums equal those of numpy on the joined rows."""
    told = story()
    counts = told.counts()
    joined = told.joined().dropna(subset=["label", "value"])
    positive, values = joined["label"] == 1, joined["value"].astype(np.float32).astype(np.float64)
    bins = scores.bins_of(values.to_numpy())
    np.testing.assert_array_equal(counts.positives, np.bincount(bins[positive], minlength=scores.BINS))
    np.testing.assert_array_equal(counts.negatives, np.bincount(bins[~positive], minlength=scores.BINS))
    tenth = (values * 10).map(math.ceil).clip(lower=1) - 1
    np.testing.assert_array_equal(counts.calibration[0], tenth.value_counts().sort_index())
    np.testing.assert_array_equal(counts.calibration[1], tenth[positive].value_counts().sort_index())
    np.testing.assert_allclose(counts.calibration_sums, values.groupby(tenth).sum())
    brier, loss = (values - positive) ** 2, -np.log(np.where(positive, values, 1 - values))
    np.testing.assert_allclose(counts.sums, [brier.sum(), (brier**2).sum(), loss.sum(), (loss**2).sum()], rtol=1e-12)


def test_errors_are_those_of_the_rows() -> None:
    """Binned errors and the sums of errors and labels equal those of numpy on the joined rows."""
    told = story("numbers", 0)
    counts = told.counts()
    joined = told.joined().dropna(subset=["label", "value"])
    off, truth = joined["value"] - joined["label"], joined["label"]
    np.testing.assert_array_equal(counts.errors, np.bincount(errors.bins_of(off.to_numpy()), minlength=errors.BINS))
    spread = ((truth - truth.mean()) ** 2).sum()
    expected = [off.sum(), off.abs().sum(), (off**2).sum(), (off**4).sum(), truth.sum(), spread]
    np.testing.assert_allclose(counts.sums, expected, rtol=1e-12)


@pytest.mark.parametrize(("kind", "classes"), STORIES)
def test_delays_and_outcomes_are_those_of_the_rows(kind: Kind, classes: int) -> None:
    """Delays run from the prediction's hour to the first label that was not a withdrawal; outcomes have their mean."""
    told = story(kind, classes)
    counts = told.counts()
    joined = told.joined()
    joined = joined[joined["label"].notna()]
    first = told.labels[told.labels["label"].notna()].groupby("id")["labelled_at"].min()
    hours = (joined["id"].map(first) // HOUR - DAY * 24 - joined["hour"]).clip(lower=0)
    group = joined["label"].astype(int) if classes else pd.Series(0, joined.index)
    expected = np.zeros_like(counts.delays)
    np.add.at(expected, (group, delay_bin(hours.to_numpy(np.int64))), 1)
    np.testing.assert_array_equal(counts.delays, expected)
    money = joined["money_in"].dropna()
    assert counts.outcomes["money_in"].n == len(money)
    assert counts.outcomes["money_in"].mean == pytest.approx(money.mean(), rel=1e-12)
    assert counts.outcomes["money_in"].squares == pytest.approx(((money - money.mean()) ** 2).sum(), rel=1e-12)


@given(st.data())
def test_any_order_of_any_labels_counts_alike(data: st.DataObject) -> None:
    """A few ids with any predictions and labels: the bytes do not depend on the order of the rows or on repetition."""
    ids = st.sampled_from(["a", "b", "c", "d"])
    predictions = data.draw(
        st.lists(
            st.fixed_dictionaries(
                {
                    "id": ids,
                    "hour": st.integers(0, 23),
                    "predicted": st.integers(0, 1),
                    "value": st.floats(0, 1, width=32),
                }
            ),
            max_size=6,
        )
    )
    given_labels = data.draw(
        st.lists(
            st.fixed_dictionaries(
                {
                    "id": ids,
                    "label": st.sampled_from([0.0, 1.0, math.nan]),
                    "labelled_at": st.integers(START, START + 3),
                    "arrived": st.integers(START, START + 2),
                    "key": st.integers(0, 2),
                    "index": st.integers(0, 9999),
                }
            ),
            max_size=10,
            unique_by=lambda row: (row["arrived"], row["key"], row["index"]),
        )
    )
    told = Story(
        pd.DataFrame(predictions, columns=["id", "hour", "predicted", "value"]),
        pd.DataFrame(given_labels, columns=["id", "label", "labelled_at", "arrived", "key", "index"]),
    )
    once = told.counts(1)
    assert told.counts(4).encode() == once.encode()
    twice = replace(told, predictions=pd.concat([told.predictions] * 2), labels=pd.concat([told.labels] * 2))
    assert twice.counts(3).encode() == once.encode()


def test_a_correction_replaces_and_a_withdrawal_takes_back() -> None:
    """The label with the greatest `labelled_at` counts, whatever arrives last; a later label ends a withdrawal."""
    predictions = pd.DataFrame([{"id": "a", "hour": 3, "predicted": 1, "value": 0.7}])

    def truth(*given_rows: tuple[float, int, int]) -> Counts:
        table = pd.DataFrame(
            [
                {"id": "a", "label": label, "labelled_at": START + at, "arrived": START + arrived, "key": 0, "index": 0}
                for label, at, arrived in given_rows
            ]
        )
        return count([directory(predictions)], [labels(table)], classes=2, day=DAY)

    assert truth((1, 1, 5), (0, 2, 4)).confusion.tolist() == [[0, 1], [0, 0]]
    assert truth((1, 1, 5), (0, 1, 6)).confusion.tolist() == [[0, 1], [0, 0]]
    assert truth((1, 3, 5), (0, 2, 6)).tally.corrected == 1
    taken_back = truth((1, 1, 5), (math.nan, 2, 6))
    assert taken_back.n == 0
    assert taken_back.tally[:5] == (1, 0, 0, 0, 1)
    sent_again = truth((1, 1, 5), (math.nan, 2, 6), (1, 3, 7))
    assert sent_again.n == 1
    assert sent_again.tally.corrected == 0


def test_an_id_with_two_predictions_counts_nowhere() -> None:
    """An ambiguous id is no prediction, is not labelled, and its label does not wait."""
    predictions = pd.DataFrame({"id": ["a", "a"], "hour": [1, 2], "predicted": [1, 1], "value": [0.7, 0.7]})
    given_labels = pd.DataFrame([{"id": "a", "label": 1, "labelled_at": START, "arrived": START, "key": 0, "index": 0}])
    counts = count([directory(predictions)], [labels(given_labels)], classes=2, day=DAY)
    assert counts.tally == (0, 0, 1, 0, 0, 0, 1)
    assert counts.n == 0


@pytest.mark.parametrize(("kind", "classes"), [("classes", 2), ("classes", 4), ("numbers", 0)])
def test_rows_with_known_labels_count_as_joined_rows(kind: Kind, classes: int) -> None:
    """Rows that have one label each give the counts of their join, to the byte."""
    chance = np.random.default_rng(8)
    rows = 500
    predicted = chance.integers(0, max(classes, 1), rows).astype(np.uint8)
    predicted[:20] = NO_CLASS
    values = chance.random(rows)
    values[10:30] = np.nan
    truth = chance.normal(0, 3, rows) if not classes else chance.integers(0, classes, rows).astype(np.uint8)
    ids = np.sort(chance.integers(0, 2**63, rows).astype(np.uint64))
    entries = Directory(ids, np.zeros(rows, np.uint8), predicted, values if not classes else values.astype(np.float32))
    nothing = np.zeros(rows, np.int64)
    known = Labels(
        kind,
        ids,
        truth.astype(np.uint8) if classes else np.zeros(rows, np.uint8),
        np.zeros(0) if classes else truth.astype(np.float64),
        nothing,
        nothing,
        ids,
        nothing,
    )
    joined = count([entries], [known], classes=classes, day=0)
    assert count_labelled(classes, predicted, values, truth).encode() == joined.encode()


def test_labels_alone_wait_and_predictions_alone_are_unlabelled() -> None:
    """A partition with one side only is counted, and an empty one is empty."""
    told = story()
    assert count([], [], classes=2, day=DAY).encode() == Counts.empty(2).encode()
    alone = count([directory(told.predictions)], [], classes=2, day=DAY).tally
    assert (alone.labelled, alone.waiting) == (0, 0)
    assert alone.predictions > 300
    waiting = count([], [labels(told.labels)], classes=2, day=DAY).tally
    assert (waiting.predictions, waiting.waiting) == (0, told.labels["id"].nunique())


@pytest.mark.parametrize(("kind", "classes"), STORIES)
def test_stored_counts_read_back_as_they_were(kind: Kind, classes: int) -> None:
    """Counts survive their bytes, also empty ones."""
    counts = story(kind, classes).counts()
    for written in (counts, Counts.empty(classes)):
        read = Counts.decode(written.encode())
        same(read, written)
        assert read.encode() == written.encode()


def test_damaged_and_unknown_counts_are_refused() -> None:
    """Bytes that are cut, changed or of a later format raise ValueError."""
    data = story().counts().encode()
    for damaged in (b"", data[:10], data[:-3], b"\x09" + data[1:], data[:20] + b"\xff\xff" + data[22:]):
        with pytest.raises(ValueError, match=r"damaged|unknown format"):
            Counts.decode(damaged)


def test_counts_of_extended_classes_add_up() -> None:
    """Counts from before a class was added are counts of the first classes."""
    few, many = story(classes=3).counts(), story(classes=5, seed=1).counts()
    added = few + many
    assert added.classes == 5
    assert added.n == few.n + many.n
    np.testing.assert_array_equal(added.confusion[:3, :3], few.confusion + many.confusion[:3, :3])
    same(total([few, many], 3), many + few)


def test_partitions_are_the_first_bits_of_the_hash() -> None:
    """Each partition of a coarse split holds four partitions of the next finer one, and ids spread evenly."""
    hashes = hashes_of("m", (f"id {number}" for number in range(20_000)))
    for coarse, fine in pairwise(PARTITIONS):
        np.testing.assert_array_equal(partition_of(hashes, coarse), partition_of(hashes, fine) // 4)
    sizes = np.bincount(partition_of(hashes, 16))
    assert len(sizes) == 16
    assert 1100 < sizes.min() <= sizes.max() < 1400
    assert [partitions_for(rows) for rows in (0, 8000, 8001, 100_000, 500_000, 10**8)] == [1, 1, 4, 16, 64, 256]
    assert (hashes_of("m", ["x"]) != hashes_of("n", ["x"])).all()


def test_delays_are_exact_for_two_days() -> None:
    """Bins of delays are one hour wide up to 48 hours, then grow by 5 %, and reach 400 days."""
    assert delay_bin(np.arange(48)).tolist() == list(range(48))
    assert (np.diff(DELAY_EDGES)[48:] <= np.ceil(DELAY_EDGES[48:-1] * 0.05) + 1).all()
    assert DELAY_EDGES[-1] >= 400 * 24


def test_a_merger_of_directories_keeps_each_row_once() -> None:
    """Merged directories are sorted by hash, and equal rows become one."""
    told = story()
    merged = Directory.merge([directory(told.predictions), directory(told.predictions)])
    assert len(merged) == len(told.predictions.drop_duplicates())
    assert (np.diff(merged.hashes.astype(object)) >= 0).all()
