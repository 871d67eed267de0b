"""What cannot be compared is refused with a sentence that says where, why, and what to do."""

import gzip
import math
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from driftguard_engine.rows.columns import values_of
from hypothesis import given
from hypothesis import strategies as st

from driftguard.rows.file_format import FileFormat
from driftguard.rows.files import read
from driftguard_client.comparing import CompareError, compare
from driftguard_client.comparing.csv_files import CsvSource, Doubtful
from driftguard_client.comparing.files import file_source
from driftguard_client.comparing.options import read_options
from driftguard_client.comparing.values import parts_of
from tests.clients.comparing.conftest import columns

GOOD = {"a": [1.0, 2.0, 3.0] * 100, "b": ["x", "y", "z"] * 100}


class Colour(Enum):
    """A value that pandas keeps as an object."""

    RED = "red"


def values(column: Any) -> list[Any]:
    """The values that the engine sees, without the missing ones."""
    return [value for part in parts_of(column, "x") for value in values_of(part)]


@pytest.mark.parametrize(
    ("given_values", "seen"),
    [
        (pa.array([1, None, 3]), [1.0, 3.0]),
        (pa.array([1.5, math.nan, None]), [1.5]),
        (pa.array([255], pa.uint8()), [255.0]),
        (pa.array([2**63], pa.uint64()), [float(2**63)]),
        (pa.array(np.array([0.5, 2], np.float16)), [0.5, 2.0]),
        (pa.array([1.25], pa.float32()), [1.25]),
        (pa.array([Decimal("1.10"), None]), [1.1]),
        (pa.array([True, None, False]), [True, False]),
        (pa.array(["a", None, "ä"]), ["a", "ä"]),
        (pa.array(["a", "b", "a"]).dictionary_encode(), ["a", "b", "a"]),
        (pa.array(["a", None], pa.large_string()), ["a"]),
        (pa.array(["a", None], pa.string_view()), ["a"]),
        (pa.DictionaryArray.from_arrays(pa.array([0, 1, None]), pa.array([10, 20])), [10.0, 20.0]),
        (pa.DictionaryArray.from_arrays(pa.array([0, 1]), pa.array(["a", None])), ["a"]),
        (pa.nulls(3), []),
        (pa.array([1, 2, 3, 4])[2:], [3.0, 4.0]),
        (pa.array([True, False, True])[1:], [False, True]),
        (pa.array(["x" * 300]), ["x" * 256]),
        (pa.chunked_array([["a"], ["b"]]), ["a", "b"]),
        ([1, "a", True, None, 2.5], [1.0, 2.5, "a", True]),
        ([np.float32(1.5), np.int64(2), np.bool_(True), np.str_("a")], [1.5, 2.0, "a", True]),
        ([Decimal("2.5"), pd.NA, pd.NaT, math.nan, Colour.RED], [2.5, "red"]),
        (["\ud800"], ["?"]),
    ],
)
def test_every_type_is_read(given_values: Any, seen: list[Any]) -> None:
    """Numbers, texts and booleans of every library are read; missing values in every form are missing."""
    assert values(given_values) == seen


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (pa.array([[1], [2]]), "holds values of type list"),
        (pa.array([{"a": 1}]), "holds values of type struct"),
        (pa.array([b"a"]), "holds values of type binary"),
        (pa.array([date(2026, 1, 1)]), "holds times or durations"),
        (pa.array([timedelta(1)]), "holds times or durations"),
        (pa.array([1.0, math.inf]), "row 2: infinity is not a finite number"),
        ([1.0, "a", -math.inf], "row 3: infinity"),
        ([1, "a", 10**400], "row 3: infinity"),
        ([1, "a", 1j], "row 3: a value of type complex"),
        ([1, "a", date(2026, 1, 1)], r"row 3: datetime.date\(2026, 1, 1\) is a time"),
        ([1, "a", [2]], "row 3: a value of type list"),
    ],
)
def test_other_values_are_refused(column: Any, message: str) -> None:
    """A value that is none of these is refused with its column, its row and what to do."""
    with pytest.raises(CompareError, match=f"Column 'x'.*{message}") as error:
        parts_of(column, "x")
    assert any(word in str(error.value) for word in ("exclude", "Replace"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"prediction": "B"}, "The baseline has no column 'B'. Did you mean 'b'?"),
        ({"timestamp": "c"}, "The window has no column 'c'. It has: 'a', 'b'."),
        ({"exclude": ["aa"]}, "The data has no column 'aa'"),
        ({"exclude": "cc"}, "The data has no column 'cc'"),
        ({"prediction": "a", "timestamp": "a"}, "Column 'a' cannot be both"),
        ({"looks": 0}, "looks must be a whole number from 1, not 0"),
        ({"looks": True}, "looks must be a whole number"),
        ({"settings": {"min_drift_scor": 0.1}}, "settings.min_drift_scor: unknown field; did you mean min_drift_score"),
        ({"settings": {"alpha": 7}}, "settings.alpha: "),
        ({"settings": {"features": {"A": {"enabled": False}}}}, "the baseline has no feature 'A'. Did you mean 'a'?"),
    ],
)
def test_a_wrong_argument_names_the_near_ones(arguments: dict[str, Any], message: str) -> None:
    """A name that does not exist is refused with the names that are near, and a setting with its place."""
    with pytest.raises(CompareError) as error:
        compare(GOOD, GOOD, **arguments)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "The window is a NoneType. Pass a data frame"),
        (np.zeros((3, 2)), "The window is a ndarray. Pass a data frame"),
        ([], "The window is a list"),
        ({}, "The window has no columns"),
        ({"a": []}, "The window has no rows"),
        ({"a": [1], "b": [1, 2]}, "differ in length: 'a' has 1, 'b' has 2 values"),
        ({"a": 5}, "Column 'a' of the window is a int. Pass a list"),
        ({"a": np.zeros((2, 2))}, "has 2 dimensions"),
        ({"c": [1]}, "The baseline and the window have no feature in common"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "Two columns of the window are called 'a'"),
        (pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", 1), ("a", 2)])), "several levels"),
        (pl.Series([1]), "a polars Series. Pass a polars DataFrame"),
        ({"a": [1.0], "timestamp": [None]}, "Column 'timestamp', row 1: "),
        ({"a": [1.0], "timestamp": ["yesterday"]}, "'yesterday' is not a time"),
        ({"a": [1.0], "timestamp": [12]}, "12 is not a time"),
    ],
)
def test_data_that_are_no_table_are_refused(data: Any, message: str) -> None:
    """Anything that is no table of values is refused with what to pass instead."""
    with pytest.raises(CompareError) as error:
        compare(GOOD, data)
    assert message in str(error.value)


