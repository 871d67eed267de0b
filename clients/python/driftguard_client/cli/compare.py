"""The command `driftguard compare`: it compares a window with a baseline, without a server."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from driftguard_client.cli.local_commands import FAILED, OK, WRONG, Terminal, guarded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from driftguard_client.comparing.options import ColumnOptions

FORMATS = ("text", "json", "html", "markdown", "junit")
LEVELS = ("none", "data_quality", "drift", "performance")

EXAMPLE = """example:
  driftguard compare train.parquet today.csv --prediction pred --fail-on drift

Files are CSV, JSON Lines (both plain or gzip) or Parquet.

exit status:
  0  nothing was found at the level of --fail-on or above
  1  something was found
  2  a file, an option or, with --strict, the number of rows does not allow a comparison
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "compare",
        help="compare a window with a baseline, without a server",
        description="Compare a window with a baseline, with the tests of the service but without a server.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_inputs(parser, "window", "the rows to compare with it")
    parser.add_argument("--label", metavar="COL", help="the column of true values: also compare the performance")
    parser.add_argument("--score", metavar="COL", help="the column of scores, the probability of the positive class")
    add_output(parser, FORMATS)
    parser.add_argument(
        "--fail-on",
        choices=LEVELS,
        default="none",
        help="exit with status 1 for this finding or a worse one. Performance is the worst and needs --label "
        "(default: none)",
    )
    parser.add_argument(
        "--looks",
        type=_looks,
        default=1,
        metavar="N",
        help="the number of comparisons that share alpha; 2880 gives the limits of the service (default: 1)",
    )
    parser.add_argument("--strict", action="store_true", help="exit with status 2 if there are too few rows for a test")
    parser.set_defaults(run=run)


def add_inputs(parser: argparse.ArgumentParser, second: str, about: str) -> None:
    """Add the arguments that say what to read."""
    parser.add_argument("baseline", metavar="BASELINE", help="the file of the training data")
    parser.add_argument(second, metavar=second.upper(), help=f"the file of {about}")
    parser.add_argument("--prediction", metavar="COL", help="the column of predictions (default: prediction)")
    parser.add_argument("--timestamp", metavar="COL", help="the column of times (default: timestamp)")
    parser.add_argument(
        "--exclude", action="append", default=[], metavar="COL", help="leave out a column; may be repeated"
    )
    parser.add_argument(
        "--text-column",
        action="append",
        default=[],
        metavar="COL",
        help="CSV: read a column as texts even if its values look like numbers; may be repeated",
    )
    parser.add_argument("--delimiter", metavar="CHAR", help="CSV: the character between two values (default: detected)")
    parser.add_argument(
        "--config", metavar="FILE", help="a file driftguard.toml with settings, columns and CSV options"
    )


def add_output(parser: argparse.ArgumentParser, formats: Sequence[str]) -> None:
    """Add the arguments that say how and where to write the result."""
    parser.add_argument("--format", choices=formats, default="text", help="how to write the result (default: text)")
    parser.add_argument("--out", metavar="FILE", help="write the result to this file instead of the terminal")


def inputs_of(arguments: argparse.Namespace) -> tuple[dict[str, Any], ColumnOptions]:
    """Return the arguments that `compare` and `backtest` share, and the configured columns.

    The command line goes before the configuration.
    """
    from driftguard_client.comparing.options import Options, read_options

    options = read_options(arguments.config) if arguments.config else Options()
    shared = {
        "prediction": arguments.prediction or options.columns.prediction,
        "timestamp": arguments.timestamp or options.columns.timestamp,
        "exclude": [*options.columns.exclude, *arguments.exclude],
        "settings": options.settings,
        "csv": replace(
            options.csv,
            text_columns=[*options.csv.text_columns, *arguments.text_column],
            delimiter=arguments.delimiter or options.csv.delimiter,
        ),
    }
    return shared, options.columns


def run(arguments: argparse.Namespace) -> int:
    """Run the command and return its exit status."""
    return guarded("compare", lambda: _run(arguments))


def _run(arguments: argparse.Namespace) -> int:
    from driftguard_client.comparing import compare

    inputs, columns = inputs_of(arguments)
    with Terminal() as terminal:
        result = compare(
            arguments.baseline,
            arguments.window,
            label=arguments.label or columns.label,
            score=arguments.score or columns.score,
            looks=arguments.looks,
            progress=terminal.tell,
            **inputs,
        )
    fails = result.fails(arguments.fail_on)
    more = {"markdown": result.to_markdown, "junit": lambda: result.to_junit(arguments.fail_on)}
    terminal.write(result, arguments, more)
    is_untested = arguments.fail_on == "performance" and result.performance and not result.performance.is_tested
    if arguments.strict and (result.status == "insufficient_data" or is_untested):
        return WRONG
    return FAILED if fails else OK


def _looks(text: str) -> int:
    try:
        looks = int(text)
    except ValueError:
        looks = 0
    if looks < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return looks
