"""The stored format of a batch of logged rows. `rows.packing` writes the format and `rows.unpacking` reads it.

A batch is a version byte (1 or 2), a mode byte and the content:

| mode | content | batches |
|---|---|---|
| `R` | deflated JSON: `[[[time, features, prediction, id], …], rejected]` | few rows, or few names in common |
| `C` | length of the header (4 bytes, little-endian), header, buffers in order | all other batches |

Version 2 also stores scores, probabilities and labels. It is written only for a batch with at least one of them. All
other batches stay in version 1, so they cost no further byte and earlier releases can still read them after a rollback.
In mode `R` of version 2, each row has three more entries: score, probabilities and label.

Times are milliseconds since the epoch. Deflated data are raw DEFLATE without a zlib header.

The header of mode `C` is deflated JSON, an object with these keys:

| key | content |
|---|---|
| `n` | number of rows |
| `t` | event times: `[start, first, offset, step, width]`, see `Times` |
| `p` | column of predictions |
| `i` | column of prediction ids |
| `c` | feature columns: `[[name, column], …]` in the order of first appearance |
| `x` | rejected rows, as the response listed them |
| `b` | length of each buffer in bytes; a negative length means that the buffer is deflated |
| `s` | version 2: column of scores |
| `l` | version 2: column of labels |
| `q` | version 2: columns of probabilities, `[[class, column], …]`; a class is its name, or its place in a list |

A column is a list of parts, one part for each kind of value in the column. Rows without a part are missing values. A
part is `[kind, encoding, mask, length, first, …]`, see `PartSpec`. The kinds are `n` (number), `s` (string) and `b`
(boolean). The encoding decides which buffers hold the values and which fields follow `first`:

| encoding | values | buffers from `first` on | further fields |
|---|---|---|---|
| `i` | numbers: (offset + step·item) / 10^scale | `width` byte planes of the items | scale, offset, step, width |
| `f` | numbers as float64 | 8 byte planes | none |
| `j` | numbers that `i` and `f` would change | JSON list of the values | none |
| `d` | strings or numbers: dictionary[item] | JSON list of the dictionary, `width` byte planes of the items | width |
| `b` | booleans | one bit per value, lowest bit first | none |

Items are unsigned integers. `platform.planes` describes byte planes. Encoding `d` is used for all strings, and for
numbers if a dictionary makes them shorter.

A mask is a buffer of one bit per row, lowest bit first, which is set where the row has a value of the part's kind.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from driftguard.rows.columns import Encoding, Kind

WITHOUT_TRUTH = 1
WITH_TRUTH = 2
"""The version of a batch with a score, probabilities or a label."""

VERSIONS = (WITHOUT_TRUTH, WITH_TRUTH)
ROWS, COLUMNS = b"R", b"C"
HEADER_LENGTH_BYTES = 4

MAX_SCALE = 22
"""The largest scale of encoding `i`. Up to 10^22 a power of ten is exact in float64, so dividing gives the same result
here and in numpy."""

KINDS: dict[str, Kind] = {"n": "number", "s": "string", "b": "boolean"}
KIND_LETTERS = {kind: letter for letter, kind in KINDS.items()}
ENCODINGS: dict[str, Encoding] = {"i": "integers", "f": "floats", "j": "floats", "d": "codes", "b": "flags"}


class Integers(NamedTuple):
    """Integers as byte planes: value = offset + step·item, with `width` planes from buffer `first` on."""

    first: int
    offset: int
    step: int
    width: int


class Times(NamedTuple):
    """Event times in milliseconds since the epoch.

    Times in ascending order are stored as the first time, `start`, and the differences between neighbouring rows.
    Other times are stored as they are, and `start` is None. The four further fields are those of `Integers`.
    """

    start: int | None
    first: int
    offset: int
    step: int
    width: int

    @property
    def integers(self) -> Integers:
        """The stored differences or times."""
        return Integers(*self[1:])


class ScaledFields(NamedTuple):
    """The further fields of a part in encoding `i`."""

    scale: int
    offset: int
    step: int
    width: int


class CodesFields(NamedTuple):
    """The further fields of a part in encoding `d`."""

    width: int


class Values(NamedTuple):
    """The values of a part: encoding, number of the first buffer, and the encoding's further fields."""

    encoding: str
    first: int
    fields: tuple[int, ...] = ()


class PartSpec(NamedTuple):
    """The values of one kind in one column.

    mask: number of the mask's buffer; None if every row has a value of this kind. length: number of values.
    """

    kind: str
    encoding: str
    mask: int | None
    length: int
    first: int
    fields: tuple[int, ...] = ()

    @classmethod
    def read(cls, stored: Sequence[Any]) -> "PartSpec":
        """Return the part that `stored` describes. Raises ValueError or TypeError if the fields do not fit."""
        kind, encoding, mask, length, first, *fields = stored
        return cls(kind, encoding, mask, length, first, tuple(fields))

    def stored(self) -> list[Any]:
        """Return the part as the header holds it."""
        return [*self[:5], *self.fields]


class Truth(NamedTuple):
    """The columns that version 2 adds. Probabilities have a column for each class."""

    scores: list[list[Any]]
    labels: list[list[Any]]
    probabilities: list[tuple[str | int, list[list[Any]]]]


class Header(NamedTuple):
    """The header of mode `C`. A column is a list of stored parts, and the reader parses it when it is needed."""

    rows: int
    times: Times
    predictions: list[list[Any]]
    ids: list[list[Any]]
    columns: list[tuple[str, list[list[Any]]]]
    rejected: list[Any]
    lengths: list[int]
    truth: Truth | None = None

    @classmethod
    def read(cls, stored: dict[str, Any]) -> "Header":
        """Return the header that `stored` describes. Raises LookupError, TypeError or ValueError if it is damaged."""
        return cls(
            rows=stored["n"],
            times=Times(*stored["t"]),
            predictions=stored["p"],
            ids=stored["i"],
            columns=stored["c"],
            rejected=stored["x"],
            lengths=stored["b"],
            truth=Truth(stored["s"], stored["l"], stored["q"]) if "s" in stored else None,
        )

    def stored(self) -> dict[str, Any]:
        """Return the header as JSON holds it. The order of the keys is part of the stored bytes."""
        return {
            "n": self.rows,
            "t": self.times,
            "p": self.predictions,
            "i": self.ids,
            "c": self.columns,
            "x": self.rejected,
            "b": self.lengths,
            **(dict(zip("slq", self.truth, strict=True)) if self.truth else {}),
        }
