"""Runs each tool on each data set, as it is and shuffled, in processes of their own. Results are kept."""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd

from bench.environments import PEERS, ROOT, Environment
from bench.evaluation.alarms import Span, merged
from bench.evaluation.protocol import TIME
from bench.evaluation.samples import SAMPLES, Sample, shuffled
from bench.processes import found_by
from scripts.build.wheels import ENGINE, write_engine

KEPT = ROOT / ".local" / "evaluation" / "runs.jsonl"
RECORDS = Path(__file__).with_name("records.json")
TIMEOUT = 900
"""Seconds for one tool on one data set."""


class EvaluationError(Exception):
    """A tool could not be run."""


@dataclass(frozen=True)
class Tool:
    """A module of this package, and the environment it runs in; None for the project's own."""

    module: str
    environment: Environment | None
    code: Sequence[Path]

    @property
    def digest(self) -> str:
        """A digest of what decides about the tool's results."""
        digest = hashlib.blake2b(digest_size=6)
        for path in [*self.code, *(Path(__file__).with_name(f"{name}.py") for name in (self.module, "protocol"))]:
            for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
                digest.update(file.read_bytes())
        return digest.hexdigest()


@dataclass(frozen=True)
class Facts:
    """What a data set is: its package's version, the rows of baseline and history, and the features."""

    name: str
    version: str
    baseline: int
    history: int
    features: int


@dataclass(frozen=True)
class Run:
    """The times in which one rule of a tool was on. seed: of the shuffled rows; None for the rows as they are."""

    sample: str
    seed: int | None
    rule: str
    version: str | None
    spans: list[Span]


@dataclass(frozen=True)
class Records:
    """All that the page is written from. measured: on what machine, when. minutes: of CPU."""

    measured: str
    minutes: float
    facts: list[Facts]
    runs: list[Run]

    def save(self, path: Path = RECORDS) -> None:
        """Write the records as JSON, a run in a line."""
        lines = [json.dumps({**asdict(run), "spans": _texts(run.spans)}, ensure_ascii=False) for run in self.runs]
        head = json.dumps({"measured": self.measured, "minutes": self.minutes}, ensure_ascii=False)
        facts = [json.dumps(asdict(one)) for one in self.facts]
        joined = [",\n".join(some) for some in (facts, lines)]
        path.write_text(f'{head[:-1]},\n"facts": [\n{joined[0]}\n],\n"runs": [\n{joined[1]}\n]}}\n', encoding="utf-8")

    @classmethod
    def load(cls, path: Path = RECORDS) -> "Records":
        """Read what `save` wrote."""
        found = json.loads(path.read_text(encoding="utf-8"))
        runs = [Run(**{**run, "spans": _spans(run["spans"])}) for run in found["runs"]]
        return cls(found["measured"], found["minutes"], [Facts(**one) for one in found["facts"]], runs)


def tools() -> list[Tool]:
    """The product, its two peers, and the classic rule."""
    peers = {peer.name: peer for peer in PEERS}
    engine = ROOT / "layers/driftguard/driftguard"
    own = [engine / room for room in ("statistics", "counting", "verdicts", "alerts", "distributions")]
    return [
        Tool("driftguard", None, [*own, ROOT / "clients/python/driftguard_client/comparing"]),
        Tool("evidently", peers["evidently"], [peers["evidently"].lock]),
        Tool("nannyml", peers["nannyml"], [peers["nannyml"].lock]),
        Tool("classic", None, []),
    ]


def run_all(seeds: int, say: Callable[[str], None]) -> tuple[list[Facts], list[Run], float]:
    """Run what is not kept, on the rows as they are and shuffled with each of so many seeds.

    Returns the facts, the runs, and the CPU minutes of all runs.
    """
    write_engine(ENGINE / "src")
    KEPT.parent.mkdir(parents=True, exist_ok=True)
    known = dict(json.loads(line) for line in KEPT.read_text().splitlines()) if KEPT.exists() else {}
    keys = []
    with (
        tempfile.TemporaryDirectory(prefix="evaluation-") as folder,
        ThreadPoolExecutor(os.process_cpu_count()) as pool,
        KEPT.open("a", encoding="utf-8") as kept,
    ):
        jobs, rows = {}, {sample.name: sample.rows() for sample in SAMPLES}
        facts = [_facts(sample, rows[sample.name]) for sample in SAMPLES]
        for seed, sample in product((None, *range(1, seeds + 1)), SAMPLES):
            drawn = rows[sample.name] if seed is None else shuffled(rows[sample.name], seed)
            paths = _written(sample, drawn, Path(folder) / f"{sample.name}-{seed}")
            for tool in tools():
                key = f"{tool.module} {tool.digest} {sample.name} {seed} {paths.digest}"
                keys.append((sample, seed, key))
                if key not in known:
                    jobs[pool.submit(_run, tool, paths)] = key
        say(f"{len(jobs)} of {len(keys)} runs are left. Finished runs are kept in {KEPT}.")
        try:
            for number, job in enumerate(as_completed(jobs), 1):
                known[jobs[job]] = job.result()
                kept.write(json.dumps([jobs[job], known[jobs[job]]]) + "\n")
                kept.flush()
                say(f"{number}/{len(jobs)}  {jobs[job]}  {known[jobs[job]]['cpu']:.0f} s of CPU")
        finally:
            pool.shutdown(cancel_futures=True)
    runs = [run for sample, seed, key in keys for run in _runs(sample, seed, known[key])]
    return facts, runs, sum(known[key]["cpu"] for _, _, key in keys) / 60


@dataclass(frozen=True)
class Paths:
    """The files of a data set, and a digest of their rows."""

    baseline: Path
    history: Path
    digest: str


def _facts(sample: Sample, rows: pd.DataFrame) -> Facts:
    baseline, history = map(len, sample.parts(rows))
    return Facts(sample.name, sample.version, baseline, history, len(rows.columns.drop(TIME)))


def _written(sample: Sample, rows: pd.DataFrame, folder: Path) -> Paths:
    digest = hashlib.blake2b(digest_size=6)
    folder.mkdir()
    for role, some in zip(("baseline", "history"), sample.parts(rows), strict=True):
        some.to_parquet(folder / f"{role}.parquet", index=False)
        digest.update((folder / f"{role}.parquet").read_bytes())
    return Paths(folder / "baseline.parquet", folder / "history.parquet", digest.hexdigest())


def _run(tool: Tool, paths: Paths) -> dict[str, Any]:
    python = Path(sys.executable) if tool.environment is None else tool.environment.executable
    try:
        return found_by(python, f"bench.evaluation.{tool.module}", paths.baseline, paths.history, timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        raise EvaluationError(f"{tool.module} took more than {TIMEOUT} s for {paths.history.parent.name}.") from None
    except subprocess.CalledProcessError as error:
        raise EvaluationError(f"{tool.module} failed on {paths.history.parent.name}:\n{error.stderr[-2000:]}") from None


def _runs(sample: Sample, seed: int | None, found: dict[str, Any]) -> Iterator[Run]:
    for rule, spans in found["spans"].items():
        whole = [(start, min(end, sample.end)) for start, end in _spans(spans) if start < sample.end]
        yield Run(sample.name, seed, rule, found["version"], merged(whole))


def _spans(texts: Sequence[Sequence[str]]) -> list[Span]:
    return [(datetime.fromisoformat(start), datetime.fromisoformat(end)) for start, end in texts]


def _texts(spans: Sequence[Span]) -> list[list[str]]:
    return [[moment.isoformat() for moment in span] for span in spans]
