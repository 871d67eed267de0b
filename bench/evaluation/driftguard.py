"""`driftguard backtest` with default settings and a check each hour. DriftGuard is on while any alert is open."""

from collections.abc import Mapping

import pandas as pd

from bench.evaluation.protocol import TIME, Spans, run
from driftguard_client.comparing import backtest

EVERY = "1h"


def signals(baseline: pd.DataFrame, history: pd.DataFrame) -> Mapping[str, Spans]:
    """Replay the history. An alert that was still open at the end lasts until then."""
    result = backtest(baseline, history, timestamp=TIME, every=EVERY)
    return {"DriftGuard": [(alert.opened_at, alert.resolved_at or result.end) for alert in result.alerts]}


if __name__ == "__main__":
    run(signals)
