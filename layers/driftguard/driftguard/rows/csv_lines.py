"""Read CSV: a header row, then one row per record."""

import csv
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from driftguard.rows.chunks import MAX_BAD_LINES, Chunk, ColumnValues, Errors, Lines
from driftguard.rows.csv_cells import Cells
from driftguard.rows.csv_layout import Layout
from driftguard.rows.file_format import ROLES, FileFormat
from driftguard.rows.labelled import labelled_rows
from driftguard.rows.reading import MAX_FEATURES, BadRow, check_name

_INDEX = re.compile(r"|Unnamed: 0(\.\d+)*")
"""Names that pandas and R give to a row index when they write or read it: none, or pandas' own."""

INDEX_NOTE = "The first column has no name. It was read as the index of the rows and left out."
EXTRA_NOTE = "Each row starts with a value that the header does not name. It was read as an index and left out."


class Header(NamedTuple):
    """The columns of a file.

    columns: position and name of each column that is read. blank: positions of columns that must be empty.
    """

    cells: Sequence[str]
    width: int
    columns: Sequence[tuple[int, str]]
    blank: Sequence[int]


def read_csv(lines: Lines, layout: Layout, about: FileFormat, errors: Errors, notes: list[str]) -> Iterator[Chunk]:
    """Yield the rows of a CSV file in chunks. Adds rejected lines to `errors`. Raises BadFile for a bad header."""
    cells = Cells(about)
    header: Header | None = None
    rows: list[tuple[int, list[str]]] = []
    wrong: dict[int, BadRow] = {}
    for number, row in split_records(lines, layout, wrong):
        if header is None:
            header = header_of(row, layout, about, number, notes)
        elif len(row) != header.width:
            wrong[number] = BadRow([], f"has {len(row)} values, the header has {header.width} names")
        elif len(row) > 1 and row == header.cells:
            wrong[number] = BadRow([], "repeats the header; join files without repeating their first line")
        else:
            rows.append((number, row))
        full = header is not None and lines.fill(len(rows) * header.width)
        if header and (full or len(wrong) == MAX_BAD_LINES):
            yield _typed(header, rows, about, cells, wrong, errors)
            rows, wrong = [], {}
            lines.reset()
    if header:
        yield _typed(header, rows, about, cells, wrong, errors)
        return
    for number in sorted(wrong):
        errors.add(number, wrong[number].loc, wrong[number].msg)


def split_records(lines: Lines, layout: Layout, wrong: dict[int, BadRow]) -> Iterator[tuple[int, list[str]]]:
    """Yield each record with the number of its first line. Stops at invalid CSV, which is added to `wrong`.

    Blanks around unquoted values are left out.
    """
    text = iter(lines)
    for _line, _skipped in zip(range(layout.skipped), text, strict=False):
        lines.mark()
    splitter = _Splitter(layout.delimiter)
    records = splitter.reader(text)
    while True:
        number = lines.number + 1
        try:
            row = next(records)
        except StopIteration:
            return
        except csv.Error as error:
            split = splitter.split("".join(lines.raw))
            if split is None:
                wrong[number] = BadRow([], f"is not valid CSV: {error}")
                return
            row, records = split, splitter.reader(text)
        else:
            row = splitter.stripped(row, lines.raw)
        lines.mark()
        if row:
            yield number, row


class _Splitter:
    """Splits records at a delimiter and leaves out the blanks around unquoted values."""

    def __init__(self, delimiter: str) -> None:
        self._delimiter = delimiter
        end = rf"(?P<end>{re.escape(delimiter)}|\r?\n?\Z)"
        other = f"[^{re.escape(delimiter)}\r\n]"
        self._cell = re.compile(rf' *+(?:"(?P<quoted>(?:[^"]++|"")*+)" *+|(?!")(?P<plain>{other}*+)){end}')

    def reader(self, text: Iterator[str]) -> Iterator[list[str]]:
        """Return the records of these lines, with trailing blanks and blanks before tabs."""
        return csv.reader(text, delimiter=self._delimiter, skipinitialspace=True, strict=True)

    def stripped(self, row: list[str], raw: Sequence[str]) -> list[str]:
        """Return a record without the blanks around its unquoted values; nothing for a line of blanks.

        raw: the lines of the record.
        """
        if len(raw) == 1 and " " not in raw[0] and "\t" not in raw[0] and "\xa0" not in raw[0]:
            return row
        if not any('"' in line for line in raw):
            row = [cell.strip() for cell in row]
            return [] if row == [""] else row
        if any(cell != cell.strip() for cell in row):
            return self.split("".join(raw)) or row
        return row

    def split(self, record: str) -> list[str] | None:
        """Return the values of a record; None if it is not valid CSV."""
        values, place = [], 0
        while True:
            found = self._cell.match(record, place)
            if found is None:
                return None
            quoted = found["quoted"]
            values.append(found["plain"].strip() if quoted is None else quoted.replace('""', '"'))
            if found["end"] != self._delimiter:
                return values
            place = found.end()


