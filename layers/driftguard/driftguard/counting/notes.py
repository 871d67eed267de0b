"""Examples of values of the wrong type, and names that the baseline lacks, noted while rows are counted.

Notes are optional: an hour without such values and names stores none. They follow the counts of their group as deflated
JSON with a version. `unwatched`, `predictions` and `more` are stored with the first group.
"""

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from driftguard.platform.deflating import deflate, inflate
from driftguard.rows.columns import Columns, Kind, Part
from driftguard.statistics.arrays import Ints

VERSION = 1

MOST_NAMES = 50
MOST_NAME_BYTES = 4000
"""Names that the baseline lacks, and their bytes in UTF-8, kept per span of time."""

NAMES_OF_A_BATCH = 200
NAMES_AT_ONCE = 1000
"""Names that the baseline lacks, counted per batch and per chunk of batches. Each costs time and memory."""

EXAMPLE_LENGTH = 64
"""Characters kept of an example."""

type Examples = dict[Kind, tuple[str, int]]
"""The latest value of each wrong kind, as text, with its time in milliseconds since the epoch."""


@dataclass(slots=True)
class Notes:
    """Notes about the rows of a span of time.

    wrong: by feature index, examples of values of a wrong type.
    unwatched: rows with a value, by the name of a feature that the baseline lacks; the most frequent names.
    more: values under further names, at least. predictions: rows with a prediction that the baseline lacks.
    """

    wrong: dict[int, Examples] = field(default_factory=dict)
    unwatched: dict[str, int] = field(default_factory=dict)
    more: int = 0
    predictions: int = 0

    def __add__(self, other: "Notes") -> "Notes":
        wrong = {index: dict(examples) for index, examples in self.wrong.items()}
        for index, examples in other.wrong.items():
            for kind, example in examples.items():
                _keep_latest(wrong.setdefault(index, {}), kind, example)
        names = dict(self.unwatched)
        for name, rows in other.unwatched.items():
            names[name] = names.get(name, 0) + rows
        kept, left_out = _most_frequent(names)
        return Notes(wrong, kept, self.more + other.more + left_out, self.predictions + other.predictions)

    def moved(self, by: int) -> "Notes":
        """Return the notes with every feature index increased."""
        wrong = {index + by: examples for index, examples in self.wrong.items()}
        return Notes(wrong, self.unwatched, self.more, self.predictions)

    def encode(self, features: slice) -> bytes:
        """Return the notes of one group of features, nothing if there are none."""
        values: dict[str, Any] = {
            "wrong": {
                index - features.start: examples
                for index, examples in sorted(self.wrong.items())
                if features.start <= index < features.stop
            }
        }
        if features.start == 0:
            values |= {"unwatched": self.unwatched, "more": self.more, "predictions": self.predictions}
        values = {name: value for name, value in values.items() if value}
        return deflate(json.dumps({"v": VERSION, **values}, separators=(",", ":")).encode()) if values else b""

    @classmethod
    def decode(cls, data: bytes, features: slice) -> "Notes":
        """Return what `encode` wrote. Notes of another version are left out, because no number depends on them."""
        if not data:
            return cls()
        try:
            values = json.loads(inflate(data))
            if values["v"] != VERSION:
                return cls()
            return cls(
                wrong={
                    int(index) + features.start: {kind: (text, time) for kind, (text, time) in examples.items()}
                    for index, examples in values.get("wrong", {}).items()
                },
                unwatched=values.get("unwatched", {}),
                more=values.get("more", 0),
                predictions=values.get("predictions", 0),
            )
        except (zlib.error, LookupError, TypeError, AttributeError) as error:
            raise ValueError(f"damaged notes: {type(error).__name__}: {error}") from error


def note_examples(notes: Sequence[Notes], index: int, part: Part, slot: Ints, times: Ints) -> None:
    """Note the latest value of a part of a wrong kind in each hour. slot, times: of the part's values."""
    order = np.lexsort((times, slot))
    last = order[np.append(slot[order][1:] != slot[order][:-1], True)]
    for place, position in zip(slot[last].tolist(), last.tolist(), strict=True):
        example = _text(part, position), int(times[position])
        _keep_latest(notes[place].wrong.setdefault(index, {}), part.kind, example)


def note_unwatched(
    notes: Sequence[Notes],
    known: frozenset[str],
    batches: Sequence[Columns],
    slots: Sequence[Ints],
    *,
    predictions: bool,
) -> None:
    """Note the names in the batches that are not known. predictions: whether the baseline lacks the prediction."""
    seen: dict[str, Ints] = {}
    for batch, slot in zip(batches, slots, strict=True):
        for number, name in enumerate(name for name in batch.names if name not in known):
            if number >= NAMES_OF_A_BATCH or (name not in seen and len(seen) >= NAMES_AT_ONCE):
                notes[int(slot[0])].more += 1
                continue
            rows = _rows(batch.feature(name), slot, len(notes))
            seen[name] = seen[name] + rows if name in seen else rows
        if predictions:
            for place, count in _filled(_rows(batch.prediction, slot, len(notes))):
                notes[place].predictions += count
    for name, rows in seen.items():
        for place, count in _filled(rows):
            notes[place].unwatched[name] = count
    for note in notes:
        note.unwatched, left_out = _most_frequent(note.unwatched)
        note.more += left_out


def _rows(column: Sequence[Part], slot: Ints, hours: int) -> Ints:
    """Return the number of values of a column in each hour."""
    rows = np.zeros(hours, np.int64)
    for part in column:
        where = slot if part.mask is None else slot[np.frombuffer(part.mask, np.bool_)]
        rows += np.bincount(where, minlength=hours)
    return rows


def _filled(rows: npt.NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    places = np.flatnonzero(rows)
    return zip(places.tolist(), rows[places].tolist(), strict=True)


def _keep_latest(examples: Examples, kind: Kind, example: tuple[str, int]) -> None:
    old = examples.get(kind)
    if old is None or (example[1], example[0]) > (old[1], old[0]):
        examples[kind] = example


def _most_frequent(names: Mapping[str, int]) -> tuple[dict[str, int], int]:
    """Return the most frequent names within MOST_NAMES and MOST_NAME_BYTES, and the number of other values."""
    kept: dict[str, int] = {}
    size = left_out = 0
    for name, rows in sorted(names.items(), key=lambda item: (-item[1], item[0])):
        size += len(name.encode("utf-8", "surrogatepass"))
        if len(kept) < MOST_NAMES and size <= MOST_NAME_BYTES:
            kept[name] = rows
        else:
            left_out += rows
    return kept, left_out


def _text(part: Part, position: int) -> str:
    item = np.frombuffer(part.data, part.dtype)[position]
    match part.encoding:
        case "flags":
            return "true" if item else "false"
        case "codes":
            value = part.dictionary[int(item)]
        case "floats":
            value = float(item)
        case "integers":
            value = part.offset + part.step * int(item)
            value = value if part.divisor == 1 else value / part.divisor
    return value[:EXAMPLE_LENGTH] if isinstance(value, str) else f"{value:.15g}"
