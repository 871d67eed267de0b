"""A hand-made series with one known change, for tests of the evaluation."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from bench.evaluation.protocol import TIME

START = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)
A_DAY = 200
BASELINE, CHANGE, END = 14, 26.5, 33


def rows(shift: float) -> pd.DataFrame:
    """Numbers at even times that shift by so many standard deviations at the change, and a text that never changes."""
    chance = np.random.default_rng(7)
    count = END * A_DAY
    since = np.arange(count) / A_DAY
    return pd.DataFrame(
        {
            TIME: pd.to_datetime([START + place * DAY for place in since], utc=True),
            "number": chance.normal(size=count) + shift * (since >= CHANGE),
            "text": chance.choice(["low", "high"], count),
        }
    )


def parts(every: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The baseline and the history."""
    watched = pd.Timestamp(START + BASELINE * DAY)
    return every[every[TIME] < watched], every[every[TIME] >= watched]
