"""Compare two samples, or replay a history, without a server.

    from driftguard_client.comparing import compare

    result = compare(train, current)

It needs the extra packages of `pip install "driftguard-client[compare]"` and Python 3.12.
"""

try:
    import pyarrow as _arrow

    import driftguard_engine as _engine
except ImportError as error:
    raise ImportError(
        f'compare and backtest need the package {error.name}. Install it with: pip install "driftguard-client[compare]" '
        "(Python 3.12 or newer)"
    ) from error

from driftguard_client.comparing.backtest_result import Backtest
from driftguard_client.comparing.backtesting import backtest
from driftguard_client.comparing.comparison import compare
from driftguard_client.comparing.errors import CompareError
from driftguard_client.comparing.files import CsvOptions
from driftguard_client.comparing.result import Comparison, Found

__all__ = ["Backtest", "CompareError", "Comparison", "CsvOptions", "Found", "backtest", "compare"]
