"""Uploaded files: what their lines mean, which are refused, and that no file fills the memory."""

import gzip
import io
import json
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from driftguard.baselines.schemas import NewUpload
from driftguard.platform.s3 import Bucket, FileGone, ObjectReader
from driftguard.platform.serialization import Scalar
from driftguard.rows import chunks
from driftguard.rows.chunks import BadFile
from driftguard.rows.examples import Examples
from driftguard.rows.files import read

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)

CSV = NewUpload(format="csv")
JSONL = NewUpload(format="jsonl")
GZIPPED = NewUpload(format="csv", compression="gzip")

type Columns = dict[str, list[Scalar]]


def rows_of(content: bytes | str, about: NewUpload = CSV) -> tuple[Columns, list[Scalar], set[date]]:
    """The columns, predictions and days of a whole file."""
    data = content if isinstance(content, bytes) else content.encode()
    columns: Columns = {}
    predictions: list[Scalar] = []
    days: set[date] = set()
    for chunk in read(io.BytesIO(data), about, NOW):
        for name, values in chunk.columns.items():
            assert len(values) == chunk.rows or about.format == "jsonl"
            columns.setdefault(name, []).extend(values)
        predictions.extend(chunk.predictions or [])
        days |= chunk.days
    return columns, predictions, days


def refusal(content: bytes | str, about: NewUpload = CSV) -> BadFile:
    """Why a file is refused."""
    with pytest.raises(BadFile) as caught:
        rows_of(content, about)
    return caught.value


def test_a_cell_is_what_it_looks_like() -> None:
    """Empty and pandas' marks are missing, true and false booleans, what reads as a number is one, all else text."""
    cells = {
        "": None,
        "true": True,
        "False": False,
        "TRUE": True,
        "12": 12.0,
        "-0.5": -0.5,
        "1e3": 1000.0,
        ".5": 0.5,
        "+7": 7.0,
        "007": 7.0,
        "9007199254740993": 9007199254740992.0,
        "2026-11-23": "2026-11-23",
        "1.2.3": "1.2.3",
        "1_000": "1_000",
        "٣": "٣",
        " 5": " 5",
        "0x10": "0x10",
        "gold, or so": "gold, or so",
        'a "quote"': 'a "quote"',
        "two\nlines": "two\nlines",
        "NA": None,
        "\\N": None,
        "nan": None,
        "na": "na",
        "e": "e",
        "-": "-",
    }
    quoted = ['"' + cell.replace('"', '""') + '"' for cell in cells]
    columns, _, _ = rows_of("x,y\r\n" + "".join(f"{cell},1\r\n" for cell in quoted))
    assert columns["x"] == list(cells.values())
    assert list(map(type, columns["x"])) == list(map(type, cells.values()))


@given(st.lists(st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False), st.integers()), min_size=1))
def test_numbers_come_back_as_the_doubles_they_are(values: list[float | None]) -> None:
    """Whatever Python writes as a number is read as the same double, a whole column at once or cell by cell."""
    wanted = [None if value is None else float(value) for value in values]
    text = "".join(f"{'' if value is None else value},1\n" for value in values)
    assert rows_of("x,y\n" + text)[0]["x"] == wanted
    assert rows_of("x,y\n" + text + "text,1\n")[0]["x"] == [*wanted, "text"]


def test_columns_may_be_text_whatever_they_look_like() -> None:
    """Codes keep their zeros; empty ones are missing all the same."""
    about = NewUpload(format="csv", text_columns=["zip"])
    assert rows_of("zip,n\n01067,1\n,2\ntrue,3\n", about)[0] == {"zip": ["01067", None, "true"], "n": [1.0, 2.0, 3.0]}


