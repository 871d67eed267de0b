"""What all kinds of files share: opening them, and the words of their errors."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import BinaryIO, cast

from driftguard_engine.rows.chunks import BadFile

from driftguard_client.comparing.errors import CompareError


def open_file(path: Path, *, gzipped: bool) -> BinaryIO:
    """Return an open file, unpacked if it is gzip."""
    return cast("BinaryIO", gzip.open(path, "rb")) if gzipped else path.open("rb")


class worded:  # noqa: N801  used like a function
    """Words the errors of reading a file for a person."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, _type: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, BadFile):
            more = [f"\n  line {line.line}: {line.msg}" for line in error.errors[1:]]
            raise CompareError(f"{self._path}: {error.reason}{''.join(more)}{_hint(error.reason)}") from None
        if isinstance(error, (EOFError, gzip.BadGzipFile, zlib.error)):
            raise CompareError(
                f"{self._path}: the gzip data are damaged ({error}). Copy the whole file again."
            ) from None
        if isinstance(error, UnicodeDecodeError):
            raise CompareError(f"{self._path}: the file is not valid UTF-8. Save it as UTF-8.") from None
        if isinstance(error, OSError):
            raise CompareError(f"{self._path} cannot be read: {error.strerror or error}.") from None


def _hint(reason: str) -> str:
    """Return where to set what the reason of a refusal names."""
    if "text_columns" in reason:
        return ". On the command line: --text-column NAME; in Python: csv=CsvOptions(text_columns=[…])"
    return ". On the command line: --delimiter CHAR; in Python: csv=CsvOptions(delimiter=…)" * ("delimiter" in reason)


def first_line(error: BaseException) -> str:
    """Return the first line of an error's text."""
    return (str(error).splitlines() or [type(error).__name__])[0]
