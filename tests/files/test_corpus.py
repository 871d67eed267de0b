"""A corpus of files as people send them: each gives the values that pandas reads, or a sentence that helps."""

import csv
import io
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftguard.baselines.schemas import NewUpload
from driftguard.distributions.baseline import Baseline
from driftguard.distributions.categories import Categories
from driftguard.distributions.large import BaselineBuilder
from driftguard.distributions.numbers import Numbers
from driftguard.platform.serialization import Scalar
from driftguard.rows.chunks import BadFile
from driftguard.rows.files import read
from tests.files.bad import BAD, Bad
from tests.files.good import GOOD, MARKS, Good

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)


def baseline_of(
    data: bytes, about: dict[str, Any], folder: Path
) -> tuple[Baseline, dict[str, list[Scalar]], int, list[str]]:
    """The baseline of a file, its values, the number of its days, and the warnings."""
    builder, columns, days, notes = BaselineBuilder(folder), dict[str, list[Scalar]](), set[date](), list[str]()
    description = NewUpload.model_validate({"format": "csv", **about})
    for chunk in read(io.BytesIO(data), description, NOW, notes=notes):
        builder.add(chunk.columns, chunk.predictions, rows=chunk.rows)
        days |= chunk.days
        for name, values in chunk.columns.items():
            columns.setdefault(name, []).extend(values)
    return builder.finish(), columns, len(days), notes


def by_pandas(data: bytes, options: dict[str, Any]) -> dict[str, list[Any]]:
    """The columns that pandas reads, with None for a missing value."""
    frame = pd.read_csv(io.BytesIO(data), **options)
    return {
        str(name): [
            None if pd.isna(value) else value.item() if isinstance(value, np.generic) else value
            for value in frame[name]
        ]
        for name in frame.columns
    }


NUMBERS = st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.integers(-(2**53), 2**53))
TEXTS = st.text("abc ;|,\"\n'é", min_size=1, max_size=5).filter(lambda text: text == text.strip() and text != "c")
COLUMNS = st.sampled_from([NUMBERS, TEXTS, st.booleans()])
MARK = st.sampled_from(MARKS)


@given(st.data())
def test_any_table_gives_the_values_that_pandas_reads(data: st.DataObject) -> None:
    """Numbers, texts and booleans with any mark of a missing value, under any delimiter and quoting."""
    count = data.draw(st.integers(1, 12))
    drawn = [data.draw(COLUMNS) for _ in range(data.draw(st.integers(1, 4)))]
    cells = [[data.draw(st.one_of(column, column, MARK)) for column in drawn] for _ in range(count)]
    delimiter = data.draw(st.sampled_from([",", ";", "\t", "|", "^"]))
    end = data.draw(st.sampled_from(["\n", "\r\n"]))
    held = io.StringIO()
    if data.draw(st.booleans()):
        writer = csv.writer(held, delimiter=delimiter, lineterminator=end)
    else:
        writer = csv.writer(held, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerow([f"column {number}" for number in range(len(drawn))])
    writer.writerows(cells)
    about = NewUpload(format="csv", delimiter=delimiter)
    content = held.getvalue().encode()
    chunks = list(read(io.BytesIO(content), about, NOW))
    wanted = by_pandas(content, {"sep": delimiter})
    for chunk in chunks:
        assert chunk.rows == count
        assert chunk.columns == wanted


def kind(value: Any) -> str:
    """The type that a value counts for."""
    return "boolean" if isinstance(value, bool) else "numeric" if isinstance(value, (int, float)) else "categorical"


@pytest.mark.parametrize("file", GOOD.values(), ids=GOOD)
def test_a_good_file_gives_the_values_that_pandas_reads(file: Good, tmp_path: Path) -> None:
    """Names, values, types, missing and invalid counts, and the distribution agree with pandas' columns."""
    baseline, columns, days, notes = baseline_of(file.data, file.about, tmp_path)
    wanted = file.columns if file.pandas is None else by_pandas(file.data, file.pandas)
    assert columns == wanted
    assert {name: list(map(type, values)) for name, values in columns.items()} == {
        name: [float if type(value) is int and file.about.get("format") != "jsonl" else type(value) for value in values]
        for name, values in wanted.items()
    }
    assert (days, len(notes)) == (file.days, file.notes)
    assert [feature.name for feature in baseline.features] == list(wanted)
    for feature in baseline.features:
        present = [value for value in wanted[feature.name] if value is not None]
        kinds = Counter(map(kind, present))
        most = max(kinds.values(), default=0)
        assert kinds[feature.type] == most
        assert (feature.rows, feature.missing) == (len(wanted[feature.name]), len(wanted[feature.name]) - len(present))
        assert feature.invalid == len(present) - most
        values = [value for value in present if kind(value) == feature.type]
        if isinstance(feature.values, Numbers) and values:
            assert (feature.values.quantiles[0], feature.values.quantiles[-1]) == (min(values), max(values))
            assert feature.values.total == pytest.approx(sum(values))
        elif isinstance(feature.values, Categories):
            shown = [str(value).lower() if isinstance(value, bool) else value for value in values]
            assert dict(zip(feature.values.names, feature.values.counts, strict=True)) == Counter(shown)


@pytest.mark.parametrize("file", BAD.values(), ids=BAD)
def test_a_bad_file_is_refused_with_a_hint(file: Bad, tmp_path: Path) -> None:
    """The reason names what is wrong and what to do, and no rows come out."""
    with pytest.raises(BadFile) as caught:
        baseline_of(file.data, file.about, tmp_path)
    assert file.says in caught.value.reason


def test_the_corpus_is_large_enough() -> None:
    """At least forty files in all, and at least forty of each sort."""
    assert min(len(GOOD), len(BAD)) >= 40
