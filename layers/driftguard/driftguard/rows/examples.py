"""Examples of the values in each column, by type, so that a page can show which values a feature's type leaves out."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

from driftguard.platform.serialization import Scalar

MOST = 3
LONGEST = 24
LOOKED_AT = 1000
"""Values of a chunk that are looked at for a second or third example of a type."""

KINDS: Mapping[type, str] = {int: "numeric", float: "numeric", str: "categorical", bool: "boolean"}


class Examples[Key]:
    """The first distinct values of each type in each column."""

    def __init__(self) -> None:
        self._found: dict[Key, dict[str, dict[str, None]]] = {}

    def add(self, columns: Mapping[Key, Sequence[Scalar]]) -> None:
        """Add a chunk of columns."""
        for key, values in columns.items():
            found = self._found.setdefault(key, {})
            present = set(map(type, values))
            for kind in dict.fromkeys(name for each, name in KINDS.items() if each in present):
                shown = found.setdefault(kind, {})
                if not shown:
                    shown[_text(next(value for value in values if KINDS.get(type(value)) == kind))] = None
                if len(shown) < MOST:
                    _collect(shown, kind, islice(values, LOOKED_AT))

    def others(self, column: Key, kind: str) -> list[str]:
        """Return examples of the values in a column that are not of this type."""
        found = self._found.get(column, {})
        return [text for other, texts in found.items() if other != kind for text in texts][:MOST]


def _collect(shown: dict[str, None], kind: str, values: Iterable[Scalar]) -> None:
    for value in values:
        if KINDS.get(type(value)) == kind:
            shown[_text(value)] = None
            if len(shown) == MOST:
                return


def _text(value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    text = f"{value:.15g}" if isinstance(value, float) else str(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
