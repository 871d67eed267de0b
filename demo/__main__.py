"""Tells the story to whoever runs `python -m demo`; see --help."""

import argparse
import json
import os
import select
import sys
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from demo.api import Api, DemoError, Role
from demo.screen import Screen
from driftguard_client import DriftGuardError
from local.settings import CREDENTIALS

STACK_VARIABLE: Final = "DRIFTGUARD_STACK"
DEFAULT_STACK: Final = Path(".local/stack.json")
ROLES: Final[tuple[Role, ...]] = ("admin", "ingest", "viewer")
NEEDED: Final = ("url", "api_keys", "organization_id", "aws_endpoint", "region", "resources")
INTERRUPTED: Final = 130
LOOK_MINUTES: Final = 15
ALL_WEEKS: Final = 18
"""Weeks from 1 March to the end of June."""

FEWEST_WEEKS: Final = 4
"""Weeks that the storms of June and their alerts need."""


def main(arguments: list[str] | None = None) -> int:
    """0 when everything came out as it must, 1 when something is missing or in the way, 130 when interrupted."""
    options = _parser().parse_args(arguments)
    screen = Screen(sys.stdout)
    began = time.monotonic()
    try:
        file = options.stack or Path(os.environ.get(STACK_VARIABLE, DEFAULT_STACK))
        stack = _stack(file)
        with Api(stack["url"], stack["api_keys"]) as api:
            status = _tell(api, stack, screen, options.out or file.parent, options.weeks, began)
        key = stack["api_keys"]["admin"]
        if STACK_VARIABLE not in os.environ:
            _invite(screen, stack["url"], key)
            return status
        if sys.stdin.isatty() and sys.stdout.isatty():
            _invite(screen, stack["url"], key)
            _look_around(screen)
        _say_goodbye(screen, file.parent, stack["url"], key)
        return status
    except (DemoError, DriftGuardError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ndemo: stopped", file=sys.stderr)
        return INTERRUPTED


def _tell(api: Api, stack: Mapping[str, Any], screen: Screen, folder: Path, weeks: int, began: float) -> int:
    # Here, since --help and a stack that is not there need not wait for pandas and scikit-learn.
    from demo.service import Service  # noqa: PLC0415
    from demo.story import Story  # noqa: PLC0415

    problems = Story(api, Service.of(stack, CREDENTIALS), screen, folder, weeks).tell()
    screen.line()
    if problems:
        for problem in problems:
            screen.line(f"   {screen.paint('✗', 'red', 'bold')} {problem}")
        print(f"demo: {len(problems)} of the things that had to happen did not", file=sys.stderr)
        return 1
    seconds = time.monotonic() - began
    screen.line(f"   {screen.paint('Everything came out as it must', 'green', 'bold')}, in {seconds:.0f} seconds.")
    return 0


def _invite(screen: Screen, url: str, key: str) -> None:
    """Print the link that opens the dashboard signed in. Only the stack on this machine takes a key from a link."""
    screen.line()
    screen.line(f"   The dashboard, signed in: {url}/dashboard#/?key={key}")
    screen.line(f"   The API key of the role admin: {key}")


def _look_around(screen: Screen) -> None:
    """Keep the stack up until a person at a terminal has seen the dashboard."""
    screen.line(f"   Press Enter when you have seen enough, or wait {LOOK_MINUTES} minutes.")
    select.select([sys.stdin], [], [], LOOK_MINUTES * 60)
    screen.line()


def _say_goodbye(screen: Screen, state: Path, url: str, key: str) -> None:
    """The stack that was started for the demo ends with it. Its keys outlive it as its data do."""
    screen.line()
    state = state.relative_to(Path.cwd()) if state.is_relative_to(Path.cwd()) else state
    screen.line("   The stack stops now. Its data stay. To see them in the dashboard, start it again:")
    screen.line(f"     .venv/bin/python -m local --state {state} --port {url.rsplit(':', 1)[-1]}")
    screen.line(f"   and open {url}/dashboard#/?key={key}")
    screen.line()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m demo",
        description="Replay four months of real flights on a running local stack, and show what DriftGuard found.",
        epilog="`make demo` starts a stack for it. With `make local` running, the model is added there, and stays.",
    )
    parser.add_argument(
        "--stack",
        type=Path,
        help=f"the file that the local stack wrote (default: ${STACK_VARIABLE}, or {DEFAULT_STACK})",
    )
    parser.add_argument(
        "--out", type=Path, help="folder for the e-mail and the Slack message (default: the stack file's)"
    )
    parser.add_argument(
        "--weeks",
        type=int,
        choices=range(FEWEST_WEEKS, ALL_WEEKS + 1),
        default=ALL_WEEKS,
        metavar=f"{FEWEST_WEEKS}…{ALL_WEEKS}",
        help="weeks before July to replay, fewer for a quick look (default: all)",
    )
    return parser


def _stack(file: Path) -> dict[str, Any]:
    """Read the file of a running stack. Raises DemoError."""
    try:
        content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        absent = [name for name in NEEDED if name not in content]
        absent += [f"api_keys.{role}" for role in ROLES if role not in content.get("api_keys", {})]
    except FileNotFoundError:
        raise DemoError(
            f"{file} is missing: no stack runs here. `make demo` starts one, and so does `make local`"
        ) from None
    except (ValueError, TypeError, AttributeError) as error:
        raise DemoError(f"{file} is not the file of a stack ({type(error).__name__}: {error})") from None
    if absent:
        raise DemoError(f"{file} lacks {', '.join(absent)}: start the stack again with `make local`")
    return content


if __name__ == "__main__":
    warnings.simplefilter("error")
    sys.exit(main())
