"""NannyML's univariate drift with its default methods and thresholds, in chunks of a day.

It is on for the day after each chunk in which any column alerts.
"""

from collections.abc import Mapping

import pandas as pd
from nannyml import UnivariateDriftCalculator

from bench.evaluation.protocol import TIME, Spans, daily_spans, features, run


def signals(baseline: pd.DataFrame, history: pd.DataFrame) -> Mapping[str, Spans]:
    """Fit to the baseline, calculate the history's chunks, and take each chunk's verdict at its end."""
    numbers, texts = features(baseline)
    naive = [rows.assign(**{TIME: rows[TIME].dt.tz_localize(None)}) for rows in (baseline, history)]
    calculator = UnivariateDriftCalculator(
        column_names=[*numbers, *texts], treat_as_categorical=texts, timestamp_column_name=TIME, chunk_period="D"
    )
    calculator.fit(naive[0])
    found = calculator.calculate(naive[1]).filter(period="analysis").to_df()
    alerts = found[[name for name in found.columns if name[2] == "alert"]].any(axis=1)
    ends = pd.to_datetime(found[("chunk", "chunk", "start_date")]).dt.floor("D").dt.tz_localize("UTC")
    days = [(end + pd.Timedelta(days=1)).to_pydatetime() for end in ends]
    return {"NannyML": daily_spans(dict(zip(days, alerts.tolist(), strict=True)))}


if __name__ == "__main__":
    run(signals, "nannyml")
