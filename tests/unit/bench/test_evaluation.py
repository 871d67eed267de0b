"""The evaluation on real data: what counts as an alarm, what a delay is, and what the page says."""

from pathlib import Path

import pandas as pd
import pytest

from bench.evaluation.alarms import Reaction, Span, openings, reaction, time_on
from bench.evaluation.command import PAGE
from bench.evaluation.protocol import TIME, daily_spans, daily_windows
from bench.evaluation.report import document, scores
from bench.evaluation.runs import Facts, Records, Run
from bench.evaluation.samples import SAMPLES, shuffled
from tests.unit.bench.series import A_DAY, BASELINE, CHANGE, DAY, END, START, parts, rows


def days(*places: float) -> list[Span]:
    """A tool that looked once a day and was on for a day from each of these."""
    return daily_spans({START + place * DAY: True for place in places})


def test_an_alarm_opens_after_seven_quiet_days_and_not_sooner() -> None:
    """Days in a row are one alarm, six quiet days continue it, and seven quiet days end it."""
    assert openings(days(1, 2, 3)) == [START + 1 * DAY]
    assert openings(days(1, 8)) == [START + 1 * DAY]
    assert openings(days(1, 9)) == [START + 1 * DAY, START + 9 * DAY]
    assert openings([*days(1), (START, START + 10 * DAY), *days(16)]) == [START]
    assert openings([]) == []


def test_the_delay_runs_from_the_change_to_the_first_moment_on() -> None:
    """A tool that was on at the change has no delay, one that turned off just before has, and one may never turn on."""
    change = START + 10.5 * DAY
    assert reaction(days(2, 3, 12, 20), change) == Reaction(1.5 * DAY, on_before=False)
    assert reaction(days(9.5, 12), change) == Reaction(1.5 * DAY, on_before=False)
    assert reaction(days(10, 12), change) == Reaction(None, on_before=True)
    assert reaction(days(2, 3), change) == Reaction(None, on_before=False)


def test_the_time_on_is_cut_at_both_ends_and_counted_once() -> None:
    """Overlapping spans count once, and only what lies between the two moments."""
    spans = [*days(1, 2), (START + 2.5 * DAY, START + 6 * DAY)]
    assert time_on(spans, START + 1.5 * DAY, START + 4 * DAY) == 2.5 * DAY
    assert time_on(spans, START + 7 * DAY, START + 9 * DAY) == 0 * DAY


def test_daily_windows_hold_the_seven_days_before_each_midnight() -> None:
    """The first window ends a week after the history's first midnight, and each row of its days is in it."""
    _, history = parts(rows(0))
    windows = dict(daily_windows(history))
    assert list(windows) == [START + day * DAY for day in range(BASELINE + 7, END + 1)]
    for midnight, some in windows.items():
        assert len(some) == 7 * A_DAY
        assert (some[TIME].min(), some[TIME].max() < midnight) == (pd.Timestamp(midnight - 7 * DAY), True)


def test_shuffled_rows_are_the_same_rows_at_the_same_times() -> None:
    """Each row stays whole, no row is lost, the times stay in place, and each seed draws another order."""
    every = rows(2.0)
    one, other = shuffled(every, 1), shuffled(every, 2)
    pd.testing.assert_series_equal(one[TIME], every[TIME])
    order = ["number", "text"]
    pd.testing.assert_frame_equal(
        one[order].sort_values(order, ignore_index=True), every[order].sort_values(order, ignore_index=True)
    )
    assert not one["number"].equals(other["number"])
    late = (every[TIME] >= START + CHANGE * DAY).mean()
    assert one["number"][: len(one) // 2].mean() == pytest.approx(2 * late, abs=0.1)


def records(own: list[Span], peer: list[Span], own_shuffled: list[Span]) -> Records:
    """Records in which the tools did the same on every data set, relative to its change."""
    runs = []
    for sample in SAMPLES:
        moved = sample.changed - START - 20 * DAY
        for rule, real, drawn in (("DriftGuard", own, own_shuffled), ("NannyML", peer, [])):
            for seed, spans in ((None, real), (1, drawn), (2, [])):
                shifted = [(start + moved, end + moved) for start, end in spans]
                runs.append(Run(sample.name, seed, rule, "1", shifted))
    return Records("Measured.", 1.0, [Facts(sample.name, "1", 10, 20, 3) for sample in SAMPLES], runs)


def test_scores_count_alarms_before_the_change_and_on_shuffled_rows() -> None:
    """Alarms after the change do not count as before it, and shuffled runs are summed over their seeds."""
    found = scores(records(days(2, 12, 21), days(19.5), days(5, 15)).runs)
    own = [one for one in found if one.rule == "DriftGuard"]
    peer = [one for one in found if one.rule == "NannyML"]
    assert {(one.before, one.shuffled, one.delay) for one in own} == {(2, 2, "24 h")}
    assert {(one.before, one.shuffled, one.delay) for one in peer} == {(1, 0, "on before")}
    sample = SAMPLES[0]
    assert own[0].months == (sample.changed - sample.watched) / (30 * DAY)
    assert own[0].on == pytest.approx(2 / 30)
    assert own[0].shuffled_on == pytest.approx(2 / 30)
    assert own[0].shuffled_months == 2 * (sample.end - sample.watched) / (30 * DAY)


def test_the_page_says_where_driftguard_loses() -> None:
    """A peer that is sooner, or has fewer alarms, is named for each data set; without one the page says so."""
    lost = document(records(days(2, 22), days(21), days(5)))
    assert lost.count("DriftGuard needed 48 h. Sooner: NannyML (24 h).") == len(SAMPLES)
    assert lost.count("DriftGuard had 1 alarms before the change and was on ") == len(SAMPLES)
    assert lost.count("Fewer alarms: NannyML (0).") == len(SAMPLES)
    assert lost.count("Fewer alarms on shuffled rows than DriftGuard's 1: NannyML.") == len(SAMPLES)
    never = document(records([], days(21), []))
    assert never.count("DriftGuard did not find the change. Sooner: NannyML (24 h).") == len(SAMPLES)
    assert "no other rule was faster or had fewer alarms" in document(records(days(21), days(22), []))


def test_the_page_says_what_the_numbers_mean() -> None:
    """The reading counts false alarms, noticed changes, and those that no other rule noticed sooner."""
    page = document(records(days(2, 22), days(21), days(5)))
    assert "On shuffled rows, DriftGuard had 8 alarms in " in page
    assert "The others had between 0 (NannyML) and 0 (NannyML)." in page
    assert "DriftGuard noticed 8 of 8 changes.\n  On 0 of these data sets, no other rule was sooner." in page
    assert "On 8 of these data sets, no other rule was sooner." in document(records(days(21), days(22), []))


def test_records_come_back_as_they_were_saved(tmp_path: Path) -> None:
    """Saving and loading changes no run."""
    some = records(days(2, 22), days(21), days(5))
    some.save(tmp_path / "records.json")
    assert Records.load(tmp_path / "records.json") == some


def test_the_page_is_what_the_records_render() -> None:
    """docs/evaluation.md has the numbers of the stored records, of every data set and every tool."""
    kept = Records.load()
    assert PAGE.read_text(encoding="utf-8") == document(kept), "run `make evaluate`"
    assert {run.sample for run in kept.runs} == {sample.name for sample in SAMPLES}
    rules = {run.rule for run in kept.runs}
    assert len(rules) == 6
    for sample in SAMPLES:
        assert {run.rule for run in kept.runs if run.sample == sample.name and run.seed is not None} == rules
