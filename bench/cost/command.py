"""`make cost`: print what a month on AWS costs, and write docs/cost.md.

The product's own code runs here, and `sandbox.meter` counts what it writes, reads, sends and computes.
The prices are in prices.py. No request is sent to AWS.
"""

import argparse
import logging
from typing import Final

from bench.cost.measure import logged
from bench.cost.page import report
from bench.environments import ROOT

PAGE: Final = ROOT / "docs" / "cost.md"


def main() -> None:
    """Measure, print the page, and write it."""
    parser = argparse.ArgumentParser(
        prog="make cost", description="What a month on AWS costs: make cost PREDICTIONS=… FEATURES=… MODELS=…"
    )
    parser.add_argument("--predictions", type=positive, default=10_000_000, help="predictions per month, of all models")
    parser.add_argument("--features", type=positive, default=20, help="features of a model")
    parser.add_argument("--models", type=positive, default=10, help="number of models")
    parser.add_argument("--no-file", action="store_true", help="only print; do not write docs/cost.md")
    arguments = parser.parse_args()
    logging.getLogger("samtranslator").setLevel(logging.ERROR)
    with logged():
        text = report(arguments.predictions, arguments.features, arguments.models)
    print(text)
    if not arguments.no_file:
        PAGE.write_text(text, encoding="utf-8")
        print(f"wrote {PAGE.relative_to(ROOT)}")


def positive(text: str) -> int:
    """A whole number from 1. Raises ValueError, which argparse reports."""
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


if __name__ == "__main__":
    main()
