"""Files as people send them, and how pandas reads each. Where pandas cannot, the values are written down.

Each is small and made here, after the programs that write such files.
"""

import gzip
import random
from typing import Any, NamedTuple


class Good(NamedTuple):
    """A file that is read.

    about: the description that a client sends beside the format. pandas: the arguments of `read_csv` that give the
    same values; None if `columns` has the values instead. days: the days of its timestamps. notes: the warnings.
    """

    data: bytes
    pandas: dict[str, Any] | None
    about: dict[str, Any] = {}  # noqa: RUF012  never changed
    columns: dict[str, list[Any]] = {}  # noqa: RUF012  never changed
    days: int = 0
    notes: int = 0


def table(delimiter: str, *, end: str = "\n", blank: str = "") -> str:
    """Thirty rows of a number, a text and a boolean."""
    rows = [("age", "city", "new")]
    rows += [(str(20 + n % 7), ("Bern", "Zürich", "Genève")[n % 3], str(n % 2 == 0).lower()) for n in range(30)]
    return "".join((delimiter + blank).join(row) + end for row in rows)


def random_table() -> str:
    """Four hundred rows with every kind of value, as pandas writes them."""
    rng = random.Random(4)
    rows = ["income,plan,visits,vip"]
    for _ in range(400):
        income = "" if rng.random() < 0.2 else repr(rng.gauss(50, 10))
        rows.append(f"{income},{rng.choice(['gold', 'silver', ''])},{rng.randrange(9)},{rng.random() < 0.5}")
    return "\n".join(rows)


