"""Read CSV, JSON Lines and Parquet files as frames, with the types that the service reads in uploads."""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
import os
from typing import TYPE_CHECKING, Any

from driftguard_client.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

MISSING = frozenset({"", "NA", "N/A", "NULL", "null", "NaN", "nan", "None", "<NA>", "#N/A", "n/a", "NaT"})
HEAD_BYTES = 4096
_LARGEST_FIELD = 10_000_000


def read(path: str, tell: Callable[[int, int], object], texts: Collection[str] = ()) -> Any:
    """Return the content of a file as a frame. Raises ArgumentError with the line that is wrong.

    texts: columns of a CSV file whose values stay texts, such as ids with leading zeros.
    """
    name = path.lower().removesuffix(".gz")
    if name.endswith((".parquet", ".pq")):
        return read_parquet(path)
    if name.endswith((".csv", ".tsv", ".txt")):
        return _read_csv(path, "\t" if name.endswith(".tsv") else None, tell, texts)
    if name.endswith((".jsonl", ".ndjson", ".json")):
        return _read_json_lines(path, tell)
    raise ArgumentError(f"{path}: the name must end with .csv, .tsv, .jsonl (or one of these with .gz) or .parquet.")


def read_parquet(path: str) -> Any:
    """Return a Parquet file as a pyarrow Table."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise ArgumentError(f"{path}: Parquet needs pyarrow. Run `pip install pyarrow`, or use CSV.") from None
    if not os.path.exists(path):
        raise ArgumentError(f"{path}: there is no such file.")
    try:
        return pyarrow.parquet.read_table(path)
    except (pyarrow.ArrowException, OSError) as error:
        raise ArgumentError(f"{path}: not a readable Parquet file ({str(error).splitlines()[0]}).") from None


def _opened(path: str) -> io.TextIOWrapper:
    try:
        raw: Any = gzip.open(path, "rb") if path.lower().endswith(".gz") else open(path, "rb")  # noqa: SIM115  the caller closes it
    except OSError as error:
        raise ArgumentError(f"{path}: {error.strerror}.") from None
    try:
        _check_text(path, raw.peek(HEAD_BYTES)[:HEAD_BYTES])
    except BaseException:
        raw.close()
        raise
    return io.TextIOWrapper(raw, encoding="utf-8-sig", newline="")


def _check_text(path: str, head: bytes) -> None:
    """Raise ArgumentError if the first bytes of a file are no text in UTF-8."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ArgumentError(f"{path}: the file is in UTF-16. Save it as UTF-8.")
    if b"\0" in head:
        # The sentence of `compare`, which comes from the engine.
        raise ArgumentError(f"{path}: the file is binary; export the table as CSV or JSON Lines and send that file")


def _read_csv(
    path: str, delimiter: str | None, tell: Callable[[int, int], object], texts: Collection[str]
) -> dict[str, list[Any]]:
    csv.field_size_limit(_LARGEST_FIELD)
    try:
        with _opened(path) as file:
            reader = csv.reader(file, delimiter=delimiter or _delimiter(file))
            header = next(reader, None)
            if not header:
                raise ArgumentError(f"{path}: the file is empty; the first line must have the names of the columns.")
            columns: list[list[Any]] = [[] for _ in header]
            for row in reader:
                if not row:
                    continue
                if len(row) != len(header):
                    raise ArgumentError(
                        f"{path}, line {reader.line_num}: {len(row)} cells, but the header has {len(header)}. "
                        "Quote cells that contain the delimiter."
                    )
                for column, cell in zip(columns, row, strict=True):
                    column.append(cell)
                if len(columns[0]) % 50_000 == 0:
                    tell(len(columns[0]), 0)
    except UnicodeDecodeError:
        raise ArgumentError(f"{path}: the file is not valid UTF-8. Save it as UTF-8.") from None
    except (csv.Error, EOFError, gzip.BadGzipFile) as error:
        raise ArgumentError(f"{path}: not a readable CSV file in UTF-8 ({error}).") from None
    if len(set(header)) != len(header):
        raise ArgumentError(f"{path}: the header has a name twice. Rename one of the columns.")
    return {
        name: [None if cell in MISSING else cell for cell in cells] if name in texts else _typed(cells)
        for name, cells in zip(header, columns, strict=True)
    }


def _delimiter(file: io.TextIOWrapper) -> str:
    first = file.readline()
    file.seek(0)
    return max(",;\t|", key=first.count)


def _typed(cells: list[str]) -> list[Any]:
    """Return cells as numbers, booleans, texts and None."""
    known: dict[str, Any] = {}
    values: list[Any] = []
    for cell in cells:
        if cell not in known:
            if len(known) > 100_000:
                known.clear()
            known[cell] = _value(cell.strip())
        values.append(known[cell])
    return values


def _value(cell: str) -> Any:
    if cell in MISSING:
        return None
    lower = cell.lower()
    if lower in {"true", "false"}:
        return lower == "true"
    try:
        number = float(cell)
    except ValueError:
        return cell
    if not math.isfinite(number) or "_" in cell:
        return cell
    return int(cell) if cell.lstrip("+-").isdigit() else number


def _read_json_lines(path: str, tell: Callable[[int, int], object]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    try:
        with _opened(path) as file:
            for number, line in enumerate(file, start=1):
                if not line.strip():
                    continue
                try:
                    row = json.loads(line)
                except ValueError as error:
                    raise ArgumentError(f"{path}, line {number}: not valid JSON ({error}).") from None
                if not isinstance(row, dict):
                    raise ArgumentError(f'{path}, line {number}: must be an object, such as {{"age": 41}}.')
                rows.append(_flat(row))
                if number % 50_000 == 0:
                    tell(number, 0)
    except UnicodeDecodeError:
        raise ArgumentError(f"{path}: the file is not valid UTF-8. Save it as UTF-8.") from None
    except (EOFError, gzip.BadGzipFile) as error:
        raise ArgumentError(f"{path}: not a readable file in UTF-8 ({error}).") from None
    if not rows:
        raise ArgumentError(f"{path}: the file has no rows.")
    return rows


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with its features beside its other fields, as a frame has them."""
    features = row.get("features")
    if not isinstance(features, dict):
        return row
    return {**features, **{name: value for name, value in row.items() if name != "features"}}
