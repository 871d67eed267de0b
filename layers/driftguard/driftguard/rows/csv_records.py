"""Read CSV row by row: a header row, then one record per row, with its values under the names of the columns."""

from collections.abc import Iterator, Sequence
from typing import Any

from driftguard.rows.chunks import BadFile, Lines
from driftguard.rows.csv_cells import Cells
from driftguard.rows.csv_layout import Layout
from driftguard.rows.csv_lines import Header, header_of, split_records
from driftguard.rows.file_format import FileFormat, TableFormat
from driftguard.rows.reading import BadRow, shown
from driftguard.rows.records import Columns, Record


def read_csv_records(
    lines: Lines, layout: Layout, about: TableFormat, columns: Columns, notes: list[str]
) -> Iterator[Record]:
    """Yield the rows of a CSV file one by one. Raises BadFile for a bad header, and where the CSV is not valid."""
    table = FileFormat(format="csv", na_values=about.na_values, prediction_column=None, timestamp_column=None)
    cells = Cells(table)
    header: Header | None = None
    wrong: dict[int, BadRow] = {}
    for number, row in split_records(lines, layout, wrong):
        if header is None:
            header = header_of(row, layout, table, number, notes)
            _check_header([name for _place, name in header.columns], columns, number)
        elif len(row) != header.width:
            yield Record(number, BadRow([], f"has {len(row)} values, the header has {header.width} names"))
        else:
            yield Record(number, _item(row, header, cells, columns))
    for number, error in wrong.items():
        raise BadFile(f"line {number} {error.msg}; correct the line and send the file again")


def _check_header(names: Sequence[str], columns: Columns, line: int) -> None:
    for name in names:
        if not columns.known(name):
            raise BadFile(f"line {line}: the column {shown(name)!r} is unknown; {columns.what}")
    for name in columns.required:
        if name not in names:
            raise BadFile(f"line {line}: the file has no column {name!r}; {columns.what}")


def _item(row: Sequence[str], header: Header, cells: Cells, columns: Columns) -> dict[str, Any] | BadRow:
    try:
        for place in header.blank:
            if not cells.is_missing(row[place]):
                raise BadRow([], f"column {place + 1} has a value but no name; name it in the header")
        return {
            name: None if cells.is_missing(row[place]) else columns.cell(name, row[place])
            for place, name in header.columns
        }
    except BadRow as error:
        return error
