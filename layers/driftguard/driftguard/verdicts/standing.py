"""Turns a model's episodes into arrays with one element per feature."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from driftguard.alerts.episodes import HELD_BY_PAST, HOURS, Episodes
from driftguard.alerts.schemas import AlertType
from driftguard.statistics.arrays import Flags, Ints

DRIFT_TYPES: tuple[AlertType, ...] = ("data_drift", "prediction_drift")


@dataclass(frozen=True)
class Standing:
    """What earlier checks found of each feature, arrays (F,).

    taken: whether a feature is in an open alert. onsets: since which hour since 1970 its values have changed, for
    features in an open drift alert, else -1. quality_onsets: the same of data-quality alerts.
    starts: the hour since 1970 before which no window of a feature begins, 0 for most features.
    """

    taken: Flags
    onsets: Ints
    quality_onsets: Ints
    starts: Ints

    @classmethod
    def of(cls, episodes: Episodes, features: int) -> "Standing":
        """Return the standing of a baseline's features. Episodes of other features are ignored."""
        found = cls(
            np.zeros(features, np.bool_), np.full(features, -1), np.full(features, -1), np.zeros(features, np.int64)
        )
        for episode in episodes.current.values():
            if episode.feature < features:
                found.taken[episode.feature] = True
                onsets = found.onsets if episode.alert_type in DRIFT_TYPES else found.quality_onsets
                onsets[episode.feature] = episode.onset
        for feature, hour in episodes.starts.items():
            if feature < features:
                found.starts[feature] = hour
        return found

    def held_by_past(self, now_hour: int) -> Flags:
        """Return which drift alerts the sudden part can hold: those whose onset is not too long ago."""
        return (self.onsets >= 0) & (now_hour - self.onsets < HELD_BY_PAST)

    def quality_held_by_past(self, now_hour: int) -> Flags:
        """Return which data-quality alerts the sudden part can hold."""
        return (self.quality_onsets >= 0) & (now_hour - self.quality_onsets < HELD_BY_PAST)

    @property
    def first_days(self) -> Ints:
        """The first whole day of the windows of each feature: the first midnight after `starts`, in days since 1970.

        Where that is later than the start of the report's window, the window of the feature ends at the last midnight.
        A part of a day would look like a change of every value that depends on the hour.
        """
        days: Ints = -(-self.starts // HOURS)
        return days


def bad_days(episodes: Episodes, features: int, today: int) -> Mapping[int, Flags]:
    """Return by day, bool (F,), the features for which the day says nothing about what is normal."""
    found = {}
    for day, places in episodes.bad_days(today).items():
        flags = np.zeros(features, np.bool_)
        flags[[place for place in places if place < features]] = True
        found[day] = flags
    return found
