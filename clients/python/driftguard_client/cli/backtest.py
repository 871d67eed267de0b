"""The command `driftguard backtest`: it replays a history and says which alerts would have opened."""

from __future__ import annotations

import argparse

from driftguard_client.cli.compare import add_inputs, add_output, inputs_of
from driftguard_client.cli.local_commands import OK, Terminal, guarded

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
        help="replay a history and show which alerts would have opened",
        description="Replay a history through the service's checks and show which alerts would have opened, and when.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_inputs(parser, "history", "the rows to replay")
    parser.add_argument("--every", default="15m", metavar="TIME", help="the time between two checks (default: 15m)")
    add_output(parser, ("text", "json", "html"))
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command and return its exit status."""
    return guarded("backtest", lambda: _run(arguments))


def _run(arguments: argparse.Namespace) -> int:
    from driftguard_client.comparing import backtest

    with Terminal() as terminal:
        result = backtest(
            arguments.baseline,
            arguments.history,
            every=arguments.every,
            progress=terminal.tell,
            **inputs_of(arguments)[0],
        )
    terminal.write(result, arguments)
    return OK
