"""CSV files.

A CSV file means the same as when it is uploaded as a baseline. pyarrow reads it, because that is many times faster than
the engine's own reader. Where the two could differ, the engine's reader reads the file once more. It also words the
errors, with the number of the line.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as pa_csv
from driftguard_engine.rows import files as engine_files
from driftguard_engine.rows.chunks import BadFile
from driftguard_engine.rows.csv_cells import MISSING, Cells, almost_value
from driftguard_engine.rows.csv_layout import Layout, layout_of
from driftguard_engine.rows.csv_lines import Header, header_of
from driftguard_engine.rows.file_format import FileFormat
from driftguard_engine.rows.reading import BadRow
from driftguard_engine.rows.signatures import HEAD_BYTES, check_text, encoding_of

from driftguard_client.comparing.opening import open_file, worded
from driftguard_client.comparing.sources import Batch
from driftguard_client.comparing.values import Values, numpy_of

T = TypeVar("T")

BLOCK_BYTES = 16_000_000


@dataclass(frozen=True)
class CsvOptions:
    """How CSV files are read. text_columns: columns of texts even if every value looks like a number.

    delimiter: the character between two values; found out if None. na_values: further cells that mean a missing value.
    """

    text_columns: Sequence[str] = ()
    delimiter: str | None = None
    na_values: Sequence[str] = ()


class Doubtful(Exception):
    """pyarrow and the engine may read the file differently."""


class CsvSource:
    """The rows of a CSV file."""

    def __init__(self, path: Path, options: CsvOptions, *, gzipped: bool) -> None:
        self.name = path.name
        self.notes: list[str] = []
        self._path = path
        self._gzipped = gzipped
        self._about = FileFormat(
            format="csv",
            prediction_column=None,
            timestamp_column=None,
            delimiter=options.delimiter,
            na_values=list(options.na_values),
        )
        with worded(path), closing(open_file(path, gzipped=gzipped)) as file:
            head = file.read(HEAD_BYTES)
            check_text(head.decode(encoding_of(head), "ignore"), self._about)
            self._encoding = encoding_of(head)
            sample = head.decode(self._encoding, "ignore")
            self._layout = layout_of(sample, self._about, whole=len(head) < HEAD_BYTES)
            self._header, self._header_lines, self._sample = _header(sample, self._layout, self._about, self.notes)
        self.names = [name for _place, name in self._header.columns]
        # Both files of a comparison share the options, and a column may be in one of them alone.
        as_text = [name for name in options.text_columns if name in self.names]
        self._about = self._about.model_copy(update={"text_columns": as_text})

    def read(self, consume: Callable[[Iterator[Batch]], T]) -> T:
        """Return what `consume` makes of the file's batches, read in the fastest way that is certain."""
        with worded(self._path):
            if self._simple:
                for numeric in (self._numeric, frozenset[int]()):
                    with suppress(Doubtful, pa.ArrowException, UnicodeDecodeError), self._open() as file:
                        return consume(self._fast(file, numeric))
            with self._open() as file:
                return consume(self._slow(file))

    @property
    def _simple(self) -> bool:
        return self._encoding == "utf-8-sig" and self._layout.extra is None and not self._header.blank

    @property
    def _numeric(self) -> frozenset[int]:
        """The places of the columns whose first cells are all numbers."""
        if self._about.na_values:
            return frozenset()
        found = set()
        for place, name in self._header.columns:
            cells = [row[place] for row in self._sample if len(row) > place and row[place] not in MISSING]
            if cells and name not in self._about.text_columns and all(map(_is_number, cells)):
                found.add(place)
        return frozenset(found)

    def _open(self) -> closing[BinaryIO]:
        return closing(open_file(self._path, gzipped=self._gzipped))

    def _fast(self, file: BinaryIO, numeric: frozenset[int]) -> Iterator[Batch]:
        places = {name: str(place) for place, name in self._header.columns}
        types = {column: pa.float64() if int(column) in numeric else pa.string() for column in places.values()}
        reader = pa_csv.open_csv(
            pa.PythonFile(file, mode="r"),
            read_options=pa_csv.ReadOptions(
                block_size=BLOCK_BYTES,
                skip_rows=self._layout.skipped + self._header_lines,
                column_names=[str(place) for place in range(self._header.width)],
            ),
            parse_options=pa_csv.ParseOptions(delimiter=self._layout.delimiter, newlines_in_values=True),
            convert_options=pa_csv.ConvertOptions(
                include_columns=list(places.values()),
                column_types=types,
                null_values=sorted(MISSING.union(cell.strip() for cell in self._about.na_values)),
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
            ),
        )
        cells = Cells(self._about)
        rows = 0
        for found in reader:
            columns = dict(zip(found.schema.names, found.columns, strict=True))

            def column(name: str, columns: Mapping[str, pa.Array] = columns) -> Values | None:
                place = places.get(name)
                return None if place is None else _typed(name, columns[place], cells)

            if found.num_rows:
                yield Batch(found.num_rows, rows, column)
                rows += found.num_rows
        if not rows:
            raise Doubtful

    def _slow(self, file: BinaryIO) -> Iterator[Batch]:
        rows = 0
        for chunk in engine_files.read(file, self._about, datetime.now(UTC)):
            yield Batch(chunk.rows, rows, cast("Callable[[str], Values | None]", chunk.columns.get))
            rows += chunk.rows


