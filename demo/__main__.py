"""Tells the story to whoever runs `python -m demo`; see --help."""

import argparse
import json
import os
import select
import sys
import time
import warnings
from pathlib import Path
from typing import Final

from demo.api import Api, DemoError, Role
from demo.screen import Screen
from driftguard_client import DriftGuardError

STACK_VARIABLE: Final = "DRIFTGUARD_STACK"
DEFAULT_STACK: Final = Path(".local/stack.json")
ROLES: Final[tuple[Role, ...]] = ("admin", "ingest", "viewer")
INTERRUPTED: Final = 130
LOOK_MINUTES: Final = 15


def main(arguments: list[str] | None = None) -> int:
    """0 when everything came out as it must, 1 when something is missing or in the way, 130 when interrupted."""
    options = _parser().parse_args(arguments)
    screen = Screen(sys.stdout)
    began = time.monotonic()
    try:
        url, keys = _stack(options)
        folder = options.out or (_file(options).parent if not options.url else Path(".local"))
        with Api(url, keys) as api:
            status = _tell(api, screen, folder, began)
        if STACK_VARIABLE in os.environ and not options.url:
            _look_around(screen, url, keys["admin"])
            _say_goodbye(screen, _file(options).parent, url)
        return status
    except (DemoError, DriftGuardError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ndemo: stopped", file=sys.stderr)
        return INTERRUPTED


def _tell(api: Api, screen: Screen, folder: Path, began: float) -> int:
    # Here, since --help and a stack that is not there need not wait for pandas and scikit-learn.
    from demo.story import Story  # noqa: PLC0415

    problems = Story(api, screen, folder).tell()
    screen.line()
    if problems:
        for problem in problems:
            screen.line(f"   {screen.paint('✗', 'red', 'bold')} {problem}")
        print(f"demo: {len(problems)} of the things that had to happen did not", file=sys.stderr)
        return 1
    seconds = time.monotonic() - began
    screen.line(f"   {screen.paint('Everything came out as it must', 'green', 'bold')}, in {seconds:.0f} seconds.")
    return 0


def _look_around(screen: Screen, url: str, key: str) -> None:
    """Show the way in. Where a person looks on, keep the stack up until they have seen the dashboard."""
    screen.line(f"   The dashboard, signed in: {url}/dashboard#/?key={key}")
    screen.line(f"   The API key of the role admin: {key}")
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return
    screen.line(f"   Press Enter when you have seen enough, or wait {LOOK_MINUTES} minutes.")
    select.select([sys.stdin], [], [], LOOK_MINUTES * 60)
    screen.line()


def _say_goodbye(screen: Screen, state: Path, url: str) -> None:
    """The stack that was started for the demo ends with it."""
    state = state.relative_to(Path.cwd()) if state.is_relative_to(Path.cwd()) else state
    screen.line("   The stack stops now; its data stay. To open the dashboard on them:")
    screen.line(f"     .venv/bin/python -m local --state {state} --port {url.rsplit(':', 1)[-1]}")
    screen.line(f"   It asks for a key: the viewer's is in {state / 'stack.json'} while that runs.")
    screen.line()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m demo",
        description="Log real flights to a running stack, fire its schedule, and show the drift that was found.",
        epilog="`make demo` starts a stack for it. With `make local` running, the story goes there, and its data stay.",
    )
    parser.add_argument(
        "--stack",
        type=Path,
        help=f"file with the stack's url and api_keys (default: ${STACK_VARIABLE}, or {DEFAULT_STACK})",
    )
    parser.add_argument("--url", help="address of the stack, instead of --stack")
    parser.add_argument("--key", help="an admin's API key, with --url")
    parser.add_argument(
        "--out", type=Path, help="folder for the e-mail and the Slack message (default: the stack file's)"
    )
    return parser


def _file(options: argparse.Namespace) -> Path:
    return options.stack or Path(os.environ.get(STACK_VARIABLE, DEFAULT_STACK))


def _stack(options: argparse.Namespace) -> tuple[str, dict[Role, str]]:
    if bool(options.url) != bool(options.key):
        raise DemoError("--url and --key go together")
    if options.url:
        return options.url, dict.fromkeys(ROLES, options.key)
    path = _file(options)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return content["url"], {role: content["api_keys"][role] for role in ROLES}
    except FileNotFoundError:
        raise DemoError(
            f"{path} is missing: no stack runs here. `make demo` starts one, and so does `make local`"
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise DemoError(f"{path} does not hold url and api_keys ({type(error).__name__}: {error})") from None


if __name__ == "__main__":
    warnings.simplefilter("error")
    sys.exit(main())
