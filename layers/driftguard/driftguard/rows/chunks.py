"""Chunks of a file in bounded memory, and the errors in its lines."""

import gzip
import io
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from driftguard.platform.serialization import Scalar, Wire
from driftguard.rows.columns import Row

MAX_UNPACKED_BYTES = 4 * 1024**3
MAX_ROW_CHARACTERS = 4_000_000
"""More than 500 of the longest names and values need in JSON, even if every character is escaped."""

CHUNK_CELLS = 1_000_000
CHUNK_CHARACTERS = 32_000_000
"""A chunk ends when it reaches either limit. It then takes about 100 MB of memory."""

MAX_BAD_LINES = 20

EPOCH = date(1970, 1, 1).toordinal()

type ColumnValues = Sequence[Scalar]


class BadLine(Wire):
    """A rejected line: its number (the first line is 1), the wrong place in the line, and the reason."""

    line: int
    loc: list[str]
    msg: str


class Chunk(NamedTuple):
    """Some rows as columns, each with its values in row order.

    A column has no entry for a row that lacks the feature, so sparse rows take memory only for what they hold.
    hours: the hour of each row, counted since 1970, None for a row without a timestamp; empty without timestamps.
    places: the row of each entry, for columns that lack entries.
    labelled: the rows with a label, without their features.
    """

    columns: dict[str, ColumnValues]
    predictions: ColumnValues | None
    hours: Sequence[int | None]
    rows: int
    places: Mapping[str, Sequence[int]]
    labelled: Sequence[Row] = ()

    @property
    def days(self) -> set[date]:
        """The UTC days of the timestamps."""
        known = {hour // 24 for hour in set(self.hours) if hour is not None}
        return {date.fromordinal(EPOCH + day) for day in known}


class BadFile(Exception):
    """A rejected file: the reason, and the lines that caused the rejection."""

    def __init__(self, reason: str, errors: Sequence[BadLine] = ()) -> None:
        super().__init__(reason)
        self.reason = reason
        self.errors = list(errors)


class Errors:
    """The rejected lines found so far."""

    def __init__(self) -> None:
        self.found: list[BadLine] = []

    def add(self, line: int, loc: Sequence[str | int], msg: str) -> None:
        """Add a rejected line; a second error in the same line is left out. Raises BadFile at the limit of lines."""
        if self.found and self.found[-1].line == line:
            return
        self.found.append(BadLine(line=line, loc=[str(part) for part in loc], msg=msg))
        if len(self.found) == MAX_BAD_LINES:
            self.check()

    def check(self) -> None:
        """Raise BadFile if any line was rejected."""
        if not self.found:
            return
        first = self.found[0]
        place = f", {'.'.join(first.loc)}" if first.loc else ""
        more = f" (and {len(self.found) - 1} more lines)" if len(self.found) > 1 else ""
        raise BadFile(f"line {first.line}{place}: {first.msg}{more}", self.found)


class Source:
    """The bytes of a file, with a look at the first ones. Calls `tick` after each read.

    read: returns the next bytes of the file, at most as many as it is given.
    """

    def __init__(self, read: Callable[[int], bytes | None], tick: Callable[[], None]) -> None:
        self._read = read
        self._tick = tick
        self._ahead = b""
        self._failure: Exception | None = None

    def head(self, size: int) -> bytes:
        """Return the first bytes of the file, which later reads return again."""
        try:
            while len(self._ahead) < size and (block := self.read_on(size - len(self._ahead))):
                self._ahead += block
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            self._failure = error  # the rows before the damage are read first, so that the error can name the line
        return self._ahead

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, at most `size`; nothing at the end of the file."""
        if self._ahead:
            block, self._ahead = self._ahead[:size], self._ahead[size:]
            return block
        if self._failure:
            raise self._failure
        return self.read_on(size)

    def read_on(self, size: int) -> bytes:
        """Return the next bytes of the file itself."""
        block = self._read(size) or b""
        self._tick()
        return block


class Bounded(io.RawIOBase):
    """A stream that raises BadFile if the file or one of its lines is too long."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._total = 0
        self._lines = 0
        self._line = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        block = self._source.read(len(buffer))
        size = len(block)
        buffer[:size] = block
        self._total += size
        if self._total > MAX_UNPACKED_BYTES:
            raise BadFile(
                f"the file has more than {MAX_UNPACKED_BYTES:,} bytes after decompression; send a sample of its rows"
            )
        end = max(block.rfind(b"\n"), block.rfind(b"\r"))
        self._line = self._line + size if end < 0 else size - end - 1
        if self._line > 4 * MAX_ROW_CHARACTERS:
            raise BadFile(
                f"line {self._lines + 1} does not end within {4 * MAX_ROW_CHARACTERS:,} bytes; "
                "check the line ends and the format"
            )
        self._lines += block.count(b"\n")
        return size


class Lines:
    """Lines of text with their numbers. The reader calls `mark` after each row and `reset` after each chunk.

    raw: the lines of the current row.
    """

    def __init__(self, text: Iterable[str] = ()) -> None:
        self._text = text
        self.number = 0
        self._row = 0
        self.characters = 0
        self.raw: list[str] = []

    def start(self, text: Iterable[str]) -> None:
        """Take the lines from this text."""
        self._text = text

    def __iter__(self) -> Iterator[str]:
        for line in self._text:
            self.number += 1
            self._row += len(line)
            if self._row > MAX_ROW_CHARACTERS:
                raise BadFile(
                    f"the row that ends in line {self.number} is too long: it has more than {MAX_ROW_CHARACTERS:,} "
                    "characters; check for a quote that is never closed"
                )
            self.raw.append(line)
            yield line

    def mark(self) -> None:
        """End a row."""
        self.characters += self._row
        self._row = 0
        self.raw.clear()

    def fill(self, cells: int) -> bool:
        """Whether the rows since the last `reset`, with this number of cells, make a full chunk."""
        return cells >= CHUNK_CELLS or self.characters >= CHUNK_CHARACTERS

    def reset(self) -> None:
        """Start a new chunk."""
        self.characters = 0
