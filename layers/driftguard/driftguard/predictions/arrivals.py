"""When batches arrived. The order of arrivals is the order in which they are counted."""

from datetime import datetime, timedelta

from driftguard.platform.times import parse

SETTLED = timedelta(minutes=10)
"""Longer than a writer runs plus the error of its clock. Later batches get an `arrived_at` after now - SETTLED."""


def arrival_time(arrived_at: str) -> datetime:
    """Return the time of arrival from a batch's `arrived_at` key."""
    return parse(arrived_at.partition("#")[0])
