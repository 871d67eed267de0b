"""Notes beside counts: examples of values of a wrong type, and names that the baseline lacks."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftguard.counting import notes
from driftguard.counting.batches import count
from driftguard.counting.counts import Counts
from driftguard.counting.layout import GROUP_SIZE
from driftguard.counting.notes import Notes
from driftguard.distributions.baseline import Baseline, build
from driftguard.platform.serialization import Scalar
from driftguard.rows.columns import Columns, Row
from driftguard.rows.packing import pack
from driftguard.rows.unpacking import columns

HOUR = 3600.0
START = 472_000 * HOUR
NAMES = st.sampled_from(["x", "Age", "ä", "prediction", "n0", "n1", "n2"])
SCALARS = st.one_of(st.none(), st.booleans(), st.sampled_from(["a", "41"]), st.integers(-5, 5), st.floats(-1, 1))


def packed(rows: list[Row], size: int = 5000) -> list[Columns]:
    """Packed batches of these rows."""
    return [columns(pack(rows[first : first + size])) for first in range(0, len(rows), size)]


def total(baseline: Baseline, batches: list[Columns]) -> Notes:
    """The notes of all hours, each stored and read again."""
    whole = Counts.empty(baseline)
    groups = range(1 + len(baseline.features) // GROUP_SIZE)
    for counts in count(baseline, batches).values():
        read = Counts.decode(baseline, {group: counts.encode(group) for group in groups})
        assert read.notes == counts.notes
        whole = whole + read
    return whole.notes


@given(
    st.lists(st.tuples(st.dictionaries(NAMES, SCALARS), SCALARS, st.integers(0, 3)), min_size=1, max_size=40),
    st.integers(1, 40),
)
def test_rows_of_names_that_the_baseline_lacks_are_counted(rows: list[tuple[Any, ...]], size: int) -> None:
    """Each name that the baseline lacks has its number of rows with a value, a prediction apart from a feature."""
    logged = [
        Row(START + HOUR * hour + number, features, predicted, None)
        for number, (features, predicted, hour) in enumerate(rows)
    ]
    found = total(build({"x": [1.0, 2.0]}), packed(logged, size))
    wanted = Counter(
        name for features, _p, _h in rows for name, value in features.items() if value is not None and name != "x"
    )
    assert found.unwatched == dict(wanted)
    assert found.predictions == sum(predicted is not None for _f, predicted, _h in rows)
    assert found.more == 0


def test_a_baseline_that_has_everything_notes_nothing() -> None:
    """Without such names and values nothing is stored: the bytes are those of earlier versions."""
    baseline = build({"x": [1.0, 2.0]}, [0.1, 0.2])
    (counts,) = count(baseline, packed([Row(START, {"x": 1.5, "y": None}, 0.3, None)])).values()
    assert counts.notes == Notes()
    assert counts.notes.encode(slice(0, 2)) == b""


@pytest.mark.parametrize("size", [1, 700, 5000])
def test_names_are_bounded_and_the_rest_is_one_number(size: int) -> None:
    """Of 700 names the 50 most frequent are kept, and no value is lost from the sum."""
    rows = [
        Row(START + number, {f"n{number % 700:03d}": 1, **({"often": 1} if number % 2 else {})}, None, None)
        for number in range(1400)
    ]
    found = total(build({"x": [1.0]}), packed(rows, size))
    assert len(found.unwatched) == notes.MOST_NAMES
    assert found.unwatched["often"] == 700
    if size == 1:
        assert sum(found.unwatched.values()) + found.more == 2100
    assert 0 < found.more <= 2100 - 700


def test_long_names_are_bounded_by_their_bytes() -> None:
    """The stored names of an hour stay within 4,000 bytes, however long each is."""
    rows = [Row(START, {f"{number:02d}" + "北" * 126: 1}, None, None) for number in range(50)]
    found = total(build({"x": [1.0]}), packed(rows))
    assert sum(len(name.encode()) for name in found.unwatched) <= notes.MOST_NAME_BYTES
    assert len(found.unwatched) + found.more == 50


@pytest.mark.parametrize(
    ("of_baseline", "logged", "kind", "text"),
    [
        ([1.0, 2.0], "41", "string", "41"),
        ([1.0, 2.0], True, "boolean", "true"),
        (["a", "b"], 41, "number", "41"),
        (["a", "b"], 0.1, "number", "0.1"),
        (["a", "b"], 2**53, "number", "9.00719925474099e+15"),
        (["a", "b"], False, "boolean", "false"),
        ([True, False], 1, "number", "1"),
        ([True, False], "x" * 100, "string", "x" * 64),
    ],
)
@pytest.mark.parametrize("repeated", [1, 100])
def test_a_value_of_a_wrong_type_leaves_an_example(
    of_baseline: list[Scalar], logged: Scalar, kind: str, text: str, repeated: int
) -> None:
    """The example is the latest value of its kind, whatever its type and however it is packed."""
    rows = [Row(START + number * 60, {"x": logged}, None, None) for number in range(repeated)]
    found = total(build({"x": of_baseline}), packed(rows))
    assert found.wrong == {0: {kind: (text, round((START + (repeated - 1) * 60) * 1000))}}


def test_the_latest_example_is_kept_whatever_the_order_of_arrival() -> None:
    """Late rows do not replace a later example, and features of the second group keep their own."""
    baseline = build({f"f{number:03d}": [1.0] for number in range(150)})
    rows = [Row(START + at, {"f000": f"a{at}", "f120": f"b{at}"}, None, None) for at in (50, 20, 70, 10)]
    found = total(baseline, packed(rows, 1))
    assert {index: one["string"][0] for index, one in found.wrong.items()} == {0: "a70", 120: "b70"}


STORED = (
    "458d3d0e80201843efd2f91bc09f90b0790e753040904130883a10ee2e4c7668d2979734e381e48437066f2133fa56578aae"
    "cd19030771c1feaca5106eff6e49ed463779b2065210969b31332c1eb2abca1162c523e18c463b955cf0577de2e503"
)


def test_stored_notes_are_read() -> None:
    """Notes that version 1 of the format stored are read by today's code."""
    written = Notes({3: {"string": ("41", 1_700_000_000_000)}}, {"Age": 7, "ä\n": 2}, 5, 11)
    data = bytes.fromhex(STORED)
    assert Notes.decode(data, slice(0, 100)) == written
    assert Notes.decode(b"", slice(0, 100)) == Notes()


@given(st.binary(max_size=60))
def test_damaged_notes_are_a_value_error_or_nothing(data: bytes) -> None:
    """Damaged bytes never raise anything but ValueError."""
    try:
        Notes.decode(data, slice(0, 100))
    except ValueError:
        return