def test_prediction_and_timestamp_are_columns_apart() -> None:
    """They go by their usual names, by given ones, or there are none."""
    text = "a,prediction,timestamp,at\n1,yes,2019-05-01T23:59:00-01:00,2020-01-01T00:00:00Z\n2,,,\n"
    columns, predictions, days = rows_of(text)
    assert (list(columns), predictions, days) == (["a", "at"], ["yes", None], {date(2019, 5, 2)})
    about = NewUpload(format="csv", prediction_column="a", timestamp_column="at")
    columns, predictions, days = rows_of(text, about)
    assert (list(columns), predictions, days) == (["prediction", "timestamp"], [1.0, 2.0], {date(2020, 1, 1)})
    about = NewUpload(format="csv", prediction_column=None, timestamp_column=None)
    assert list(rows_of(text, about)[0]) == ["a", "prediction", "timestamp", "at"]


@pytest.mark.parametrize(
    "content",
    [
        "a,b\n1,x\n2,y",
        "a,b\r\n1,x\r\n2,y\r\n",
        "\ufeffa,b\n\n1,x\n\n2,y\n\n",
        'a,"b"\n"1","x"\n2,y\n',
    ],
)
def test_every_common_way_to_write_a_csv_is_read(content: str) -> None:
    """Line ends of either kind, a byte order mark, blank lines, quotes and a missing last line end change nothing."""
    assert rows_of(content)[0] == {"a": [1.0, 2.0], "b": ["x", "y"]}


def test_json_lines_are_rows_like_those_of_a_request() -> None:
    """Features may come and go, an absent one takes no place; integers stay integers; days come from timestamps."""
    rows = [
        {"features": {"a": 1, "b": None}, "prediction": True, "timestamp": "2020-01-01T00:00:00Z"},
        {"features": {"c": "x"}},
    ]
    text = "\ufeff" + "\n\n".join(map(json.dumps, rows))
    columns, predictions, days = rows_of(text, JSONL)
    assert columns == {"a": [1], "b": [None], "c": ["x"]}
    assert type(columns["a"][0]) is int
    assert (predictions, days) == ([True, None], {date(2020, 1, 1)})


@pytest.mark.parametrize(
    ("content", "line", "loc", "says"),
    [
        ("a,b\n1,2\n1\n", 3, [], "has 1 values, the header has 2"),
        ("a,b\n1,2\n1,2,3\n", 3, [], "has 3 values"),
        ("a,b\n1,2\n3,inf\n", 3, ["b"], "finite number"),
        ("a,b\n1,2\n3,-Infinity\n", 3, ["b"], "finite number"),
        ("a,b\n1,2\n1e999,2\n", 3, ["a"], "finite number"),
        ("a,b\n1,2\n3," + "x" * 257 + "\n", 3, ["b"], "256 at most"),
        (b"a,b\n1,2\n3,\xff\n", 3, ["b"], "not UTF-8"),
        ('a,b\n"1\n\n1",2\n3,inf\n', 5, ["b"], "finite number"),
        ('a,b\n1,2\n3,"x"y\n', 3, [], "is not valid CSV"),
        ('a,b\n1,2\n3,"x\n4,5\n', 3, [], "is not valid CSV"),
        ("a,timestamp\n1,01/02/2026\n", 2, ["timestamp"], "not an RFC 3339"),
        ("a,a\n1,2\n", 1, ["a"], "two columns"),
        ("a,,b\n1,2,3\n", 2, [], "column 2 has a value but no name"),
        ("a\x07,b\n1,2\n", 1, [], "control characters"),
        ("prediction\n1\n", 1, [], "0 features"),
        (",".join(f"f{n}" for n in range(501)) + "\n", 1, [], "501 features"),
    ],
)
def test_a_bad_line_of_a_csv_is_named(content: bytes | str, line: int, loc: list[str], says: str) -> None:
    """Number, column and reason; a record of several lines is named by its first."""
    error = refusal(content)
    assert [(found.line, found.loc) for found in error.errors] == [(line, loc)]
    assert says in error.errors[0].msg
    assert error.reason.startswith(f"line {line}")


