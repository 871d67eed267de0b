"""The execution environments of one function, shared between concurrent invocations."""

import threading
import time
from collections.abc import Callable
from typing import Final

from local.functions.environment import Answer, Environment

INIT_SECONDS: Final = 60.0
"""How long a function's imports may take."""
SPARE_SECONDS: Final = 120.0
"""How long an idle environment is kept. The last one is always kept."""


class Pool:
    """The environments of one version of one function."""

    def __init__(self, signature: str, start: Callable[[], Environment], limit: int) -> None:
        self.signature = signature
        self._start = start
        self._limit = limit
        self._free: list[Environment] = []
        self._count = 0
        self._closed = False
        self._changed = threading.Condition()

    def lease(self, seconds: float) -> Environment | Answer:
        """Take a free environment or start one. Return the error if that fails, or none is free in time."""
        with self._changed:
            deadline = time.monotonic() + seconds
            while not self._free and self._count >= self._limit:
                if not self._changed.wait(deadline - time.monotonic()):
                    return Answer.error("Sandbox.Timedout", "no execution environment was free in time")
            while self._free:
                environment = self._free.pop()
                if environment.alive:
                    return environment
                self._count -= 1
            self._count += 1
        environment = self._start()
        if failure := environment.wait_ready(INIT_SECONDS):
            self._forget(environment)
            return failure
        return environment

    def give_back(self, environment: Environment) -> None:
        """Return a leased environment. It is stopped if it died or this pool is closed."""
        with self._changed:
            if environment.alive and not self._closed:
                self._free.append(environment)
                self._changed.notify()
                return
        self._forget(environment)

    def _forget(self, environment: Environment) -> None:
        environment.stop()
        with self._changed:
            self._count -= 1
            self._changed.notify()

    def trim(self) -> None:
        """Stop environments that have been idle for SPARE_SECONDS. One always stays warm."""
        with self._changed:
            idle = [one for one in self._free[:-1] if time.monotonic() - one.last_used > SPARE_SECONDS]
            for one in idle:
                self._free.remove(one)
        for one in idle:
            self._forget(one)

    def close(self) -> None:
        """Stop the free environments now, and the leased ones when they are returned."""
        with self._changed:
            self._closed = True
            free, self._free = self._free, []
            self._count -= len(free)
            self._changed.notify_all()
        for one in free:
            one.stop()
