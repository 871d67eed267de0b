"""Remembers how the features in open alerts behave, so that a change does not become part of what is normal.

An episode begins when a feature is found in an alert that opens or is open. While the episode lasts, the sudden part
does not test the feature again, and the days since its onset are bad: they say nothing about what is normal. After the
episode no window of the feature reaches back before its end.

If the values stay changed but do not differ from the baseline, or if a person resolves the alert, the new level becomes
normal: the days since the onset are good again and the days before it are bad.

All of this belongs to one baseline version. A new baseline forgets it. Days and hours are counted since 1970 in UTC.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import get_args

from driftguard.alerts.changes import Part
from driftguard.alerts.schemas import AlertType
from driftguard.platform.sizes import squeeze, unsqueeze

HELD_BY_PAST = 7 * 24
"""Hours after the onset for which the sudden part can hold an alert. From then on only the week holds it."""

KEPT_DAYS = 100
"""Bad days are forgotten after this time, when the profiles of the days are deleted."""

KEPT_STARTS = 15
"""Days after which the start of a window is forgotten. Windows have at most 14 days."""

HOURS = 24

FORMAT = 1

_PARTS: tuple[Part, ...] = get_args(Part.__value__)
_TYPES: tuple[AlertType, ...] = get_args(AlertType)


@dataclass(frozen=True)
class Episode:
    """A change of one feature that is in an open alert.

    feature: its place in the baseline. part: which part of the test found it. onset: the hour since when the values
    have changed. held: the hour of the last check that still found the change.
    """

    alert_type: AlertType
    feature: int
    part: Part
    onset: int
    held: int


@dataclass(frozen=True)
class Sight:
    """What a check saw of one feature in the tests of one alert type.

    part, onset: as in `Episode`. fired: whether the feature belongs into an alert. holding: whether it keeps an alert
    open. tested: whether there were enough values to tell. settled: whether the values are still changed after
    HELD_BY_PAST hours, but do not differ from the baseline.
    changed: whether the values still differ from those before the onset.
    """

    feature: int
    part: Part
    onset: int
    fired: bool
    holding: bool
    tested: bool
    settled: bool = False
    changed: bool = False


@dataclass(frozen=True)
class Episodes:
    """The episodes of a model.

    current: by alert type and feature. bad: by feature, the first and the last day of each span of bad days.
    starts: by feature, the hour before which no window of the feature begins.
    """

    current: Mapping[tuple[AlertType, int], Episode] = field(default_factory=dict)
    bad: Mapping[int, tuple[tuple[int, int], ...]] = field(default_factory=dict)
    starts: Mapping[int, int] = field(default_factory=dict)

    def after(
        self,
        sights: Mapping[AlertType, Iterable[Sight]],
        open_types: Collection[AlertType],
        hour: int,
        resolve_after_hours: float,
    ) -> "Episodes":
        """Return the episodes after a check.

        Args:
            sights: of the features that fired or that have an episode.
            open_types: the alert types with an open alert after the check.
            hour: the running hour.
            resolve_after_hours: an episode ends when its change was not found for so long.
        """
        result = self
        for alert_type, seen in sights.items():
            for sight in seen:
                episode = result.current.get((alert_type, sight.feature))
                is_open = alert_type in open_types
                if episode is None:
                    if sight.fired and is_open:
                        made = Episode(alert_type, sight.feature, sight.part, min(sight.onset, hour), hour)
                        result = result._with(made)
                elif sight.settled or (not is_open and sight.changed):
                    result = result.accepting(episode, hour)
                elif not is_open:
                    result = result.ending(episode)
                elif sight.holding or not sight.tested:
                    # The time in which nothing can be tested does not count as time below the limit.
                    result = result._with(replace(episode, held=max(episode.held, hour)))
                elif hour - episode.held >= resolve_after_hours:
                    result = result.accepting(episode, hour) if sight.changed else result.ending(episode)
        # Features that are not tested any more, because somebody disabled them, have no sight.
        for episode in [one for one in result.current.values() if one.alert_type not in open_types]:
            result = result.ending(episode)
        return result._pruned(hour)

    def resolved_by_hand(self, alert_type: AlertType, hour: int) -> "Episodes":
        """Return the episodes after a person resolved the alert of a type. The new level of its features is normal."""
        result = self
        for episode in [one for one in self.current.values() if one.alert_type == alert_type]:
            result = result.accepting(episode, hour)
        return result

    def ending(self, episode: Episode) -> "Episodes":
        """Return the episodes without one that is over. Its days stay bad."""
        spans = _joined([*self.bad.get(episode.feature, ()), (episode.onset // HOURS, episode.held // HOURS)])
        return self._without(episode, spans, episode.held + 1)

    def accepting(self, episode: Episode, hour: int) -> "Episodes":
        """Return the episodes without one whose new level is normal from its onset on."""
        day = episode.onset // HOURS
        return self._without(episode, ((day - KEPT_DAYS, day - 1),), hour)

    def bad_days(self, today: int) -> dict[int, list[int]]:
        """Return the features for which a day says nothing about what is normal, by day, up to today."""
        found: dict[int, list[int]] = {}
        spans = {feature: list(of_feature) for feature, of_feature in self.bad.items()}
        for episode in self.current.values():
            spans.setdefault(episode.feature, []).append((episode.onset // HOURS, today))
        for feature, of_feature in spans.items():
            for first, last in _joined(of_feature):
                for day in range(max(first, today - KEPT_DAYS), min(last, today) + 1):
                    found.setdefault(day, []).append(feature)
        return found

    def dump(self, version: int) -> bytes | None:
        """Return the episodes of a baseline version for storage, or None if there is nothing to remember."""
        if not (self.current or self.bad or self.starts):
            return None
        rows = [
            [_TYPES.index(one.alert_type), one.feature, _PARTS.index(one.part), one.onset, one.held]
            for one in self.current.values()
        ]
        stored = {
            "format": FORMAT,
            "version": version,
            "current": rows,
            "bad": {str(feature): spans for feature, spans in self.bad.items()},
            "starts": {str(feature): hour for feature, hour in self.starts.items()},
        }
        return squeeze(json.dumps(stored, separators=(",", ":")))

    @classmethod
    def load(cls, data: bytes | None, version: int | None) -> "Episodes":
        """Return what `dump` wrote for the same baseline version. Those of another version are forgotten.

        Raises ValueError for another format.
        """
        stored = json.loads(unsqueeze(data)) if data else {}
        if not stored or stored["version"] != version:
            return cls()
        if stored["format"] != FORMAT:
            raise ValueError(f"episodes of unknown format {stored['format']}; this code reads format {FORMAT}")
        rows = [
            Episode(_TYPES[kind], feature, _PARTS[part], onset, held)
            for kind, feature, part, onset, held in stored["current"]
        ]
        return cls(
            {(one.alert_type, one.feature): one for one in rows},
            {int(feature): tuple((first, last) for first, last in spans) for feature, spans in stored["bad"].items()},
            {int(feature): hour for feature, hour in stored["starts"].items()},
        )

    def _with(self, episode: Episode) -> "Episodes":
        return replace(self, current={**self.current, (episode.alert_type, episode.feature): episode})

    def _without(self, episode: Episode, bad: tuple[tuple[int, int], ...], start: int) -> "Episodes":
        place = (episode.alert_type, episode.feature)
        return Episodes(
            {key: one for key, one in self.current.items() if key != place},
            {**self.bad, episode.feature: bad},
            {**self.starts, episode.feature: max(start, self.starts.get(episode.feature, 0))},
        )

    def _pruned(self, hour: int) -> "Episodes":
        oldest, today = hour - KEPT_STARTS * HOURS, hour // HOURS
        bad = {
            feature: tuple(span for span in spans if span[1] >= today - KEPT_DAYS)
            for feature, spans in self.bad.items()
        }
        return replace(
            self,
            bad={feature: spans for feature, spans in bad.items() if spans},
            starts={feature: start for feature, start in self.starts.items() if start > oldest},
        )


def _joined(spans: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Return the spans of days in order. Spans that overlap or touch become one."""
    result: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if result and first <= result[-1][1] + 1:
            result[-1] = (result[-1][0], max(result[-1][1], last))
        else:
            result.append((first, last))
    return tuple(result)
