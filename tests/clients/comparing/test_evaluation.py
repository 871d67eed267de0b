"""The evaluation's replay of a hand-made series: alarms are counted right, and the delay is the known one."""

from datetime import timedelta

from bench.evaluation import classic, driftguard
from bench.evaluation.alarms import Reaction, openings, reaction
from bench.evaluation.samples import shuffled
from tests.unit.bench.series import CHANGE, DAY, START, parts, rows


def test_a_known_change_is_found_once_and_after_it_came() -> None:
    """On a series with one shift, DriftGuard and the classic rule open one alarm, within a day of the shift."""
    baseline, history = parts(rows(2.0))
    change = START + CHANGE * DAY
    (spans,) = driftguard.signals(baseline, history).values()
    (opened,) = openings(spans)
    assert timedelta() < opened - change < DAY
    assert opened.minute == 0
    strict = classic.signals(baseline, history)["p < 0.05, Bonferroni"]
    assert openings(strict) == [START + 27 * DAY]
    assert reaction(strict, change) == Reaction(0.5 * DAY, on_before=False)


def test_a_series_without_a_change_opens_no_alarm_of_driftguard() -> None:
    """On shuffled rows of the same series, DriftGuard stays off, and the classic rule has one false alarm."""
    baseline, history = parts(shuffled(rows(2.0), 2))
    assert driftguard.signals(baseline, history) == {"DriftGuard": []}
    found = classic.signals(baseline, history)
    assert openings(found["p < 0.05"]) == [START + 21 * DAY]
    assert found["p < 0.05, Bonferroni"] == []
