"""The batches that are counted together: the next in order of arrival, as many as fit in memory."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from driftguard.counting.batches import HOUR
from driftguard.counting.series import Series
from driftguard.platform.times import hour_of
from driftguard.predictions.arrivals import arrival_time
from driftguard.predictions.heads import Head
from driftguard.predictions.tables import Predictions

ROWS_A_STEP = 200_000
HEADS_A_STEP = 1000
HOURS_A_STEP = 600
"""Event hours. Those of one batch, which span at most 21 days, always fit."""

BYTES_A_STEP = 192_000_000
"""Packed batches in memory at the same time. One more batch may come on top."""


@dataclass(frozen=True)
class Step:
    """Batches that are folded together, in order of arrival. Deleted batches are in `heads` only."""

    heads: Sequence[Head]
    arrivals: Sequence[str]
    payloads: Sequence[bytes]

    @property
    def reached(self) -> str:
        """The last arrival."""
        return self.heads[-1].arrived_at

    @cached_property
    def hours(self) -> frozenset[int]:
        """The event hours that the batches may have."""
        return frozenset(hour for head in self.heads for hour in _event_hours(head))

    @property
    def arrival_hours(self) -> set[int]:
        """The hours in which the batches arrived."""
        return {hour_of(arrival_time(head.arrived_at)) for head in self.heads}

    def after(self, arrival: str) -> list[bytes]:
        """Return the batches that arrived later."""
        return [payload for arrived, payload in zip(self.arrivals, self.payloads, strict=True) if arrived > arrival]


def _event_hours(head: Head) -> range:
    return range(head.first_event // HOUR, head.last_event // HOUR + 1)


class Arrivals:
    """A model's batches in order of arrival, read once: by the fold, and then for what arrived after it.

    after, until: as in `Predictions.arrivals`.
    """

    def __init__(self, series: Series, after: str, until: str) -> None:
        self._heads = Predictions.arrivals(series.model_id, series.partitions, after=after, until=until)
        self._ahead: deque[Head] = deque()

    def next_step(self, until: str = "~") -> tuple[Step | None, bool]:
        """Return the next batches that fit in memory, and whether there may be more. None if there are no batches.

        until: the batches that arrived later stay for the next call.
        """
        heads, more = self._next_heads(until)
        arrivals: list[str] = []
        payloads: list[bytes] = []
        size = 0
        for head, payload in Predictions.payloads(heads):
            arrivals.append(head.arrived_at)
            payloads.append(payload)
            size += len(payload)
            if size > BYTES_A_STEP and head is not heads[-1]:
                taken = heads.index(head) + 1
                self._ahead.extendleft(reversed(heads[taken:]))
                return Step(heads[:taken], arrivals, payloads), True
        return (Step(heads, arrivals, payloads) if heads else None), more

    def _next_heads(self, until: str) -> tuple[list[Head], bool]:
        """Return the next batches of one step in order of arrival, and whether there may be more."""
        heads: list[Head] = []
        hours: set[int] = set()
        rows = 0
        while head := self._peek():
            if head.arrived_at > until:
                break
            rows += head.rows
            hours.update(_event_hours(head))
            if heads and (rows > ROWS_A_STEP or len(hours) > HOURS_A_STEP):
                return heads, True
            heads.append(self._ahead.popleft())
            if len(heads) == HEADS_A_STEP:
                return heads, True
        return heads, False

    def _peek(self) -> Head | None:
        if not self._ahead:
            self._ahead.extend(islice(self._heads, 1))
        return self._ahead[0] if self._ahead else None
