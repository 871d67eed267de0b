"""What counts as an alarm, for all tools alike.

Each tool is on or off at each moment. A tool that looks once a day stays as it is until its next look.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

type Span = tuple[datetime, datetime]
"""A time in which a tool is on: its beginning, and its end, which does not belong to it."""

QUIET = timedelta(days=7)
"""A tool that turns on again sooner continues its last alarm: its window may still hold the same rows."""


@dataclass(frozen=True)
class Reaction:
    """What a tool did about a known change. found_after: None if it never turned on after the change.

    on_before: it was on when the change came, so nobody could learn about the change from it.
    """

    found_after: timedelta | None
    on_before: bool


def merged(spans: Iterable[Span]) -> list[Span]:
    """Join the spans that touch or overlap."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def openings(spans: Iterable[Span], quiet: timedelta = QUIET) -> list[datetime]:
    """Return the moments at which a tool turned on after it had been off for at least `quiet`, and the first one."""
    found: list[datetime] = []
    off_since: datetime | None = None
    for start, end in merged(spans):
        if off_since is None or start - off_since >= quiet:
            found.append(start)
        off_since = end
    return found


def time_on(spans: Iterable[Span], start: datetime, end: datetime) -> timedelta:
    """Return for how long a tool was on between two moments."""
    inside = (min(off, end) - max(on, start) for on, off in merged(spans))
    return sum((one for one in inside if one > timedelta()), timedelta())


def reaction(spans: Sequence[Span], change: datetime) -> Reaction:
    """Return how a tool reacted to a change."""
    joined = merged(spans)
    if any(start <= change < end for start, end in joined):
        return Reaction(None, on_before=True)
    first = min((start for start, _ in joined if start > change), default=None)
    return Reaction(None if first is None else first - change, on_before=False)
