"""Read CSV: a header row, then one row per record."""

import contextlib
import csv
import math
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date

from driftguard.platform.errors import Location
from driftguard.platform.serialization import Scalar
from driftguard.rows.chunks import MAX_BAD_LINES, Chunk, ColumnValues, Errors, Lines
from driftguard.rows.file_format import FileFormat
from driftguard.rows.reading import MAX_FEATURES, BadRow, check_name, moment, scalar

_NUMBER_CHARACTERS = re.compile(r"[0-9.eE+-]*")
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_NOT_FINITE = frozenset(sign + text for sign in ("", "+", "-") for text in ("nan", "inf", "infinity"))


def read_csv(lines: Lines, about: FileFormat, errors: Errors) -> Iterator[Chunk]:
    """Yield the rows of a CSV file in chunks. Adds rejected lines to `errors`. Raises BadFile for a bad header."""
    records = csv.reader(iter(lines), strict=True)
    header: list[str] = []
    rows: list[tuple[int, list[str]]] = []
    wrong: dict[int, BadRow] = {}
    for number, row in _records(records, lines, wrong):
        if not header:
            header = row
            _check_header(header, about, number)
        elif len(row) != len(header):
            wrong[number] = BadRow([], f"has {len(row)} values, the header has {len(header)} names")
        else:
            rows.append((number, row))
        full = lines.fill(len(rows) * len(header))
        if full or len(wrong) == MAX_BAD_LINES:
            yield _typed(header, rows, about, wrong, errors)
            rows, wrong = [], {}
            lines.reset()
    yield _typed(header, rows, about, wrong, errors)


def _records(records: Iterator[list[str]], lines: Lines, wrong: dict[int, BadRow]) -> Iterator[tuple[int, list[str]]]:
    """Yield each record with the number of its first line. Stops at invalid CSV, which is added to `wrong`."""
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


def _check_header(header: Sequence[str], about: FileFormat, line: int) -> None:
    """Raise BadFile if the names of the header are invalid or do not fit the description of the file."""

    def refuse(loc: Sequence[str], msg: str) -> None:
        errors = Errors()
        errors.add(line, loc, msg)
        errors.check()

    seen = set()
    for number, name in enumerate(header, 1):
        try:
            check_name(name, [])
        except BadRow as error:
            refuse([], f"the name of column {number} is invalid: {error.msg}")
        if name in seen:
            refuse([name], "two columns have this name; give each column its own name")
        seen.add(name)
    for field in ("prediction_column", "timestamp_column"):
        wanted = getattr(about, field)
        if field in about.model_fields_set and wanted is not None and wanted not in seen:
            refuse([wanted], f"the file has no column with this name, which {field} gives")
    for name in about.text_columns:
        if name not in seen:
            refuse([name], "the file has no column with this name, which text_columns gives")
    features = len(seen - {about.prediction_column, about.timestamp_column})
    if not 1 <= features <= MAX_FEATURES:
        refuse([], f"there are {features} features; a baseline has 1 to {MAX_FEATURES}")


def _typed(
    header: Sequence[str],
    rows: Sequence[tuple[int, list[str]]],
    about: FileFormat,
    wrong: dict[int, BadRow],
    errors: Errors,
) -> Chunk:
    """Return rows of text as columns of values. Adds rejected lines to `errors`, in order."""
    chunk = Chunk({}, None, set(), len(rows))
    predictions: ColumnValues | None = None
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


def _values(cells: Sequence[str], loc: Location, bad: dict[int, BadRow], *, as_text: bool) -> ColumnValues:
    if not as_text and _NUMBER_CHARACTERS.fullmatch("".join(cells)):
        with contextlib.suppress(ValueError):  # a date, for example, has only these characters too
            numbers = [float(cell) if cell else None for cell in cells]
            if math.inf not in numbers and -math.inf not in numbers:
                return numbers
    return _each(cells, _text if as_text else _value, loc, bad)


def _each[T](
    cells: Sequence[str], convert: Callable[[str, Location], T], loc: Location, bad: dict[int, BadRow]
) -> list[T | None]:
    """Return each cell converted; None for an empty cell and for a rejected cell, which is added to `bad`."""
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
    """Return the value of a cell: a boolean, a number or a text. Raises BadRow."""
    if cell in _BOOLEANS:
        return _BOOLEANS[cell]
    if cell.lower() in _NOT_FINITE:
        raise BadRow(loc, "must be a finite number; leave the cell empty if the value is missing")
    value: Scalar = cell
    if _NUMBER_CHARACTERS.fullmatch(cell):
        with contextlib.suppress(ValueError):
            value = float(cell)
    return scalar(value, loc)


def _text(cell: str, loc: Location) -> Scalar:
    return scalar(cell, loc)


def _day(cell: str, loc: Location) -> date:
    return moment(cell, loc).date()
