"""The options of a client, checked once."""

from __future__ import annotations

from driftguard_client.errors import ConfigurationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    WhenFull = Literal["drop_newest", "block", "spool"]

POLICIES = ("drop_newest", "block", "spool")


class Options:
    """How rows are queued and sent. `DriftGuard` describes each option."""

    __slots__ = ("batch_rows", "flush_interval", "max_queue", "max_retry_s", "sample", "strict", "timeout", "when_full")

    def __init__(
        self,
        *,
        max_queue: int = 10_000,
        flush_interval: float = 2.0,
        batch_rows: int = 500,
        when_full: WhenFull = "drop_newest",
        max_retry_s: float = 300.0,
        timeout: float = 10.0,
        sample: float = 1.0,
        strict: bool = False,
    ) -> None:
        self.max_queue = max_queue
        self.flush_interval = flush_interval
        self.batch_rows = min(batch_rows, max_queue)
        self.when_full = when_full
        self.max_retry_s = max_retry_s
        self.timeout = timeout
        self.sample = sample
        self.strict = strict

    def problem(self, *, has_spool: bool) -> ConfigurationError | None:
        """Return the error that says which option is wrong; None if all are right."""
        if self.when_full not in POLICIES:
            return ConfigurationError(f"when_full is {self.when_full!r}, but must be one of {', '.join(POLICIES)}.")
        if self.when_full == "spool" and not has_spool:
            return ConfigurationError('when_full="spool" needs spool_dir, the folder that keeps the rows.')
        if not 1 <= self.batch_rows <= 5000:
            return ConfigurationError(
                f"batch_rows is {self.batch_rows}, but must be 1 to 5000. max_queue is at least 1."
            )
        if not 0.0 < self.sample <= 1.0:
            return ConfigurationError(f"sample is {self.sample}, but must be above 0 and at most 1.")
        if min(self.flush_interval, self.max_retry_s, self.timeout) <= 0:
            return ConfigurationError("flush_interval, max_retry_s and timeout must be above 0 seconds.")
        return None
