"""Evidently's preset for data drift with its defaults, each midnight on the last seven days.

Its two rules: any column drifts, or the data set drifts because at least half of the columns do.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.metrics import DriftedColumnsCount
from evidently.presets import DataDriftPreset

from bench.evaluation.protocol import TIME, Spans, daily_spans, daily_windows, features, run

HALF = 0.5


def signals(baseline: pd.DataFrame, history: pd.DataFrame) -> Mapping[str, Spans]:
    """Run the preset's own count of drifted columns, which skips its charts.

    The first window also runs the whole preset, which must count the same.
    """
    numbers, texts = features(baseline)
    definition = DataDefinition(numerical_columns=numbers, categorical_columns=texts)
    before = _dataset(baseline, definition)
    counts: dict[Any, dict[str, float]] = {}
    for midnight, rows in daily_windows(history):
        window = _dataset(rows, definition)
        counts[midnight] = _count(DriftedColumnsCount(), window, before)
        if len(counts) == 1 and counts[midnight] != _count(DataDriftPreset(), window, before):
            raise AssertionError("the preset counts other columns than its count alone")
    return {
        "Evidently, any column": daily_spans({when: one["count"] > 0 for when, one in counts.items()}),
        "Evidently, data set": daily_spans({when: one["share"] >= HALF for when, one in counts.items()}),
    }


def _dataset(rows: pd.DataFrame, definition: DataDefinition) -> Dataset:
    return Dataset.from_pandas(rows.drop(columns=TIME), data_definition=definition)


def _count(metric: Any, window: Dataset, before: Dataset) -> dict[str, float]:
    metrics = Report([metric]).run(window, before).dict()["metrics"]
    value = next(one["value"] for one in metrics if one["metric_name"].startswith("DriftedColumnsCount"))
    return {name: float(value[name]) for name in ("count", "share")}


if __name__ == "__main__":
    run(signals, "evidently")
