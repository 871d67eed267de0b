"""The rows of an uploaded file, chunk by chunk in bounded memory: CSV or JSON Lines, plain or gzipped.

A line is refused as a row of a request would be, and one refused line refuses the file: it is read on, so that the
first lines that are wrong can all be named, but gives no more rows.
"""

import contextlib
import csv
import gzip
import io
import json
import math
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from typing import Any, BinaryIO, NamedTuple

from driftguard.baselines.schemas import BadLine, NewUpload
from driftguard.platform.errors import Location
from driftguard.rows.columns import Scalar
from driftguard.rows.reading import MAX_FEATURES, BadRow, BaselineRow, RowReader, check_name, moment, scalar

MAX_FILE_BYTES = 2 * 1024**3
MAX_UNPACKED_BYTES = 4 * 1024**3
MAX_ROW_CHARACTERS = 4_000_000
"""More than 500 of the longest names and values take in JSON, however they are escaped."""

CHUNK_CELLS = 1_000_000
CHUNK_CHARACTERS = 32_000_000
"""A chunk ends when it has as many of either: about 100 MB as Python holds them."""

MAX_BAD_LINES = 20

_BLOCK = 1 << 20
_NUMBER_CHARACTERS = re.compile(r"[0-9.eE+-]*")
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_NOT_FINITE = frozenset(sign + text for sign in ("", "+", "-") for text in ("nan", "inf", "infinity"))

type Column = Sequence[Scalar]


class Chunk(NamedTuple):
    """Some of the rows as columns of one length; `days` are the UTC days of their timestamps."""

    columns: dict[str, Column]
    predictions: Column | None
    days: set[date]
    rows: int


class BadFile(Exception):
    """A file of which no baseline is made: why, and which lines are to blame."""

    def __init__(self, reason: str, errors: Sequence[BadLine] = ()) -> None:
        super().__init__(reason)
        self.reason = reason
        self.errors = list(errors)


def read(file: io.RawIOBase | BinaryIO, about: NewUpload, now: datetime) -> Iterator[Chunk]:
    """The rows of a file that is `about` what it says. Raises BadFile, at the latest at the end."""
    errors = _Errors()
    source = gzip.GzipFile(fileobj=file) if about.compression == "gzip" else file
    blocks = io.BufferedReader(_Bounded(source), _BLOCK)
    # Bytes that are no UTF-8 become surrogates, which no name or value may have: so their lines can be told.
    text = io.TextIOWrapper(
        blocks, "utf-8-sig", errors="surrogateescape", newline="\n" if about.format == "jsonl" else ""
    )
    lines = _Lines(text)
    rows = 0
    try:
        if about.compression is None and blocks.peek(2)[:2] == b"\x1f\x8b":
            raise BadFile("the file is gzip, and the upload was made without compression")
        chunks = _csv(lines, about, errors) if about.format == "csv" else _jsonl(lines, errors, now)
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


class _Errors:
    """The lines found wrong so far."""

    def __init__(self) -> None:
        self.found: list[BadLine] = []

    def add(self, line: int, loc: Sequence[str | int], msg: str) -> None:
        """Note a bad line; the first place of a line that is wrong stands for it. Raises BadFile when enough are."""
        if self.found and self.found[-1].line == line:
            return
        self.found.append(BadLine(line=line, loc=[str(part) for part in loc], msg=msg))
        if len(self.found) == MAX_BAD_LINES:
            self.check()

    def check(self) -> None:
        """Raises BadFile when a line was wrong."""
        if not self.found:
            return
        first = self.found[0]
        place = f", {'.'.join(first.loc)}" if first.loc else ""
        more = f" (and {len(self.found) - 1} more lines)" if len(self.found) > 1 else ""
        raise BadFile(f"line {first.line}{place}: {first.msg}{more}", self.found)


