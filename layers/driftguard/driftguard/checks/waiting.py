"""Waits for the join of labels that a check has asked for."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from driftguard.performance.tables import Joined

LONGEST_WAIT = 5.0
"""Seconds that a check waits for its join after its own end."""

LONGEST_REQUEST = 26.0
"""Seconds of a request after which a check waits no longer. API Gateway waits for 29 seconds."""

ASK_EVERY = 0.2

PENDING = "x-labels-pending"
"""The header of a response that a join of labels will follow."""


@dataclass(frozen=True)
class Wait:
    """Waits for joins. begun: when the request began, on the clock, which counts seconds."""

    begun: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def for_join(self, model_id: str, request: str) -> bool:
        """Return whether the join of this request, or a later one, ends in time. Joins of a model run in order."""
        last = min(self.clock() + LONGEST_WAIT, self.begun + LONGEST_REQUEST)
        while (Joined.answered(model_id) or "") < request:
            if self.clock() >= last:
                return False
            self.sleep(ASK_EVERY)
        return True
