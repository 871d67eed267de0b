"""A simulated model whose checks go through verdicts, alerts and episodes, as real checks do."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property

import numpy as np

from driftguard.alerts import lifecycle
from driftguard.alerts.episodes import Episodes
from driftguard.alerts.events import AlertEvent
from driftguard.alerts.findings import Memory, Occasion
from driftguard.alerts.schemas import Alert, AlertType, Window
from driftguard.counting.counts import Counts
from driftguard.counting.knowledge import Knowledge
from driftguard.counting.layout import layout_of
from driftguard.counting.learning import learn
from driftguard.counting.profiles import HOURS, Profile
from driftguard.distributions.baseline import Baseline, build
from driftguard.models.settings import ModelSettings
from driftguard.platform.times import hour_start
from driftguard.statistics.arrays import Floats, Ints
from driftguard.verdicts.comparison import Comparison
from driftguard.verdicts.judging import Verdict, judge
from driftguard.verdicts.standing import Standing, bad_days
from tests.unit.counting.worlds import MONDAY

REACH = 67
WINDOW = 7 * HOURS
FEATURES = 3
VERSION = 1


@dataclass
class Life:
    """A model with a daily cycle of ±0.5 sigma and of its traffic, about 10,000 rows per week.

    shift: returns the shift of the first feature in an hour since the first one, in sigma. every: hours between checks.
    effect: the standard deviation of the shift of each day.
    """

    days: int
    shift: Callable[[int], float]
    every: int = 3
    effect: float = 0.0
    seed: int = 1
    settings: ModelSettings = field(default_factory=ModelSettings)
    alerts: dict[str, Alert] = field(default_factory=dict)
    open: dict[AlertType, str] = field(default_factory=dict)
    memory: dict[AlertType, Memory] = field(default_factory=dict)
    events: list[AlertEvent] = field(default_factory=list)
    episodes: Episodes = field(default_factory=Episodes)
    known: tuple[int, dict[int, bytes], Knowledge] | None = None

    @cached_property
    def baseline(self) -> Baseline:
        """A week of the same traffic without any shift."""
        random = np.random.default_rng(self.seed + 1000)
        values = np.concatenate([self._values(random, hour, 0.0) for hour in range(WINDOW)])
        return build({f"x{place}": values[:, place].tolist() for place in range(FEATURES)}, days=7)

    @cached_property
    def counts(self) -> Ints:
        """The counts on the bins of the baseline from the first hour up to an hour: (hours + 1, T)."""
        random, layout = np.random.default_rng(self.seed), layout_of(self.baseline)
        found = np.zeros((self.days * HOURS + 1, len(layout.bins)), np.int64)
        moved = np.random.default_rng(self.seed + 1).normal(0, self.effect, self.days + 1)
        for hour in range(self.days * HOURS):
            values = self._values(random, hour, self.shift(hour))
            values += moved[hour // HOURS]
            for place in range(FEATURES):
                codes = layout.numbers[place].find(values[:, place])
                found[hour + 1, layout.span(place)] = np.bincount(codes, minlength=layout.sizes[place])
        return np.cumsum(found, axis=0)

    @staticmethod
    def _values(random: "np.random.Generator", hour: int, shift: float) -> Floats:
        cycle = np.sin((hour % HOURS - 8) * np.pi / 12)
        values = random.normal(0.5 * cycle, 1, (random.poisson(60 * (1 + 0.8 * cycle)), FEATURES))
        values[:, 0] += shift
        return values

    @cached_property
    def profiles(self) -> dict[int, Profile]:
        """The profiles of all days."""
        layout, begin = layout_of(self.baseline), MONDAY * HOURS
        return {
            MONDAY + day: Profile.of(
                layout,
                MONDAY + day,
                {begin + hour: self.between(hour, hour) for hour in range(day * HOURS, (day + 1) * HOURS)},
            )
            for day in range(self.days)
        }

    def between(self, first: int, last: int) -> Counts:
        """The counts of the hours from `first` to `last`, since the first hour."""
        counts = Counts.empty(self.baseline)
        counts.bins = self.counts[last + 1] - self.counts[max(first, 0)]
        counts.rows = int(counts.present.max())
        return counts

    def run(self, start: int = 0, end: int | None = None) -> "Life":
        """Check from hour `start` to hour `end`, by default of all days."""
        for hour in range(start + self.every - 1, self.days * HOURS if end is None else end, self.every):
            self.check(hour)
        return self

    def check(self, hour: int) -> Verdict:
        """Check when an hour since the first one has just ended."""
        now_hour = MONDAY * HOURS + hour
        now, first = hour_start(now_hour + 1), hour + 1 - WINDOW
        window, standing = self.between(first, hour), Standing.of(self.episodes, FEATURES)
        for day in set(standing.first_days.tolist()):
            begin = (day - MONDAY) * HOURS
            if begin > max(first, 0):
                midnight = (hour + 1) // HOURS * HOURS
                own = self.between(begin, midnight - 1) if begin < midnight else Counts.empty(self.baseline)
                window = window.replaced(standing.first_days == day, own)
        occasion = Occasion(
            now=now,
            organization_id="acme",
            model_id="m",
            model_name="churn",
            settings=self.settings,
            baseline_version=VERSION,
            n_baseline=self.baseline.rows,
            n_window=window.rows,
            window=Window(start=now - timedelta(hours=WINDOW), end=now),
            preliminary=first < 0,
            warming_up=False,
            silent=False,
            new_id=lambda _now: f"A{len(self.alerts)}",
        )
        verdict = judge(self.baseline, window, self._comparison(now_hour), occasion, self.episodes)
        for finding in verdict.findings:
            self._apply(verdict, finding.alert_type)
        self.episodes = self.episodes.after(verdict.sights, self.open, now_hour, self.settings.resolve_after_hours)
        assert Episodes.load(self.episodes.dump(VERSION), VERSION) == self.episodes
        return verdict

    def _apply(self, verdict: Verdict, alert_type: AlertType) -> None:
        finding = next(one for one in verdict.findings if one.alert_type == alert_type)
        alert = self.alerts.get(self.open.get(alert_type, ""))
        outcome = lifecycle.apply(finding, alert, self.memory.get(alert_type, Memory()), verdict.occasion)
        self.memory[alert_type] = outcome.memory
        self.events += outcome.events
        for changed in outcome.alerts:
            self.alerts[changed.id] = changed
            if changed.is_open:
                self.open[alert_type] = changed.id
            else:
                self.open.pop(alert_type, None)

    def _comparison(self, now_hour: int) -> Comparison:
        day = now_hour // HOURS
        bad = bad_days(self.episodes, FEATURES, day)
        before = {one: flags.tobytes() for one, flags in bad.items() if one < day}
        if self.known is None or self.known[:2] != (day, before):
            past = {one: self.profiles[one] for one in range(max(MONDAY, day - REACH), day)}
            self.known = day, before, learn(layout_of(self.baseline), day, past, None, bad, MONDAY)
        reach = 6 if day - MONDAY <= 6 else 3
        profiles = {one: self.profiles[one] for one in range(max(MONDAY, day - reach), day)}
        whole, ended = self.profiles[day], now_hour % HOURS + 1
        groups, rows = whole.groups.copy(), whole.rows.copy()
        groups[ended:], rows[ended:] = 0, 0
        profiles[day] = Profile(day, rows, groups, whole.flaws)
        return Comparison(self.known[2], profiles, now_hour, MONDAY, timed=False)
