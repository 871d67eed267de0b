"""`driftguard backtest` with default settings and a check each hour.

DriftGuard is on while an alert about the rows is open. `no_data`, which is about the lack of rows, is left out: no
other tool here watches that.
"""

from collections.abc import Mapping

import pandas as pd

from bench.evaluation.protocol import TIME, Spans, run
from driftguard_client.comparing import backtest

EVERY = "1h"


def signals(baseline: pd.DataFrame, history: pd.DataFrame) -> Mapping[str, Spans]:
    """Replay the history. An alert that was still open at the end lasts until then."""
    result = backtest(baseline, history, timestamp=TIME, every=EVERY)
    alerts = [alert for alert in result.alerts if alert.type != "no_data"]
    return {"DriftGuard": [(alert.opened_at, alert.resolved_at or result.end) for alert in alerts]}


if __name__ == "__main__":
    run(signals)
