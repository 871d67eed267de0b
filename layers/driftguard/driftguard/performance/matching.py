"""Joins predictions with their labels and counts the result, from the runs of one partition alone."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from driftguard.performance.counts import CALIBRATION_BINS, Counts, Outcome, delay_bin
from driftguard.performance.ids import Hashes
from driftguard.performance.runs import NO_CLASS, Codes, Directory, Labels
from driftguard.performance.tally import Tally
from driftguard.statistics import errors, scores
from driftguard.statistics.arrays import Flags, Floats, Ints

HOUR = 3_600_000_000
"""Microseconds."""

TENTHS = np.linspace(0, 1, CALIBRATION_BINS + 1)[1:-1]


@dataclass(frozen=True, slots=True, eq=False)
class Winners:
    """The label that counts of each id, sorted by hash.

    rows: their rows in the labels. earliest: the least `labelled_at` of the id's labels that were not withdrawn.
    corrected: whether the id has labels of different content.
    """

    hashes: Hashes
    rows: Ints
    earliest: Ints
    corrected: Flags


def count(directories: Sequence[Directory], labels: Sequence[Labels], *, classes: int, day: int) -> Counts:
    """Return the counts of a partition from its runs, in any order and with any repetition.

    classes: number of the task's classes, 0 for a regression. day: the day of the predictions, counted since 1970.
    """
    kind = Counts.empty(classes).kind
    entries = Directory.merge(directories) if directories else Directory.empty(kind)
    rows = Labels.merge(labels) if labels else Labels.empty(kind)
    single, ambiguous = _single(entries)
    won = winners(rows)
    place = single.hashes.searchsorted(won.hashes)
    matched = np.zeros(len(won.hashes), np.bool_)
    if len(single):
        matched = single.hashes[np.minimum(place, len(single) - 1)] == won.hashes
    known = matched | np.isin(won.hashes, ambiguous)
    withdrawn = rows.withdrawn[won.rows]
    used = matched & ~withdrawn
    truth = rows.take(won.rows[used])
    entry = single.take(place[used])
    tally = Tally(
        predictions=len(single),
        labelled=int(used.sum()),
        ambiguous=len(ambiguous),
        corrected=int((used & won.corrected).sum()),
        withdrawn=int((matched & withdrawn).sum()),
        waiting=int((~known).sum()),
        labels=len(rows),
    )
    delays = won.earliest[used] // HOUR - (day * 24 + entry.hours.astype(np.int64))
    return _evaluated(entry, truth, classes, tally, np.maximum(delays, 0))


def count_labelled(classes: int, predicted: Codes, values: Floats, truth: Codes | Floats) -> Counts:
    """Return the counts of rows that have one known label each.

    classes: number of the task's classes, 0 for a regression. predicted: the class of each row, or NO_CLASS.
    values: the score of each row, or of a regression its prediction; NaN if there is none.
    truth: the class of each label, or of a regression its number.
    """
    ids, whole = np.arange(len(values), dtype=np.uint64), np.zeros(len(values), np.int64)
    entries = Directory(
        ids, np.zeros(len(values), np.uint8), predicted, values.astype(np.float32) if classes else values
    )
    labels = Labels(
        "classes" if classes else "numbers",
        ids,
        truth.astype(np.uint8) if classes else np.zeros(len(values), np.uint8),
        np.zeros(0) if classes else truth.astype(np.float64),
        *(whole, whole, ids, whole),
    )
    tally = Tally(predictions=len(values), labelled=len(values), labels=len(values))
    return _evaluated(entries, labels, classes, tally, whole)


def winners(rows: Labels) -> Winners:
    """Return the label that counts of each id. rows: sorted as `Labels.merge` sorts them."""
    if not len(rows):
        nothing = np.zeros(0, np.int64)
        return Winners(rows.hashes, nothing, nothing, np.zeros(0, np.bool_))
    last = np.append(rows.hashes[1:] != rows.hashes[:-1], np.True_)
    starts = np.flatnonzero(np.append(np.True_, last[:-1]))
    given = ~rows.withdrawn
    times = np.where(given, rows.labelled_at, np.iinfo(np.int64).max)
    earliest = np.minimum.reduceat(times, starts)
    content = rows.numbers if rows.kind == "numbers" else rows.classes.astype(np.float64)
    least = np.minimum.reduceat(np.where(given, content, np.inf), starts)
    greatest = np.maximum.reduceat(np.where(given, content, -np.inf), starts)
    return Winners(rows.hashes[last], np.flatnonzero(last), earliest, least < greatest)


def _single(entries: Directory) -> tuple[Directory, Hashes]:
    """Return the entries whose id has no other entry, and the ids that have several."""
    repeated = entries.hashes[1:] == entries.hashes[:-1]
    several = np.zeros(len(entries), np.bool_)
    several[1:] |= repeated
    several[:-1] |= repeated
    return entries.take(~several), np.unique(entries.hashes[several])


def _evaluated(entry: Directory, truth: Labels, classes: int, tally: Tally, delays: Ints) -> Counts:
    counts = Counts.empty(classes)
    group = truth.classes.astype(np.int64) if classes else np.zeros(len(entry), np.int64)
    np.add.at(counts.delays, (group, delay_bin(delays)), 1)
    sums = counts.sums
    if classes:
        named = entry.classes != NO_CLASS
        np.add.at(counts.confusion, (group[named], entry.classes[named].astype(np.int64)), 1)
        if classes == 2:
            sums = _count_scores(counts, entry.values.astype(np.float32), truth.classes)
    else:
        sums = _count_errors(counts, entry.values.astype(np.float64), truth.numbers)
    outcomes = {name: outcome_of(values) for name, values in truth.outcomes.items()}
    return replace(counts, tally=tally, sums=sums, outcomes=outcomes)


def outcome_of(values: Floats) -> Outcome:
    """Return the outcome of values, without those that are NaN."""
    present = values[~np.isnan(values)]
    if not len(present):
        return Outcome(0, 0.0, 0.0)
    mean = float(present.mean())
    return Outcome(len(present), mean, float(np.square(present - mean).sum()))


def _count_scores(counts: Counts, stored: npt.NDArray[np.float32], classes: Codes) -> Floats:
    """Count scores by label, and return the sums of the Brier and log-loss terms."""
    scored = ~np.isnan(stored)
    values, positive = stored[scored].astype(np.float64), classes[scored] == 1
    bins = scores.bins_of(values)
    counts.positives[:] = np.bincount(bins[positive], minlength=scores.BINS)
    counts.negatives[:] = np.bincount(bins[~positive], minlength=scores.BINS)
    tenth = TENTHS.searchsorted(values)
    counts.calibration[0] = np.bincount(tenth, minlength=CALIBRATION_BINS)
    counts.calibration[1] = np.bincount(tenth[positive], minlength=CALIBRATION_BINS)
    counts.calibration_sums[:] = np.bincount(tenth, values, CALIBRATION_BINS)
    brier = np.square(values - positive)
    tiny = np.finfo(np.float64).eps
    loss = -np.log(np.clip(np.where(positive, values, 1 - values), tiny, 1 - tiny))
    return np.array([brier.sum(), np.square(brier).sum(), loss.sum(), np.square(loss).sum()])


def _count_errors(counts: Counts, predictions: Floats, labels: Floats) -> Floats:
    """Count errors by size, and return the sums of the errors and the labels."""
    predicted = ~np.isnan(predictions)
    with np.errstate(over="ignore"):
        off, labels = predictions[predicted] - labels[predicted], labels[predicted]
        counts.errors[:] = np.bincount(errors.bins_of(off), minlength=errors.BINS)
        squares = np.square(off)
        spread = outcome_of(labels)
        sums = [off.sum(), np.abs(off).sum(), squares.sum(), np.square(squares).sum(), labels.sum(), spread.squares]
    return np.array(sums)
