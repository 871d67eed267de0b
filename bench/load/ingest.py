"""Sending, by locust: phases of one kind of request each, with the processor time that they took."""

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.environments import LOCUST, ROOT
from bench.load.bodies import ROWS, Bodies
from bench.load.fleet import Client, Model, side_by_side
from bench.load.plan import ROUTES, VARIABLE, Kind, Ledger, Plan
from bench.load.processes import Cpu, Snapshot
from bench.load.serving import LoadError, Served

LOCUSTFILE: Final = ROOT / "bench" / "load" / "locustfile.py"
MOST_A_SECOND: Final = 400
"""Below the template's ApiRate of 500, so that what answers sets the pace and not the gateway's throttle."""
STOP_SECONDS: Final = 60
"""How long a request that is under way at the end may take."""
SPARE_SECONDS: Final = 30
WARM_TIMES: Final = 4


@dataclass(frozen=True)
class Phase:
    """One kind of request, sent for a while."""

    kind: Kind
    users: int
    ledger: Ledger
    cpu: Cpu

    @property
    def title(self) -> str:
        """As the page calls it."""
        route = " ".join(ROUTES[self.kind])
        return {"batch": f"{route}, {ROWS} × 20", "preflight": f"{route}, no function"}.get(self.kind, route)

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.ledger.requests / self.ledger.seconds

    @property
    def predictions(self) -> int:
        """Rows that were accepted."""
        return sum(self.ledger.accepted.values())

    def each(self, seconds: float) -> float:
        """Processor milliseconds a request, of so many seconds in all."""
        return seconds / max(1, self.ledger.requests) * 1000


class Driver:
    """Runs locust against one stack."""

    def __init__(self, served: Served, client: Client, users: int, run: str, models: Sequence[Model]) -> None:
        self._served = served
        self._client = client
        self._users = users
        self._run = run
        self._models = models
        self._left = 0

    def phase(self, kind: Kind, seconds: int, requests: int, say: Callable[[str], None]) -> Phase:
        """Send one kind of request for so many seconds, `requests` at the most. Raises LoadError when locust fails."""
        self._warm(kind)
        say(f"  {' '.join(ROUTES[kind])}: {self._users} clients for {seconds} s")
        with tempfile.TemporaryDirectory(prefix="load-") as name:
            folder = Path(name)
            answer = folder / "ledger.json"
            run = f"{self._run}-{kind}"
            targets = [model.target for model in self._models]
            plan = Plan(self._served.url, kind, run, self._users, MOST_A_SECOND, targets, requests, str(answer))
            plan.write(folder / "plan.json")
            before = self.snapshot()
            _locust(folder / "plan.json", self._users, seconds)
            cpu = before.until(self.snapshot())
            ledger = Ledger.read(answer)
        self._send_again(kind, run, ledger)
        found = Phase(kind, self._users, ledger, cpu)
        say(f"    {found.rate:,.1f} a second, median {ledger.p50:,.0f} ms, {sum(ledger.errors.values())} errors")
        return found

    def snapshot(self) -> Snapshot:
        """How much processor time everything has used so far."""
        return Snapshot.take(self._served.pid, self._served.names)

    def _warm(self, kind: Kind) -> None:
        """Have as many processes of the function started as will be used, before anything is measured."""
        if kind == "health":
            side_by_side(lambda _: self._client.answer("", "GET", "/health"), range(WARM_TIMES * self._users))

    def _send_again(self, kind: Kind, run: str, ledger: Ledger) -> None:
        """What was never answered may be stored or not; sent again under its id, it is stored once."""
        bodies = Bodies()
        make = bodies.batch if kind == "batch" else bodies.single
        for number in ledger.unanswered:
            model = self._models[number % len(self._models)]
            body = make(run, number, model.id, model.number)
            answer = self._client.call(model.organization.ingest, "POST", ROUTES[kind][1], body)
            ledger.accepted[model.id] = ledger.accepted.get(model.id, 0) + answer["accepted"]


def _locust(plan: Path, users: int, seconds: int) -> None:
    command = [str(LOCUST.executable), "-m", "locust", "--headless", "--only-summary", "--loglevel", "WARNING"]
    command += ["--locustfile", str(LOCUSTFILE), "--users", str(users), "--spawn-rate", str(users)]
    command += ["--run-time", f"{seconds}s", "--stop-timeout", str(STOP_SECONDS), "--exit-code-on-error", "0"]
    variables = {**os.environ, VARIABLE: str(plan), "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'clients' / 'python'}"}
    began = time.monotonic()
    try:
        done = subprocess.run(
            command,
            env=variables,
            cwd=plan.parent,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds + STOP_SECONDS + SPARE_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise LoadError(f"locust did not end within {time.monotonic() - began:.0f} s") from None
    if done.returncode:
        raise LoadError(f"locust ended with {done.returncode}:\n{done.stderr[-2000:]}")