def damaged_gzip() -> bytes:
    """Gzip data that end too early."""
    return gzip.compress(b"a,b\n" + b"1,x\n" * 50_000)[:-200]


def damaged_parquet() -> bytes:
    """A Parquet file whose values are overwritten."""
    buffer = BytesIO()
    pq.write_table(pa.table({"a": list(range(9999)), "b": ["x"] * 9999}), buffer, compression="snappy")
    data = bytearray(buffer.getvalue())
    data[100:2000] = bytes(1900)
    return bytes(data)


FILES: dict[str, tuple[str, bytes, str]] = {
    "empty": ("a.csv", b"", "is empty"),
    "only a header": ("a.csv", b"a,b\n", "no rows"),
    "ragged": (
        "a.csv",
        b"a,b\n1,2\n" * 1 + b"1,2\n" * 50 + b"1,2,3\n",
        "line 53: has 3 values, the header has 2 names",
    ),
    "infinite": ("a.csv", b"a,b\n1,2\ninf,3\n", "line 3, a: must be a finite number"),
    "open quote": ("a.csv", b'a,b\n1,"2\n' + b"1,2\n" * 10, "is not valid CSV"),
    "latin": ("a.csv", b"a,b\n1,\xe4\n", "not UTF-8"),
    "two columns of one name": ("a.csv", b"a,a\n1,2\n", "two columns have this name"),
    "semicolons of two columns": ("a.csv", b"a;b\n1;2\n", "set delimiter"),
    "a web page": ("a.csv", b"<!doctype html><p>Sign in", "HTML"),
    "a workbook": ("a.csv", b"PK\x03\x04[Content_Types].xml", "Excel"),
    "a pickle": ("a.csv", b"\x80\x04\x95", "a pickle"),
    "cut gzip": ("a.csv.gz", damaged_gzip(), "damaged"),
    "no gzip": ("a.csv.gz", b"\x1f\x8b\x08\x00broken", "damaged"),
    "cut Parquet": ("a.parquet", b"PAR1\x00\x00", "not a readable Parquet file"),
    "damaged Parquet": ("a.parquet", damaged_parquet(), "damaged Parquet file"),
    "no JSON": ("a.jsonl", b'{"a": 1}\n{"a": \n', "line 2 is not valid JSON"),
    "a JSON list": ("a.jsonl", b"[1, 2]\n", "line 1 is not an object"),
    "nested JSON": ("a.jsonl", b'{"a": [1]}\n', "Column 'a', row 1: a value of type list"),
    "deep JSON": ("a.jsonl", b'{"a": ' + b"[" * 100_000 + b"\n", "line 1 is not valid JSON"),
}