def header_of(row: Sequence[str], layout: Layout, about: FileFormat, line: int, notes: list[str]) -> Header:
    """Return the columns that the first record names. Raises BadFile if its names are invalid or do not fit."""
    asked = {*about.roles, *about.text_columns}
    offset = 1 if layout.extra == "first" else 0
    columns: list[tuple[int, str]] = []
    blank = []
    names = [name.strip("\ufeff").strip() for name in row]
    for place, name in enumerate(names, offset):
        if not columns and _INDEX.fullmatch(name) and name not in asked and len(names) > 1:
            notes.append(INDEX_NOTE if not name else f"The column {name!r} was read as an index and left out.")
        elif name:
            columns.append((place, name))
        else:
            blank.append(place)
    for field in ("prediction", "timestamp"):
        for _place, name in columns:
            if name != field and name.lower() == field and field in (about.prediction_column, about.timestamp_column):
                notes.append(
                    f"The column {name!r} was read as a feature. Set {field}_column to {name!r} if it is none."
                )
    if layout.extra == "first":
        notes.append(EXTRA_NOTE)
    elif layout.extra == "last":
        blank.append(len(names))
    _check_columns(columns, about, line)
    return Header(list(row), len(names) + (layout.extra is not None), columns, blank)


def _check_columns(columns: Sequence[tuple[int, str]], about: FileFormat, line: int) -> None:
    """Raise BadFile if the names of the header are invalid or do not fit the description of the file."""

    def refuse(loc: Sequence[str], msg: str) -> None:
        errors = Errors()
        errors.add(line, loc, msg)
        errors.check()

    seen = set()
    for place, name in columns:
        try:
            check_name(name, [])
        except BadRow as error:
            refuse([], f"the name of column {place + 1} is invalid: {error.msg}; save the file in UTF-8")
        if name in seen:
            refuse([name], "two columns have this name; give each column its own name")
        seen.add(name)
    for field in ROLES:
        wanted = getattr(about, field)
        if field in about.model_fields_set and wanted is not None and wanted not in seen:
            refuse([wanted], f"the file has no column with this name, which {field} gives")
    for name in about.text_columns:
        if name not in seen:
            refuse([name], "the file has no column with this name, which text_columns gives")
    features = len(seen - about.roles)
    if not 1 <= features <= MAX_FEATURES:
        refuse([], f"there are {features} features; a baseline has 1 to {MAX_FEATURES}")


def _typed(
    header: Header,
    rows: Sequence[tuple[int, list[str]]],
    about: FileFormat,
    cells: Cells,
    wrong: dict[int, BadRow],
    errors: Errors,
) -> Chunk:
    """Return rows of text as columns of values. Adds rejected lines to `errors`, in order."""
    columns: dict[str, ColumnValues] = {}
    hours: Sequence[int | None] = ()
    predictions: ColumnValues | None = None
    labels: ColumnValues = ()
    scores: Sequence[float | None] = ()
    numbers = [number for number, _row in rows]
    by_place = list(zip(*(row for _number, row in rows), strict=True))
    for place, name in header.columns if rows else ():
        bad: dict[int, BadRow] = {}
        if name == about.timestamp_column:
            hours = cells.hours(name, by_place[place], bad)
        elif name == about.prediction_column:
            predictions = cells.values(name, by_place[place], bad)
        elif name == about.label_column:
            labels = cells.values(name, by_place[place], bad)
        elif name == about.score_column:
            scores = cells.scores(name, by_place[place], bad)
        else:
            columns[name] = cells.values(name, by_place[place], bad)
        for row, error in bad.items():
            wrong.setdefault(numbers[row], error)
    for place in header.blank if rows else ():
        for row, cell in enumerate(by_place[place]):
            if not cells.is_missing(cell):
                wrong.setdefault(
                    numbers[row], BadRow([], f"column {place + 1} has a value but no name; name it in the header")
                )
    for number in sorted(wrong):
        errors.add(number, wrong[number].loc, wrong[number].msg)
    labelled = labelled_rows(labels, predictions, scores)
    return Chunk(columns, predictions, hours, len(rows), {}, labelled)
