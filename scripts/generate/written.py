"""What the generators share: write a generated file, or check that the committed one is up to date."""

import argparse
import sys
from pathlib import Path


def write_or_check(target: Path, text: str, *, about: str | None, make: str) -> int:
    """Write `text` to `target`, or with --check compare the two. Return the exit code.

    about: the help text of the command. make: the target of the Makefile that writes the file.
    """
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the file is out of date")
    name = target.name
    if not parser.parse_args().check:
        target.write_text(text)
        print(f"wrote {name}")
        return 0
    if target.exists() and target.read_text() == text:
        print(f"{name} is up to date")
        return 0
    print(f"{name} is out of date: run `make {make}` and commit it", file=sys.stderr)
    return 1
