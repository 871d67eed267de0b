"""`log FILE`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftguard_client.cli.common import FAILED, OK, add_command, client, show
from driftguard_client.progress import Progress

if TYPE_CHECKING:
    import argparse

    from driftguard_client.cli.common import Commands


def add_parsers(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "log",
        "log the rows of a file as predictions",
        "driftguard log churn today.csv --prediction pred --prediction-id id --timestamp ts",
        log_file,
    )
    parser.add_argument("model", metavar="MODEL", help="the name of the model")
    parser.add_argument("file", metavar="FILE", help="CSV, JSON Lines (both plain or gzip) or Parquet")
    parser.add_argument("--prediction", metavar="COL", help="the column of predictions")
    parser.add_argument("--score", metavar="COL", help="the column of scores")
    parser.add_argument("--label", metavar="COL", help="the column of true values")
    parser.add_argument("--prediction-id", metavar="COL", help="the column of ids")
    parser.add_argument("--timestamp", metavar="COL", help="the column of times (default: now for all rows)")
    parser.add_argument("--feature", action="append", metavar="COL", help="log this column only; may be repeated")
    parser.add_argument("--batch-id", metavar="ID", help="an id of the file: logging it again stores its rows once")
    parser.add_argument("--strict", action="store_true", help="exit with status 1 if a row was not stored")


def log_file(arguments: argparse.Namespace) -> int:
    """Log the rows of a file."""
    from driftguard_client.cli.files import read

    shown = Progress()
    dg = client(arguments)
    dg._options.strict = False  # what was not sent is shown below, row by row
    try:
        frame = read(arguments.file, lambda done, total: shown("Reading", done, total))
        result = dg.model(arguments.model).log_frame(
            frame,
            features=arguments.feature,
            prediction=arguments.prediction,
            score=arguments.score,
            label=arguments.label,
            prediction_id=arguments.prediction_id,
            timestamp=arguments.timestamp,
            batch_id=arguments.batch_id,
            progress=lambda done, total: shown("Sending", done, total),
        )
    finally:
        shown.end()
    show(arguments, result.to_dict(), str(result))
    if result.failed or (result.rows and not result.accepted + result.sampled_out):
        return 2
    return FAILED if arguments.strict and result.errors else OK
