"""Read the rows of an uploaded file in chunks of bounded memory: CSV or JSON Lines, plain or gzip.

A line follows the same rules as a row of a request, and one rejected line rejects the file. Reading continues after a
rejected line so that the error can list several lines, but yields no more rows.
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
    """Yield the rows of a file that `about` describes. Raises BadFile, at the latest at the end of the file."""
    errors = Errors()
    source = gzip.GzipFile(fileobj=file) if about.compression == "gzip" else file
    blocks = io.BufferedReader(Bounded(source), _BLOCK)
    # Bytes that are not UTF-8 become surrogates. Names and values may not have surrogates, so the error names the line.
    text = io.TextIOWrapper(
        blocks, "utf-8-sig", errors="surrogateescape", newline="\n" if about.format == "jsonl" else ""
    )
    lines = Lines(text)
    rows = 0
    try:
        if about.compression is None and blocks.peek(2)[:2] == b"\x1f\x8b":
            raise BadFile(
                "the file is gzip, but the upload was created without compression; create it with compression gzip"
            )
        chunks = read_csv(lines, about, errors) if about.format == "csv" else read_json_lines(lines, errors, now)
        for chunk in chunks:
            if not errors.found and chunk.rows:
                rows += chunk.rows
                yield chunk
    except EOFError:
        raise BadFile(
            f"the gzip data end too early, after line {lines.number}; send the whole file again", errors.found
        ) from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise BadFile(f"the file is not valid gzip after line {lines.number}: {error}", errors.found) from None
    errors.check()
    if not rows:
        raise BadFile("the file has no rows; send at least one row")
