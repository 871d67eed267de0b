"""Rows in files: CSV, JSON Lines (both plain or gzip) and Parquet."""

from __future__ import annotations

import gzip
import io
import json
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq
from driftguard_engine.rows.chunks import BadFile
from driftguard_engine.rows.signatures import HEAD_BYTES, check_binary, encoding_of

from driftguard_client.comparing.csv_files import CsvOptions, CsvSource
from driftguard_client.comparing.errors import CompareError
from driftguard_client.comparing.opening import first_line, open_file, worded
from driftguard_client.comparing.sources import Batch, Source

T = TypeVar("T")

ROWS_AT_ONCE = 65_536
JSON_ROWS = 20_000
GZIP = b"\x1f\x8b"
PARQUET = b"PAR1"
INDEX = "__index_level_"
"""pandas writes the index of a frame into a Parquet file under names that begin like this."""


def file_source(path: str | os.PathLike[str], options: CsvOptions | None = None) -> Source:
    """Return the rows of a file. Its content decides about the format. Raises CompareError if it cannot be read."""
    path = Path(path)
    try:
        with path.open("rb") as file:
            start = file.read(4)
        if start == PARQUET:
            return ParquetSource(path)
        with closing(open_file(path, gzipped=start.startswith(GZIP))) as file:
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
            raise CompareError(f"{path} is not a readable Parquet file: {first_line(error)}") from None
        self.names: list[str] = [name for name in every if not name.startswith(INDEX)]
        if not rows:
            raise CompareError(f"{path} has no rows.")

    def read(self, consume: Callable[[Iterator[Batch]], T]) -> T:
        """Return what `consume` makes of the file's batches."""
        try:
            with pq.ParquetFile(self._path) as file:
                return consume(self._batches(file))
        except (pa.ArrowException, OSError) as error:
            raise CompareError(f"{self._path} is a damaged Parquet file: {first_line(error)}") from None

    def _batches(self, file: pq.ParquetFile) -> Iterator[Batch]:
        rows = 0
        for found in file.iter_batches(batch_size=ROWS_AT_ONCE, columns=list(self.names)):
            columns = dict(zip(found.schema.names, found.columns, strict=True))
            yield Batch(found.num_rows, rows, columns.get)
            rows += found.num_rows


class JsonSource:
    """The rows of a JSON Lines file: flat objects, or objects with `features` as the service's API has them."""

    def __init__(self, path: Path, *, gzipped: bool) -> None:
        self.name = path.name
        self.notes: list[str] = []
        self._path = path
        self._gzipped = gzipped
        names: dict[str, None] = {}
        with worded(path):
            for batch in self._batches():
                names.update(dict.fromkeys(batch))
        self.names = list(names)

    def read(self, consume: Callable[[Iterator[Batch]], T]) -> T:
        """Return what `consume` makes of the file's batches."""
        with worded(self._path):
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
        with io.TextIOWrapper(open_file(self._path, gzipped=self._gzipped), "utf-8-sig") as lines:
            for number, line in enumerate(lines, 1):
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
