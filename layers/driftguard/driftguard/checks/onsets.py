"""Finds the onset of drift that the week part found, when an alert opens or a feature joins it."""

from collections.abc import Collection, Mapping
from dataclasses import replace

from driftguard.alerts import lifecycle
from driftguard.alerts.episodes import Episodes, Sight
from driftguard.alerts.findings import Finding, Memory
from driftguard.alerts.schemas import AlertType
from driftguard.counting.counts import Counts
from driftguard.counting.series import Series, read_days, read_hours
from driftguard.models.statuses import Statuses
from driftguard.platform.times import hour_start
from driftguard.verdicts.judging import Verdict
from driftguard.verdicts.onset import MOST_DAYS, week_onsets

HOURS = 24


def with_onsets(series: Series, verdict: Verdict, episodes: Episodes, status: Statuses) -> Verdict:
    """Return the verdict with the onsets of what the week part found first in this check.

    Earlier days are read only if an alert opens or a feature joins an open alert.
    """
    new = {
        (finding.alert_type, sight.feature)
        for finding in verdict.findings
        if _in_alert(finding, verdict, status)
        for sight in verdict.sights.get(finding.alert_type, ())
        if sight.fired and sight.part == "week" and (finding.alert_type, sight.feature) not in episodes.current
    }
    if not new or verdict.week is None:
        return verdict
    onsets = _replayed(series, verdict, {feature for _type, feature in new})
    sights: dict[AlertType, list[Sight]] = {
        kind: [replace(one, onset=onsets[one.feature]) if (kind, one.feature) in new else one for one in seen]
        for kind, seen in verdict.sights.items()
    }
    return replace(
        verdict, sights=sights, findings=[_dated(one, sights.get(one.alert_type, ())) for one in verdict.findings]
    )


def _in_alert(finding: Finding, verdict: Verdict, status: Statuses) -> bool:
    memory = Memory.load((status.memory or {}).get(finding.alert_type))
    is_open = finding.alert_type in (status.open_alerts or {})
    return is_open or lifecycle.may_open(finding, memory, verdict.occasion)


def _replayed(series: Series, verdict: Verdict, features: Collection[int]) -> dict[int, int]:
    settings, today = verdict.occasion.settings, verdict.now_hour // HOURS
    if verdict.week is None:
        return dict.fromkeys(features, verdict.now_hour)
    return week_onsets(
        series.baseline,
        settings,
        verdict.week,
        features,
        read_days(series, today - MOST_DAYS - settings.window_days, today - 1),
        lambda day: _hours(series, day),
        verdict.now_hour,
    )


def _hours(series: Series, day: int) -> Mapping[int, Counts]:
    return dict(read_hours(series, day * HOURS, day * HOURS + HOURS - 1))


def _dated(finding: Finding, sights: Collection[Sight]) -> Finding:
    onsets = [sight.onset for sight in sights if sight.fired]
    return replace(finding, onset=hour_start(min(onsets))) if onsets else finding
