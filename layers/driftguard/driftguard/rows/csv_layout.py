"""Find out how a CSV file is laid out, and refuse text that is no table with a header.

All conclusions come from the first rows. A wrong guess would become a baseline that nobody sees, so an unclear file is
refused with the field that makes it clear.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from itertools import islice, pairwise
from typing import Literal, NamedTuple

from driftguard.rows.chunks import BadFile
from driftguard.rows.file_format import TableFormat

DELIMITERS = (",", ";", "\t", "|")
OTHER_DELIMITERS = ("^", "~", "\x01", "\x1f", ":")
WEAK_DELIMITERS = (";", "|")
"""One of these in each line may be a part of a text. From two on, they separate columns."""
SAMPLE_ROWS = 200
MOST = 0.9
"""Share of the sample's rows that must agree before a conclusion follows."""

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_EXCEL_SEPARATOR = re.compile(r'\ufeff?"?sep=([^"])"?[\r\n]*', re.IGNORECASE)
_LIBSVM = re.compile(r"\S+( \d+:\S+)+\s*")
_PADDED = re.compile(r"\S {2,}\S")
_RULE = re.compile(r"[\s:+-]*-[\s:+-]*")

type Extra = Literal["first", "last"]


class Layout(NamedTuple):
    """How a CSV file is laid out.

    skipped: lines before the header. extra: which value of each row has no name in the header.
    """

    delimiter: str = ","
    skipped: int = 0
    extra: Extra | None = None


type Table = list[list[str]]


def layout_of(sample: str, about: TableFormat, *, whole: bool) -> Layout:
    """Return the layout of a file that starts with `sample`. Raises BadFile if the text is no table with a header.

    whole: the sample is the whole file.
    """
    lines = list(islice(io.StringIO(sample, newline=""), SAMPLE_ROWS * 10))
    if not whole and len(lines) > 1:
        lines.pop()  # the end of the sample may cut a line
    first = next((number for number, line in enumerate(lines) if line.strip("\ufeff \t\r\n")), 0)
    named = _EXCEL_SEPARATOR.fullmatch(lines[first]) if lines else None
    skipped = first + 1 if named else 0
    said = about.delimiter or (named.group(1) if named else None)
    tables = {each: _table(lines[skipped:], each) for each in (said, *DELIMITERS) if each}
    delimiter = said or _best(tables)
    table = tables[delimiter]
    if said is None and delimiter in WEAK_DELIMITERS and table and len(table[0]) == 2:
        raise BadFile(
            f"the file does not look comma-separated: the first line is one name, {table_name(tables[','])}, and it "
            f"holds {delimiter!r} once; set delimiter to {delimiter!r} if it separates two columns"
        )
    if len(table) < 2:
        return Layout(delimiter, skipped)
    header, rows = table[0], table[1:]
    if len(header) == 1:
        _check_single_column(delimiter, tables, lines[skipped:])
    if len(header) > 1 and all(_RULE.fullmatch(cell) for cell in rows[0] if cell) and any(rows[0]):
        raise BadFile("line 2 is a ruled line, as in Markdown or in the output of a database; export the table as CSV")
    extra = _extra(header, rows)
    _check_header(header, rows, 1 if extra == "first" else 0)
    return Layout(delimiter, skipped, extra)


def _table(lines: Sequence[str], delimiter: str) -> Table:
    """Return the first rows as this delimiter separates them."""
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
    table: Table = []
    try:
        for row in reader:
            if row and (len(row) > 1 or row[0].strip()):
                table.append([cell.strip("\ufeff").strip() for cell in row])
            if len(table) > SAMPLE_ROWS:
                break
    except csv.Error:
        pass  # reading the rows reports the line
    return table


def _agreement(table: Table) -> float:
    """Return the share of rows that have as many values as the header has names, or one more."""
    width = len(table[0])
    return sum(len(row) in (width, width + 1) for row in table[1:]) / max(1, len(table) - 1)


def _best(tables: dict[str, Table]) -> str:
    """Return the delimiter of a file. Raises BadFile if two delimiters fit."""
    several = {each: _agreement(table) for each, table in tables.items() if table and len(table[0]) > 1}
    if "\t" in several and tables["\t"][0][0].endswith((",", ";", "|")):
        del several["\t"]  # a tab that pads the next value
    if not several:
        return DELIMITERS[0]
    best = max(several, key=lambda each: several[each])
    fitting = [each for each, share in several.items() if share >= MOST]
    if len(fitting) > 1 and len(tables[best]) > 1:
        shown = " and ".join(map(repr, fitting))
        raise BadFile(f"the lines can be separated at {shown}; say which one separates columns with delimiter")
    return best


