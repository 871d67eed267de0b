"""The index entries of stored batches, and how many batches are read at once."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from driftguard.platform.times import in_milliseconds

BATCH_GET = 100
"""Most items of one request to DynamoDB."""


@dataclass(frozen=True, slots=True)
class Head:
    """The index entry of a stored batch.

    first_event, last_event: event times in milliseconds since the epoch. small: the data of a small batch.
    """

    pk: str
    sk: str
    arrived_at: str
    rows: int
    first_event: int
    last_event: int
    small: bytes | None = None

    def overlaps(self, start: datetime | None, end: datetime | None) -> bool:
        """Whether the batch may have events from `start` (inclusive) to `end` (exclusive); None leaves a side open."""
        return (start is None or self.last_event >= in_milliseconds(start)) and (
            end is None or self.first_event < in_milliseconds(end)
        )


def in_groups[T](things: Iterable[T], weight: Callable[[T], int], most: int) -> Iterator[list[T]]:
    """Yield the things in order, in groups of at most BATCH_GET that weigh at most `most`, or of one heavier thing."""
    group: list[T] = []
    total = 0
    for thing in things:
        if group and (len(group) == BATCH_GET or total + weight(thing) > most):
            yield group
            group, total = [], 0
        group.append(thing)
        total += weight(thing)
    if group:
        yield group
