"""Compare two samples, or replay a history, without a server.

    from driftguard_client.comparing import compare

    result = compare(train, current)

It needs the extra packages of `pip install "driftguard-client[compare]"` and Python 3.12.
"""

from driftguard_client.comparing.available import NEEDED
from driftguard_client.comparing.backtest_result import Backtest
from driftguard_client.comparing.backtesting import backtest
from driftguard_client.comparing.comparison import compare
from driftguard_client.comparing.csv_files import CsvOptions
from driftguard_client.comparing.errors import CompareError
from driftguard_client.comparing.result import Comparison, Found

__all__ = ["NEEDED", "Backtest", "CompareError", "Comparison", "CsvOptions", "Found", "backtest", "compare"]
