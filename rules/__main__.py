"""Checks a template against the house rules: `python -m rules [TEMPLATE]`. Exits with 1 after a breach."""

import logging
import sys
from pathlib import Path

from rules.deployments import DEPLOYMENTS
from rules.house import check
from rules.stack import Stack
from rules.template import load


def main(path: Path) -> int:
    """Print every breach in the template at `path`; returns the exit status."""
    source = load(path)
    found = dict.fromkeys(str(finding) for parameters in DEPLOYMENTS for finding in check(Stack(source, parameters)))
    sys.stdout.write("".join(f"{line}\n" for line in found) or f"{path}: no house rule is broken\n")
    return 1 if found else 0


if __name__ == "__main__":
    logging.disable(logging.WARNING)  # SAM's translator warns about its own metrics
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "template.yaml")))
