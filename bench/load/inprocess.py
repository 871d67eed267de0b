"""The same requests through the function's own handler, without gateway, emulator and network.

The tables are the template's own in moto, whose time is taken out, so that what is left is this project's code. A
process of its own (`python -m bench.load.inprocess`), as it makes up credentials and variables for itself.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final

from bench.environments import ROOT
from bench.load.bodies import ROWS, Bodies
from bench.load.plan import ROUTES, Kind
from bench.load.serving import LoadError

TIMES: Final[Mapping[Kind, int]] = {"single": 60, "batch": 30}
SECONDS: Final = 600
"""It takes 10 seconds, and a minute or more beside other work."""


@dataclass(frozen=True)
class Handled:
    """One request: processor milliseconds outside of calls to AWS, calls, write and read units, rows."""

    milliseconds: float
    calls: float
    write_units: float
    read_units: float
    rows: int


def measure() -> dict[Kind, Handled]:
    """A single prediction and a batch, warm, the mean of several."""
    command = [sys.executable, "-m", "bench.load.inprocess"]
    path = os.pathsep.join([str(ROOT), str(ROOT / "layers" / "driftguard"), str(ROOT / "clients" / "python")])
    variables = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(
        command, env=variables, cwd=ROOT, capture_output=True, text=True, check=False, timeout=SECONDS
    )
    if done.returncode:
        raise LoadError(f"the handler could not be measured by itself:\n{done.stderr[-2000:]}")
    return {kind: Handled(**found) for kind, found in json.loads(done.stdout.splitlines()[-1]).items()}


def main() -> None:
    """Print it as one line of JSON."""
    # The variables that the functions need are set when this is imported, so it comes first.
    from bench.cost.measure import logged, logging_to, tables  # noqa: PLC0415
    from sandbox.gateway import Gateway  # noqa: PLC0415
    from sandbox.meter import metered  # noqa: PLC0415

    bodies, found = Bodies(), {}
    with tables():
        model_id = logging_to(datetime.now(UTC))
        gateway = Gateway()

        def send(kind: Kind, text: str) -> None:
            answer = gateway.call(*ROUTES[kind], key_id="key", raw=text)
            if answer.status != HTTPStatus.ACCEPTED:
                raise RuntimeError(answer.text)

        for kind, times in TIMES.items():
            make = bodies.batch if kind == "batch" else bodies.single
            texts = [make("run", number, model_id, 0) for number in range(times + 1)]
            with logged():
                send(kind, texts.pop())
                with metered() as usage:
                    for text in texts:
                        send(kind, text)
            found[kind] = Handled(
                usage.own_seconds / times * 1000,
                sum(usage.calls.values()) / times,
                usage.write_units / times,
                usage.read_units / times,
                ROWS if kind == "batch" else 1,
            )
    print(json.dumps({kind: asdict(one) for kind, one in found.items()}))


if __name__ == "__main__":
    main()
