"""The command `driftguard compare`: it compares a window with a baseline, without a server."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import replace

from driftguard_client.cli.local_commands import FAILED, OK, WRONG, Terminal, guarded, write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from driftguard_client.comparing.csv_files import CsvOptions

FORMATS = ("text", "json", "html", "markdown", "junit")
LEVELS = ("none", "data_quality", "drift")

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
        description="Compare a window with a baseline by the service's tests, without a server.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_inputs(parser, "window", "the rows to compare with it")
    parser.add_argument("--format", choices=FORMATS, default="text", help="how to write the result (default: text)")
    parser.add_argument("--out", metavar="FILE", help="write the result to this file instead of the terminal")
    parser.add_argument(
        "--fail-on",
        choices=LEVELS,
        default="none",
        help="exit with status 1 for drift, or already for poor data quality (default: none)",
    )
    parser.add_argument(
        "--looks",
        type=_looks,
        default=1,
        metavar="N",
        help="how many comparisons share alpha: 2880 gives the limits of the service (default: 1)",
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
    parser.add_argument(
        "--delimiter", metavar="CHAR", help="CSV: the character between two values (default: found out)"
    )
    parser.add_argument(
        "--config", metavar="FILE", help="a file driftguard.toml with settings, columns and CSV options"
    )


def csv_options(arguments: argparse.Namespace, configured: CsvOptions) -> CsvOptions:
    """Return how CSV files are read. The command line goes before the configuration."""
    return replace(
        configured,
        text_columns=[*configured.text_columns, *arguments.text_column],
        delimiter=arguments.delimiter or configured.delimiter,
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the command and return its exit status."""
    return guarded("compare", lambda: _run(arguments))


def _run(arguments: argparse.Namespace) -> int:
    from driftguard_client.comparing import compare
    from driftguard_client.comparing.options import Options, read_options

    options = read_options(arguments.config) if arguments.config else Options()
    with Terminal() as terminal:
        result = compare(
            str(arguments.baseline),
            str(arguments.window),
            prediction=arguments.prediction or options.columns.prediction,
            timestamp=arguments.timestamp or options.columns.timestamp,
            exclude=[*options.columns.exclude, *arguments.exclude],
            settings=options.settings,
            looks=arguments.looks,
            csv=csv_options(arguments, options.csv),
            progress=terminal.tell,
        )
    texts: dict[str, Callable[[], str]] = {
        "text": lambda: result.to_text(terminal.width),
        "json": lambda: json.dumps(result.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n",
        "html": result.to_html,
        "markdown": result.to_markdown,
        "junit": lambda: result.to_junit(arguments.fail_on),
    }
    write(texts[arguments.format](), arguments.out)
    if arguments.strict and result.status == "insufficient_data":
        return WRONG
    return FAILED if result.fails(arguments.fail_on) else OK


def _looks(text: str) -> int:
    try:
        looks = int(text)
    except ValueError:
        looks = 0
    if looks < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return looks