class _Bounded(io.RawIOBase):
    """Bytes of which there may not be too many, neither altogether nor in a line."""

    def __init__(self, source: Any) -> None:
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
            raise BadFile(f"the file holds more than {MAX_UNPACKED_BYTES:,} bytes once unpacked")
        end = block.rfind(b"\n")
        self._line = self._line + size if end < 0 else size - end - 1
        if self._line > 4 * MAX_ROW_CHARACTERS:
            raise BadFile(f"line {self._lines + 1} does not end")
        self._lines += block.count(b"\n")
        return size


class _Lines:
    """Lines of text, counted; `mark` ends a row and `reset` a chunk."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self.number = 0
        self._row = 0
        self.characters = 0

    def __iter__(self) -> Iterator[str]:
        for line in self._text:
            self.number += 1
            self._row += len(line)
            if self._row > MAX_ROW_CHARACTERS:
                raise BadFile(f"the row that ends in line {self.number} is too long, or a quote in it is never closed")
            yield line

    def mark(self) -> None:
        self.characters += self._row
        self._row = 0

    def reset(self) -> None:
        self.characters = 0


# ---------------------------------------------------------------------------------------------------------------------
# JSON Lines
# ---------------------------------------------------------------------------------------------------------------------


def _jsonl(lines: _Lines, errors: _Errors, now: datetime) -> Iterator[Chunk]:
    reader, decode = RowReader(now), json.JSONDecoder().decode
    names: dict[str, None] = {}
    rows: list[BaselineRow] = []
    cells = 0
    for line in lines:
        lines.mark()
        if line.isspace():
            continue
        try:
            row = reader.baseline(decode(line), [])
        except BadRow as error:
            errors.add(lines.number, error.loc, error.msg)
            continue
        except (ValueError, RecursionError) as error:
            errors.add(lines.number, [], f"is not valid JSON: {str(error)[:100]}")
            continue
        names.update(dict.fromkeys(row.features))
        if len(names) > MAX_FEATURES:
            errors.add(lines.number, ["features"], f"this and the lines before have more than {MAX_FEATURES} features")
            errors.check()
        rows.append(row)
        cells += len(row.features) + 1
        if cells >= CHUNK_CELLS or lines.characters >= CHUNK_CHARACTERS:
            yield _transposed(rows)
            rows, cells = [], 0
            lines.reset()
    yield _transposed(rows)


def _transposed(rows: Sequence[BaselineRow]) -> Chunk:
    names = dict.fromkeys(name for row in rows for name in row.features)
    return Chunk(
        {name: [row.features.get(name) for row in rows] for name in names},
        [row.prediction for row in rows],
        {row.day for row in rows if row.day is not None},
        len(rows),
    )


# ---------------------------------------------------------------------------------------------------------------------
# CSV
# ---------------------------------------------------------------------------------------------------------------------


def _csv(lines: _Lines, about: NewUpload, errors: _Errors) -> Iterator[Chunk]:
    records = csv.reader(iter(lines), strict=True)
    header: list[str] = []
    rows: list[tuple[int, list[str]]] = []
    wrong: dict[int, BadRow] = {}
    for number, row in _records(records, lines, wrong):
        if not header:
            header = row
            _check_header(header, about, number)
        elif len(row) != len(header):
            wrong[number] = BadRow([], f"has {len(row)} values, the header has {len(header)}")
        else:
            rows.append((number, row))
        full = len(rows) * len(header) >= CHUNK_CELLS or lines.characters >= CHUNK_CHARACTERS
        if full or len(wrong) == MAX_BAD_LINES:
            yield _typed(header, rows, about, wrong, errors)
            rows, wrong = [], {}
            lines.reset()
    yield _typed(header, rows, about, wrong, errors)


def _records(records: Iterator[list[str]], lines: _Lines, wrong: dict[int, BadRow]) -> Iterator[tuple[int, list[str]]]:
    """Each record with the line it begins in; ends at one that is no CSV, which is noted as wrong."""
    while True:
        number = lines.number + 1
        try:
            row = next(records)
        except StopIteration:
            return
        except csv.Error as error:
            wrong[number] = BadRow([], f"is not valid CSV: {error}")
            return
        lines.mark()
        if row:
            yield number, row


def _check_header(header: Sequence[str], about: NewUpload, line: int) -> None:
    """Raises BadFile when the header cannot be one."""

    def refuse(loc: Sequence[str], msg: str) -> None:
        errors = _Errors()
        errors.add(line, loc, msg)
        errors.check()

    seen = set()
    for number, name in enumerate(header, 1):
        try:
            check_name(name, [])
        except BadRow as error:
            refuse([], f"the name of column {number} cannot be one: {error.msg}")
        if name in seen:
            refuse([name], "two columns have this name")
        seen.add(name)
    for field in ("prediction_column", "timestamp_column"):
        wanted = getattr(about, field)
        if field in about.model_fields_set and wanted is not None and wanted not in seen:
            refuse([wanted], f"there is no column of this name, which {field} says")
    for name in about.text_columns:
        if name not in seen:
            refuse([name], "there is no column of this name, which text_columns says")
    features = len(seen - {about.prediction_column, about.timestamp_column})
    if not 1 <= features <= MAX_FEATURES:
        refuse([], f"there are {features} features; 1 to {MAX_FEATURES} can be")


def _typed(
    header: Sequence[str],
    rows: Sequence[tuple[int, list[str]]],
    about: NewUpload,
    wrong: dict[int, BadRow],
    errors: _Errors,
) -> Chunk:
    """Rows of texts as columns of values; notes what is wrong, in order of the lines."""
    chunk = Chunk({}, None, set(), len(rows))
    predictions: Column | None = None
    numbers = [number for number, _row in rows]
    for name, cells in zip(header, zip(*(row for _number, row in rows), strict=True), strict=False):
        bad: dict[int, BadRow] = {}
        if name == about.timestamp_column:
            chunk.days.update(day for day in _each(cells, _day, [name], bad) if day is not None)
        elif name == about.prediction_column:
            predictions = _values(cells, [name], bad, as_text=name in about.text_columns)
        else:
            chunk.columns[name] = _values(cells, [name], bad, as_text=name in about.text_columns)
        for place, error in bad.items():
            wrong.setdefault(numbers[place], error)
    for number in sorted(wrong):
        errors.add(number, wrong[number].loc, wrong[number].msg)
    return chunk._replace(predictions=predictions)


def _values(cells: Sequence[str], loc: Location, bad: dict[int, BadRow], *, as_text: bool) -> Column:
    if not as_text and _NUMBER_CHARACTERS.fullmatch("".join(cells)):
        with contextlib.suppress(ValueError):  # a date, say, is of the same characters
            numbers = [float(cell) if cell else None for cell in cells]
            if math.inf not in numbers and -math.inf not in numbers:
                return numbers
    return _each(cells, _text if as_text else _value, loc, bad)


def _each[T](
    cells: Sequence[str], convert: Callable[[str, Location], T], loc: Location, bad: dict[int, BadRow]
) -> list[T | None]:
    """Each cell converted; an empty one, and one that is `bad`, is None."""
    known: dict[str, T | None] = {"": None}
    refused: dict[str, BadRow] = {}
    for cell in set(cells) - {""}:
        known[cell] = None
        try:
            known[cell] = convert(cell, loc)
        except BadRow as error:
            refused[cell] = error
    if refused:
        bad.update((place, refused[cell]) for place, cell in enumerate(cells) if cell in refused)
    return [known[cell] for cell in cells]


def _value(cell: str, loc: Location) -> Scalar:
    """What a cell means: a boolean, a number or a text. Raises BadRow."""
    if cell in _BOOLEANS:
        return _BOOLEANS[cell]
    if cell.lower() in _NOT_FINITE:
        raise BadRow(loc, "must be a finite number; a missing one is empty")
    value: Scalar = cell
    if _NUMBER_CHARACTERS.fullmatch(cell):
        with contextlib.suppress(ValueError):
            value = float(cell)
    return scalar(value, loc)


def _text(cell: str, loc: Location) -> Scalar:
    return scalar(cell, loc)


def _day(cell: str, loc: Location) -> date:
    return moment(cell, loc).date()
