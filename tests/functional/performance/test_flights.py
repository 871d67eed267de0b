"""Real flights with labels that repeat, arrive shuffled, are corrected and withdrawn: the counts are those of pandas.

`make bench-labels` does the same with all flights of nine months.
"""

import pytest

from bench.labels.joining import Faults, Joining, alike, coverage, differences, run
from bench.labels.story import Story, flights, tell
from tests.functional.conftest import Stack


@pytest.fixture(scope="module")
def story() -> Story:
    """Two days of flights."""
    return tell(flights("2013-12-01", "2013-12-02"))


def test_a_step_killed_around_its_writes_loses_no_label(deployed: Stack, story: Story) -> None:
    """Steps are killed before and after each write and meet other steps: each day equals a group-by of pandas."""
    faults = Faults(killed=2, met=3)
    joined = run(story, "killed", seed=1, faults=faults)
    assert differences(story, joined.days) == []
    assert faults.kills >= 10
    assert faults.meetings >= 1


def test_the_order_of_arrival_does_not_matter(deployed: Stack, story: Story) -> None:
    """Two shuffles have equal whole numbers, and coverage is the share of flights that landed."""
    runs: list[Joining] = [run(story, f"shuffle {seed}", seed=seed, faults=Faults()) for seed in (2, 3)]
    assert alike(runs[0].days, runs[1].days) == []
    assert differences(story, runs[0].days) == []
    assert coverage(runs[0].days) == (len(story.rows), int(story.rows["label"].notna().sum()))


def test_labels_that_stay_withdrawn_are_missing_from_the_coverage(deployed: Stack) -> None:
    """Coverage falls by exactly the labels that were taken back for good."""
    rows = flights("2013-12-01", "2013-12-01")
    story = tell(rows, lost=True)
    assert len(story.lost) >= 2
    joined = run(story, "withdrawn", seed=4, faults=Faults())
    assert differences(story, joined.days) == []
    assert coverage(joined.days) == (len(rows), int(rows["label"].notna().sum()) - len(story.lost))
