"""Rows in files: CSV, JSON Lines (both plain or gzip) and Parquet.

A CSV file means the same as when it is uploaded as a baseline. pyarrow reads it, because that is many times faster than
the engine's own reader. Where the two could differ, the engine's reader reads the file once more. It also words the
errors, with the number of the line.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
import os
import zlib
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
import pyarrow.parquet as pq
from driftguard_engine.rows import files as engine_files
from driftguard_engine.rows.chunks import BadFile
from driftguard_engine.rows.csv_cells import MISSING, Cells
from driftguard_engine.rows.csv_layout import Layout, layout_of
from driftguard_engine.rows.csv_lines import Header, header_of
from driftguard_engine.rows.file_format import FileFormat
from driftguard_engine.rows.reading import BadRow
from driftguard_engine.rows.signatures import HEAD_BYTES, check_binary, check_text, encoding_of

from driftguard_client.comparing.errors import CompareError
from driftguard_client.comparing.sources import Batch, Source
from driftguard_client.comparing.values import Values, numpy_of

T = TypeVar("T")

BLOCK_BYTES = 16_000_000
ROWS_AT_ONCE = 65_536
JSON_ROWS = 20_000
GZIP = b"\x1f\x8b"
PARQUET = b"PAR1"
INDEX = "__index_level_"
"""pandas writes the index of a frame into a Parquet file under names that begin like this."""


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


def file_source(path: str | os.PathLike[str], options: CsvOptions | None = None) -> Source:
    """Return the rows of a file. Its content decides about the format. Raises CompareError if it cannot be read."""
    path = Path(path)
    try:
        with path.open("rb") as file:
            start = file.read(4)
        if start == PARQUET:
            return ParquetSource(path)
        with closing(_opened(path, gzipped=start.startswith(GZIP))) as file:
            head = file.read(HEAD_BYTES)
            check_binary(head)
            text = head.decode(encoding_of(head), "ignore").lstrip("\ufeff \t\r\n")
    except IsADirectoryError:
        raise CompareError(f"{path} is a folder. Name a file.") from None
    except FileNotFoundError:
        raise CompareError(f"{path} does not exist. Check the name of the file.") from None
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise CompareError(f"{path}: the gzip data are damaged ({error}). Copy the whole file again.") from None
    except BadFile as error:
        raise CompareError(f"{path}: {error.reason}") from None
    except OSError as error:
        raise CompareError(f"{path} cannot be read: {error.strerror or error}.") from None
    if not text:
        raise CompareError(f"{path} is empty.")
    if text.startswith("{") or path.name.removesuffix(".gz").endswith((".jsonl", ".ndjson", ".json")):
        return JsonSource(path, gzipped=start.startswith(GZIP))
    return CsvSource(path, options or CsvOptions(), gzipped=start.startswith(GZIP))


class ParquetSource:
    """The rows of a Parquet file."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self.notes: list[str] = []
        self._path = path
        try:
            with pq.ParquetFile(path) as file:
                every = list(file.schema_arrow.names)
                rows = file.metadata.num_rows
        except (pa.ArrowException, OSError, ValueError) as error:
            raise CompareError(f"{path} is not a readable Parquet file: {_first_line(error)}") from None
        self.names: list[str] = [name for name in every if not name.startswith(INDEX)]
        if not rows:
            raise CompareError(f"{path} has no rows.")

    def read(self, consume: Callable[[Iterator[Batch]], T]) -> T:
        """Return what `consume` makes of the file's batches."""
        try:
            with pq.ParquetFile(self._path) as file:
                return consume(self._batches(file))
        except (pa.ArrowException, OSError) as error:
            raise CompareError(f"{self._path} is a damaged Parquet file: {_first_line(error)}") from None

    def _batches(self, file: pq.ParquetFile) -> Iterator[Batch]:
        rows = 0
        for found in file.iter_batches(batch_size=ROWS_AT_ONCE, columns=list(self.names)):
            columns = dict(zip(found.schema.names, found.columns, strict=True))
            yield Batch(found.num_rows, rows, columns.get)
            rows += found.num_rows


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
        with _worded(path), closing(_opened(path, gzipped=gzipped)) as file:
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
        with _worded(self._path):
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
        return closing(_opened(self._path, gzipped=self._gzipped))

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


class JsonSource:
    """The rows of a JSON Lines file: flat objects, or objects with `features` as the service's API has them."""

    def __init__(self, path: Path, *, gzipped: bool) -> None:
        self.name = path.name
        self.notes: list[str] = []
        self._path = path
        self._gzipped = gzipped
        names: dict[str, None] = {}
        with _worded(path):
            for batch in self._batches():
                names.update(dict.fromkeys(batch))
        self.names = list(names)

    def read(self, consume: Callable[[Iterator[Batch]], T]) -> T:
        """Return what `consume` makes of the file's batches."""
        with _worded(self._path):
            return consume(self._rows())

    def _rows(self) -> Iterator[Batch]:
        rows = 0
        for columns in self._batches():
            size = len(next(iter(columns.values()), ()))
            yield Batch(size, rows, columns.get)
            rows += size

    def _batches(self) -> Iterator[dict[str, list[Any]]]:
        """Yield columns of equal length."""
        columns: dict[str, list[Any]] = {}
        rows = total = 0
        with closing(_opened(self._path, gzipped=self._gzipped)) as file:
            for number, line in enumerate(io.TextIOWrapper(file, "utf-8-sig"), 1):
                if line.isspace():
                    continue
                for name, value in _flat(line, number).items():
                    values = columns.setdefault(name, [])
                    values.extend([None] * (rows - len(values)))
                    values.append(value)
                rows += 1
                if rows == JSON_ROWS:
                    yield _filled(columns, rows)
                    columns, total, rows = {}, total + rows, 0
        if rows:
            yield _filled(columns, rows)
        elif not total:
            raise BadFile("the file has no rows; send at least one row")


def _filled(columns: dict[str, list[Any]], rows: int) -> dict[str, list[Any]]:
    for values in columns.values():
        values.extend([None] * (rows - len(values)))
    return columns


def _flat(line: str, number: int) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadFile(f"line {number} is not valid JSON: {str(error)[:100]}; write each row on one line") from None
    if not isinstance(row, dict):
        raise BadFile(f"line {number} is not an object; write each row as an object with a value for each name")
    features = row.get("features")
    return {**features, **{key: row[key] for key in row if key != "features"}} if isinstance(features, dict) else row


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


def _opened(path: Path, *, gzipped: bool) -> BinaryIO:
    return cast("BinaryIO", gzip.open(path, "rb")) if gzipped else path.open("rb")


class _worded:  # noqa: N801  used like a function
    """Words the errors of reading a file for a person."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, _type: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, BadFile):
            more = [f"\n  line {line.line}: {line.msg}" for line in error.errors[1:]]
            raise CompareError(f"{self._path}: {error.reason}{''.join(more)}") from None
        if isinstance(error, (EOFError, gzip.BadGzipFile, zlib.error)):
            raise CompareError(
                f"{self._path}: the gzip data are damaged ({error}). Copy the whole file again."
            ) from None
        if isinstance(error, UnicodeDecodeError):
            raise CompareError(f"{self._path}: the file is not valid UTF-8. Save it as UTF-8.") from None
        if isinstance(error, OSError):
            raise CompareError(f"{self._path} cannot be read: {error.strerror or error}.") from None


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
