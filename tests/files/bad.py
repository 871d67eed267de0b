"""Files that must not become a baseline, and a part of the sentence that says what to do."""

import bz2
import gzip
import io
import lzma
import pickle
import tarfile
import zipfile
from typing import Any, NamedTuple


class Bad(NamedTuple):
    """A file that is refused. says: words of the reason. about: the description that a client sends."""

    data: bytes
    says: str
    about: dict[str, Any] = {}  # noqa: RUF012  never changed


def zipped(name: str) -> bytes:
    """An archive of one file."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr(name, "a,b\n1,2\n")
    return held.getvalue()


def tarred() -> bytes:
    """An archive of one file."""
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.csv"), io.BytesIO())
    return held.getvalue()


CSV = b"a,b\n1,2\n3,4\n"
ADULT = b"39, State-gov, 77516, Bachelors, 13\n50, Private, 83311, Bachelors, 13\n38, State-gov, 215646, HS-grad, 9\n"
LINES = {"format": "jsonl"}
GZIP = {"compression": "gzip"}

BAD: dict[str, Bad] = {
    "nothing": Bad(b"", "no rows"),
    "a header alone": Bad(b"a,b\n", "no rows"),
    "zip": Bad(zipped("a.csv"), "zip archive; unpack it"),
    "Excel": Bad(zipped("xl/workbook.xml"), "Excel workbook; export the table as CSV"),
    "old Excel": Bad(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), "Excel workbook"),
    "Parquet": Bad(b"PAR1\x15\x04" + bytes(range(200)), "Parquet file; export the table as CSV"),
    "Feather": Bad(b"ARROW1\0\0" + bytes(100), "Arrow file"),
    "pickle": Bad(pickle.dumps({"a": [1, 2]}), "a pickle"),
    "SQLite": Bad(b"SQLite format 3\0" + bytes(100), "SQLite database"),
    "NumPy": Bad(b"\x93NUMPY\x01\0v\0{'descr': '<f8'}", "NumPy array"),
    "PDF": Bad(b"%PDF-1.7\n%\xe2\xe3", "PDF file"),
    "bzip2": Bad(bz2.compress(CSV), "compressed with bzip2"),
    "xz": Bad(lzma.compress(CSV), "compressed with xz"),
    "zstd": Bad(b"\x28\xb5\x2f\xfd\x04" + bytes(50), "compressed with zstd"),
    "tar": Bad(tarred(), "tar archive"),
    "tar in gzip": Bad(gzip.compress(tarred()), "tar archive", GZIP),
    "binary": Bad(bytes(range(256)) * 9, "the file is binary"),
    "gzip unsaid": Bad(gzip.compress(CSV), "create it with compression gzip"),
    "gzip said": Bad(CSV, "create the upload without compression", GZIP),
    "zip said to be gzip": Bad(zipped("a.csv"), "zip archive", GZIP),
    "gzip twice": Bad(gzip.compress(gzip.compress(CSV)), "gzip twice", GZIP),
    "gzip cut short": Bad(gzip.compress(CSV)[:-5], "end too early, after line 3", GZIP),
    "gzip damaged": Bad(gzip.compress(CSV)[:-8] + bytes(8), "not valid gzip after line 3", GZIP),
    "sign-in page": Bad(
        b"<!DOCTYPE html>\n<html><body>Please sign in, or leave</body></html>", "HTML or XML page"
    ),
    "page after blanks": Bad(b"\xef\xbb\xbf\n  <html>\n<head>", "sign-in or error page"),
    "error of a store": Bad(b'<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code></Error>', "HTML or XML page"),
    "page sent as JSON Lines": Bad(b"<html>\n</html>\n", "HTML or XML page", LINES),
    "JSON Lines sent as CSV": Bad(b'{"features": {"a": 1}}\n{"features": {"a": 2}}\n', "format jsonl"),
    "JSON sent as CSV": Bad(b'[\n  {"a": 1, "b": 2},\n  {"a": 3, "b": 4}\n]', "JSON array"),
    "a JSON object sent as CSV": Bad(b'{\n  "a": [1, 2],\n  "b": [3, 4]\n}', "holds JSON, not CSV"),
    "JSON array as JSON Lines": Bad(b'[{"features": {"a": 1}}]', "each row as an object on its own line", LINES),
    "CSV sent as JSON Lines": Bad(CSV, "create the upload with format csv", LINES),
    "flat JSON Lines": Bad(b'{"age": 41, "plan": "gold"}\n', "go under `features`", LINES),
    "flat JSON Lines with a prediction": Bad(b'{"age": 41, "prediction": 1}\n', "go under `features`", LINES),
    "columns as JSON Lines": Bad(b'{"age": {"0": 41, "1": 42}}\n', "go under `features`", LINES),
    "JSON over several lines": Bad(b'{\n"features": {"a": 1}}\n', "write each row on one line", LINES),
    "NaN in JSON Lines": Bad(b'{"features": {"a": NaN}}\n', "null", LINES),
    "Latin-1 in JSON Lines": Bad('{"features": {"a": "Zürich"}}\n'.encode("latin-1"), "save the file in UTF-8", LINES),
    "Git LFS": Bad(b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", "git lfs pull"),
    "ARFF": Bad(b"% made by Weka\n@RELATION iris\n@ATTRIBUTE a NUMERIC\n@DATA\n5.1\n", "ARFF"),
    "SQL": Bad(b"-- dump\nINSERT INTO t VALUES (1, 2);\n", "SQL script"),
    "LIBSVM": Bad(b"1 1:0.5 3:0.25\n0 2:0.5\n1 1:0.125 2:4\n", "LIBSVM"),
    "blanks as separators": Bad(b"a   b  c\n1   2  3.5\n4   5  6.5\n", "separated by blanks"),
    "padded columns": Bad(b"name  city\nbob   bern\nann   rome\n", "separated by blanks"),
    "comments": Bad(b"# made by hand\n# in 2026\na,b\n1,2\n", "the first line is a comment"),
    "Python objects": Bad(b"{'a': 1, 'b': 2}\n{'a': 3, 'b': 4}\n", "holds JSON, not CSV"),
    "lists of probabilities": Bad(
        b'{"features": {"a": 1}, "prediction": [0.1, 0.9]}\n', "line 1, prediction: must be one value", LINES
    ),
    "carets": Bad(b"a^b\n1^x\n2^y\n", "set delimiter to '^'"),
    "another delimiter than given": Bad(b"a;b\n1;x\n2;y\n", "set delimiter to ';'", {"delimiter": ","}),
    "two delimiters": Bad(b"Name, first;age\nKing, Ada;36\nHopper, Grace;85\n", "say which one separates columns"),
    "Markdown": Bad(b"| a | b |\n|---|---|\n| 1 | 2 |\n", "line 2 is a ruled line"),
    "Latin-1": Bad("city,n\nBern,1\nZürich,2\n".encode("latin-1"), "line 3, city: holds bytes that are not UTF-8"),
    "Latin-1 in the header": Bad("größe,n\n1,2\n".encode("latin-1"), "save the file in UTF-8"),
    "UTF-16 cut": Bad("a,b\n1,2\n".encode("utf-16")[:-1], "not valid UTF-16"),
    "no header": Bad(ADULT, "looks like a row of values"),
    "no header, numbers": Bad(b"5.1,3.5,1.4\n4.9,3.0,1.4\n6.2,2.9,4.3\n", "add a first line with the name"),
    "no header, letters": Bad(b"p,x,s\ne,x,s\np,b,y\ne,b,s\n", "looks like a row of values"),
    "a title": Bad(b"Customers 2026\nage,city,plan\n41,Bern,gold\n42,Genf,gold\n", "the first line has 1 name"),
    "a title above semicolons": Bad(b"Customers\na;b;c\n1;2;3\n4;5;6\n", "the first line has 1 name"),
    "a value missing": Bad(b"a,b\n1,2\n3\n", "line 3: has 1 values, the header has 2 names"),
    "decimal commas in commas": Bad(b"a,b\n1,5,2\n3,2\n", "line 2: has 3 values"),
    "a quote never closed": Bad(b'a,b\n1,"x\n2,y\n', "line 2: is not valid CSV"),
    "thousands separators": Bad(b'income,n\n"1,234",1\n"56,789",2\n"1,234,567.8",3\n', "in another notation"),
    "thousands among small numbers": Bad(b'income,n\n"1,234",1\n567,2\n89,3\n', "'1,234' looks like a number"),
    "decimal commas": Bad(b"a;b;c\n1,5;x;1\n2,25;y;2\n3;z;3\n", "with a decimal point"),
    "blanks in numbers": Bad(b"a;b;c\n1 234;x;1\n2 345;y;2\n", "without separators"),
    "two columns by semicolons": Bad(b"age;city\n20;Bern\n21;Bern\n", "set delimiter to ';'"),
    "two columns by bars": Bad(b"age|city\n20|Bern\n21|Bern\n", "set delimiter to '|'"),
    "money": Bad(b"price,n\n$12.50,1\n$7,2\n", "'$12.50' looks like a number"),
    "percent": Bad(b"rate,n\n12%,1\n7.5%,2\n", "'12%' looks like a number"),
    "lists": Bad(b'a,prediction\n1,"[0.1, 0.9]"\n2,"[0.7, 0.3]"\n', "the probability of one class"),
    "header again": Bad(b"a,b\n1,x\na,b\n2,y\n", "line 3: repeats the header"),
    "one name twice": Bad(b"a,b,a\n1,2,3\n", "two columns have this name"),
    "a column without a name": Bad(b"a,,b\n1,x,2\n3,y,4\n", "column 2 has a value but no name"),
    "no times": Bad(b"a,timestamp\n1,morning\n2,evening\n", "or to null if there is none"),
    "American times": Bad(b"a,timestamp\n1,11/30/2026 10:00\n", "RFC 3339"),
    "infinite": Bad(b"a,b\n1,2\ninf,3\n", "line 3, a: must be a finite number"),
    "too large": Bad(b"a,b\n1,2\n1e999,3\n", "finite number"),
    "a long text": Bad(b"a,b\n1," + b"x" * 300 + b"\n", "256 at most"),
    "nothing but the prediction": Bad(b"prediction\n1\n2\n", "0 features"),
}  # fmt: skip
