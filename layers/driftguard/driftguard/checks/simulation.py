"""Simulates which alerts other settings would have opened.

A simulation replays the stored hourly counts through the same verdicts and alert transitions as the real checks. It
stores nothing and sends nothing. The counts of each day are in memory, and the counts of each hour only for the days at
both ends of the window.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache, partial

from driftguard.alerts.episodes import Episodes
from driftguard.alerts.replaying import ReplayedAlerts
from driftguard.alerts.schemas import Alert
from driftguard.baselines.names import names_of
from driftguard.checks.replayed_past import read_past
from driftguard.checks.schemas import SimulatedAlert, Simulation
from driftguard.checks.simulated_labels import replay_performance
from driftguard.checks.window import later_days, load_series, whole_days
from driftguard.counting.counts import Counts
from driftguard.counting.folding import load_state
from driftguard.counting.fresh import count_fresh
from driftguard.counting.series import Fresh, Series, State, read_days, read_hours
from driftguard.counting.tables import StoredCounts
from driftguard.distributions.baseline import key_of
from driftguard.models.settings import ModelSettings, SettingsPatch, check_features
from driftguard.models.tables import Models
from driftguard.platform.errors import Conflict, Invalid
from driftguard.platform.serialization import MAX_ANSWER_BYTES, answer_bytes
from driftguard.platform.sizes import longest_fit
from driftguard.platform.times import hour_of, hour_start
from driftguard.verdicts.judging import NO_EPISODES
from driftguard.verdicts.moments import Moment, verdict_on
from driftguard.verdicts.replayed_past import ReplayedPast
from driftguard.verdicts.silence import Silence, silence
from driftguard.verdicts.standing import Standing, bad_days

FEATURES_AN_HOURLY_CHECK = 50
"""With up to this many features, a check is replayed every hour. With up to twice as many, every second hour."""

ALERT_BYTES = 500
"""Most bytes of a simulated alert in a response, without its features."""


@dataclass
class Replay:
    """One replay of a model's past.

    hours: the event hours that have counts. days: the counts by day. by_hour: returns the counts of a day's hours.
    past: the model's own past at each hour. episodes: what earlier checks of the replay found.
    """

    model: Models
    series: Series
    settings: ModelSettings
    first_hour: int
    hours: Collection[int]
    days: Mapping[int, Counts]
    by_hour: Callable[[int], Mapping[int, Counts]]
    past: ReplayedPast
    episodes: Episodes = NO_EPISODES
    alerts: ReplayedAlerts = field(default_factory=ReplayedAlerts)

    def check(self, now: datetime) -> None:
        """Replay a check at `now` on the hours that had ended by then."""
        last = hour_of(now) - 1
        first = hour_of(now - timedelta(days=self.settings.window_days))
        quiet_since = max((hour + 1 for hour in self.hours if hour <= last), default=None)
        if quiet_since is None:
            return
        moment = Moment(
            now=now,
            first_hour=first,
            last_hour=last + 1,
            covered_since=self.first_hour,
            known_since=self.first_hour,
            silence=self._silence(now, quiet_since, is_open="no_data" in self.alerts.open),
        )
        features = len(self.series.baseline.features)
        self.past.bad = bad_days(self.episodes, features, last // 24)
        standing = Standing.of(self.episodes, features)
        counts = self._window(first, last)
        for day in later_days(standing, first):
            counts = counts.replaced(standing.first_days == day, self._window(*whole_days(day, now)))
        comparison = self.past.comparison(last)
        verdict = verdict_on(self.model, self.settings, self.series.baseline, counts, comparison, moment, self.episodes)
        self.alerts.apply(verdict.findings, verdict.occasion)
        kept_for = self.settings.resolve_after_hours
        self.episodes = self.episodes.after(verdict.sights, self.alerts.open.keys(), verdict.now_hour, kept_for)

    def learn_outages(self, until: int) -> None:
        """Replay only the silences before the hour `until`, so that the first checks know which were outages."""
        opened, quiet_since = None, None
        for hour in range(min(self.hours, default=until) + 1, until):
            if hour - 1 in self.hours:
                quiet_since = hour
            if quiet_since is None:
                continue
            now = hour_start(hour)
            silent = self._silence(now, quiet_since, is_open=opened is not None).silent
            if silent and opened is None:
                opened = now
            elif opened is not None and not silent:
                self.alerts.memory["no_data"] = self.alerts.memory_of("no_data").after_outage(opened, now)
                opened = None

    def _silence(self, now: datetime, quiet_since: int, *, is_open: bool) -> Silence:
        return silence(
            self.settings.no_data_hours,
            hour_start(quiet_since),
            now,
            [hour for hour in self.hours if hour < quiet_since],
            self.alerts.memory_of("no_data").outages,
            is_open=is_open,
        )

    def _window(self, first: int, last: int) -> Counts:
        first_day, end_day = -(-first // 24), (last + 1) // 24
        whole = range(first_day, end_day)
        ends = [
            *range(first, min(first_day * 24, last + 1)),
            *range(max(end_day * 24, first_day * 24, first), last + 1),
        ]
        total = Counts.empty(self.series.baseline)
        for day in whole:
            if day in self.days:
                total += self.days[day]
        for hour in ends:
            counts = self.by_hour(hour // 24).get(hour)
            if counts is not None:
                total += counts
        return total


def simulate(
    model: Models, patch: SettingsPatch, days: int, now: datetime, may_go_on: Callable[[], bool]
) -> Simulation:
    """Replay the last `days` (at most 28) of a model with its settings after `patch`.

    Real checks run every 15 minutes. Replayed checks run on whole hours, because the counts are stored per hour.
    Raises Conflict if the model has no baseline or too many uncounted predictions. Raises Invalid if time runs out or
    if the patch names features that the baseline lacks.
    """
    if model.baseline_version is None:
        raise Conflict("The model has no baseline yet. Create a baseline before you simulate settings.")
    series = load_series(model)
    check_features(patch, lambda: names_of(series.baseline.features))
    settings = patch.apply(model.settings)
    state = load_state(series, now)
    end = hour_of(now)
    reach = days + settings.window_days + 1
    first = end - reach * 24
    fresh = count_fresh(series, state.cursor, now, [(hour, hour) for hour in range(first, end + 1)], may_go_on)
    if fresh is None:
        raise Conflict(
            "Too many predictions are waiting to be counted. Please try again after the next check.", retry_after=900
        )
    replay = _replay(model, series, settings, state, fresh, first, end)
    step = max(1, -(-len(series.baseline.features) // FEATURES_AN_HOURLY_CHECK))
    moments = range(end - days * 24 + step, end + 1, step)
    replay.learn_outages(end - days * 24)
    for hour in moments:
        if not may_go_on():
            raise Invalid.at(["body", "days"], "takes too long for this model. Choose fewer days.")
        replay.check(hour_start(hour))
    replay_performance(model, settings, days, now, replay.alerts)
    seen = sorted(replay.alerts.seen.values(), key=lambda alert: alert.detected_at)
    return Simulation(
        checks=len(moments),
        hours_between_checks=step,
        alerts=_bounded([_seen(alert) for alert in seen]),
        messages=replay.alerts.messages,
        sudden_from=replay.past.judges_from,
    )


def _replay(
    model: Models, series: Series, settings: ModelSettings, state: State, fresh: Fresh, first: int, end: int
) -> Replay:
    """Return a replay of the hours from `first` to `end`, both included. Reads the counts of its days."""
    filled = {hour for hour, _last in fresh.counts} | set(
        StoredCounts.filled_hours(series.model_id, series.version, first, end)
    )

    @lru_cache(maxsize=2)
    def by_hour(day: int) -> Mapping[int, Counts]:
        hours = dict(read_hours(series, max(first, day * 24), min(end, day * 24 + 23)))
        for hour in range(day * 24, day * 24 + 24):
            late = fresh.counts.get((hour, hour))
            if late is not None:
                hours[hour] = hours[hour] + late if hour in hours else late
        return hours

    rolled_up = range(-(-first // 24), min(end // 24, state.rolled_before or 0))
    days = read_days(series, rolled_up.start, rolled_up.stop - 1)
    for (hour, _last), late in fresh.counts.items():
        day = hour // 24
        if day in rolled_up:
            days[day] = days[day] + late if day in days else late.copy()
    unstored: dict[int, dict[int, Counts]] = {}
    for (hour, _last), counts in fresh.counts.items():
        unstored.setdefault(hour // 24, {})[hour] = counts
    for day in range(rolled_up.stop, end // 24 + 1) if rolled_up else range(first // 24, end // 24 + 1):
        unstored[day] = dict(by_hour(day))
        for counts in unstored[day].values():
            days[day] = days[day] + counts if day in days else counts.copy()
    first_hour = min((hour for hour in (state.first_hour, *fresh.hours) if hour is not None), default=end)
    past = read_past(series, first, rolled_up.stop if rolled_up else first // 24, unstored, first_hour)
    return Replay(model, series, settings, first_hour, filled, days, by_hour, past)


def _seen(alert: Alert) -> SimulatedAlert:
    return SimulatedAlert(
        alert_type=alert.alert_type,
        severity=alert.severity,
        opened_at=alert.detected_at,
        resolved_at=alert.resolved_at,
        features=_names(alert),
        features_left_out=alert.features_left_out,
    )


def _names(alert: Alert) -> list[str]:
    """Return the features that drifted, or the metrics that became worse."""
    if alert.performance is not None:
        return [one.name for one in alert.performance.metrics if one.degraded]
    return list(dict.fromkeys(key_of(one.name, one.role) for one in alert.features if one.drifted))


def _bounded(alerts: list[SimulatedAlert]) -> list[SimulatedAlert]:
    """Leave out the last features of alerts with very many long names, so that a response can hold all alerts."""
    most = MAX_ANSWER_BYTES // max(1, len(alerts))
    result = []
    for alert in alerts:
        features = alert.features
        kept = longest_fit(
            len(features), partial(lambda names, count: answer_bytes(names[:count]), features), most - ALERT_BYTES
        )
        left_out = alert.features_left_out + len(features) - kept
        result.append(alert.model_copy(update={"features": features[:kept], "features_left_out": left_out}))
    return result