@pytest.mark.parametrize(
    ("bad", "loc", "says"),
    [
        ('{"features": {"a": NaN}}', ["features", "a"], "NaN is not valid"),
        ('{"features": {"a": [1]}}', ["features", "a"], "nested"),
        ('{"features": {"a": 1}, "id": 1}', ["id"], "unknown field"),
        ('{"features": {"a": 1}, "timestamp": 5}', ["timestamp"], "RFC 3339"),
        ('{"prediction": 1}', ["features"], "required"),
        ("[1]", [], "object"),
        ("{", [], "not valid JSON"),
        ("[" * 100_000, [], "not valid JSON"),
        ('{"features": {"a": ' + "1" * 5000 + "}}", [], "not valid JSON"),
        ('{"features": {' + ", ".join(f'"f{n}": 1' for n in range(501)) + "}}", ["features"], "500 at most"),
        ('{"features": {' + ", ".join(f'"f{n}": 1' for n in range(500)) + "}}", ["features"], "more than 500"),
    ],
)
def test_a_bad_line_of_json_is_named(bad: str, loc: list[str], says: str) -> None:
    """The same places and words as for inline rows, with the line instead of an index."""
    error = refusal('{"features": {"a": 1}}\n\n' + bad + "\n", JSONL)
    assert [(found.line, found.loc) for found in error.errors] == [(3, loc)]
    assert says in error.errors[0].msg