@pytest.mark.parametrize("case", FILES)
def test_a_broken_file_is_refused(case: str, tmp_path: Path) -> None:
    """A broken file is refused with its name and what is wrong, whatever breaks it."""
    name, data, message = FILES[case]
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(CompareError, match=message) as error:
        compare(path, path)
    assert case == "nested JSON" or str(path) in str(error.value)


def test_missing_files_are_refused(tmp_path: Path) -> None:
    """A path that does not exist, and a folder, are refused with what to do."""
    with pytest.raises(CompareError, match=r"does not exist\. Check the name"):
        compare(GOOD, tmp_path / "no.csv")
    with pytest.raises(CompareError, match=r"is a folder\. Name a file"):
        compare(GOOD, tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[setting]\n", "has no table 'setting'. Did you mean 'settings'?"),
        ("settings = 1\n", r"settings must be a table. Write \[settings\]"),
        ("[columns]\npredicton = 'p'\n", "has no option 'predicton'. Did you mean 'prediction'?"),
        ("[columns]\nexclude = 'p'\n", "columns.exclude must be a list of texts"),
        ("[csv]\ndelimiter = 3\n", "csv.delimiter must be a text"),
        ("[settings]\nalpha = 'x'\n", "settings.alpha: "),
        ("[settings\n", "is not valid TOML"),
    ],
)
def test_a_wrong_configuration_names_the_place(text: str, message: str, tmp_path: Path) -> None:
    """A wrong table, option or value is refused with its place in the file."""
    path = tmp_path / "driftguard.toml"
    path.write_text(text)
    with pytest.raises(CompareError, match=message):
        read_options(path)


CELLS = st.one_of(
    st.sampled_from(
        ["", "NA", "nan", "1", "1.5", "-2e3", "1e400", "inf", "True", "false", " x ", "x", "0x1F", "1_000", "+3"]
    ),
    st.sampled_from(
        ["2026-01-01", "1,5", '"q"', "'", "é", "NULL", "-", ".", "12,345", "00012", "1 000", "[1]", "$5", "5%"]
    ),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.text("ab1.", max_size=4),
)


def quoted(cell: str) -> str:
    """A cell as pandas writes it."""
    return '"' + cell.replace('"', '""') + '"' if set(cell) & set(',"\n\r') else cell


@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=12))
def test_the_fast_reader_reads_what_the_engine_reads(rows: list[tuple[str, str]]) -> None:
    """Whatever a CSV file holds, its values are those of an upload, or it is refused with the same reason."""
    from tempfile import TemporaryDirectory

    from driftguard.rows.chunks import BadFile

    lines = [",".join((quoted(one), quoted(other), "1")) for one, other in rows]
    text = "\n".join(["first,second,third", *lines]) + "\n"
    about = FileFormat(format="csv", prediction_column=None, timestamp_column=None)
    expected: dict[str, list[Any]] | str
    try:
        expected = {}
        for chunk in read(BytesIO(text.encode()), about, pd.Timestamp("2026-01-01", tz="UTC").to_pydatetime()):
            for name, column in chunk.columns.items():
                expected.setdefault(name, []).extend(column)
    except BadFile as error:
        expected = error.reason
    with TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        path.write_text(text)
        try:
            source = file_source(path)
            assert isinstance(source, CsvSource)
            found: dict[str, list[Any]] | str = source.read(
                lambda batches: {
                    name: sorted(map(repr, values(batch.column(name)))) for batch in batches for name in source.names
                }
            )
        except CompareError as error:
            found = str(error)
    if isinstance(expected, str):
        assert isinstance(found, str)
        assert expected in found
        return
    assert found == {
        name: sorted(repr(value) for value in column if value is not None) for name, column in expected.items()
    }


def test_doubt_is_rare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An ordinary file is read by the fast reader alone."""
    path = tmp_path / "rows.csv"
    pd.DataFrame(columns(3)).to_csv(path, index=False)
    source = file_source(path)
    assert isinstance(source, CsvSource)

    def failing(_file: Any) -> Any:
        raise Doubtful

    monkeypatch.setattr(source, "_slow", failing)
    assert source.read(lambda batches: sum(batch.rows for batch in batches)) == 3000
