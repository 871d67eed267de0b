"""Read JSON Lines: one row per line, in the shape of inline rows."""

import json
import re
from array import array
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from driftguard.platform.serialization import Scalar
from driftguard.rows.chunks import Chunk, Errors, Lines
from driftguard.rows.columns import Row
from driftguard.rows.labelled import labelled_row
from driftguard.rows.reading import MAX_FEATURES, BadRow, BaselineRow, RowReader
from driftguard.rows.records import Record

_SURROGATE = re.compile("[\ud800-\udfff]")


def read_json_lines(lines: Lines, errors: Errors, now: datetime) -> Iterator[Chunk]:
    """Yield the rows of a JSON Lines file in chunks. Adds rejected lines to `errors`."""
    reader, decode = RowReader(now), json.JSONDecoder().decode
    names: dict[str, None] = {}
    rows = _Rows()
    for line in lines:
        lines.mark()
        if line.isspace():
            continue
        try:
            item = _item(line, decode)
            if isinstance(item, dict) and isinstance(item.get("prediction"), (list, dict)):
                raise BadRow(["prediction"], "must be one value; send one number, such as the probability of one class")
            row = reader.baseline(item, [])
        except BadRow as error:
            errors.add(lines.number, error.loc, error.msg)
            continue
        if not row.features.keys() <= names.keys():
            names.update(dict.fromkeys(row.features))
        if len(names) > MAX_FEATURES:
            errors.add(lines.number, ["features"], f"the lines up to here have more than {MAX_FEATURES} features")
            errors.check()
        rows.add(row)
        if lines.fill(rows.cells):
            yield rows.chunk()
            rows = _Rows()
            lines.reset()
    yield rows.chunk()


def read_json_records(lines: Lines) -> Iterator[Record]:
    """Yield the rows of a JSON Lines file one by one."""
    decode = json.JSONDecoder().decode
    for line in lines:
        lines.mark()
        if line.isspace():
            continue
        try:
            yield Record(lines.number, _item(line, decode))
        except BadRow as error:
            yield Record(lines.number, error)


def _item(line: str, decode: Callable[[str], Any]) -> Any:
    """Return the value that a line holds. Raises BadRow."""
    if not line.isascii() and _SURROGATE.search(line):
        raise BadRow([], "holds bytes that are not UTF-8; save the file in UTF-8")
    try:
        return decode(line)
    except (ValueError, RecursionError) as error:
        cut = isinstance(error, json.JSONDecodeError) and error.pos >= len(line.rstrip())
        why = "it does not end on this line; write each row on one line" if cut else str(error)[:100]
        raise BadRow([], f"is not valid JSON: {why}") from None


class _Rows:
    """Rows as columns that hold only the values that the rows have, so that sparse rows stay small."""

    def __init__(self) -> None:
        self.cells = 0
        self._columns: dict[str, list[Scalar]] = {}
        self._predictions: list[Scalar] = []
        self._hours: list[int | None] = []
        self._places: dict[str, array[int]] = {}
        self._labelled: list[Row] = []

    def add(self, given: BaselineRow) -> None:
        """Add a row."""
        row = len(self._predictions)
        for name, value in given.features.items():
            values = self._columns.setdefault(name, [])
            if len(values) != row:
                # The column lacks entries. Up to now it had one for each row.
                self._places.setdefault(name, array("I", range(len(values)))).append(row)
            values.append(value)
        self._predictions.append(given.prediction)
        self._hours.append(given.hour)
        labelled = labelled_row(given.prediction, given.label, given.score, given.probabilities)
        if labelled is not None:
            self._labelled.append(labelled)
        self.cells += len(given.features) + 1

    def chunk(self) -> Chunk:
        """Return the rows as a chunk."""
        rows = len(self._predictions)
        for name, values in self._columns.items():
            if len(values) < rows:  # the column ended before the last row
                self._places.setdefault(name, array("I", range(len(values))))
        hours = self._hours if any(hour is not None for hour in self._hours) else ()
        return Chunk({**self._columns}, self._predictions, hours, rows, self._places, self._labelled)
