"""The queue of logged rows and the thread that sends them.

Callers append rows to the open batch of their model. A batch is closed when it is full, or by the thread when the flush
interval has passed. The thread sends one batch after the other. A batch keeps its id through all attempts, so the
service stores it once.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import threading
import time
import weakref
from collections import deque

from driftguard_client import spool as spools
from driftguard_client.batches import ROWS, bodies
from driftguard_client.errors import DriftGuardError, DroppedError, ResponseError
from driftguard_client.ids import ulid
from driftguard_client.retrying import deliver, may_succeed_later

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from driftguard_client.batches import Body, Kind, Row
    from driftguard_client.options import Options
    from driftguard_client.problems import Problems
    from driftguard_client.spool import Segment, Spool
    from driftguard_client.transport import Response, Transport

EXIT_SECONDS = 2.0
HELD_SECONDS = 60.0
"""The pause before batches that are kept in the spool are tried again by the same process."""
FIXABLE = frozenset({401, 403, 404})
"""Statuses that a new key or a new model mends. The spool keeps the batch for the next process or `driftguard sync`."""


class Batch:
    """Rows of one model and kind under one batch id. `rows` is None if they are only in the segment."""

    __slots__ = ("batch_id", "count", "is_done", "kind", "model", "rows", "segment")

    def __init__(self, kind: Kind, batch_id: str, model: dict[str, str], segment: Segment | None) -> None:
        self.kind = kind
        self.batch_id = batch_id
        self.model = model
        self.rows: list[Row] | None = []
        self.count = 0
        self.segment = segment
        self.is_done = False


class Counters:
    """The numbers of `stats()`."""

    __slots__ = ("dropped", "rejected", "retries", "sent")

    def __init__(self) -> None:
        self.sent = 0
        self.dropped = 0
        self.retries = 0
        self.rejected = 0


class Sender:
    """Queues rows and sends them in the background. All state is guarded by one lock."""

    def __init__(self, transport: Transport, options: Options, spool: Spool | None, problems: Problems) -> None:
        self._transport = transport
        self._options = options
        self._spool = spool
        self._problems = problems
        self._threaded = True
        self.counters = Counters()
        self._begin()
        _register(self)

    def _begin(self) -> None:
        """Start empty, with locks of this process."""
        # Reentrant, because a signal handler or a finalizer may log while its own thread holds the lock.
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._open: dict[str, Batch] = {}
        self._ready: deque[Batch] = deque()
        self._draining = threading.Lock()
        self._held: list[Batch] = []
        self._kept: list[Batch] = []
        self._held_since = 0.0
        self._sending: Batch | None = None
        self._rows = 0
        self._spooled = 0
        self._thread: threading.Thread | None = None
        self._unsealed: dict[str, Segment] = {}
        self._hurried = 0
        self._spool_error: DriftGuardError | None = None
        self._adopting = False
        self._closing = False

    # What callers use.

    def add(self, model: dict[str, str], row: Row, kind: Kind = ROWS) -> str | None:
        """Queue a row. Drops it, waits, or leaves it to the spool if the queue is full. Return why it was dropped."""
        line = spools.line_of(row) if self._spool is not None else None
        with self._lock:
            reason = self._add(kind, model, row, line)
            spool_error, self._spool_error = self._spool_error, None
        # Reported without the lock, because `on_error` may take any time and may wait for other threads.
        if spool_error is not None:
            self._problems.report(spool_error, "spool")
        if reason:
            self._lost(1, reason)
        return reason

    def use_callers_thread(self) -> None:
        """Start no thread: rows are sent by `flush`, in the thread that calls it."""
        self._threaded = False

    def flush(self, timeout: float) -> bool:
        """Send what is queued now. Return whether all of it was sent, dropped or rejected within the time."""
        deadline = time.monotonic() + timeout
        with self._lock:
            if self._threaded and self._thread is None and not self._is_empty():
                self._start()
            if self._thread is not None:
                return self._await_sent(deadline)
        return self._drain(deadline)

    def stats(self) -> dict[str, Any]:
        """Return the numbers of `DriftGuard.stats()`."""
        with self._lock:
            counters = self.counters
            return {
                "queued": self._rows,
                "sent": counters.sent,
                "dropped": counters.dropped,
                "spooled": self._spooled,
                "retries": counters.retries,
                "rejected": counters.rejected,
                "last_error": self._problems.last,
            }

    def close(self, timeout: float) -> bool:
        """Send what is queued within the time, and leave the rest: to the spool, or it is lost."""
        if self._closing:
            return True
        is_sent = self._is_empty() or self.flush(timeout)
        with self._lock:
            self._closing = True
            lost = self._rows if self._spool is None else 0
            self.counters.dropped += lost
            self._changed.notify_all()
            if self._spool is not None:
                self._seal_all()
                self._seal_files()
                self._spool.close()
        if lost:
            self._lost(lost, f"The process ended and the service did not take them within {timeout:g} s")
        return is_sent

    def sync(self, progress: Callable[[int, int], object]) -> bool:
        """Send everything that ended processes left in the spool. Return whether nothing is left.

        progress: called with the number of finished batches and the number of all batches.
        """
        self._adopt()
        with self._lock:
            waiting = list(self._ready)
            self._ready.clear()
        for number, batch in enumerate(waiting):
            progress(number, len(waiting))
            self._send(batch, time.monotonic() + self._options.max_retry_s)
        progress(len(waiting), len(waiting))
        return not (self._held or self._kept)

    # Batches. The lock is held in all of these.

    def _add(self, kind: Kind, model: dict[str, str], row: Row, line: bytes | None) -> str | None:
        """Queue a row. Return the reason if it was dropped."""
        if self._closing and self._spool is None:
            self.counters.dropped += 1
            return "The client is closed"
        if self._rows >= self._options.max_queue and not self._make_room():
            self.counters.dropped += 1
            return "The queue is full"
        key = kind.key + next(iter(model.values()))
        batch = self._open_batch(kind, key, model, line)
        if batch is None:
            self.counters.dropped += 1
            return "The spool and the queue are full"
        batch.count += 1
        if batch.rows is not None:
            batch.rows.append(row)
            self._rows += 1
        if batch.segment is not None:
            self._spooled += 1
        if batch.count >= self._options.batch_rows:
            self._seal(key)
            self._changed.notify_all()
        if self._thread is None and self._threaded:
            self._start()
        return None

    def _open_batch(self, kind: Kind, key: str, model: dict[str, str], line: bytes | None) -> Batch | None:
        """Return the open batch of a model, with `line` in its segment; None if there is no room for the row."""
        batch = self._open.get(key) or self._new_batch(kind, key, model, with_segment=line is not None)
        if line is None:
            return batch
        if batch.segment is not None and self._spool is not None:
            if self._spool.has_room(len(line)) and batch.segment.append(line):
                if self._rows >= self._options.max_queue:
                    self._to_disk(batch)
                return batch
            # The rows of a batch are all on disk, or none of them is: this row goes into another batch.
            if batch.count:
                self._seal(key)
            else:
                batch.segment.seal()
                self._spool.remove(batch.segment.path)
            batch = self._new_batch(kind, key, model, with_segment=False)
        return None if self._rows >= self._options.max_queue else batch

    def _new_batch(self, kind: Kind, key: str, model: dict[str, str], *, with_segment: bool) -> Batch:
        batch = self._open[key] = Batch(kind, ulid(), model, None)
        if with_segment and self._spool is not None:
            self._seal_files()
            try:
                batch.segment = self._spool.new_segment(kind, batch.batch_id, self._transport.url, model)
            except DriftGuardError as error:
                self._spool_error = error
        return batch

    def _to_disk(self, batch: Batch) -> None:
        """Keep the rows of a batch in its segment only."""
        self._rows -= len(batch.rows or ())
        batch.rows = None

    def _seal(self, key: str) -> None:
        batch = self._open.pop(key)
        if batch.segment is not None:
            self._unsealed[batch.batch_id] = batch.segment
        self._ready.append(batch)

    def _seal_files(self) -> None:
        """Seal the files of closed batches. A call of log() that creates a file does so, so that no other is slow."""
        while self._unsealed:
            self._unsealed.popitem()[1].seal()

    def _seal_all(self) -> None:
        for key in list(self._open):
            self._seal(key)

    def _make_room(self) -> bool:
        """Return whether a row may be queued although the queue was full."""
        if self._options.when_full == "spool":
            return True
        if self._options.when_full != "block" or not self._threaded:
            return False
        if self._thread is None:
            self._start()
        while self._rows >= self._options.max_queue:
            if self._closing or threading.current_thread() is self._thread:
                return False
            self._seal_all()
            self._changed.notify_all()
            self._changed.wait(1.0)
        return True

    def _retry_held(self) -> None:
        for batch in self._held:
            batch.is_done = False
        self._ready.extend(self._held)
        self._held.clear()

    def _is_empty(self) -> bool:
        return not (self._open or self._ready or self._sending)

    def _await_sent(self, deadline: float) -> bool:
        while self._adopting and self._changed.wait(max(0.0, deadline - time.monotonic())):
            pass
        self._seal_all()
        waiting = [*self._ready, *([self._sending] if self._sending else [])]
        self._hurried += 1
        self._changed.notify_all()
        while not all(batch.is_done for batch in waiting):
            left = deadline - time.monotonic()
            if left <= 0 or self._thread is None or not self._thread.is_alive():
                return False
            self._changed.wait(left)
        return not (self._held or self._kept)

    # The thread.

    def _start(self) -> None:
        self._adopting = True
        thread = threading.Thread(target=self._run, name="driftguard-sender", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the interpreter is ending; close() sends in the thread that calls it
            self._adopting = False
            return
        self._thread = thread
        for name in ("multiprocessing.util", "billiard.util"):  # billiard is Celery's
            if name in sys.modules:
                # A child process of theirs ends without atexit, but runs its finalizers.
                sys.modules[name].Finalize(None, _close_all, exitpriority=10)

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            self._adopt()
        with self._lock:
            self._adopting = False
            self._changed.notify_all()
        while True:
            with self._lock:
                if not self._ready:
                    self._await_batch()
                if self._closing:
                    break
                if not self._ready:
                    continue
                batch = self._sending = self._ready.popleft()
            self._send(batch, time.monotonic() + self._options.max_retry_s)
            with self._lock:
                self._sending = None
                self._changed.notify_all()
            if self._spool is not None:
                self._spool.recount()
        self._transport.close()

    def _await_batch(self) -> None:
        """Wait until a batch is full or the flush interval has passed, then seal what is open. The lock is held."""
        deadline = time.monotonic() + self._options.flush_interval
        while not (self._ready or self._closing):
            left = deadline - time.monotonic()
            if left <= 0:
                break
            self._changed.wait(left)
        if not self._ready:
            self._seal_all()
        if time.monotonic() - self._held_since > HELD_SECONDS:
            self._retry_held()

    def _drain(self, deadline: float) -> bool:
        """Send in the calling thread, as long as the time allows."""
        with self._draining:
            if self._spool is not None:
                self._adopt()
                self._spool.recount()
            while True:
                with self._lock:
                    if not self._ready:
                        self._seal_all()
                    if not self._ready:
                        return not (self._held or self._kept)
                    batch = self._ready.popleft()
                if not self._send(batch, deadline, keep=True):
                    with self._lock:
                        self._ready.appendleft(batch)
                    return False

    def _adopt(self) -> None:
        """Queue what ended processes left in the spool."""
        if self._spool is None:
            return
        with self._lock:
            if self._closing:
                return
            for path in self._spool.adopt():
                batch_id = os.path.basename(path).partition(".")[0]
                batch = Batch(spools.kind_of(path) or ROWS, batch_id, {}, spools.Segment(path, None, 0))
                batch.rows = None
                self._ready.append(batch)

    # Sending.

    def _send(self, batch: Batch, deadline: float, *, keep: bool = False) -> bool:
        """Send a batch with retries until the deadline. Return False if `keep` and it may succeed later."""
        with self._lock:
            segment = self._unsealed.pop(batch.batch_id, None)
        if segment is not None:
            segment.seal()
        try:
            if batch.rows is None and not self._load(batch):
                return True
            return self._send_loaded(batch, deadline, keep=keep)
        except Exception as error:  # noqa: BLE001  the thread must live on, whatever one batch does to it
            self._give_up(batch, DriftGuardError(f"{type(error).__name__}: {error}"), 0, 0)
            return True

    def _send_loaded(self, batch: Batch, deadline: float, *, keep: bool) -> bool:
        accepted = rejected = 0
        for body in bodies(batch.kind, batch.batch_id, batch.model, batch.rows or []):
            try:
                response = deliver(
                    self._transport,
                    batch.kind,
                    body.content,
                    timeout=self._options.timeout,
                    deadline=deadline,
                    pause=self._pause,
                )
            except DriftGuardError as error:
                if keep and may_succeed_later(error):
                    self._problems.report(error, f"send {error.status}")
                    return False
                self._give_up(batch, error, accepted, rejected)
                return True
            taken, refused = self._count(response, body)
            accepted += taken
            rejected += refused
        self._finish(batch, sent=accepted, rejected=rejected)
        with self._lock:
            self._retry_held()  # the service takes rows again
        return True

    def _pause(self, seconds: float, error: DriftGuardError) -> bool:
        """Wait before a retry. A flush ends the wait, unless the service asked for it. Return False to give up."""
        self._problems.report(error, f"send {error.status}")
        deadline = time.monotonic() + seconds
        with self._lock:
            self.counters.retries += 1
            hurried = self._hurried
            while not self._closing:
                left = deadline - time.monotonic()
                if left <= 0 or (error.retry_after is None and self._hurried != hurried):
                    return True
                self._changed.wait(left)
        return False

    def _load(self, batch: Batch) -> bool:
        """Read the rows of a batch from its segment. Return False if there is nothing to send."""
        if batch.segment is None:
            return False
        path = batch.segment.path
        try:
            stored = spools.read(path)
        except spools.NothingStored:
            self._finish(batch)
            return False
        except (OSError, ValueError, KeyError, AttributeError) as error:
            self._problems.report(DriftGuardError(f"The spool's file {path} is not readable: {error}"), "file")
            with self._lock:
                batch.is_done = True
                self._spooled -= batch.count
            return False
        if stored.url != self._transport.url:
            batch.is_done = True  # rows of another service: its own client sends them
            return False
        if stored.skipped:
            self.counters.dropped += stored.skipped
            self._lost(stored.skipped, f"The spool's file {path} has lines that are not valid")
        batch.model, batch.rows = stored.model, stored.rows
        with self._lock:
            self._spooled += len(stored.rows) - batch.count
            batch.count = len(stored.rows)
            self._rows += batch.count
        if not stored.rows:
            self._finish(batch)
            return False
        return True

    def _count(self, response: Response, body: Body) -> tuple[int, int]:
        """Return the numbers of accepted and rejected rows, and report what the service says about them."""
        answer = response.json()
        rejected = int(answer.get("rejected") or 0)
        for error in (answer.get("errors") or [])[:5]:
            place = ".".join(str(one) for one in error.get("loc") or [])
            self._problems.report(ResponseError(f"The service rejected a row: {place}: {error.get('msg')}"), "rejected")
        if not rejected:
            for warning in answer.get("warnings") or []:
                self._problems.report(ResponseError(f"The service warns: {warning}"), f"warning {warning}")
        return int(answer.get("accepted", body.rows - rejected)), rejected

    def _give_up(self, batch: Batch, error: DriftGuardError, sent: int, rejected: int) -> None:
        """Keep a batch in the spool if it may be taken later; otherwise count its rows as dropped or rejected."""
        self._problems.report(error, f"send {error.status}")
        rest = batch.count - sent - rejected
        is_later = may_succeed_later(error)
        if not is_later and error.status not in FIXABLE:
            self._finish(batch, sent=sent, rejected=rejected + rest)
        elif batch.segment is None:
            self._finish(batch, sent=sent, rejected=rejected, dropped=rest)
            if not self._closing:
                self._lost(rest, str(error))
        else:
            with self._lock:
                self._to_disk(batch)
                (self._held if is_later else self._kept).append(batch)
                batch.is_done = True
                self._held_since = time.monotonic()
                self._changed.notify_all()

    def _finish(self, batch: Batch, *, sent: int = 0, rejected: int = 0, dropped: int = 0) -> None:
        """Forget a batch and count what became of its rows."""
        if batch.segment is not None and self._spool is not None:
            self._spool.remove(batch.segment.path)
        with self._lock:
            self.counters.sent += sent
            self.counters.rejected += rejected
            if not self._closing:  # close() has counted the rows that it left
                self.counters.dropped += dropped
            self._rows -= len(batch.rows or ())
            batch.rows = []
            batch.is_done = True
            if batch.segment is not None:
                self._spooled -= batch.count
            self._changed.notify_all()

    def _lost(self, rows: int, reason: str) -> None:
        """Report lost rows. Called without the lock."""
        advice = "" if self._spool is not None else " Set spool_dir to keep rows on disk."
        self._problems.report_lost(DroppedError(f"{reason.rstrip('.')}.{advice}"), rows)

    # Forks.

    def before_fork(self) -> None:
        self._lock.acquire()

    def after_fork_in_parent(self) -> None:
        self._lock.release()

    def after_fork_in_child(self) -> None:
        """Start empty: the queued rows belong to the parent, which sends them."""
        self.counters = Counters()
        self._problems.reset_locks()
        for batch in self._open.values():
            if batch.segment is not None:
                batch.segment.forget()
        for segment in self._unsealed.values():
            segment.forget()
        if self._spool is not None:
            self._spool.forked()
        self._begin()


_senders: weakref.WeakSet[Sender] = weakref.WeakSet()
_forking: list[Sender] = []
_is_registered = False


def _register(sender: Sender) -> None:
    global _is_registered  # noqa: PLW0603  hooks of the process are registered once
    _senders.add(sender)
    if not _is_registered:
        _is_registered = True
        atexit.register(_close_all)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(before=_before_fork, after_in_parent=_after_in_parent, after_in_child=_after_in_child)


def _close_all() -> None:
    """Send what is left, for at most two seconds in total. An exit never waits longer."""
    deadline = time.monotonic() + EXIT_SECONDS
    for sender in list(_senders):
        with contextlib.suppress(Exception):
            sender.close(max(0.0, deadline - time.monotonic()))


def _before_fork() -> None:
    _forking[:] = list(_senders)
    for sender in _forking:
        sender.before_fork()


def _after_in_parent() -> None:
    for sender in _forking:
        sender.after_fork_in_parent()
    _forking.clear()


def _after_in_child() -> None:
    for sender in _forking:
        sender.after_fork_in_child()
    _forking.clear()
