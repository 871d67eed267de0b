"""Read the rows of an uploaded file in chunks of bounded memory: CSV or JSON Lines, plain or gzip.

A line of a baseline follows the same rules as a row of a request, and one rejected line rejects the file. Reading
continues after a rejected line so that the error can list several lines, but yields no more rows. A file of records,
such as labels, is read row by row, and its reader decides what a rejected row means.
"""

import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import BinaryIO

from driftguard.rows.chunks import BadFile, Bounded, Chunk, Errors, Lines, Source
from driftguard.rows.csv_layout import layout_of
from driftguard.rows.csv_lines import read_csv
from driftguard.rows.csv_records import read_csv_records
from driftguard.rows.file_format import FileFormat, TableFormat
from driftguard.rows.json_lines import read_json_lines, read_json_records
from driftguard.rows.records import Columns, Record
from driftguard.rows.signatures import HEAD_BYTES, check_binary, check_compression, check_text, encoding_of

MAX_FILE_BYTES = 2 * 1024**3
_BLOCK = 1 << 20


def read(
    file: io.RawIOBase | BinaryIO,
    about: FileFormat,
    now: datetime,
    *,
    tick: Callable[[], None] = lambda: None,
    notes: list[str] | None = None,
) -> Iterator[Chunk]:
    """Yield the rows of a file that `about` describes. Raises BadFile, at the latest at the end of the file.

    tick: called after each part of the file is read, and after each part is decompressed. It may raise.
    notes: receives sentences about what was read in another way than the header says.
    """
    errors, lines = Errors(), Lines()
    rows = 0
    with _explained(lines, errors):
        sample, whole = _open(file, about, lines, tick)
        if about.format == "jsonl":
            found = read_json_lines(lines, errors, now)
        else:
            layout = layout_of(sample, about, whole=whole)
            found = read_csv(lines, layout, about, errors, [] if notes is None else notes)
        for chunk in found:
            if not errors.found and chunk.rows:
                rows += chunk.rows
                yield chunk
    errors.check()
    if not rows:
        raise BadFile(NO_ROWS)


NO_ROWS = "the file has no rows; send at least one row"


def read_records(
    file: io.RawIOBase | BinaryIO,
    about: TableFormat,
    columns: Columns,
    *,
    tick: Callable[[], None],
    notes: list[str],
) -> Iterator[Record]:
    """Yield the rows of a file one by one, rejected rows too. Raises BadFile where the file cannot be read further.

    columns: those that a CSV file may have. tick, notes: as for `read`.
    """
    lines = Lines()
    rows = 0
    with _explained(lines, Errors()):
        sample, whole = _open(file, about, lines, tick)
        if about.format == "jsonl":
            found = read_json_records(lines)
        else:
            found = read_csv_records(lines, layout_of(sample, about, whole=whole), about, columns, notes)
        for record in found:
            rows += 1
            yield record
    if not rows:
        raise BadFile(NO_ROWS)


@contextmanager
def _explained(lines: Lines, errors: Errors) -> Iterator[None]:
    """Raise BadFile with a reason in place of the errors of decompressing and decoding in the block."""
    try:
        yield
    except EOFError:
        raise BadFile(
            f"the gzip data end too early, after line {lines.number}; send the whole file again", errors.found
        ) from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise BadFile(f"the file is not valid gzip after line {lines.number}: {error}", errors.found) from None
    except UnicodeDecodeError as error:
        raise BadFile(
            f"after line {lines.number} the file is not valid {error.encoding.upper()}; save it as UTF-8", errors.found
        ) from None


def _open(
    file: io.RawIOBase | BinaryIO, about: TableFormat, lines: Lines, tick: Callable[[], None]
) -> tuple[str, bool]:
    """Let `lines` read a file. Returns the first characters, and whether they are the whole file.

    Raises BadFile if the first bytes show that the file holds no rows.
    """
    source = Source(file.read, tick)
    check_compression(source.head(HEAD_BYTES), about)
    if about.compression == "gzip":
        # A file of many empty gzip members unpacks to nothing, so both sides of the decompression tick.
        # read1 returns what comes before damaged data, so that the error can name the line.
        unpacked = gzip.GzipFile(fileobj=source)  # type: ignore[call-overload]  # GzipFile needs no more than `read`
        source = Source(unpacked.read1, tick)
    head = source.head(HEAD_BYTES)
    check_binary(head)
    encoding = encoding_of(head)
    sample = head.decode(encoding, "ignore")
    check_text(sample, about)
    # Bytes that are not UTF-8 become surrogates. Names and values may not have surrogates, so the error names the line.
    lines.start(
        io.TextIOWrapper(
            io.BufferedReader(Bounded(source), _BLOCK),
            encoding,
            errors="surrogateescape" if encoding == "utf-8-sig" else "strict",
            newline="\n" if about.format == "jsonl" else "",
        )
    )
    return sample, len(head) < HEAD_BYTES
