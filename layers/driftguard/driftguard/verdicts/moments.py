"""The verdict on a window at one moment of a model's life. The service, a simulation and a replay all call it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from driftguard.alerts.episodes import Episodes
from driftguard.alerts.findings import Occasion
from driftguard.alerts.schemas import Window
from driftguard.counting.counts import Counts
from driftguard.distributions.baseline import Baseline
from driftguard.models.settings import ModelSettings
from driftguard.platform.times import hour_start
from driftguard.verdicts.comparison import Comparison
from driftguard.verdicts.judging import NO_EPISODES, Verdict, judge
from driftguard.verdicts.silence import Silence


class Watched(Protocol):
    """The model that a verdict is about."""

    @property
    def organization_id(self) -> str: ...

    @property
    def model_id(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def baseline_version(self) -> float | None: ...


@dataclass(frozen=True)
class Moment:
    """The time of a verdict and its window, in hours since 1970.

    first_hour, last_hour: the window. covered_since: the earliest hour for which the model has counts.
    known_since: the earliest hour for which the model had data, whatever its baseline was.
    silence: how long no prediction has arrived, and the limit.
    """

    now: datetime
    first_hour: int
    last_hour: int
    covered_since: int
    known_since: int
    silence: Silence | None


def verdict_on(
    model: Watched,
    settings: ModelSettings,
    baseline: Baseline,
    counts: Counts,
    comparison: Comparison | None,
    moment: Moment,
    episodes: Episodes = NO_EPISODES,
) -> Verdict:
    """Return the verdict on a window's counts with `settings`.

    comparison: the last hours and the model's own past, if they are known. episodes: what earlier checks found.
    """
    found = occasion(model, settings, moment, n_baseline=baseline.rows, n_window=counts.rows)
    return judge(baseline, counts, comparison, found, episodes)


def occasion(model: Watched, settings: ModelSettings, moment: Moment, *, n_baseline: int, n_window: int) -> Occasion:
    """Return the context of a check. n_baseline, n_window: the rows in the baseline and in the window."""
    covered_hours = moment.last_hour - max(moment.known_since, moment.first_hour)
    return Occasion(
        now=moment.now,
        organization_id=model.organization_id,
        model_id=model.model_id,
        model_name=str(model.name),
        settings=settings,
        baseline_version=None if model.baseline_version is None else int(model.baseline_version),
        n_baseline=n_baseline,
        n_window=n_window,
        window=Window(start=hour_start(moment.first_hour), end=moment.now),
        preliminary=moment.known_since > moment.first_hour,
        warming_up=covered_hours < settings.warmup_hours,
        silent=moment.silence is not None and moment.silence.silent,
        silence=moment.silence.sentence if moment.silence is not None else "",
    )
