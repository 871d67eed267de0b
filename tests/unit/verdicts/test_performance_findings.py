"""From the verdict on performance to findings: what fires, what holds, and which metric comes first."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from driftguard.models.task import Task
from driftguard.performance.counts import Counts
from driftguard.verdicts.performance import Judged
from driftguard.verdicts.performance_findings import Labelling, labels_finding, performance_finding
from tests.unit.verdicts.test_performance import binary

NOW = datetime(2026, 11, 20, tzinfo=UTC)
TASK = Task(type="binary", positive=1)
DAY = timedelta(days=1)


def judged(name: str, drop: float, *, testable: bool = True, limit: float = 0.05) -> Judged:
    """A metric that fell from 0.8 by this drop."""
    firing = testable and drop >= limit
    return Judged(name, 0.8 - drop, 0.8, 500, 900, drop, drop, limit, 0.0, testable, firing, drop > 0.8 * limit)


def window(seed: int) -> Counts:
    """The counts of 1,000 scored rows."""
    counts = binary(np.random.default_rng(seed), 1000, 0.8)
    counts.calibration[:, 0] = counts.scored, counts.positives.sum()
    return counts


def test_the_worst_metric_leads_and_the_most_severe_grades() -> None:
    """Score and limit are those of the metric farthest over its limit; the severity is the highest of all that fire."""
    counts = window(1)
    given = [judged("accuracy", 0.06), judged("recall", 0.09, limit=0.08), judged("precision", 0.0)]
    finding = performance_finding(given, counts, counts, 7, TASK)
    assert (finding.testable, finding.firing, finding.holding, finding.severity) == (True, True, True, "HIGH")
    assert finding.limit is not None
    assert (finding.drift_score, finding.limit.score) == (0.06, 0.05)
    assert finding.limit.p_value == pytest.approx(0.05 / (4 * 720))
    assert finding.performance is not None
    assert [one.name for one in finding.performance.metrics] == ["accuracy", "recall", "precision"]
    assert [one.degraded for one in finding.performance.metrics] == [True, True, False]


def test_a_drop_just_below_the_limit_holds_and_does_not_fire() -> None:
    """Above 0.8 of the limit an alert stays open; a metric with too few labels holds nothing."""
    counts = window(2)
    held = performance_finding([judged("roc_auc", 0.045)], counts, counts, 7, TASK)
    assert (held.firing, held.holding) == (False, True)
    assert held.limit is not None
    assert held.limit.p_value is None
    few = performance_finding(
        [judged("accuracy", 0.01), judged("recall", 0.5, testable=False)], counts, counts, 7, TASK
    )
    assert (few.testable, few.firing, few.holding, few.severity) == (True, False, False, "LOW")
    none = performance_finding([judged("recall", 0.5, testable=False)], counts, counts, 7, TASK)
    assert (none.testable, none.firing, none.holding, none.performance) == (False, False, False, None)


def test_labels_are_missed_until_the_next_one() -> None:
    """An open alert fires until a label arrives after it opened, whatever the delays are by then."""
    stopped = Labelling(NOW - 5 * DAY, NOW - 4 * DAY, 10)
    assert labels_finding(stopped, None, is_silent=False, now=NOW).firing
    opened = NOW - DAY
    slower = Labelling(NOW - 5 * DAY, None, 500)
    assert labels_finding(slower, opened, is_silent=False, now=NOW).firing
    back = Labelling(NOW - timedelta(hours=1), None, 10)
    ended = labels_finding(back, opened, is_silent=True, now=NOW)
    assert (ended.testable, ended.firing, ended.holding) == (True, False, False)
    assert not labels_finding(back, None, is_silent=False, now=NOW).firing


def test_no_labels_are_missed_in_silence() -> None:
    """While no data arrive nothing is tested, so no alert opens and an open one sends nothing."""
    stopped = Labelling(None, NOW - 4 * DAY, None)
    assert not labels_finding(stopped, None, is_silent=True, now=NOW).testable
    assert not labels_finding(stopped, NOW - DAY, is_silent=True, now=NOW).testable
    assert labels_finding(stopped, None, is_silent=False, now=NOW).testable


def test_the_sentence_names_the_last_label_and_the_limit() -> None:
    """A person reads when the last label came and how long is too long."""
    assert Labelling(NOW, None, 20).sentence == (
        "The last label arrived at 2026-11-20 00:00 UTC. Labels are missed after 2 days, three times the delay of 90 % "
        "of the labels (20 hours)."
    )
    assert Labelling(None, None, None).sentence == "No label has arrived yet. Labels are missed after 24 hours."
