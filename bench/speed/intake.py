"""What it costs to log a batch as rows and as gzip columns: bytes sent, and the function's own processor time.

The handler makes its calls to AWS once, on the template's tables in moto. From then on the same answers are given
again, so that only the function's own time is measured. API Gateway inflates gzip, so the handler receives plain text.
A process of its own (`python -m bench.speed.intake`) measures, because it makes up credentials and variables.
"""

import gc
import gzip
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from itertools import count
from statistics import median
from typing import Any, Final

import numpy as np

from bench.environments import ROOT
from bench.speed.costs import BATCH_FEATURES, BATCH_ROWS, Column, kinds

TIMES: Final = 20
"""Batches of each form, sent in turn."""

SECONDS: Final = 300
SEED: Final = 13
GZIP_LEVEL: Final = 6
CASES: Final[Mapping[str, Sequence[str]]] = {
    "doubles": ["doubles"],
    "six-digit numbers": ["six-digit numbers"],
    "all kinds of values in turn": list(kinds(np.random.default_rng(0), 1)),
}
"""The kinds of the features of each case, which repeat in turn."""


@dataclass(frozen=True)
class Form:
    """One form of a batch: bytes that the client sends, and CPU seconds of the function outside of calls to AWS."""

    sent: float
    seconds: float


@dataclass(frozen=True)
class Intake:
    """The same rows in both forms."""

    name: str
    rows: Form
    columns: Form

    @property
    def bytes_ratio(self) -> float:
        """Bytes of gzip columns against bytes of rows."""
        return self.columns.sent / self.rows.sent

    @property
    def seconds_ratio(self) -> float:
        """Processor time of columns against that of rows."""
        return self.columns.seconds / self.rows.seconds


def measure() -> list[Intake]:
    """Measure every case in one process."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "layers" / "driftguard")])
    command = [sys.executable, "-m", "bench.speed.intake"]
    done = subprocess.run(
        command,
        env={**os.environ, "PYTHONPATH": path},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=SECONDS,
    )
    found = json.loads(done.stdout.splitlines()[-1])
    return [Intake(one["name"], Form(**one["rows"]), Form(**one["columns"])) for one in found]


def main() -> None:
    """Print what was measured as one line of JSON."""
    # The variables that the functions need are set when this is imported, so it comes first.
    from bench.cost.measure import logged, logging_to, tables  # noqa: PLC0415
    from sandbox.calls import Call, intercepted  # noqa: PLC0415
    from sandbox.gateway import Gateway, function  # noqa: PLC0415

    taken: list[float] = []
    answers: list[Any] = []

    def timed(handler: Callable[..., Any], event: Any, context: Any) -> Any:
        numbers = count()

        def call_aws(call: Call) -> Any:
            number = next(numbers)
            if number == len(answers):
                answers.append(call.make())
            return answers[number]

        with logged(), intercepted(call_aws):
            begun = time.process_time()
            answer = handler(event, context)
            taken.append(time.process_time() - begun)
        return answer

    with tables():
        model_id = logging_to(datetime.now(UTC))
        module: Any = function("log_predictions")
        module.handler = partial(timed, module.handler)
        gc.collect()
        gc.freeze()  # what moto holds, and a function does not, is not looked through while the time runs

        def seconds(text: str) -> float:
            answer = Gateway().call("POST", "/predictions/batch", key_id="key", raw=text)
            if answer.status != HTTPStatus.ACCEPTED:
                raise RuntimeError(answer.text)
            return taken.pop()

        found = [asdict(_case(name, model_id, seconds)) for name in CASES]
    print(json.dumps(found))


def _case(name: str, model_id: str, seconds: Callable[[str], float]) -> Intake:
    rng = np.random.default_rng(SEED)
    spent: dict[str, list[tuple[int, float]]] = {"rows": [], "columns": []}
    for batch in range(TIMES + 2):
        columns = _columns(CASES[name], rng)
        predictions: Column = rng.random(BATCH_ROWS).tolist()
        start = {"model_id": model_id, "batch_id": f"{name} {batch}"}
        rows = _compact({**start, "predictions": _rows(columns, predictions)})
        by_column = _compact({**start, "batch_id": f"{name} {batch} c", "columns": columns, "predictions": predictions})
        taken = (len(rows), seconds(rows)), (len(gzip.compress(by_column.encode(), GZIP_LEVEL)), seconds(by_column))
        if batch >= 2:  # the first ones warm up
            for form, one in zip(spent, taken, strict=True):
                spent[form].append(one)
    # The least time counts, because other processes of the machine only add to it.
    forms = [Form(median(size for size, _ in each), min(took for _, took in each)) for each in spent.values()]
    return Intake(name, *forms)


def _columns(of: Sequence[str], rng: np.random.Generator) -> dict[str, Column]:
    return {f"feature_{number:02d}": kinds(rng, BATCH_ROWS)[of[number % len(of)]] for number in range(BATCH_FEATURES)}


def _rows(columns: Mapping[str, Column], predictions: Column) -> list[dict[str, Any]]:
    return [
        {"features": {name: values[row] for name, values in columns.items()}, "prediction": prediction}
        for row, prediction in enumerate(predictions)
    ]


def _compact(body: Any) -> str:
    return json.dumps(body, separators=(",", ":"))


if __name__ == "__main__":
    main()
