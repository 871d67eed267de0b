"""The rows of an uploaded file, chunk by chunk in bounded memory: CSV or JSON Lines, plain or gzipped.

A line is refused as a row of a request would be, and one refused line refuses the file: it is read on, so that the
first lines that are wrong can all be named, but gives no more rows.
"""

import gzip
import io
import zlib
from collections.abc import Iterator
from datetime import datetime
from typing import BinaryIO

from driftguard.rows.chunks import BadFile, Bounded, Chunk, Errors, Lines
from driftguard.rows.csv_lines import read_csv
from driftguard.rows.file_format import FileFormat
from driftguard.rows.json_lines import read_json_lines

MAX_FILE_BYTES = 2 * 1024**3
_BLOCK = 1 << 20


def read(file: io.RawIOBase | BinaryIO, about: FileFormat, now: datetime) -> Iterator[Chunk]:
    """The rows of a file that is `about` what it says. Raises BadFile, at the latest at the end."""
    errors = Errors()
    source = gzip.GzipFile(fileobj=file) if about.compression == "gzip" else file
    blocks = io.BufferedReader(Bounded(source), _BLOCK)
    # Bytes that are no UTF-8 become surrogates, which no name or value may have: so their lines can be told.
    text = io.TextIOWrapper(
        blocks, "utf-8-sig", errors="surrogateescape", newline="\n" if about.format == "jsonl" else ""
    )
    lines = Lines(text)
    rows = 0
    try:
        if about.compression is None and blocks.peek(2)[:2] == b"\x1f\x8b":
            raise BadFile("the file is gzip, and the upload was made without compression")
        chunks = read_csv(lines, about, errors) if about.format == "csv" else read_json_lines(lines, errors, now)
        for chunk in chunks:
            if not errors.found and chunk.rows:
                rows += chunk.rows
                yield chunk
    except EOFError:
        raise BadFile(f"the gzip data end too early, after line {lines.number}", errors.found) from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise BadFile(f"the file is not good gzip, after line {lines.number}: {error}", errors.found) from None
    errors.check()
    if not rows:
        raise BadFile("the file has no rows")