def _check_single_column(delimiter: str, tables: dict[str, Table], lines: Sequence[str]) -> None:
    """Raise BadFile if a file of one column seems to have more."""
    for other in DELIMITERS:
        table = tables[other]
        if other == delimiter or len(table) < 2:
            continue
        if len(table[0]) > 1 and _agreement(table) >= MOST:
            raise BadFile(
                f"separated at {delimiter!r} the file has one column, {table_name(tables[delimiter])}; "
                f"its name and values all hold {other!r}, so set delimiter to {other!r}"
            )
    if tables[delimiter][0][0].startswith("#") and any(len(row) > 1 for each in DELIMITERS for row in tables[each]):
        raise BadFile("the first line is a comment; remove the lines before the names of the columns")
    for each in DELIMITERS:
        widths = Counter(len(row) for row in tables[each][1:])
        width, count = widths.most_common(1)[0] if widths else (1, 0)
        if width > (1 if each in ",\t" else 2) and count >= MOST * widths.total():
            raise BadFile(
                f"the first line has 1 name, {table_name(tables[delimiter])}, but the next lines have {width} values "
                "each; the first line must hold the names of all columns, so remove or correct it"
            )
    texts = [line.strip() for line in lines[: SAMPLE_ROWS + 1] if line.strip()]
    if sum(bool(_LIBSVM.fullmatch(text)) for text in texts) >= MOST * len(texts):
        raise BadFile("the file is in LIBSVM format; export the table as CSV or JSON Lines and send that file")
    if all(_PADDED.search(text) for text in texts):
        raise BadFile("the columns are separated by blanks; separate them with commas, semicolons or tabs")
    blanks = _same_parts([text.split() for text in texts])
    if blanks > 1 and sum(bool(NUMBER.fullmatch(part)) for text in texts[1:] for part in text.split()) * 2 >= blanks * (
        len(texts) - 1
    ):
        raise BadFile("the columns are separated by blanks; separate them with commas, semicolons or tabs")
    for other in OTHER_DELIMITERS:
        if other != delimiter and _same_parts([text.split(other) for text in texts]) > (2 if other == ":" else 1):
            raise BadFile(
                f"the file has one column, {table_name(tables[delimiter])}; "
                f"its name and values all hold {other!r}, so set delimiter to {other!r}"
            )


def _same_parts(texts: Sequence[Sequence[str]]) -> int:
    """Return the number of parts of the first text; 0 if most others have another number."""
    parts = len(texts[0])
    return parts if sum(len(text) == parts for text in texts) >= MOST * len(texts) else 0


def table_name(table: Table) -> str:
    """Return the first name of the header in a form that a sentence can show."""
    name = table[0][0]
    return repr(name if len(name) <= 40 else name[:40] + "…")


def _extra(header: Sequence[str], rows: Table) -> Extra | None:
    """Return which value the header does not name, if each row has one value more than the header has names."""
    if len(header) < 2 or any(len(row) != len(header) + 1 for row in rows):
        return None
    if not any(row[-1] for row in rows):
        return "last"
    first = [row[0] for row in rows]
    if len(first) < 2 or len(set(first)) < len(first):
        return None
    if all(cell.isdecimal() for cell in first):
        numbers = [int(cell) for cell in first]
        return "first" if numbers == list(range(numbers[0], numbers[0] + len(numbers))) else None
    return "first" if all(cell and not NUMBER.fullmatch(cell) for cell in first) else None


def _check_header(header: Sequence[str], rows: Table, offset: int) -> None:
    """Raise BadFile if the header looks like a row of values.

    offset: the position in a row of the value that the first name belongs to.
    """
    named = [(place, name) for place, name in enumerate(header) if name]
    numbers = [float(name) for _place, name in named if NUMBER.fullmatch(name)]
    good = [row for row in rows if len(row) == len(header) + offset and row[offset:] != header]
    repeated = sum(
        not NUMBER.fullmatch(name) and any(row[place + offset] == name for row in good) for place, name in named
    )
    if _are_names(numbers, all_of_them=len(numbers) == len(named), repeated=repeated):
        numbers = []
    if named and 2 * (len(numbers) + repeated) > len(named):
        shown = ", ".join(name[:20] for name in header[:4])
        raise BadFile(
            f"the first line looks like a row of values, not like names: {shown}; "
            "add a first line with the name of each column"
        )


def _are_names(numbers: Sequence[float], *, all_of_them: bool, repeated: int) -> bool:
    """Whether numbers in a header are names, such as 0, 1, 2 from an array without names, or years."""
    steps = {after - before for before, after in pairwise(numbers)}
    if not all_of_them:
        return not repeated and all(step > 0 for step in steps)
    return steps <= {1.0} and bool(numbers) and (numbers[0] == 0 or len(numbers) > 2)
