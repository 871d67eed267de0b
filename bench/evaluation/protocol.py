"""How a tool is run on a data set: `python -m bench.evaluation.<tool> BASELINE HISTORY`; it prints one line of JSON.

BASELINE and HISTORY are Parquet files with a column `timestamp`. Runs on every Python from 3.11.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from importlib.metadata import version

import pandas as pd

TIME = "timestamp"
DAY = timedelta(days=1)
WINDOW = timedelta(days=7)

Spans = Sequence[tuple[datetime, datetime]]
Tool = Callable[[pd.DataFrame, pd.DataFrame], Mapping[str, Spans]]


def run(tool: Tool, package: str | None = None) -> None:
    """Print the times in which each rule of the tool is on, its package's version, and the CPU seconds."""
    baseline, history = (pd.read_parquet(path) for path in sys.argv[1:3])
    spans = {
        rule: [[start.isoformat(), end.isoformat()] for start, end in some]
        for rule, some in tool(baseline, history).items()
    }
    found = {"version": version(package) if package else None, "spans": spans, "cpu": time.process_time()}
    print(json.dumps(found))


def features(rows: pd.DataFrame) -> tuple[list[str], list[str]]:
    """Return the names of the numbers and of the texts."""
    names = [name for name in rows.columns if name != TIME]
    numbers = [name for name in names if rows[name].dtype.kind in "iuf"]
    return numbers, [name for name in names if name not in numbers]


def daily_windows(history: pd.DataFrame) -> Iterator[tuple[datetime, pd.DataFrame]]:
    """Yield each midnight that has seven days of history before it, and the rows of these days."""
    times = history[TIME]
    midnight = times.iloc[0].floor("D") + WINDOW
    while midnight <= times.iloc[-1].floor("D") + DAY:
        first, last = times.searchsorted(midnight - WINDOW), times.searchsorted(midnight)
        if last > first:
            yield midnight.to_pydatetime(), history.iloc[first:last]
        midnight += DAY


def daily_spans(looks: Mapping[datetime, bool]) -> list[tuple[datetime, datetime]]:
    """Return the day after each look that found something."""
    return [(look, look + DAY) for look, found in looks.items() if found]
