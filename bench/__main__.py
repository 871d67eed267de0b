"""Benchmarks. Each writes a page of docs/ or a part: benchmarks, alarms, evaluation, load, limits, ground-truth."""

import argparse
import sys
from collections.abc import Sequence
from functools import partial

from bench import environments
from bench.alarms import command as alarms
from bench.evaluation import command as evaluation
from bench.labels import command as labels
from bench.limits import command as limits
from bench.load import command as load
from bench.speed import command as speed


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; returns the exit status."""
    options = _parser().parse_args(arguments)
    # What is measured may write to another stdout later, and progress must not get lost there.
    say = partial(print, file=sys.stdout, flush=True)
    match options.what:
        case "speed":
            speed.run(say)
        case "check":
            speed.run_check(say)
        case "intake":
            speed.run_intake(say)
        case "alarms":
            alarms.run(options.effort, say, others=options.all)
        case "evaluate":
            return evaluation.run(options.seeds, say)
        case "load":
            return load.run(options, say)
        case "files":
            speed.run_files(say)
        case "labels":
            return labels.run_command(options, say)
        case "limits":
            limits.run(say)
        case "peers":
            environments.install_all(say)
        case "lock-peers":
            environments.lock_all(say)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m bench", description=__doc__)
    commands = parser.add_subparsers(dest="what", required=True)
    commands.add_parser("speed", help="measure checks, folding and reads beside other tools, write docs/benchmarks.md")
    commands.add_parser("check", help="measure the processor time of one check, print its parts")
    commands.add_parser(
        "intake", help="measure logging as rows and as columns, write that section of docs/benchmarks.md"
    )
    alarms_parser = commands.add_parser("alarms", help="simulate months with and without drift, write docs/alarms.md")
    alarms_parser.add_argument("--effort", type=float, default=1.0, help="how many times the usual number of models")
    alarms_parser.add_argument("--all", action="store_true", help="also traffic that is not in the first tables")
    evaluation_parser = commands.add_parser(
        "evaluate", help="replay real data with all tools, write docs/evaluation.md"
    )
    evaluation.add_arguments(evaluation_parser)
    load_parser = commands.add_parser("load", help="load a local stack: many tenants, and a tick; write docs/load.md")
    load.add_arguments(load_parser)
    commands.add_parser("files", help="compare files beside other tools, write that section of docs/benchmarks.md")
    commands.add_parser("limits", help="measure functions at their documented maxima, write docs/limits.md")
    labels_parser = commands.add_parser(
        "labels", help="join flights, judge months of labels, write docs/ground-truth.md"
    )
    labels.add_arguments(labels_parser)
    commands.add_parser("peers", help="install the tools that `speed` compares with, each in .venv-peers/<name>")
    commands.add_parser("lock-peers", help="resolve the peers' requirements again")
    return parser


if __name__ == "__main__":
    sys.exit(main())