@pytest.mark.parametrize("cells", [8, 1_000_000])
def test_the_first_twenty_bad_lines_are_named_in_their_order(cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is wrong with them, and wherever a chunk ends."""
    monkeypatch.setattr(chunks, "CHUNK_CELLS", cells)
    kinds = ["1,-inf\n", "1\n", "inf,2\n", "1,2\n"]
    error = refusal("a,b\n" + "".join(kinds[n % 4] for n in range(100)))
    assert [found.line for found in error.errors] == [n + 2 for n in range(100) if n % 4 != 3][:20]
    assert "(and 19 more lines)" in error.reason
    lines = ['{"features": {}}\n' if n % 2 else "x\n" for n in range(100)]
    assert [found.line for found in refusal("".join(lines), JSONL).errors] == list(range(1, 40, 2))


def test_one_bad_line_stops_all_later_rows() -> None:
    """The rows of later chunks are looked at, but none is given any more."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunks, "CHUNK_CELLS", 2)
        found = read(io.BytesIO(b"a\n1\n2\n-inf\n4\n5\n6\ninf\n"), CSV, NOW)
        assert next(found).columns == {"a": [1.0, 2.0]}
        with pytest.raises(BadFile) as caught:
            next(found)
    assert [found.line for found in caught.value.errors] == [4, 8]


@pytest.mark.parametrize(
    ("content", "about", "says"),
    [
        (b"", CSV, "no rows"),
        (b"a,b\n", CSV, "no rows"),
        (b"\n\n", JSONL, "no rows"),
        (gzip.compress(b"a\n1\n", mtime=0), CSV, "without compression"),
        (b"a,b\n1,2\n", GZIPPED, "not valid gzip"),
        (gzip.compress(b"a,b\n1,2\n", mtime=0)[:-9], GZIPPED, "end too early"),
        (gzip.compress(b"a,b\n1,2\n", mtime=0)[:-8] + bytes(8), GZIPPED, "not valid gzip"),
        (gzip.compress(b"a,b\n1,2\n", mtime=0) + b"more", GZIPPED, "not valid gzip"),
        (gzip.compress(b"a,b\n1,2\n" * 999, mtime=0)[:20] + bytes(99), GZIPPED, "gzip"),
        (b"", GZIPPED, "no rows"),
    ],
)
def test_a_file_that_is_not_what_was_said_is_refused(content: bytes, about: NewUpload, says: str) -> None:
    """Empty files, gzip unannounced, cut off, damaged, or none at all: a reason, never an exception of a library."""
    assert says in refusal(content, about).reason


def test_gzip_of_several_members_is_one_file() -> None:
    """As pigz and `cat` make it."""
    assert rows_of(gzip.compress(b"a\n1\n") + gzip.compress(b"2\n"), GZIPPED)[0] == {"a": [1.0, 2.0]}


class Endless(io.RawIOBase):
    """A file made while it is read: `head`, then `piece` again and again until `size` bytes."""

    def __init__(self, head: bytes, piece: bytes, size: int) -> None:
        self._pieces = self._generate(head, piece * (1 + 65536 // len(piece)), size)
        self._left = b""

    def _generate(self, head: bytes, piece: bytes, size: int) -> Iterator[bytes]:
        yield head
        for _ in range(size // len(piece)):
            yield piece

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._left = self._left or next(self._pieces, b"")
        piece, self._left = self._left[: len(buffer)], self._left[len(buffer) :]
        buffer[: len(piece)] = piece
        return len(piece)


def peak(file: io.RawIOBase | io.BytesIO, about: NewUpload) -> tuple[int, BadFile | None]:
    """The most memory that reading a file takes, and why it was refused."""
    refused = None
    tracemalloc.start()
    try:
        for _chunk in read(file, about, NOW):
            pass
    except BadFile as error:
        refused = error
    finally:
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return most, refused


@pytest.mark.parametrize(
    ("about", "head", "piece"),
    [
        (CSV, b"a,b,c,prediction\n", b"1.25,gold,,7\n"),
        (JSONL, b"", b'{"features": {"a": 1.25, "b": "gold", "c": null}, "prediction": 7}\n'),
    ],
)
def test_memory_does_not_grow_with_the_file(
    about: NewUpload, head: bytes, piece: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight times as many rows take no more memory, which is that of a chunk."""
    monkeypatch.setattr(chunks, "CHUNK_CELLS", 5_000)
    small, _ = peak(Endless(head, piece, 200_000), about)
    large, _ = peak(Endless(head, piece, 1_600_000), about)
    assert large < 1.2 * small < 10_000_000


@pytest.mark.parametrize(
    ("about", "head", "piece", "says"),
    [
        (CSV, b"a,b\n", b"x", "does not end"),
        (JSONL, b'{"features": {"a": "', b"x", "does not end"),
        (CSV, b'a,b\n1,"', b"x\n", "valid CSV"),
        (CSV, b"a,b\n1", b',"\n"', "too long"),
        (CSV, b"a,b\n", b"1\n", "has 1 values"),
    ],
    ids=["no line end", "no line end in JSON", "a quote never closed", "a row never ended", "nothing but bad rows"],
)
def test_no_file_fills_the_memory(
    about: NewUpload, head: bytes, piece: bytes, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line, a cell or a row without an end is refused long before."""
    monkeypatch.setattr(chunks, "MAX_ROW_CHARACTERS", 200_000)
    most, refused = peak(Endless(head, piece, 20_000_000), about)
    assert refused is not None
    assert says in refused.reason
    assert most < 15_000_000


def test_what_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few kilobytes of gzip do not become an endless file."""
    monkeypatch.setattr(chunks, "MAX_UNPACKED_BYTES", 300_000)
    bomb = gzip.compress(b"a,b\n" + b"1,2\n" * 100_000)
    assert len(bomb) < 20_000
    assert "more than 300,000 bytes" in refusal(bomb, GZIPPED).reason


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"format": "parquet"},
        {"format": "csv", "compression": "zip"},
        {"format": "csv", "nope": 1},
        {"format": "csv", "days": 0},
        {"format": "csv", "prediction_column": ""},
        {"format": "csv", "prediction_column": "a", "timestamp_column": "a"},
        {"format": "jsonl", "prediction_column": "a"},
        {"format": "jsonl", "text_columns": ["a"]},
    ],
)
def test_an_upload_that_makes_no_sense_is_refused(body: dict[str, Any]) -> None:
    """Unknown formats and fields, and columns of what has none."""
    with pytest.raises(ValidationError):
        NewUpload.model_validate(body)


@pytest.mark.parametrize("delimiter", ["", ",,", '"', "\n", "\r", "a", "0", ".", "-", " "])
def test_a_delimiter_is_one_character_that_values_do_not_hold(delimiter: str) -> None:
    """Quotes, line ends, letters, digits, signs and blanks are refused."""
    with pytest.raises(ValidationError):
        NewUpload(format="csv", delimiter=delimiter)


def test_a_description_too_long_for_an_item_is_refused() -> None:
    """Five hundred of the longest names in emoji do not fit in an item of 400 kB."""
    with pytest.raises(ValidationError, match="too long"):
        NewUpload(format="csv", text_columns=["\U0001f600" * 128] * 500)


def test_sparse_rows_take_memory_for_what_they_hold() -> None:
    """A chunk of 50,000 rows with one of 500 features each has 50,000 values, not 25 million."""
    data = b"".join(b'{"features": {"f%d": 1.5}}\n' % (n % 500) for n in range(50_000))
    most, refused = peak(io.BytesIO(data), JSONL)
    assert refused is None
    assert most < 15_000_000


@pytest.mark.parametrize(
    "packed",
    [gzip.compress(b"a,b\n1,2\n" + b"\n" * 30_000_000), gzip.compress(b"a,b\n1,2\n") + gzip.compress(b"") * 200_000],
    ids=["blank lines", "empty members"],
)
def test_bytes_without_rows_tick(packed: bytes) -> None:
    """A file that unpacks to blank lines or to nothing calls back at least once a megabyte, and can be stopped."""
    ticks = 0

    class Stopped(Exception):
        """The time is up."""

    def tick() -> None:
        nonlocal ticks
        ticks += 1
        if ticks == 20:
            raise Stopped

    with pytest.raises(Stopped):
        list(read(io.BytesIO(packed), GZIPPED, NOW, tick=tick))


def test_examples_are_values_of_other_types() -> None:
    """Up to three distinct values, shortened, and none of the feature's own type."""
    examples = Examples[str]()
    examples.add({"a": [1.0, 2.5, None], "b": ["x", "y"], "c": [True, "x" * 30]})
    examples.add({"a": ["many", "many", True, "few", "some"], "b": [7, 7.25], "c": [False]})
    assert examples.others("a", "numeric") == ["many", "few", "some"]
    assert examples.others("b", "categorical") == ["7", "7.25"]
    assert examples.others("c", "boolean") == ["x" * 23 + "…"]
    assert examples.others("unknown", "numeric") == []


def reader_of(content: bytes, fetch: Callable[[int, int], bytes] | None = None) -> ObjectReader:
    """A reader of an object with this content."""
    return ObjectReader(fetch or (lambda start, end: content[start:end]), len(content))


@pytest.mark.parametrize("size", [0, 1, 9, 10, 11, 1000])
def test_an_object_is_read_part_by_part(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """All bytes in their order, each fetched once, with parts of ten bytes and reads of seven."""
    monkeypatch.setattr("driftguard.platform.s3.PART_BYTES", 10)
    content = bytes(n % 251 for n in range(size))
    fetched: list[tuple[int, int]] = []

    def fetch(start: int, end: int) -> bytes:
        fetched.append((start, end))
        return content[start:end]

    reader = reader_of(content, fetch)
    found = b""
    while piece := reader.read(7):
        found += piece
    assert found == content
    assert fetched == [(start, min(size, start + 10)) for start in range(0, size, 10)]
    assert reader.fetched == size


@pytest.mark.parametrize(
    ("code", "gone"),
    [("NoSuchKey", True), ("PreconditionFailed", True), ("AccessDenied", True), ("SlowDown", False)],
)
def test_an_object_that_was_replaced_is_gone(code: str, gone: bool) -> None:
    """Another ETag and a deleted object are told apart from faults that pass."""

    class Client:
        def get_object(self, **asked: str) -> None:
            assert asked == {"Bucket": "files", "Key": "k", "Range": "bytes=0-8", "IfMatch": '"e1"'}
            raise ClientError({"Error": {"Code": code}}, "GetObject")

    with pytest.raises(FileGone if gone else ClientError):
        Bucket(Client(), "files").open("k", "e1", 9).read(1)
