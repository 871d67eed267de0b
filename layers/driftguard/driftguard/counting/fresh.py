"""Count the predictions that are not folded yet, in memory."""

from collections.abc import Callable, Iterable
from datetime import datetime

from driftguard.counting.batches import ByHour, count_groups, hour_bytes
from driftguard.counting.counts import Counts
from driftguard.counting.series import Fresh, Series, Span
from driftguard.counting.steps import Arrivals
from driftguard.models.traffic import NO_TRAFFIC
from driftguard.platform.times import DAY, iso

FRESH_BYTES = 256_000_000
"""Memory of the counts of all spans."""


def count_fresh(
    series: Series,
    after: str,
    now: datetime,
    spans: Iterable[Span],
    may_go_on: Callable[[], bool],
    arrivals: Arrivals | None = None,
) -> Fresh | None:
    """Count the predictions that arrived after the cursor `after`, in memory, and add the hours of each span.

    arrivals: what the fold to this cursor left of the batches until `latest(now)`, so that they are not read again.
    Returns None if time runs out or if the counts of the spans do not fit in memory.
    """
    wanted = _Spans(spans)
    most = FRESH_BYTES // hour_bytes(series.baseline)
    sums: dict[Span, dict[int, Counts]] = {}
    seen: set[int] = set()
    last_arrival = None
    traffic = NO_TRAFFIC
    batches = Arrivals(series, after, latest(now)) if arrivals is None else arrivals
    while may_go_on():
        step, more = batches.next_step()
        if step is not None:
            last_arrival = step.reached
            filled: set[int] = set()
            for counted in count_groups(series.baseline, step.payloads, len(step.hours)):
                for group, by_hour in counted.items():
                    _add_to(sums, group, by_hour, wanted)
                    filled |= by_hour.keys()
                if len(sums) > most:
                    return None
            seen |= filled
            traffic = traffic.seen(step.arrival_hours, filled)
        if not more:
            return Fresh(_joined(series, sums), frozenset(seen), last_arrival, traffic)
    return None


def latest(now: datetime) -> str:
    """Return the last arrival that a check at `now` looks at. Clocks may differ."""
    return iso(now + DAY)


class _Spans(dict[int, list[Span]]):
    """The spans that contain an hour, by hour."""

    def __init__(self, spans: Iterable[Span]) -> None:
        super().__init__()
        self._spans = list(spans)

    def __missing__(self, hour: int) -> list[Span]:
        self[hour] = [span for span in self._spans if span[0] <= hour <= span[1]]
        return self[hour]


def _joined(series: Series, sums: dict[Span, dict[int, Counts]]) -> dict[Span, Counts]:
    """Return the counts of all features. Empties `sums`, so that memory does not hold the counts twice."""
    counts = {}
    for span in list(sums):
        of_groups = sums.pop(span)
        counts[span] = Counts.joined(series.baseline, [of_groups[number] for number in sorted(of_groups)])
    return counts


def _add_to(sums: dict[Span, dict[int, Counts]], group: int, by_hour: ByHour, wanted: _Spans) -> None:
    for hour, counts in by_hour.items():
        for span in wanted[hour]:
            of_groups = sums.setdefault(span, {})
            if group in of_groups:
                of_groups[group] += counts
            else:
                of_groups[group] = counts.copy()
