"""Finds the onset of drift that the week part found, when an alert opens or a feature joins it."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from driftguard.alerts import lifecycle
from driftguard.alerts.episodes import Episodes, Sight
from driftguard.alerts.findings import Finding, Memory
from driftguard.alerts.schemas import AlertType
from driftguard.counting.counts import Counts
from driftguard.counting.fresh import count_fresh
from driftguard.counting.series import Fresh, Series, Span, State, read_days, read_hours
from driftguard.models.statuses import Statuses
from driftguard.platform.times import hour_start
from driftguard.verdicts.judging import Verdict
from driftguard.verdicts.onset import MOST_DAYS, week_onsets

HOURS = 24


@dataclass(frozen=True)
class Stored:
    """The counts of earlier days and hours: what is stored, and what is not folded yet.

    fresh: the predictions that are not folded yet. count: counts them again for other spans.
    may_lag: whether a replica may lack the last rolled-up day, see `State.days_may_lag`.
    """

    series: Series
    fresh: Fresh
    count: Callable[[Iterable[Span]], Fresh | None]
    may_lag: bool = True

    @classmethod
    def of(cls, series: Series, state: State, fresh: Fresh, now: datetime, may_go_on: Callable[[], bool]) -> "Stored":
        """Return the counts of a model. fresh: what was counted after `state` for a check at `now`."""

        def count(spans: Iterable[Span]) -> Fresh | None:
            return count_fresh(series, state.cursor, now, spans, may_go_on)

        return cls(series, fresh, count, state.days_may_lag(now))

    def days(self, first: int, last: int) -> dict[int, Counts]:
        """Return the counts of days."""
        found = read_days(self.series, first, last, consistent=self.may_lag)
        late = self.late([day_span(day) for day in range(first, last + 1)]) or {}
        for (start, _end), counts in late.items():
            day = start // HOURS
            found[day] = found[day] + counts if day in found else counts
        return found

    def hours(self, day: int) -> dict[int, Counts]:
        """Return the counts of the hours of a day."""
        first, last = day_span(day)
        found = dict(read_hours(self.series, first, last))
        late = self.late([(hour, hour) for hour in range(first, last + 1)]) or {}
        for (hour, _end), counts in late.items():
            found[hour] = found[hour] + counts if hour in found else counts
        return found

    def late(self, spans: list[Span]) -> Mapping[Span, Counts] | None:
        """Return the counts of spans that are not folded yet. Return None if there is no time to count them.

        Nothing is counted again if no span can have any.
        """
        last = max(end for _start, end in spans)
        if not any(hour <= last for hour in self.fresh.hours):
            return {}
        found = self.count(spans)
        return None if found is None else found.counts


def day_span(day: int) -> Span:
    """Return the hours of a day."""
    return day * HOURS, day * HOURS + HOURS - 1


def with_onsets(verdict: Verdict, episodes: Episodes, status: Statuses, stored: Stored) -> Verdict:
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
    settings, today = verdict.occasion.settings, verdict.now_hour // HOURS
    onsets = week_onsets(
        stored.series.baseline,
        settings,
        verdict.week,
        {feature for _type, feature in new},
        stored.days(today - MOST_DAYS - settings.window_days, today - 1),
        stored.hours,
        verdict.now_hour,
    )
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


def _dated(finding: Finding, sights: Collection[Sight]) -> Finding:
    onsets = [sight.onset for sight in sights if sight.fired]
    return replace(finding, onset=hour_start(min(onsets))) if onsets else finding
