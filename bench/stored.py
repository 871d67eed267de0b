"""A model's counts as its tables would hold them, and its check on them: everything but reading and writing items."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

from driftguard.alerts import findings, lifecycle
from driftguard.checks import reports
from driftguard.checks.window import Gathered, Past, gather
from driftguard.counting import past
from driftguard.counting.counts import Counts
from driftguard.counting.layout import layout_of
from driftguard.counting.learning import learn
from driftguard.counting.profiles import HOURS, Profile
from driftguard.counting.series import Fresh, Series, State
from driftguard.counting.tables import StoredCounts
from driftguard.distributions import encoding
from driftguard.distributions.baseline import Baseline
from driftguard.models.tables import Models
from driftguard.models.traffic import NO_TRAFFIC
from driftguard.platform.times import hour_of, iso
from driftguard.verdicts.judging import Verdict
from driftguard.verdicts.moments import verdict_on

NOW = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
"""Half a day after midnight: the window has 12 hours on one side of its whole days and 13 on the other."""

MODEL_ID = "01MEASURED"


@dataclass(frozen=True)
class Item:
    """An item of the counts' table as it is read."""

    place: tuple[int, int]
    data: bytes
    made_of: str = ""
    made_at: str = iso(NOW)
    pieces: int = 1


@dataclass(frozen=True)
class Stored:
    """Encoded: the baseline, the hours around the window's whole days, the last 14 whole days, and the model's past.

    The profile of a day has the same counts in each hour.
    """

    baseline: bytes
    hours: Mapping[int, Sequence[bytes]]
    days: Mapping[int, Sequence[bytes]]
    profiles: Mapping[int, Sequence[bytes]]
    knowledge: Mapping[int, Sequence[bytes]]

    @classmethod
    def of(cls, baseline: Baseline, hours: Mapping[int, Counts], days: Mapping[int, Counts]) -> "Stored":
        """Encode counts by hour and by day (since the epoch)."""
        groups = Series(MODEL_ID, 1, 1, baseline).groups

        def encoded(counts: Mapping[int, Counts]) -> dict[int, list[bytes]]:
            return {moment: [one.encode(group) for group in range(groups)] for moment, one in counts.items()}

        profiles = {day: _even(day, one) for day, one in days.items()}
        today = hour_of(NOW) // 24
        known = learn(layout_of(baseline), today, profiles, None, {}, min(days))
        return cls(
            encoding.encode(baseline),
            encoded(hours),
            encoded(days),
            {day: [one.encode(group) for group in range(groups)] for day, one in profiles.items()},
            {today: [known.encode(group) for group in range(groups)]},
        )

    def read_from(self) -> AbstractContextManager[object]:
        """While this is open, reading hours, days and the past of any model finds these."""
        stack = ExitStack()
        stack.enter_context(patch.object(StoredCounts, "hours", _reader(self.hours)))
        stack.enter_context(patch.object(StoredCounts, "days", _reader(self.days)))
        stack.enter_context(patch.object(StoredCounts, "profiles", _reader(self.profiles)))
        of_day = _reader(self.knowledge)
        stack.enter_context(
            patch.object(StoredCounts, "knowledge", lambda model, version, day, **_: of_day(model, version, day, day))
        )
        stack.enter_context(patch.object(past, "_made_of", lambda *_arguments: ""))
        return stack


def _even(day: int, counts: Counts) -> Profile:
    """The profile of a day with these counts, in equal parts."""
    whole = Profile.of(counts.layout, day, {day * HOURS: counts})
    rows, groups, flaws = (one[:1].repeat(HOURS, axis=0) // HOURS for one in (whole.rows, whole.groups, whole.flaws))
    return Profile(day, rows, groups, flaws)


def _reader(stored: Mapping[int, Sequence[bytes]]) -> Any:
    items = {moment: [Item((moment, group), data) for group, data in enumerate(one)] for moment, one in stored.items()}

    def read(_model_id: str, _version: int, first: int, last: int, **_options: object) -> list[Item]:
        return [item for moment in range(first, last + 1) for item in items.get(moment, ())]

    return read


def moments() -> tuple[list[int], list[int]]:
    """The hours and the days that a check at NOW reads for a window of 7 days."""
    today = hour_of(NOW) // 24
    first = hour_of(NOW - timedelta(days=7))
    hours = [*range(first, (today - 6) * 24), *range(today * 24, hour_of(NOW) + 1)]
    return hours, [*range(today - 6, today)]


def series(baseline: Baseline) -> Series:
    """What belongs together in a check."""
    return Series(MODEL_ID, 1, 1, baseline)


def model() -> Models:
    """A model with the default settings."""
    return Models(
        "measured",
        f"model#{MODEL_ID}",
        organization_id="measured",
        model_id=MODEL_ID,
        name="Measured",
        partitions=[1],
        baseline_version=1,
        created_at=iso(NOW),
    )


def decided(of: Series) -> Verdict:
    """The product's own decision at NOW: read and decode the counts, sum the window, test, judge."""
    return judged(of, gathered(of))


def gathered(of: Series) -> Gathered:
    """The first half of it: read and decode the counts, sum the window."""
    hour = hour_of(NOW)
    state = State(cursor=iso(NOW), first_hour=hour - 40 * 24, rolled_before=hour // 24, last_arrival=iso(NOW))
    return gather(of, model().settings, state, Fresh(), Past(NOW, NO_TRAFFIC), NOW)


def judged(of: Series, found: Gathered) -> Verdict:
    """The second half: test and judge what is in memory."""
    return verdict_on(model(), model().settings, of.baseline, found.counts, found.comparison, found.moment)


def settled(verdict: Verdict) -> bytes:
    """What a check does with a verdict before it writes: bring the alerts up to date, pack the report."""
    for finding in verdict.findings:
        lifecycle.apply(finding, None, findings.Memory(), verdict.occasion)
    return reports.pack(verdict.report)


def check(stored: Stored) -> Verdict:
    """A whole check but for its input and output, the baseline decoded as in a process that has not seen it before."""
    verdict = decided(series(encoding.decode(stored.baseline)))
    settled(verdict)
    return verdict
