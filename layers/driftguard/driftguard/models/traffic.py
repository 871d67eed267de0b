"""The hours in which a model had traffic, whatever its baseline is. Pure."""

import struct
from collections.abc import Iterable
from dataclasses import dataclass

HOURS_KEPT = 28 * 24
"""Two weeks of gaps, each compared with the same hours a week earlier, need three weeks."""

FORMAT = 1
HEADER = struct.Struct(">BIII")


@dataclass(frozen=True)
class Traffic:
    """The hours, counted since 1970, in which predictions arrived.

    Rows that are older than the first arrival were logged afterwards. Their own hours stand for those of the arrival.

    hours: of the last HOURS_KEPT. first_arrival: the hour of the first arrival.
    first_hour: the first hour with a row or an arrival.
    """

    hours: frozenset[int] = frozenset()
    first_arrival: int | None = None
    first_hour: int | None = None

    def seen(self, arrivals: Iterable[int], rows: Iterable[int]) -> "Traffic":
        """Return the traffic with more hours of arrivals and of rows."""
        arrived, dated = set(arrivals), set(rows)
        if not arrived:
            return self
        first = min(arrived) if self.first_arrival is None else min(*arrived, self.first_arrival)
        hours = self.hours | arrived | {hour for hour in dated if hour < first}
        known = [hour for hour in (self.first_hour, *arrived, *dated) if hour is not None]
        return Traffic(_kept(hours), first, min(known))

    def __or__(self, other: "Traffic") -> "Traffic":
        firsts = [one.first_arrival for one in (self, other) if one.first_arrival is not None]
        hours = [one.first_hour for one in (self, other) if one.first_hour is not None]
        return Traffic(_kept(self.hours | other.hours), min(firsts, default=None), min(hours, default=None))

    def encode(self) -> bytes | None:
        """Return at most 97 bytes: format, first arrival, first hour, latest hour, and one bit per hour before it."""
        if self.first_arrival is None or self.first_hour is None:
            return None
        latest = max(self.hours)
        bits = sum(1 << (latest - hour) for hour in self.hours)
        head = HEADER.pack(FORMAT, self.first_arrival, self.first_hour, latest)
        return head + bits.to_bytes(HOURS_KEPT // 8, "little").rstrip(b"\0")

    @classmethod
    def decode(cls, data: bytes | None) -> "Traffic":
        """Restore the output of `encode`. Raises ValueError for an unknown format."""
        if data is None:
            return cls()
        form, first_arrival, first_hour, latest = HEADER.unpack_from(data)
        if form != FORMAT:
            raise ValueError("hours of traffic in an unknown format")
        bits = int.from_bytes(data[HEADER.size :], "little")
        return cls(
            frozenset(latest - place for place in range(bits.bit_length()) if bits >> place & 1),
            first_arrival,
            first_hour,
        )


def _kept(hours: Iterable[int]) -> frozenset[int]:
    found = set(hours)
    latest = max(found, default=0)
    return frozenset(hour for hour in found if hour > latest - HOURS_KEPT)


NO_TRAFFIC = Traffic()
