"""What the commands share: options of the connection, output as text or JSON, and confirmation."""

from __future__ import annotations

import argparse
import json
import shlex
import sys

from driftguard_client.client import DriftGuard

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

OK, FAILED, WRONG = 0, 1, 2


def add_command(
    commands: Commands,
    name: str,
    about: str,
    example: str,
    run: Callable[[argparse.Namespace], int],
    *,
    online: bool = True,
) -> argparse.ArgumentParser:
    """Add a command with an example in its help, `--json`, and the options of the connection."""
    parser = commands.add_parser(
        name,
        help=about,
        description=about[:1].upper() + about[1:] + ".",
        epilog=f"example:\n  {example}\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    if online:
        group = parser.add_argument_group("connection")
        group.add_argument("--url", help="the service (default: DRIFTGUARD_URL, then the configuration file)")
        group.add_argument("--api-key", help="the key (default: DRIFTGUARD_API_KEY, then the configuration file)")
        group.add_argument("--profile", help="the section of the configuration file (default: default)")
    parser.set_defaults(run=run)
    return parser


def client(arguments: argparse.Namespace, **options: Any) -> DriftGuard:
    """Return the client that the arguments describe. Raises ConfigurationError if something is missing."""
    return DriftGuard(
        arguments.url, arguments.api_key, profile=arguments.profile, strict=True, **{"timeout": 30.0, **options}
    )


def show(arguments: argparse.Namespace, content: Any, text: str) -> None:
    """Print JSON with `--json`, otherwise a text."""
    print(json.dumps(content, indent=2, ensure_ascii=False) if arguments.json else text)


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], empty: str) -> str:
    """Return rows as aligned columns, or `empty` without rows."""
    cells = [[_cell(value) for value in row] for row in rows]
    if not cells:
        return empty
    widths = [max(len(line[index]) for line in [list(columns), *cells]) for index in range(len(columns))]
    lines = [columns, *cells]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, list):
        return ", ".join(map(str, value[:3])) + (" …" if len(value) > 3 else "")
    return str(value)


def created_by(model: str) -> str:
    """Return the command that creates a model."""
    return f"`driftguard models --create {shlex.quote(model)}`"


def parsed(text: str) -> Any:
    """Return a value of `--set name=value`: JSON if it is valid JSON, otherwise the text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def is_terminal() -> bool:
    """Return whether a person can answer questions."""
    return sys.stdin.isatty() and sys.stderr.isatty()
