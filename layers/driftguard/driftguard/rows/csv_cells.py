"""What the cells of a CSV file mean: missing values, booleans, numbers, texts and times."""

import contextlib
import math
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from driftguard.platform.errors import Location
from driftguard.platform.serialization import Scalar
from driftguard.platform.times import hour_of
from driftguard.rows.chunks import ColumnValues
from driftguard.rows.file_format import FileFormat
from driftguard.rows.reading import BadRow, scalar, score

MISSING = frozenset(
    {
        *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"),
        *("<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
        "\\N",
    }
)
r"""Cells that stand for a missing value: those of pandas, and `\N`, which MySQL and PostgreSQL write."""

NO_TIME = "NaT"

_NUMBER_CHARACTERS = re.compile(r"[0-9.eE+-]*")
BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_NOT_FINITE = frozenset(sign + text for sign in ("", "+", "-") for text in ("nan", "inf", "infinity"))
_SURROGATE = re.compile("[\ud800-\udfff]")

_ALMOST_NUMBER = re.compile(
    r"[-+(]{0,2}[$€£¥]?\s?"
    r"(\d{1,3}(?:(?P<mark>[,.'’ \u00a0\u202f])\d{3})(?:(?P=mark)\d{3})*(?:[.,]\d+)?|\d+(?:[.,]\d+)?)"
    r"\s?[%€$£]?\)?"
)
_LIST = re.compile(r"\[.*\]|\{.*\}", re.DOTALL)

_UNIX_UNITS = ((1e11, 1), (1e14, 1e3), (1e17, 1e6), (1e20, 1e9))
"""Numbers below each limit count seconds, milliseconds, microseconds and nanoseconds since 1970."""

SMALLEST_UNIX = 1e8
"""1973. Smaller numbers are more often a day such as 20261106, or a counter."""


class Cells:
    """Reads the cells of one file."""

    def __init__(self, about: FileFormat) -> None:
        self._missing = MISSING.union(cell.strip() for cell in about.na_values)
        self._numbers = set()
        for cell in about.na_values:
            with contextlib.suppress(ValueError):
                self._numbers.add(float(cell))
        self._as_text = frozenset(about.text_columns)

    def is_missing(self, cell: str) -> bool:
        """Whether a cell stands for a missing value."""
        return cell in self._missing

    def values(self, name: str, cells: Sequence[str], bad: dict[int, BadRow]) -> ColumnValues:
        """Return the values of a column. Adds rejected cells to `bad`, by their place."""
        if name in self._as_text:
            return self._each(cells, _text, [name], bad)
        numbers = self._all_numbers(cells)
        if numbers is not None:
            return numbers
        values = self._each(cells, self._value, [name], bad)
        _refuse_almost_values(cells, values, [name], bad)
        return values

    def hours(self, name: str, cells: Sequence[str], bad: dict[int, BadRow]) -> Sequence[int | None]:
        """Return the hours of a column of times, counted since 1970. Adds rejected cells to `bad`, by their place."""
        return self._each(cells, self._hour, [name], bad)

    def scores(self, name: str, cells: Sequence[str], bad: dict[int, BadRow]) -> Sequence[float | None]:
        """Return the probabilities in a column. Adds a BadRow for every cell that is no number from 0 to 1."""

        def read(cell: str, loc: Location) -> float | None:
            return score(self._value(cell, loc), loc)

        return self._each(cells, read, [name], bad)

    def _all_numbers(self, cells: Sequence[str]) -> ColumnValues | None:
        """Return the numbers of a column without other values; None if it has any."""
        if self._numbers or not _NUMBER_CHARACTERS.fullmatch("".join(cells)):
            cells = ["" if cell in self._missing else cell for cell in cells]
            if not _NUMBER_CHARACTERS.fullmatch("".join(cells)):
                return None
        try:  # a date, for example, has only these characters too
            numbers = [float(cell) if cell else None for cell in cells]
        except ValueError:
            return None
        if math.inf in numbers or -math.inf in numbers:
            return None
        if self._numbers:
            return [None if number in self._numbers else number for number in numbers]
        return numbers

    def _each[T](
        self, cells: Sequence[str], convert: Callable[[str, Location], T], loc: Location, bad: dict[int, BadRow]
    ) -> list[T | None]:
        """Return each cell converted; None for a missing value and for a rejected cell, which is added to `bad`."""
        known: dict[str, T | None] = {}
        refused: dict[str, BadRow] = {}
        for cell in set(cells):
            known[cell] = None
            if cell not in self._missing:
                try:
                    known[cell] = convert(cell, loc)
                except BadRow as error:
                    refused[cell] = error
        if refused:
            bad.update((place, refused[cell]) for place, cell in enumerate(cells) if cell in refused)
        return [known[cell] for cell in cells]

    def _value(self, cell: str, loc: Location) -> Scalar:
        """Return the value of a cell: a boolean, a number or a text. Raises BadRow."""
        if cell in BOOLEANS:
            return BOOLEANS[cell]
        if cell.lower() in _NOT_FINITE:
            raise BadRow(loc, "must be a finite number; leave the cell empty if the value is missing")
        number = number_of(cell)
        if number is None:
            return _text(cell, loc)
        return None if number in self._numbers else scalar(number, loc)

    def _hour(self, cell: str, loc: Location) -> int | None:
        if cell == NO_TIME:
            return None
        try:
            return hour_of(time_of(cell))
        except (ValueError, OverflowError):
            raise BadRow(
                loc,
                f"{shown(cell)} is not an RFC 3339 time such as 2026-11-06T07:26:10Z, nor a date or a Unix time; "
                "set timestamp_column to the column that holds the times, or to null if there is none",
            ) from None


def number_of(cell: str) -> float | None:
    """Return the number that a cell holds; None if it holds none."""
    try:
        return float(cell) if _NUMBER_CHARACTERS.fullmatch(cell) else None
    except ValueError:
        return None


def _text(cell: str, loc: Location) -> Scalar:
    if _SURROGATE.search(cell):
        raise BadRow(loc, "holds bytes that are not UTF-8; save the file in UTF-8")
    return scalar(cell, loc)


def time_of(cell: str) -> datetime:
    """Return the UTC time of a cell: an ISO time, in UTC if it has no offset, or a Unix time. Raises ValueError."""
    number = number_of(cell)
    if number is not None:
        for limit, unit in _UNIX_UNITS:
            if SMALLEST_UNIX <= abs(number) < limit:
                return datetime.fromtimestamp(number / unit, UTC)
    time = datetime.fromisoformat(cell)
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _refuse_almost_values(
    cells: Sequence[str], values: Sequence[Scalar], loc: Location, bad: dict[int, BadRow]
) -> None:
    """Reject the first number in an unknown form, and the first list, if such cells make up the column.

    As texts they would change the type of the column, or leave out its large numbers, and nobody would see it.
    """
    texts = {value for value in values if type(value) is str and almost_value(value)}
    almost = {text for text in texts if _ALMOST_NUMBER.fullmatch(text)}
    lists = {text for text in texts if _LIST.fullmatch(text)}
    if not almost and not lists:
        return
    present = sum(value is not None for value in values)
    numbers = sum(type(value) is float for value in values)
    count = sum(value in almost for value in values if type(value) is str)
    if count * 100 >= present and (count + numbers) * 10 >= present * 9:
        place = next(place for place, value in enumerate(values) if value in almost)
        bad[place] = BadRow(
            loc,
            f"{shown(cells[place])} looks like a number in another notation; write numbers without separators or signs "
            "and with a decimal point, such as 1234.5, or list the column in text_columns",
        )
    if sum(value in lists for value in values if type(value) is str) * 2 >= present:
        place = next(place for place, value in enumerate(values) if value in lists)
        bad[place] = BadRow(
            loc,
            f"{shown(cells[place])} holds several values; give each a column of its own, or send one number, "
            "such as the probability of one class",
        )


def almost_value(text: str) -> bool:
    """Whether a text is a number in another notation, or a list. A column of such texts may be refused."""
    return bool(_ALMOST_NUMBER.fullmatch(text) or _LIST.fullmatch(text))


def shown(cell: str) -> str:
    """Return a cell in a form that a sentence can show."""
    short = cell if len(cell) <= 40 else cell[:40] + "…"
    return repr(_SURROGATE.sub("\ufffd", short))
