"""CSV: a header row, then one row per record."""

import contextlib
import csv
import math
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date

from driftguard.platform.errors import Location
from driftguard.rows.chunks import MAX_BAD_LINES, Chunk, Column, Errors, Lines
from driftguard.rows.columns import Scalar
from driftguard.rows.file_format import FileFormat
from driftguard.rows.reading import MAX_FEATURES, BadRow, check_name, moment, scalar

_NUMBER_CHARACTERS = re.compile(r"[0-9.eE+-]*")
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_NOT_FINITE = frozenset(sign + text for sign in ("", "+", "-") for text in ("nan", "inf", "infinity"))


def read_csv(lines: Lines, about: FileFormat, errors: Errors) -> Iterator[Chunk]:
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
        full = lines.fill(len(rows) * len(header))
        if full or len(wrong) == MAX_BAD_LINES:
            yield _typed(header, rows, about, wrong, errors)
            rows, wrong = [], {}
            lines.reset()
    yield _typed(header, rows, about, wrong, errors)


def _records(records: Iterator[list[str]], lines: Lines, wrong: dict[int, BadRow]) -> Iterator[tuple[int, list[str]]]:
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


def _check_header(header: Sequence[str], about: FileFormat, line: int) -> None:
    """Raises BadFile when the header cannot be one."""

    def refuse(loc: Sequence[str], msg: str) -> None:
        errors = Errors()
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
    about: FileFormat,
    wrong: dict[int, BadRow],
    errors: Errors,
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
