"""Rows on disk, so that a killed process loses none of them.

The folder has one folder per process, locked by that process with `flock`. In it, each batch is a file: the first line
names the service and the model, each other line is a row. The name of the file is the id of the batch. Rows are copied
into a mapping of the file: the kernel keeps its pages when the process is killed. A file no longer changes once its
batch was sent for the first time, so another process that sends it after a crash sends the same batch. The lock of a
killed process is gone, which tells that its files may be sent by others.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import time

from driftguard_client.batches import KINDS, ROWS
from driftguard_client.errors import ConfigurationError, DriftGuardError
from driftguard_client.ids import ulid

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from driftguard_client.batches import Kind

_LOCK = "lock"
_NEW = ".new-"
_STARTING = 3600.0
"""Seconds. A folder that is older and was never named belongs to a process that was killed while it started."""
_COUNT_EVERY = 5.0
"""Seconds between two looks at the size of the whole folder."""
_FIRST_WINDOW, _WINDOW = 65_536, 262_144
"""Bytes of a file that are mapped at a time."""
_LEAST_MAPPED = 100 * _WINDOW
"""A smaller spool is filled by writes, because what files take ahead would be too much of it."""
_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


class Segment:
    """The file of one batch. `descriptor` is None once nothing is appended any more.

    A write would release Python's lock, and a busy thread may then keep it for milliseconds. A copy into a mapping does
    not. The file is as long as the mapping reaches until it is sealed, and ends with zeros.
    """

    __slots__ = ("_ahead", "_end", "_start", "_window", "descriptor", "path", "size")

    def __init__(self, path: str, descriptor: int | None, size: int, ahead: int = 0) -> None:
        """ahead: how many bytes to map at first; 0 to write each line instead."""
        self.path = path
        self.descriptor = descriptor
        self.size = size
        self._ahead = ahead
        self._window: mmap.mmap | None = None
        self._start = self._end = 0

    def append(self, line: bytes) -> bool:
        """Append a line. Return False if the disk did not take all of it; then none of it is kept."""
        if self.descriptor is None:
            return False
        end = self.size + len(line)
        if self._ahead and end > self._end:
            self._map(self.descriptor, end)
        if self._window is None:
            return self._write(self.descriptor, line)
        place = self.size - self._start
        self._window[place + 1 : place + len(line)] = line[1:]
        # The first byte comes last, so a line that a kill interrupts begins with a zero.
        self._window[place] = line[0]
        self.size = end
        return True

    def seal(self) -> None:
        """Append nothing any more."""
        if self.descriptor is not None:
            if self._window is not None:
                with contextlib.suppress(OSError):
                    self._cut(self.descriptor)
            self.forget()

    def forget(self) -> None:
        """Leave the file as it is, to another process."""
        if self._window is not None:
            self._window.close()
            self._window = None
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None

    def _map(self, descriptor: int, end: int) -> None:
        """Map the file from its last page to `end` and further. Without a mapping, lines are written."""
        start = self.size - self.size % mmap.ALLOCATIONGRANULARITY
        length = max(self._ahead, end - start)
        length += -length % mmap.ALLOCATIONGRANULARITY
        window = None
        # A write to a mapped page for which the disk has no room would kill the process, so room is taken before.
        with contextlib.suppress(OSError, ValueError):
            os.posix_fallocate(descriptor, start, length)
            window = mmap.mmap(descriptor, length, offset=start)
        if window is None:
            self._ahead = 0
            with contextlib.suppress(OSError):
                self._cut(descriptor)
            return
        if self._window is not None:
            self._window.close()
        self._ahead = _WINDOW
        self._window, self._start, self._end = window, start, start + length

    def _cut(self, descriptor: int) -> None:
        """End the mapping, and the file where its last line ends."""
        if self._window is not None:
            self._window.close()
            self._window = None
        os.ftruncate(descriptor, self.size)

    def _write(self, descriptor: int, line: bytes) -> bool:
        try:
            written = os.write(descriptor, line)
        except OSError:
            return False
        if written != len(line):
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, self.size)
            return False
        self.size += written
        return True


class Stored:
    """A batch that is read from the spool. `skipped` counts lines that are not valid, as after a full disk."""

    __slots__ = ("model", "rows", "skipped", "url")

    def __init__(self, url: str, model: dict[str, str], rows: list[list[Any]], skipped: int) -> None:
        self.url = url
        self.model = model
        self.rows = rows
        self.skipped = skipped


class Spool:
    """A spool folder, as one process uses it."""

    def __init__(self, folder: str, limit: int) -> None:
        if fcntl is None:
            raise ConfigurationError("spool_dir needs flock, which Windows lacks. Leave spool_dir out.")
        self.folder = os.path.abspath(os.path.expanduser(folder))
        self.limit = limit
        self._own: str | None = None
        self._latest: Segment | None = None
        self._expected = _WINDOW
        self._is_mapped = limit >= _LEAST_MAPPED and hasattr(os, "posix_fallocate")  # macOS lacks it
        self._locks: dict[str, int] = {}
        self._used = 0
        self._counted = -_COUNT_EVERY
        try:
            os.makedirs(self.folder, mode=0o700, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(f"spool_dir: {error.strerror}: {self.folder}") from None
        if not os.access(self.folder, os.W_OK | os.X_OK):
            raise ConfigurationError(f"spool_dir: the folder {self.folder} is not writable by this user.")
        self.recount()

    def new_segment(self, kind: Kind, batch_id: str, url: str, model: dict[str, str]) -> Segment:
        """Create the file of a batch. Raises DriftGuardError if the disk or the limit does not allow it."""
        try:
            path = os.path.join(self._own_folder(), batch_id + kind.suffix)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise DriftGuardError(f"The spool cannot be written: {error}") from None
        segment = Segment(path, descriptor, 0, min(self._expected, 4 * _WINDOW) if self._is_mapped else 0)
        if not segment.append(line_of({"url": url, **model})):
            segment.seal()
            with contextlib.suppress(OSError):
                os.unlink(path)
            raise DriftGuardError(f"The spool cannot be written: the disk of {self.folder} is full.")
        if self._latest is not None:
            self._expected = max(_FIRST_WINDOW, self._latest.size + self._latest.size // 8)
        self._latest = segment
        return segment

    def has_room(self, size: int) -> bool:
        """Return whether so many bytes more stay within the limit, and count them."""
        if self._used + size > self.limit:
            return False
        self._used += size
        return True

    def recount(self) -> None:
        """Look at the size of the whole folder again, which other processes fill, too. Does so every few seconds."""
        now = time.monotonic()
        if now - self._counted > _COUNT_EVERY:
            self._counted = now
            self._used = sum(self._sizes())

    def remove(self, path: str) -> None:
        """Delete the file of a batch that was sent."""
        with contextlib.suppress(OSError):
            size = os.path.getsize(path)
            os.unlink(path)
            self._used = max(0, self._used - size)

    def adopt(self) -> list[str]:
        """Return the files of processes that have ended, oldest first. From now on they belong to this process."""
        found: list[str] = []
        for name in sorted(self._listed(self.folder)):
            folder = os.path.join(self.folder, name)
            if folder == self._own or folder in self._locks or self._is_starting(folder) or not self._lock(folder):
                continue
            files = [os.path.join(folder, file) for file in self._listed(folder) if kind_of(file)]
            if not files:
                self._discard(folder)
            found.extend(files)
        return sorted(found, key=os.path.basename)

    def busy(self) -> int:
        """Return how many files belong to other processes that still run."""
        count = 0
        for name in self._listed(self.folder):
            folder = os.path.join(self.folder, name)
            if folder != self._own and folder not in self._locks and not name.startswith(_NEW):
                count += sum(kind_of(file) is not None for file in self._listed(folder))
        return count

    def forked(self) -> None:
        """Leave the parent's folders to the parent, in a process that was just forked."""
        for descriptor in self._locks.values():
            with contextlib.suppress(OSError):
                os.close(descriptor)  # does not unlock: the parent's descriptor still holds the lock
        self._locks = {}
        self._own = None

    def close(self) -> None:
        """Unlock all folders and delete the empty ones."""
        for folder in list(self._locks):
            if any(map(kind_of, self._listed(folder))):
                os.close(self._locks.pop(folder))
            else:
                self._discard(folder)
        self._own = None

    def _own_folder(self) -> str:
        if self._own is None:
            name = f"{ulid()}-{os.getpid()}"
            # Locked before it gets its name, so that nobody takes it for the folder of a process that has ended.
            hidden = os.path.join(self.folder, _NEW + name)
            os.mkdir(hidden, 0o700)
            descriptor = os.open(os.path.join(hidden, _LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._own = os.path.join(self.folder, name)
            os.rename(hidden, self._own)
            self._locks[self._own] = descriptor
        return self._own

    @staticmethod
    def _is_starting(folder: str) -> bool:
        """Return whether a process may be about to lock this folder for the first time."""
        if not os.path.basename(folder).startswith(_NEW):
            return False
        try:
            return time.time() - os.path.getmtime(folder) < _STARTING
        except OSError:
            return True

    def _lock(self, folder: str) -> bool:
        """Lock the folder of a process that has ended. Return False if the process runs or another one was faster."""
        path = os.path.join(folder, _LOCK)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # The process that had the lock may have deleted the folder between the two calls.
            if os.fstat(descriptor).st_nlink:
                self._locks[folder] = descriptor
                return True
        except OSError:
            pass
        os.close(descriptor)
        return False

    def _discard(self, folder: str) -> None:
        with contextlib.suppress(OSError):
            os.unlink(os.path.join(folder, _LOCK))
            os.rmdir(folder)
        descriptor = self._locks.pop(folder, None)
        if descriptor is not None:
            os.close(descriptor)

    def _sizes(self) -> Iterator[int]:
        for name in self._listed(self.folder):
            folder = os.path.join(self.folder, name)
            for file in self._listed(folder):
                with contextlib.suppress(OSError):
                    yield os.path.getsize(os.path.join(folder, file))

    @staticmethod
    def _listed(folder: str) -> list[str]:
        try:
            return os.listdir(folder)
        except OSError:
            return []


def line_of(content: Any) -> bytes:
    """Return a line of a segment."""
    return f"{_encode(content)}\n".encode()


def kind_of(path: str) -> Kind | None:
    """Return what a file holds; None if it holds no batch."""
    return KINDS.get(os.path.splitext(path)[1])


class NothingStored(ValueError):
    """The file has no complete line, because its process ended before the first `log()` into it returned."""


def read(path: str) -> Stored:
    """Return the batch in a file. A last line without a start or an end is that of a `log()` that did not return.

    Raises OSError, NothingStored, and ValueError if the first line is not valid.
    """
    with open(path, "rb") as file:
        data = file.read()
    if b"\n" not in data:
        raise NothingStored(path)
    lines = data.partition(b"\0")[0].split(b"\n")[:-1]
    if not lines:
        raise ValueError("its first line is damaged")
    header = json.loads(lines[0])
    url = str(header.pop("url"))
    width = (kind_of(path) or ROWS).width
    rows: list[list[Any]] = []
    skipped = 0
    for line in lines[1:]:
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if isinstance(row, list) and len(row) == width:
            rows.append(row)
        else:
            skipped += 1
    return Stored(url, header, rows, skipped)
