"""Read JSON Lines: one row per line, in the shape of inline rows."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime

from driftguard.rows.chunks import Chunk, Errors, Lines
from driftguard.rows.reading import MAX_FEATURES, BadRow, BaselineRow, RowReader


def read_json_lines(lines: Lines, errors: Errors, now: datetime) -> Iterator[Chunk]:
    """Yield the rows of a JSON Lines file in chunks. Adds rejected lines to `errors`."""
    reader, decode = RowReader(now), json.JSONDecoder().decode
    names: dict[str, None] = {}
    rows: list[BaselineRow] = []
    cells = 0
    for line in lines:
        lines.mark()
        if line.isspace():
            continue
        try:
            row = reader.baseline(decode(line), [])
        except BadRow as error:
            errors.add(lines.number, error.loc, error.msg)
            continue
        except (ValueError, RecursionError) as error:
            errors.add(lines.number, [], f"is not valid JSON: {str(error)[:100]}")
            continue
        names.update(dict.fromkeys(row.features))
        if len(names) > MAX_FEATURES:
            errors.add(lines.number, ["features"], f"the lines up to here have more than {MAX_FEATURES} features")
            errors.check()
        rows.append(row)
        cells += len(row.features) + 1
        if lines.fill(cells):
            yield _transposed(rows)
            rows, cells = [], 0
            lines.reset()
    yield _transposed(rows)


def _transposed(rows: Sequence[BaselineRow]) -> Chunk:
    names = dict.fromkeys(name for row in rows for name in row.features)
    return Chunk(
        {name: [row.features.get(name) for row in rows] for name in names},
        [row.prediction for row in rows],
        {row.day for row in rows if row.day is not None},
        len(rows),
    )