MARKS = [
    *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"),
    *("<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
]
"""pandas' marks of a missing value."""

INDEXED = "a,b\n" + "".join(f"{n},{n * 2}.5,{'xy'[n % 2]}\n" for n in range(12))

GOOD: dict[str, Good] = {
    "commas": Good(table(",").encode(), {}),
    "semicolons": Good(table(";").encode(), {"sep": ";"}),
    "tabs": Good(table("\t").encode(), {"sep": "\t"}),
    "pipes": Good(table("|").encode(), {"sep": "|"}),
    "carets": Good(table("^").encode(), {"sep": "^"}, {"delimiter": "^"}),
    "control-a": Good(table("\x01").encode(), {"sep": "\x01"}, {"delimiter": "\x01"}),
    "delimiter given": Good(table(";").encode(), {"sep": ";"}, {"delimiter": ";"}),
    "delimiter for one column": Good(b"a;b\n1;2\n3;4\n", None, {"delimiter": ";"}, {"a": [1, 3], "b": [2, 4]}),
    "blank after comma": Good(table(",", blank=" ").encode(), {"skipinitialspace": True}),
    "blanks before comma": Good(b"a ,b \n1 ,x \n2 ,y \n", None, {}, {"a": [1, 2], "b": ["x", "y"]}),
    "tab after comma": Good(b"a,\tb\n1,\t2\n3,\t4\n", None, {}, {"a": [1, 3], "b": [2, 4]}),
    "padded numbers": Good(b"a,b\n   1,  2.50\n  10, 12.25\n", None, {}, {"a": [1, 10], "b": [2.5, 12.25]}),
    "blanks inside quotes": Good(b'a,b\n" x ", 1\n"y", 2\n', None, {}, {"a": [" x ", "y"], "b": [1, 2]}),
    "blanks around quotes": Good(b'a,b\n "x" , 1\n "y, z" , 2\n', None, {}, {"a": ["x", "y, z"], "b": [1, 2]}),
    "quotes": Good(b'a,b\n"x, y",1\n"say ""hi""",2\n"two\nlines",3\n', {}),
    "quoted numbers": Good(b'"a","b"\n"1","2.5"\n"3","4.5"\n', {}),
    "a quote within a value": Good(b'screen,price\n24" wide,100\n27" wide,200\n', {}),
    "byte order mark": Good(b"\xef\xbb\xbf" + table(",").encode(), {}),
    "two byte order marks": Good(b"\xef\xbb\xbf" * 2 + b"a,b\n1,2\n", None, {}, {"a": [1], "b": [2]}),
    "UTF-16 of Excel": Good(table("\t", end="\r\n").encode("utf-16"), {"sep": "\t", "encoding": "utf-16"}),
    "UTF-16 big-endian": Good(b"\xfe\xff" + table(",").encode("utf-16-be"), {"encoding": "utf-16"}),
    "UTF-16 without mark": Good(b"a,b\n1,x\n2,y\n".decode().encode("utf-16-le"), {"encoding": "utf-16-le"}),
    "UTF-32": Good(table(",").encode("utf-32"), {"encoding": "utf-32"}),
    "Windows line ends": Good(table(",", end="\r\n").encode(), {}),
    "line ends of old Macs": Good(table(",", end="\r").encode(), {}),
    "blank lines": Good(b"\na,b\n\n1,2\n\n\n3,4\n  \n", None, {}, {"a": [1, 3], "b": [2, 4]}),
    "no end of the last line": Good(b"a,b\n1,2\n3,4", {}),
    "marks of missing values": Good(
        "".join(["a,b\n", *(f"{mark},{n}\n" for n, mark in enumerate(MARKS))]).encode(), {}
    ),
    "marks among numbers": Good(b"income\n1.5\nNA\n2\nNULL\n#N/A\n3\n", {}),
    "marks among texts": Good(b"plan,n\ngold,1\nNone,2\nn/a,3\n<NA>,4\n", {}),
    "marks of a database": Good(b"a,b\n\\N,1\n2,\\N\n", {"na_values": ["\\N"]}),
    "marks of one's own": Good(
        b"a,b\n?,x\n1,-\n2,y\n", {"na_values": ["?", "-"]}, {"na_values": ["?", "-"]}
    ),
    "a number as mark": Good(b"a,b\n-999,x\n1,y\n-999.0,-999\n", {"na_values": [-999]}, {"na_values": [-999]}),
    "quoted marks": Good(b'a,b\n"NA","x"\n"1","NULL"\n', {}),
    "a column without values": Good(b"a,b\n1,\n2,NA\n", {}),
    "index of pandas": Good(b",a,b\n0,1,x\n1,2,y\n", {"index_col": 0}, notes=1),
    "index of R": Good(b'"","a","b"\n"Mazda RX4",1,"x"\n"Datsun 710",2,"y"\n', {"index_col": 0}, notes=1),
    "index read and written": Good(b"Unnamed: 0,a,b\n0,1,x\n1,2,y\n", {"index_col": 0}, notes=1),
    "index written twice": Good(
        b",Unnamed: 0,a\n0,0,1\n1,1,5\n", None, {}, {"a": [1, 5]}, notes=2
    ),
    "row names without a name": Good(INDEXED.replace(",", "\t").encode(), {"sep": "\t"}, notes=1),
    "comma at the end of rows": Good(b"a,b\n1,2,\n3,4,\n", {"index_col": False}),
    "comma at every end": Good(b"a,b,\n1,2,\n3,4,\n", None, {}, {"a": [1, 3], "b": [2, 4]}),
    "blank columns of Excel": Good(b"a,b,,,\n1,2,,,\n3,4,,,\n", None, {}, {"a": [1, 3], "b": [2, 4]}),
    "rows of nothing": Good(b"a,b\n1,2\n,\n3,4\n", {}),
    "names that are numbers": Good(b"0,1,2\n1.5,2.5,x\n3.5,4.5,y\n", {}),
    "years as names": Good(b"country,2019,2020,2022\nCH,1,2,3\nDE,4,5,6\n", {}),
    "separator line of Excel": Good(b"sep=;\r\n" + table(";", end="\r\n").encode(), {"sep": ";", "skiprows": 1}),
    "numbers of every form": Good(b"a,b\n1e5,.5\n+7,-0.25\n1E-3,5.\n007,1\n", {}),
    "booleans": Good(b"a,b\nTrue,TRUE\nFalse,true\n,FALSE\n", {}),
    "another type here and there": Good(
        b"a,b\n1,x\n2,5\nmany,y\n3,z\n4,true\n", None, {}, {"a": [1, 2, "many", 3, 4], "b": ["x", 5, "y", "z", True]}
    ),
    "codes as texts": Good(b"zip,n\n01067,1\n09999,2\n", {"dtype": {"zip": str}}, {"text_columns": ["zip"]}),
    "semicolons in texts": Good(b'id,tags\n1,"a;b"\n2,c\n3,"d;e;f"\n', {}),
    "one column": Good(b"age\n41\n42\n43\n", {}),
    "one column of texts": Good(b"full name\nJohn Smith\nJane Doe\nAda King\n", {}),
    "dates stay texts": Good(b"day,n\n2026-11-30,1\n30.11.2026,2\n11/30/2026,3\n", {}),
    "dotted texts": Good(b"ip,version\n10.0.0.1,1.2.3\n10.0.0.2,1.2.4\n", {}),
    "one number with a separator among texts": Good(b'note,n\n"1,234",1\nnothing,2\nlater,3\n', {}),
    "times of pandas": Good(
        b"a,timestamp\n1,2026-11-29 23:59:59\n2,2026-11-30 00:00:01.5\n3,NaT\n",
        None,
        columns={"a": [1, 2, 3]},
        days=2,
    ),
    "times with an offset": Good(
        b"a,timestamp\n1,2026-11-29 23:30:00-01:00\n2,2026-11-30T01:00:00Z\n", None, columns={"a": [1, 2]}, days=1
    ),
    "Unix seconds": Good(b"a,timestamp\n1,1796083199\n2,1796083200.5\n", None, days=2, columns={"a": [1, 2]}),
    "Unix milliseconds": Good(b"a,timestamp\n1,1796083199000\n2,1796083200000\n", None, days=2, columns={"a": [1, 2]}),
    "Unix nanoseconds": Good(
        b"a,timestamp\n1,1796083199000000000\n2,1796083200000000000\n", None, columns={"a": [1, 2]}, days=2
    ),
    "dates as times": Good(b"a,timestamp\n1,2026-11-29\n2,20261130\n3,\n", None, days=2, columns={"a": [1, 2, 3]}),
    "random": Good(random_table().encode(), {}),
    "wide": Good(
        (",".join(f"f{n}" for n in range(500)) + "\n" + (",".join(str(n / 4) for n in range(500)) + "\n") * 9).encode(),
        {},
    ),
    "the prediction in capitals": Good(b"Prediction,a\n1,2\n3,4\n", {}, notes=1),
    "gzip": Good(gzip.compress(table(",").encode()), {"compression": "gzip"}, {"compression": "gzip"}),
    "gzip of several members": Good(
        gzip.compress(b"a,b\n1,2\n") + gzip.compress(b"") + gzip.compress(b"3,4\n"),
        {"compression": "gzip"},
        {"compression": "gzip"},
    ),
    "gzip of UTF-16": Good(
        gzip.compress(table(";").encode("utf-16")),
        {"compression": "gzip", "encoding": "utf-16", "sep": ";"},
        {"compression": "gzip"},
    ),
    "JSON Lines": Good(
        b'{"features": {"a": 1, "b": "x"}}\n\n{"features": {"a": null, "b": "NA"}}\n',
        None,
        {"format": "jsonl"},
        {"a": [1, None], "b": ["x", "NA"]},
    ),
}  # fmt: skip
