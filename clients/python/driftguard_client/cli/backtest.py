"""The command `driftguard backtest`: it replays a history and says which alerts would have opened."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable

from driftguard_client.cli.compare import add_inputs, csv_options
from driftguard_client.cli.local_commands import OK, Terminal, guarded, write

EXAMPLE = """example:
  driftguard backtest train.parquet last_quarter.parquet --timestamp ts --out report.html --format html

Files are CSV, JSON Lines (both plain or gzip) or Parquet.

exit status:
  0  the history was replayed, whatever was found
  2  a file or an option does not allow a replay
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "backtest",
        help="replay a history and say which alerts would have opened",
        description="Replay a history through the service's checks and say which alerts would have opened, and when.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_inputs(parser, "history", "the rows to replay")
    parser.add_argument("--every", default="15m", metavar="TIME", help="the time between two checks (default: 15m)")
    parser.add_argument("--format", choices=("text", "json", "html"), default="text", help="default: text")
    parser.add_argument("--out", metavar="FILE", help="write the result to this file instead of the terminal")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command and return its exit status."""
    return guarded("backtest", lambda: _run(arguments))


def _run(arguments: argparse.Namespace) -> int:
    from driftguard_client.comparing import backtest
    from driftguard_client.comparing.options import Options, read_options

    options = read_options(arguments.config) if arguments.config else Options()
    with Terminal() as terminal:
        result = backtest(
            str(arguments.baseline),
            str(arguments.history),
            timestamp=arguments.timestamp or options.columns.timestamp,
            prediction=arguments.prediction or options.columns.prediction,
            exclude=[*options.columns.exclude, *arguments.exclude],
            settings=options.settings,
            every=arguments.every,
            csv=csv_options(arguments, options.csv),
            progress=terminal.tell,
        )
    texts: dict[str, Callable[[], str]] = {
        "text": lambda: result.to_text(terminal.width),
        "json": lambda: json.dumps(result.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n",
        "html": result.to_html,
    }
    write(texts[arguments.format](), arguments.out)
    return OK
