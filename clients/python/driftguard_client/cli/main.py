"""The command `driftguard`: its commands, and what becomes of errors."""

from __future__ import annotations

import argparse
import os
import sys
import warnings

from driftguard_client.cli import alerts, connection, models, rows
from driftguard_client.cli.common import created_by
from driftguard_client.errors import DriftGuardError, UnknownModelError
from driftguard_client.version import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

OK, FAILED, WRONG, INTERRUPTED = 0, 1, 2, 130
EXTRAS = {
    "compare": "compare a window with a baseline, without a server (needs Python 3.12 and the extra [compare])",
    "backtest": "replay a history: which alerts would have opened (needs Python 3.12 and the extra [compare])",
}
DESCRIPTION = "Watch machine-learning models for drift with a DriftGuard service, or compare data without one."
EPILOG = """example:
  driftguard login --url https://abc.execute-api.eu-west-1.amazonaws.com/v1
  driftguard baseline put churn train.csv --prediction pred
  driftguard log churn today.csv --prediction pred --timestamp ts
  driftguard check churn

exit status: 0 fine, 1 a finding (only where the command says so), 2 an error
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        parser = _parser(given)
        chosen = parser.parse_args(given)
        if not hasattr(chosen, "run"):
            parser.print_help()
            return WRONG
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # the results print their warnings
            status: int = chosen.run(chosen)
        sys.stdout.flush()
    except UnknownModelError as error:
        print(f"driftguard: {error.said} {created_by(error.name)} creates it.", file=sys.stderr)
        return WRONG
    except DriftGuardError as error:
        print(f"driftguard: {error}", file=sys.stderr)
        return WRONG
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of the output has ended, as `head` does. Python must not fail at exit for the same reason.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return WRONG
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        print(f"driftguard: {place}{error.strerror or error}.", file=sys.stderr)
        return WRONG
    except Exception as error:  # noqa: BLE001  a crash must not look like a finding, whose status is 1
        print(f"driftguard: unexpected {type(error).__name__}: {error}. Please report this fault.", file=sys.stderr)
        return WRONG
    return status


def _parser(given: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="driftguard",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"driftguard-client {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for part in (connection, models, rows, alerts):
        part.add_parsers(commands)
    wanted = next((word for word in given if not word.startswith("-")), None)
    for name, about in EXTRAS.items():
        if name == wanted:
            _add_extra(commands, name)
        else:
            commands.add_parser(name, help=about, add_help=False)
    return parser


def _add_extra(commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str) -> None:
    """Add a command that needs the extra. Raises DriftGuardError if the extra is not installed."""
    try:
        if name == "compare":
            from driftguard_client.cli import compare

            compare.add_parser(commands)
        else:
            from driftguard_client.cli import backtest

            backtest.add_parser(commands)
    except ImportError as error:
        raise DriftGuardError(f"{name}: {error}") from None


if __name__ == "__main__":
    sys.exit(main())
