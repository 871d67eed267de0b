"""Recognize files that are no table, and the encoding of those that are, from their first bytes."""

import re

from driftguard.rows.chunks import BadFile
from driftguard.rows.file_format import TableFormat

HEAD_BYTES = 1 << 18
"""Bytes at the start of a file that are looked at before the first row is read. A header of 500 names fits."""

EXPORT = "export the table as CSV or JSON Lines and send that file"
UNPACK = "unpack it and send the CSV or JSON Lines file in it, plain or compressed with gzip"

_BINARY = (
    (b"PAR1", "a Parquet file", EXPORT),
    (b"ARROW1", "an Arrow file", EXPORT),
    (b"FEA1", "a Feather file", EXPORT),
    (b"ORC", "an ORC file", EXPORT),
    (b"Obj\x01", "an Avro file", EXPORT),
    (b"\x89HDF", "an HDF5 file", EXPORT),
    (b"SQLite format 3", "a SQLite database", EXPORT),
    (b"\x93NUMPY", "a NumPy array", EXPORT),
    (b"\x80\x02", "a pickle", EXPORT),
    (b"\x80\x03", "a pickle", EXPORT),
    (b"\x80\x04", "a pickle", EXPORT),
    (b"\x80\x05", "a pickle", EXPORT),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook", EXPORT),
    (b"%PDF", "a PDF file", EXPORT),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", UNPACK),
    (b"Rar!", "a RAR archive", UNPACK),
    (b"BZh", "compressed with bzip2", UNPACK),
    (b"\xfd7zXZ\x00", "compressed with xz", UNPACK),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", UNPACK),
    (b"\x04\x22\x4d\x18", "compressed with LZ4", UNPACK),
)
_GZIP = b"\x1f\x8b"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_MARKS = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)

_MARKUP = re.compile(r"<(!doctype|!--|\?xml|html|head|body|table|script|svg|error|div|p>)", re.IGNORECASE)
_JSON_ROW = re.compile(r"""\{\s*(["']|\}|$)""")
_JSON_ARRAY = re.compile(r'\[\s*([{\["]|$)')
_POINTER = "version https://git-lfs.github.com/spec/"
_ARFF = re.compile(r"(%.*\n|\s)*@relation\b", re.IGNORECASE)
_SQL = re.compile(r"(--.*\n|\s)*(insert\s+into|create\s+table|drop\s+table|copy\s+\S+\s*\()", re.IGNORECASE)


def check_compression(head: bytes, about: TableFormat) -> None:
    """Raise BadFile if the file is not compressed in the way that its description says."""
    if about.compression is None and head.startswith(_GZIP):
        raise BadFile(
            "the file is gzip, but the upload was created without compression; create it with compression gzip"
        )
    if about.compression == "gzip" and head and not _GZIP.startswith(head[:2]):
        check_binary(head)
        raise BadFile(
            "the file is not valid gzip: it does not start like gzip data; "
            "compress it, or create the upload without compression"
        )


def check_binary(head: bytes) -> None:
    """Raise BadFile if the file is in a binary format."""
    if head.startswith(_ZIP):
        if b"xl/" in head or b"[Content_Types].xml" in head:
            raise BadFile(f"the file is an Excel workbook; {EXPORT}")
        raise BadFile(f"the file is a zip archive; {UNPACK}")
    if head.startswith(_GZIP):
        raise BadFile("the file is compressed with gzip twice; compress it once")
    for start, kind, advice in _BINARY:
        if head.startswith(start):
            raise BadFile(f"the file is {kind}; {advice}")
    if head[257:262] == b"ustar":
        raise BadFile(f"the file is a tar archive; {UNPACK}")


def encoding_of(head: bytes) -> str:
    """Return the encoding of a file of text. Raises BadFile for a binary file."""
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    if b"\x00" not in head[:4096]:
        return "utf-8-sig"
    for encoding, zeros, letters in (
        ("utf-16-le", head[1:4096:2], head[:4096:2]),
        ("utf-16-be", head[:4096:2], head[1:4096:2]),
    ):
        if zeros.count(0) > 0.9 * len(zeros) and not letters.count(0):
            return encoding
    raise BadFile(f"the file is binary; {EXPORT}")


def check_text(text: str, about: TableFormat) -> None:
    """Raise BadFile if the first characters of a file show that it holds no rows of the format in its description."""
    start = text[:10_000].lstrip("\ufeff \t\r\n")
    if _MARKUP.match(start):
        raise BadFile(
            "the file is an HTML or XML page, not a table; check the download, "
            "because a sign-in or error page is often saved in place of the file"
        )
    if start.startswith(_POINTER):
        raise BadFile("the file is a Git LFS pointer; fetch the real file with git lfs pull and send that")
    if _ARFF.match(start):
        raise BadFile(f"the file is in ARFF format; {EXPORT}")
    if _SQL.match(start):
        raise BadFile(f"the file is a SQL script; {EXPORT}")
    if about.format == "csv":
        if _JSON_ROW.match(start):
            raise BadFile("the file holds JSON, not CSV; if each line is one row, create the upload with format jsonl")
        if _JSON_ARRAY.match(start):
            raise BadFile(
                "the file is a JSON array, not CSV; write one row per line and create the upload with format jsonl"
            )
    elif _JSON_ARRAY.match(start):
        raise BadFile("the file is a JSON array; write each row as an object on its own line, without commas between")
    elif start and not start.startswith(("{", "[")):
        line = next(iter(start.splitlines()), "")
        if re.search("[,;\t|]", line) and not line.startswith(('"', "'")):
            raise BadFile("the file looks like CSV, not JSON Lines; create the upload with format csv")
