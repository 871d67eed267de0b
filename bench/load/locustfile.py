"""Clients that send as fast as they are answered, each request under an id, again when it failed.

Run by locust in an environment of its own; the file that DRIFTGUARD_LOAD_PLAN names says what is sent.
"""

import itertools
import os
import time
from pathlib import Path
from typing import Any, Final

import gevent
from locust import FastHttpUser, constant_throughput, events, task

from bench.load.bodies import ROWS, Bodies
from bench.load.plan import ROUTES, VARIABLE, Ledger, Plan
from driftguard_client.transport import compressed

PLAN: Final = Plan.read(Path(os.environ[VARIABLE]))
METHOD, PATH = ROUTES[PLAN.kind]
EXPECTED: Final = {"preflight": 200, "health": 200, "single": 202, "batch": 202}[PLAN.kind]
ROWS_A_REQUEST: Final = {"preflight": 0, "health": 0, "single": 1, "batch": ROWS}[PLAN.kind]
REPEAT_EVERY: Final = 20
"""One request in so many is sent again although it was answered, as by a client that never heard the answer."""
TRIES: Final = 5
FIRST_PAUSE: Final = 0.2
WORTH_ANOTHER_TRY: Final = frozenset({0, 429, 500, 502, 503, 504})

ledger = Ledger()
bodies = Bodies()
numbers = itertools.count()
moments: list[float] = []
"""When the first request was sent and the last one was answered."""


class Client(FastHttpUser):  # type: ignore[misc]  # locust is not installed where types are checked
    """One client: the next request, whatever model it is for."""

    host = PLAN.url
    wait_time = constant_throughput(PLAN.most_a_second / PLAN.users)
    connection_timeout = 10.0
    network_timeout = 60.0

    @task  # type: ignore[untyped-decorator]
    def send_next(self) -> None:
        """Send the next request; after the last one, stop everybody."""
        number = next(numbers)
        if number >= PLAN.requests:
            self.environment.runner.quit()
            return
        if not ROWS_A_REQUEST:
            self._answer(None, {"origin": PLAN.url})
            return
        target = PLAN.targets[number % len(PLAN.targets)]
        make = bodies.batch if PLAN.kind == "batch" else bodies.single
        body = make(PLAN.run, number, target.model_id, target.number).encode()
        headers = {"x-api-key": target.api_key, "content-type": "application/json"}
        if PLAN.kind == "batch":  # as the client sends it
            body, headers["content-encoding"] = compressed(body), "gzip"
        first = self._answer(body, headers)
        if first is None:
            ledger.unanswered.append(number)
            return
        ledger.accepted[target.model_id] = ledger.accepted.get(target.model_id, 0) + ROWS_A_REQUEST
        if number % REPEAT_EVERY == 0:
            ledger.repeated += 1
            ledger.differed += self._answer(body, headers) not in (first, None)

    def _answer(self, body: bytes | None, headers: dict[str, str]) -> Any | None:
        """What the request was answered, tried again as long as that may help; None when it was not."""
        moments[:1] = moments[:1] or [time.monotonic()]
        for attempt in range(TRIES):
            with self.client.request(METHOD, PATH, data=body, headers=headers, catch_response=True) as answer:
                moments[1:] = [time.monotonic()]
                if answer.status_code == EXPECTED:
                    return answer.json() if ROWS_A_REQUEST else answer.status_code
                answer.failure(str(answer.status_code))
            reason = f"{answer.status_code} {(answer.text or str(answer.error or ''))[:120]}".strip()
            ledger.errors[reason] = ledger.errors.get(reason, 0) + 1
            if answer.status_code not in WORTH_ANOTHER_TRY:
                break
            gevent.sleep(FIRST_PAUSE * 2**attempt)
        return None


@events.quitting.add_listener  # type: ignore[untyped-decorator]
def write(environment: Any, **_: Any) -> None:
    """Leave what came of it to the driver."""
    total = environment.stats.total
    ledger.requests = total.num_requests
    ledger.seconds = moments[-1] - moments[0]
    ledger.p50, ledger.p95, ledger.p99 = (total.get_response_time_percentile(share) for share in (0.5, 0.95, 0.99))
    ledger.write(Path(PLAN.answer))