def _typed(name: str, column: pa.Array, cells: Cells) -> Values:
    """Return the values of a column of texts as the engine reads them. Raises Doubtful if it may refuse a cell."""
    if not pa.types.is_string(column.type):
        if not np.isfinite(numpy_of(column.drop_null())).all():
            raise Doubtful
        return column
    distinct = column.dictionary_encode()
    names: list[str] = distinct.dictionary.to_pylist()
    bad: dict[int, BadRow] = {}
    values = cells.values(name, names, bad)
    if bad or name in names or any(text != text.strip() for text in names):
        raise Doubtful
    if any(map(almost_value, names)):
        # Whether the engine refuses such texts depends on how many there are, so it sees every cell.
        every = cells.values(name, column.fill_null("").to_pylist(), bad)
        if bad:
            raise Doubtful
        return list(every)
    kinds = set(map(type, values))
    if kinds <= {str}:
        return pa.DictionaryArray.from_arrays(distinct.indices, distinct.dictionary)
    if kinds <= {float, type(None)}:
        numbers = np.array([math.nan if value is None else value for value in values])
        return _array(pa.float64(), numbers).take(distinct.indices)
    if kinds <= {bool}:
        return _array(pa.uint8(), np.array(values, np.uint8)).cast(pa.bool_()).take(distinct.indices)
    # texts and numbers in one column
    return [None if code is None else values[code] for code in distinct.indices.to_pylist()]


def _array(kind: pa.DataType, values: npt.NDArray[Any]) -> pa.Array:
    """Return an Arrow array of numbers. `pyarrow.array` would import pandas, which takes seconds."""
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values.tobytes())])


def _header(sample: str, layout: Layout, about: FileFormat, notes: list[str]) -> tuple[Header, int, list[list[str]]]:
    """Return the header, how many lines it takes, and the first rows."""
    lines = io.StringIO(sample, newline="").readlines()[layout.skipped :]
    blank = next((place for place, line in enumerate(lines) if line.strip("\ufeff \t\r\n")), 0)
    reader = csv.reader(lines[blank:], delimiter=layout.delimiter, skipinitialspace=True)
    table: list[list[str]] = []
    taken = 0
    with suppress(csv.Error):
        for row in reader:
            if not table:
                taken = reader.line_num
            table.append([cell.strip() for cell in row])
            if len(table) > 200:
                break
    if not table:
        raise BadFile("the file has no rows; send at least one row")
    header = header_of(table[0], layout, about, layout.skipped + blank + 1, notes)
    return header, blank + taken, table[1:-1] or table[1:]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell
